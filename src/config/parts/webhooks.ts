import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { z } from 'zod';
import { TEMPLATE_FIELDS } from '../../sinks/fields.js';
import { readPem } from '../pem.js';
import { durationOf, id, isUrl, URL_FORM } from '../words.js';

/** `webhooks`: who is told, and in which words. */

const webhookSecret = z.string({ error: 'a text of 24 characters and more' }).min(24);

/** What HTTP and Standard Webhooks set is not for the configuration. */
const headerName = z
  .string()
  .regex(
    /^(?!(content-|webhook-|transfer-|host$|connection$|expect$|upgrade$|keep-alive$|te$|trailer$))[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/i,
    'the name of a header that HTTP and Standard Webhooks leave free',
  );

/** It goes into a header, which takes no line break: one at the end of a block of YAML would fail each delivery. */
const token = z.string().regex(/^[\x21-\x7e]+$/, 'printable ASCII without spaces and line breaks');

const pem = z
  .string()
  .nullable()
  .default(null)
  .transform((text, context) => {
    const read = text === null ? null : readPem(text);
    if (text !== null && read === null)
      context.addIssue({ code: 'custom', message: 'PEM, or a file that can be read and holds it' });
    return read;
  });

interface Pems {
  ca: string | null;
  cert: string | null;
  key: string | null;
}

/** A pair that does not belong together would fail each delivery. One without the other is told by itself. */
function isUsable({ ca, cert, key }: Pems): boolean {
  try {
    // TLS itself would pass over an authority that it cannot read.
    const readable = ca === null || new X509Certificate(ca).fingerprint256 !== '';
    if (cert !== null && key !== null) createSecureContext({ cert, key });
    return readable;
  } catch {
    return false;
  }
}

/** Names that a receiver gives to what we know. */
const templateField = z.enum(TEMPLATE_FIELDS, { error: `one of ${TEMPLATE_FIELDS.join(', ')}` });

/** Google drops events of these names and beginnings without a word (Measurement Protocol, reserved names). */
const NOT_GOOGLES =
  /^(?!firebase_|ga_|google_|(ad_(activeview|click|exposure|query|reward)|adunit_exposure|app_(clear_data|exception|install|remove|store_refund|update|upgrade)|dynamic_link_(app_open|app_update|first_open)|error|first_(open|visit)|in_app_purchase|notification_(dismiss|foreground|open|receive)|os_update|session_start|user_engagement)$)/;

/** `{id}` stands for the call's id; `signed`: a link of ours that ends. */
const recordingsLink = z
  .string()
  .regex(/^(signed|https?:\/\/\S+\{id\}\S*)$/, '"signed", or an address with "{id}" in it')
  .nullable()
  .default(null);

export const webhook = z.strictObject({
  id,
  url: z.url({ protocol: /^https?$/, abort: true }).refine(isUrl, URL_FORM),
  /** `whsec_` + base64 of 24 to 64 bytes (Standard Webhooks), or any text of 24 characters and more; two while rotating. */
  secret: z.union([webhookSecret.transform((one) => [one]), z.array(webhookSecret).min(1).max(3)]).default([]),
  events: z.array(z.string()).min(1).default(['*']),
  /** A receiver on a private or loopback address must be allowed by name. */
  allowPrivate: z.boolean().default(false),
  /** Sent with every request. */
  headers: z.record(headerName, z.string().regex(/^[\x20-\x7e]{1,4096}$/, 'printable ASCII')).default({}),
  /** Requests at a time, of each gateway. */
  inFlight: z.int().min(1).max(64).default(8),
  /** After so long without one success nothing more is sent until somebody enables it. */
  disableAfter: durationOf('5d', 30 * 86_400_000, '30d'),
  /** Certificates as PEM, or the file that holds it. */
  tls: z
    .strictObject({ ca: pem, cert: pem, key: pem })
    .refine(isUsable, 'PEM that TLS can read, the key without a passphrase and of this very certificate')
    .prefault({}),
  /** In the place of our events, what is named here by the names it is given here; unsigned. */
  template: z
    .strictObject({
      as: z.enum(['json', 'form']).default('json'),
      fields: z.record(z.string().min(1).max(128), templateField),
    })
    .optional(),
  /** Google Analytics 4, Yandex.Metrica, amoCRM, Bitrix24 (docs/sinks.md); one of them at most. */
  ga4: z
    .strictObject({
      measurementId: z.string().regex(/^G-[A-Z0-9]+$/, 'the id of a web data stream, like "G-XXXXXXXXXX"'),
      apiSecret: z.string().min(1),
      eventName: z
        .string()
        .regex(/^[A-Za-z]\w{0,39}$/, 'a letter, then letters, digits and "_", at most 40')
        .regex(NOT_GOOGLES, 'a name that Google Analytics does not keep for itself')
        .default('phone_call'),
    })
    .optional(),
  metrica: z.strictObject({ counter: z.int().min(1), token, goal: z.string().min(1).default('Call') }).optional(),
  amocrm: z
    .strictObject({
      token,
      users: z.array(z.int().min(1)).max(100).default([]),
      recordings: recordingsLink,
    })
    .optional(),
  bitrix24: z.strictObject({ userId: z.int().min(1), recordings: recordingsLink }).optional(),
});
