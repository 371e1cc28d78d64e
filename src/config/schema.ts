import { z } from 'zod';

/**
 * The configuration, as the operator writes it. One schema gives the types, the checks and the reference;
 * `config/gateway.yaml` shows every key with a comment.
 */

const id = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i, 'letters, digits, ".", "_" and "-", at most 64');
const e164 = z.string().regex(/^\+[1-9]\d{4,14}$/, 'a number in E.164, like "+74951230000"');
const port = z.int().min(0).max(65535);

/** `250ms`, `25s`, `10m`, `12h`, `180d` → milliseconds; never zero. */
const duration = z
  .string({ error: 'a duration like "250ms", "25s", "10m", "12h" or "180d"' })
  .regex(/^[1-9]\d{0,8}(ms|s|m|h|d)$/, 'a duration like "250ms", "25s", "10m", "12h" or "180d", not zero')
  .transform((text) => {
    const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
    const [, amount = '0', unit = 'ms'] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
    return Number(amount) * units[unit as keyof typeof units];
  });
/** `maxMs` because timers overflow after 24 days and then fire at once. */
const durationOf = (text: string, maxMs: number, maxText: string) =>
  duration.pipe(z.number().max(maxMs, `at most ${maxText}`)).prefault(text);

const sipUri = z.string().regex(/^sips?:[^\s@]*@?[^\s@]+$/i, 'a SIP URI like "sip:101@10.0.0.5:5060"');
const cidr = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], { error: 'an address or CIDR range' });
const channels = z.int().min(0).max(100_000).nullable().default(null);
const credentials = z.strictObject({ username: z.string().min(1), password: z.string().min(1) });

const engines = z.strictObject({
  /** `real`: drachtio-server and FreeSWITCH at the addresses given. `sandbox`: stand-ins started with the gateway. */
  mode: z.enum(['real', 'sandbox']).default('real'),
  drachtio: z
    .strictObject({ host: z.string().default('127.0.0.1'), port: port.default(9022), secret: z.string().min(1) })
    .optional(),
  freeswitch: z
    .array(
      z.strictObject({
        /** Address and port of the event socket. */
        host: z.string().default('127.0.0.1'),
        port: port.default(8021),
        secret: z.string().min(1),
        /** Our address as FreeSWITCH can dial it back for announcements (outbound event socket). */
        callbackAddress: z.string().default('127.0.0.1'),
        /** Where FreeSWITCH's dial-back INVITE comes from, when that is not `host`. */
        sipAddress: z.string().optional(),
        /** Name of the sofia profile. */
        profile: z.string().default('calltrack'),
      }),
    )
    .default([]),
  sandbox: z
    .strictObject({
      /** Where the stand-in takes SIP, over both transports. */
      sip: z
        .string()
        .regex(/^udp\+tcp:\/\/[^:]+:\d+$/, 'like "udp+tcp://127.0.0.1:5060"')
        .default('udp+tcp://127.0.0.1:5060'),
    })
    .prefault({}),
  /** How long an engine may take over one step of setting a call up before it counts as failed. */
  setupTimeout: durationOf('5s', 60_000, '60s'),
  /** Calls in progress at which new ones get 503 with Retry-After. */
  maxCalls: z.int().min(1).default(500),
  /** New calls per second above which a new call gets 503 with Retry-After. */
  maxCallsPerSecond: z.int().min(1).default(30),
});

const trunk = z.strictObject({
  id,
  inbound: z
    .strictObject({
      from: z.array(cidr).min(1),
      channels,
      numbers: z
        .strictObject({
          country: z
            .string()
            .regex(/^[a-z]{2}$/i, 'two letters of ISO 3166, like "RU"')
            .toUpperCase(),
        })
        .prefault({ country: 'RU' }),
      /** Believe P-Asserted-Identity from this source; from anyone else it is ignored. */
      trustAssertedIdentity: z.boolean().default(false),
    })
    .optional(),
  outbound: z
    .strictObject({
      to: sipUri,
      channels,
      /** `passthrough`: the caller's number; otherwise a fixed number. */
      callerId: z.union([z.literal('passthrough'), e164]).default('passthrough'),
      auth: credentials.optional(),
    })
    .optional(),
  /** What this carrier answers when it is full: `status`, `status/Q.850 cause` or `status/text`. */
  capacityCodes: z
    .array(z.string().regex(/^[3-6]\d\d(\/.+)?$/, '"503", "486/34" or "403/User channel limit exceeded"'))
    .default(['503']),
});

const line = z.strictObject({ id, uri: sipUri, channels, auth: credentials.optional() });

const destination = z.strictObject({ id, trunk: id, number: e164, channels });

