import { z } from 'zod';
import {
  accountUri,
  channels,
  cidr,
  countryCode,
  credentials,
  durationOf,
  durationUpTo,
  e164,
  health,
  id,
  sipUri,
  timeZone,
} from '../words.js';

/** `trunks`: carriers. */

/** One of a carrier's gateways: the lowest priority first; within one priority calls are shared by weight (RFC 2782). */
export const carrierGateway = z.strictObject({
  uri: sipUri,
  priority: z.int().min(0).max(65_535).default(1),
  weight: z.int().min(1).max(65_535).default(1),
});

const silentFor = durationUpTo(7 * 86_400_000, '7d');

/** No call for so long means that something is wrong: `trunk.down` with the reason `silence`. */
const silence = z.union([
  silentFor.transform((after) => ({ after })),
  /** Counted only while the schedule is open there. */
  z.strictObject({ after: silentFor, during: id, timezone: timeZone }),
]);

export const trunk = z.strictObject({
  id,
  /** Limit of inbound and outbound calls together, beside the limits of each. */
  channels,
  inbound: z
    .strictObject({
      from: z.array(cidr).min(1),
      /** `tls`: what comes from there by UDP or TCP is refused. */
      transport: z.enum(['any', 'tls']).default('any'),
      /** Sound by SRTP, with keys in SDP (RFC 4568): never, where the caller offers it, or nothing else. */
      srtp: z.enum(['off', 'optional', 'required']).default('off'),
      channels,
      numbers: z
        .strictObject({
          country: countryCode.prefault('RU'),
        })
        .prefault({}),
      /** Believe P-Asserted-Identity and Remote-Party-ID from this source; from anyone else they are ignored. */
      trustAssertedIdentity: z.boolean().default(false),
      silence: silence.optional(),
    })
    .optional(),
  outbound: z
    .strictObject({
      /** One gateway of the carrier's, or several. A name without a port is looked up by SRV (RFC 3263). */
      to: z.union(
        [sipUri.transform((uri) => [carrierGateway.parse({ uri })]), z.array(carrierGateway).min(1).max(20)],
        { error: 'a SIP URI like "sip:sip.carrier.example:5060", or a list of gateways' },
      ),
      channels,
      /** From: `passthrough`: the caller's number; otherwise a fixed number, or our account with the carrier. */
      callerId: z
        .union([z.literal('passthrough'), e164, accountUri], {
          error: '"passthrough", a number in E.164, like "+74951230000", or "sip:123456@sip.carrier.example"',
        })
        .default('passthrough'),
      /** Say the caller's number in P-Asserted-Identity too (RFC 3325). */
      assertedIdentity: z.boolean().default(false),
      /** Say the tracking number in Diversion (RFC 5806), so that the carrier accepts a caller's number that is not ours. */
      diversion: z.boolean().default(false),
      /** How the carrier wants numbers: `+7495…`, `7495…`, `8495…` (the country's own way) or `007495…`. */
      numbers: z
        .strictObject({
          format: z.enum(['e164', 'plain', 'national', 'international']).default('e164'),
          prefix: z
            .string()
            .regex(/^[\d*#]{0,12}$/, 'digits, "*" and "#", at most 12')
            .default(''),
          /** By whose habits `national` and `international` are written; the inbound side's where left out. */
          country: countryCode.optional(),
        })
        .prefault({}),
      /** Offered to the carrier, in this order. */
      codecs: z
        .array(z.enum(['PCMA', 'PCMU']))
        .min(1)
        .refine((codecs) => new Set(codecs).size === codecs.length, 'each codec once')
        .default(['PCMA', 'PCMU']),
      /** Sound by SRTP, with keys in SDP (RFC 4568). */
      srtp: z.enum(['off', 'required']).default('off'),
      /** What the carrier plays before the answer: the caller hears it, or ringing in its place. */
      earlyMedia: z.enum(['pass', 'ring']).default('pass'),
      /** New calls a second that the carrier takes; one above it waits for `queue` at most, then the step goes on. */
      callsPerSecond: z.number().positive().max(1000).nullable().default(null),
      queue: durationOf('500ms', 10_000, '10s'),
      auth: credentials.optional(),
    })
    .optional(),
  /** For carriers that send calls only to who has registered. */
  register: z
    .strictObject({
      registrar: sipUri,
      /** Whom the carrier knows, where that is not the user name at the registrar's host. */
      account: accountUri.optional(),
      username: z.string().regex(/^[^\s"\\]{1,128}$/, 'a name without blanks, quotation marks and backslashes'),
      password: z.string().min(1),
      expires: durationOf('5m', 86_400_000, '24h'),
    })
    .refine(({ account, username }) => account !== undefined || /^[\w.+*~!'()&=$,;?/%-]+$/.test(username), {
      path: ['username'],
      error: 'the user of an address like "sip:USER@registrar"; where it is for the password only, say "account" too',
    })
    .optional(),
  /** Asks each gateway of the carrier. */
  health: health
    .extend({
      /** After its return a gateway gets a growing share of its calls for so long. */
      ramp: durationOf('60s', 3_600_000, '1h'),
    })
    .optional(),
  /** What this carrier answers when it is full: `status`, `status/Q.850 cause` or `status/text`. */
  capacityCodes: z
    .array(
      z
        .string()
        // A number after the stroke is a Q.850 cause, and those end at 127.
        .regex(
          /^[3-6]\d\d(\/(?!0*(12[89]|1[3-9]\d|[2-9]\d\d|\d{4,})$).+)?$/,
          '"503", "486/34" or "403/User channel limit exceeded"',
        ),
    )
    .default(['503']),
});
