import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { E164 } from '../lib/e164.js';
import { readSipUri } from '../lines/sip-uri.js';

/** Words that several parts of the configuration are made of. */

export const id = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i, 'letters, digits, ".", "_" and "-", at most 64');

/** `250ms`, `25s`, `10m`, `12h`, `180d` → milliseconds; never zero. */
export const duration = z
  .string({ error: 'a duration like "250ms", "25s", "10m", "12h" or "180d"' })
  .regex(/^[1-9]\d{0,8}(ms|s|m|h|d)$/, 'a duration like "250ms", "25s", "10m", "12h" or "180d", not zero')
  .transform((text) => {
    const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
    const [, amount = '0', unit = 'ms'] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
    return Number(amount) * units[unit as keyof typeof units];
  });
/** `maxMs` because timers overflow after 24 days and then fire at once. */
export const durationUpTo = (maxMs: number, maxText: string) =>
  duration.pipe(z.number().max(maxMs, `at most ${maxText}`));
/** Never with `optional()` behind it: what is left out would be `text` all the same. */
export const durationOf = (text: string, maxMs: number, maxText: string) => durationUpTo(maxMs, maxText).prefault(text);

/** `500MB`, `2GB` → bytes (decimal units). */
export const byteSize = z
  .string()
  .regex(/^[1-9]\d{0,5}(MB|GB)$/, 'a size like "500MB" or "2GB"')
  .transform((text) => Number.parseInt(text, 10) * (text.endsWith('GB') ? 1e9 : 1e6));

/** In a message to FreeSWITCH blanks and these signs would end it; `$` would be replaced. */
const soundFile = z
  .string()
  .regex(/^[^\s!|'"$]{1,200}$/, 'a file or stream of FreeSWITCH, without blanks, "!", "|", "$" and quotation marks');
export const languageTag = z.string().regex(/^[a-z]{2,3}$/, 'two or three letters of ISO 639, like "ru"');
/** One for every language, or one for each. */
export const sound = z.union([soundFile, z.record(languageTag, soundFile)], {
  error: 'a sound file, or one for each language like { ru: a.wav, uz: b.wav }',
});

export const e164 = z.string().regex(E164, 'a number in E.164, like "+74951230000"');

/** What a static number stands for: no more than a call tells of it. */
export const sourceTexts = z
  .record(z.string().max(256), z.string().max(2_048, 'at most 2,048 characters'))
  .refine((source) => Object.keys(source).length <= 32, { error: 'at most 32 texts', abort: true })
  // Half of what an admission reads: a longer one would be passed over there.
  .refine((source) => Buffer.byteLength(JSON.stringify(source)) <= 16_384, 'at most 16,384 bytes of JSON');

/** Who connects decodes user and password, and breaks off where that cannot be done: `p%ss` (RFC 3986 section 2.1). */
export function isUrl(text: string): boolean {
  try {
    const { username, password } = new URL(text);
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}
export const URL_FORM = 'a URL; in its user and password "%" is written "%25"';

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
export const timeZone = z.string().max(64).refine(isTimeZone, 'an IANA time zone like "Europe/Moscow"');

/** To listen on; 0 takes any free one. */
export const port = z.int().min(0).max(65535);
/** Of somebody else. */
export const peerPort = port.min(1);

/** An empty one would be every address to listen on, and this machine to connect to. */
export const host = z
  .string()
  .refine((text) => /^[\w.-]+$/.test(text) || isIPv6(text), 'a name or an address, like "10.0.0.5"');
/** Of packets: they come from no name. */
export const address = z
  .string()
  .refine((text) => isIPv4(text) || isIPv6(text), 'an address, like "10.0.0.5", and no name');
/** With its port behind a colon. */
export const hostAndPort = z
  .string()
  .regex(/^([\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}$/, { error: 'like "10.0.0.1:26379"', abort: true })
  .refine(
    (text) => peerPort.safeParse(Number(text.split(':').at(-1))).success,
    'like "10.0.0.1:26379"; ports end at 65535',
  );

/** An empty path would be wherever the gateway was started. */
export const folder = z.string().min(1, 'a folder');

export const sipUri = z
  .string()
  .refine(
    isDialable,
    'a SIP URI like "sip:101@10.0.0.5:5060" or "sip:sip.carrier.example;transport=tls", without headers behind "?"',
  )
  .transform(withTransport);

/** drachtio-server chooses its own contact by `transport` alone: without it a `sips` URI would name one that is not TLS. */
function withTransport(text: string): string {
  const uri = readSipUri(text);
  return uri?.scheme === 'sips' && !uri.params.has('transport') ? `${text};transport=tls` : text;
}

/** What could never be dialled shall be found when it is written, not by the first caller. */
function isDialable(text: string): boolean {
  const uri = readSipUri(text);
  if (!uri || uri.port === 0) return false;
  const transport = uri.params.get('transport')?.toLowerCase();
  const known = uri.scheme === 'sips' ? ['tls'] : ['udp', 'tcp', 'tls'];
  if (transport !== undefined && !known.includes(transport)) return false;
  if (uri.host.includes(':')) return isIPv6(uri.host);
  return /^[\d.]+$/.test(uri.host) ? isIPv4(uri.host) : /^\w([\w-]*\w)?(\.\w([\w-]*\w)?)*\.?$/.test(uri.host);
}

/** Who we are to a carrier: user and host, nothing else. */
export const accountUri = z
  .string()
  .regex(/^sip:[\w.+*~-]{1,64}@[\w.-]{1,253}(:\d{1,5})?$/i, 'an account like "sip:123456@sip.carrier.example"');

export const cidr = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], { error: 'an address or CIDR range' });

export const countryCode = z
  .string()
  .regex(/^[a-z]{2}$/i, 'two letters of ISO 3166, like "RU"')
  .toUpperCase();

export const channels = z.int().min(0).max(100_000).nullable().default(null);

/** Somebody is asked by OPTIONS: after `down` silences in a row he is not dialled, after `up` answers he is again. */
export const health = z.strictObject({
  options: durationOf('30s', 3_600_000, '1h'),
  down: z.int().min(1).max(100).default(3),
  up: z.int().min(1).max(100).default(2),
});

export const credentials = z.strictObject({ username: z.string().min(1), password: z.string().min(1) });