const STEP_CONDITIONS = ['always', 'overflow', 'no-answer', 'busy', 'unreachable'] as const;
const condition = z.enum(STEP_CONDITIONS);
const step = z.strictObject({
  dial: z.array(id).min(1),
  /** When a later step is tried: why the steps before it failed. The first step is always tried. */
  when: z.union([condition.transform((one) => [one]), z.array(condition).min(1)]).prefault('always'),
  for: durationOf('30s', 600_000, '10m'),
});

/** What a key of the HTTP interface may do: a resource of `/v1` and how. */
export const SCOPES = [
  'calls:read',
  'calls:write',
  'events:read',
  'leases:read',
  'leases:write',
  'numbers:read',
  'numbers:write',
  'recordings:read',
  'webhooks:read',
  'webhooks:write',
  'trunks:read',
  'trunks:write',
  'reports:read',
] as const;
export type Scope = (typeof SCOPES)[number];

const route = z.strictObject({
  id,
  steps: z.array(step).min(1).max(20),
  recording: z.strictObject({ mode: z.enum(['always', 'never']).default('always') }).prefault({}),
  /** Sound file or tone_stream that a lost caller hears, unbilled, before the refusal. */
  announcement: z.string().min(1).optional(),
  /** After this the call is ended, whoever still talks. */
  maxDuration: durationOf('2h', 86_400_000, '24h'),
});

const site = z.strictObject({
  id,
  timezone: z.string().refine(isTimeZone, 'an IANA time zone like "Europe/Moscow"').default('UTC'),
  defaultRoute: id,
  webhooks: z.array(id).default([]),
  attribution: z
    .strictObject({ graceSeconds: z.int().min(0).default(900), returningDays: z.int().min(0).default(30) })
    .prefault({}),
});

const number = z.strictObject({
  number: e164,
  site: id,
  kind: z.enum(['dynamic', 'static']),
  route: id.optional(),
  source: z.record(z.string(), z.string()).optional(),
});

const webhook = z.strictObject({
  id,
  url: z.url({ protocol: /^https?$/ }),
  /** `whsec_` + base64 of 24 to 64 bytes (Standard Webhooks), or any text of 24 characters and more. */
  secret: z.string().min(24),
  events: z.array(z.string()).min(1).default(['*']),
  /** A receiver on a private or loopback address must be allowed by name. */
  allowPrivate: z.boolean().default(false),
});

export const configSchema = z.strictObject({
  gateway: z.strictObject({ id, publicUrl: z.url().default('http://127.0.0.1:8080') }).prefault({ id: 'gw-1' }),
  http: z.strictObject({ host: z.string().default('127.0.0.1'), port: port.default(8080) }).prefault({}),
  redis: z
    .strictObject({
      url: z
        .string()
        .regex(/^rediss?:\/\/\S+$/i, 'like "redis://127.0.0.1:6379/0" or "rediss://…" for TLS')
        .default('redis://127.0.0.1:6379/0'),
      /** Braces would move the hash tag, and with it the slot, of every key. */
      keyPrefix: z
        .string()
        .regex(/^[\w:.-]{0,32}$/, 'letters, digits, "_", ":", "." and "-", at most 32')
        .default('ct:'),
    })
    .prefault({}),
  engines: engines.prefault({}),
  trunks: z.array(trunk).min(1),
  lines: z.array(line).default([]),
  destinations: z.array(destination).default([]),
  routes: z.array(route).min(1),
  sites: z.array(site).min(1),
  numbers: z.array(number).default([]),
  webhooks: z.array(webhook).default([]),
  recordings: z
    .strictObject({
      /** Where finished recordings are kept. */
      directory: z.string().default('./var/recordings'),
      /** Where FreeSWITCH writes while the call is up, as the gateway sees that folder. */
      spool: z.string().default('./var/spool'),
    })
    .prefault({}),
  access: z
    .strictObject({
      keys: z
        .array(
          z.strictObject({
            name: id,
            hash: z.string().regex(/^[0-9a-f]{64}$/, 'SHA-256 of the key in hex'),
            scopes: z.array(z.enum(SCOPES)).min(1),
          }),
        )
        .default([]),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info') })
    .prefault({}),
});

/** The configuration after defaults; durations are milliseconds. */
export type GatewayConfig = z.output<typeof configSchema>;
export type TrunkConfig = GatewayConfig['trunks'][number];
export type LineConfig = GatewayConfig['lines'][number];
export type DestinationConfig = GatewayConfig['destinations'][number];
export type RouteConfig = GatewayConfig['routes'][number];
export type SiteConfig = GatewayConfig['sites'][number];
export type WebhookConfig = GatewayConfig['webhooks'][number];
export type AccessKeyConfig = GatewayConfig['access']['keys'][number];

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
