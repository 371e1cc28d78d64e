import { z } from 'zod';
import { SCREENING_ACTIONS } from '../call/call.js';
import { TEMPLATE_FIELDS } from '../sinks/fields.js';
import { readPem } from './pem.js';
import { audit, recordings, routeRecording, siteRecording } from './recordings-schema.js';
import { duration, durationOf, id, languageTag, sound } from './words.js';

/**
 * The configuration, as the operator writes it. One schema gives the types, the checks and the reference;
 * `config/gateway.yaml` shows every key with a comment.
 */

const e164 = z.string().regex(/^\+[1-9]\d{4,14}$/, 'a number in E.164, like "+74951230000"');
const port = z.int().min(0).max(65535);

const sipUri = z.string().regex(/^sips?:[^\s@]*@?[^\s@]+$/i, 'a SIP URI like "sip:101@10.0.0.5:5060"');
const cidr = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], { error: 'an address or CIDR range' });
const countryCode = z
  .string()
  .regex(/^[a-z]{2}$/i, 'two letters of ISO 3166, like "RU"')
  .toUpperCase();
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

/** One of a carrier's gateways: the lowest priority first; within one priority calls are shared by weight (RFC 2782). */
const carrierGateway = z.strictObject({
  uri: sipUri,
  priority: z.int().min(0).max(65_535).default(1),
  weight: z.int().min(1).max(65_535).default(1),
});

const trunk = z.strictObject({
  id,
  /** Limit of inbound and outbound calls together, beside the limits of each. */
  channels,
  inbound: z
    .strictObject({
      from: z.array(cidr).min(1),
      channels,
      numbers: z
        .strictObject({
          country: countryCode,
        })
        .prefault({ country: 'RU' }),
      /** Believe P-Asserted-Identity from this source; from anyone else it is ignored. */
      trustAssertedIdentity: z.boolean().default(false),
      /** No call for so long means that something is wrong: `trunk.down` with the reason `silence`. */
      silence: durationOf('1h', 7 * 86_400_000, '7d').optional(),
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
      /** `passthrough`: the caller's number; otherwise a fixed number. */
      callerId: z.union([z.literal('passthrough'), e164]).default('passthrough'),
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
        .default(['PCMA', 'PCMU']),
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
      username: z.string().min(1),
      password: z.string().min(1),
      expires: durationOf('5m', 86_400_000, '24h'),
    })
    .optional(),
  /** Asks each gateway of the carrier by OPTIONS: after `down` silences it is not dialled, after `up` answers it is again. */
  health: z
    .strictObject({
      options: durationOf('30s', 3_600_000, '1h'),
      down: z.int().min(1).max(100).default(3),
      up: z.int().min(1).max(100).default(2),
      /** After its return a gateway gets a growing share of its calls for so long. */
      ramp: durationOf('60s', 3_600_000, '1h'),
    })
    .optional(),
  /** What this carrier answers when it is full: `status`, `status/Q.850 cause` or `status/text`. */
  capacityCodes: z
    .array(z.string().regex(/^[3-6]\d\d(\/.+)?$/, '"503", "486/34" or "403/User channel limit exceeded"'))
    .default(['503']),
});

/** What a header of ours may tell the agent's phone or PBX. */
export const HEADER_FIELDS = [
  'call.id',
  'session.id',
  'visitor.id',
  'source',
  'campaign',
  'keyword',
  'landingPage',
  'trackingNumber',
  'site',
] as const;

const line = z.strictObject({
  id,
  /** A fixed address; or `register`, for a phone that registers with us. */
  uri: sipUri.optional(),
  register: credentials.optional(),
  channels,
  auth: credentials.optional(),
  /** What the phone shows beside the number: the caller's own name, or where he comes from ("yandex / sofas"). */
  display: z.enum(['name', 'source']).default('name'),
  /** Headers for pop-ups: name → what it says. */
  headers: z
    .record(z.string().regex(/^X-[A-Za-z0-9-]{1,40}$/, 'a header name that begins with "X-"'), z.enum(HEADER_FIELDS))
    .default({}),
});

const destination = z.strictObject({ id, trunk: id, number: e164, channels });

export const STEP_CONDITIONS = ['always', 'overflow', 'no-answer', 'busy', 'unreachable'] as const;
const condition = z.enum(STEP_CONDITIONS);
export const STRATEGIES = ['in-order', 'all-at-once', 'round-robin', 'least-recent'] as const;
const step = z.strictObject({
  /** Lines and destinations; or `announce`, which ends the route. */
  dial: z.array(id).min(1).optional(),
  /** Sound file or tone_stream for who has come this far, unbilled; then he is refused. */
  announce: z.string().min(1).optional(),
  strategy: z.enum(STRATEGIES).default('in-order'),
  /** Only while this schedule is open. */
  during: id.optional(),
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
  'recordings:write',
  'audit:read',
  'webhooks:read',
  'webhooks:write',
  'trunks:read',
  'trunks:write',
  'reports:read',
  'screening:read',
  'screening:write',
  'callers:write',
] as const;
export type Scope = (typeof SCOPES)[number];

/** Scopes whose answers are cut to the sites of a key that has `sites`. */
export const SITE_SCOPES: readonly Scope[] = ['calls:read', 'recordings:read', 'recordings:write', 'audit:read'];

const route = z.strictObject({
  id,
  steps: z.array(step).min(1).max(20),
  /** How long the caller may hear ringing over all steps. */
  for: durationOf('3m', 1_800_000, '30m'),
  /** Ring again in a later step what answered busy, declined or unknown. */
  retryRefused: z.boolean().default(false),
  recording: routeRecording.prefault({}),
  /** Sound file or tone_stream that a lost caller hears, unbilled, before the refusal. */
  announcement: z.string().min(1).optional(),
  /** Ask callers of this route for a promo code, or do not, whatever the site's `promo.ask` says. */
  askPromo: z.boolean().optional(),
  /** After this the call is ended, whoever still talks. */
  maxDuration: durationOf('2h', 86_400_000, '24h'),
});

const dayTime = z
  .string()
  .regex(
    /^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$/,
    'like "09:00-18:00"; past midnight as two ranges',
  );
const isoDay = z.iso.date('a day like "2027-01-01"');
export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** Opening hours in the site's time zone. */
const schedule = z.strictObject({
  id,
  weekly: z.strictObject(
    Object.fromEntries(WEEKDAYS.map((day) => [day, z.array(dayTime).default([])])) as Record<
      (typeof WEEKDAYS)[number],
      z.ZodDefault<z.ZodArray<typeof dayTime>>
    >,
  ),
  /** Days that are closed whatever the week says. */
  holidays: z.array(isoDay).default([]),
  /** Days with hours of their own. */
  exceptions: z.record(isoDay, z.array(dayTime)).default({}),
});

/** The numbers that a site lends to its visitors. */
const pool = z
  .strictObject({
    /** How long a number is lent, and how much longer with each extension. */
    lease: durationOf('10m', 7 * 86_400_000, '7d'),
    /** The longest lease that may be asked for at once. */
    maxLease: durationOf('24h', 30 * 86_400_000, '30d'),
    /** How long a number rests after a lease before somebody else gets it. */
    quarantine: durationOf('10m', 30 * 86_400_000, '30d'),
    /** Share of the pool still free at which `pool.low` is told. */
    low: z.number().min(0).max(1).default(0.2),
    /** Shown to visitors for whom no number is free. */
    fallback: e164.optional(),
    /** How long it is remembered who has had a number. */
    holders: durationOf('30d', 400 * 86_400_000, '400d'),
  })
  .refine(({ lease, maxLease }) => lease <= maxLease, { path: ['lease'], error: 'at most "maxLease"' });

/** Lets the site's own pages borrow numbers for their visitors (`/dni.js`); docs/snippet.md. */
const snippet = z.strictObject({
  /** Stands in the page, so it is no secret: it lets borrow numbers of this site, from these origins, and nothing else. */
  key: z.string().regex(/^[\w-]{16,64}$/, 'letters, digits, "_" and "-", 16 to 64 of them'),
  /** Where the pages are: `https://shop.example`, or `https://*.shop.example` for every name below it. */
  origins: z
    .array(
      z
        .string()
        .regex(
          /^https?:\/\/(\*\.)?[a-z0-9.-]+(:\d{1,5})?$/,
          'an origin like "https://shop.example" or "https://*.shop.example"',
        ),
    )
    .min(1)
    .max(100),
  /** Requests a minute from one address; above it 429. A page asks once, and then once in half a lease. */
  perAddress: z.int().min(1).max(100_000).default(60),
});

/** A number, or the beginning that all of a range have in common. */
export const callerPattern = z
  .string()
  .regex(/^\+[1-9]\d{0,14}\*?$/, 'a number like "+79160000001", or a beginning like "+7916*"');
const screeningAction = z.enum(SCREENING_ACTIONS);
const screeningWindow = (most: '1h' | '24h') =>
  duration.pipe(z.number().max(most === '1h' ? 3_600_000 : 86_400_000, `at most ${most}`));

/** Short codes that callers key in, or tell the operator. */
const promo = z
  .strictObject({
    /** Whether a visitor gets a code beside a number, in its place, or not at all. */
    lend: z.enum(['never', 'beside', 'instead']).default('never'),
    /** Of a code; the last one is a check digit. */
    digits: z.int().min(3).max(9).default(5),
    /** How long a code is a visitor's, and how much longer each time he is seen. */
    lease: durationOf('24h', 30 * 86_400_000, '30d'),
    /** How much longer it still counts, before it may be lent to somebody else. */
    rest: durationOf('24h', 30 * 86_400_000, '30d'),
    /** Who is asked for a code before anybody is dialled; `unsure`: whose visit is not known for certain. */
    ask: z.enum(['never', 'unsure', 'always']).default('never'),
    /** What asks. */
    announcement: sound.optional(),
    /** What is said after a time-out or too few digits; `announcement` where left out. */
    retry: sound.optional(),
    /** How long the first key, and each further one, may take. */
    timeout: durationOf('5s', 20_000, '20s').pipe(z.number().min(1000, 'at least 1s')),
    tries: z.int().min(1).max(3).default(2),
  })
  .refine(({ ask, announcement }) => ask === 'never' || announcement !== undefined, {
    path: ['announcement'],
    error: 'a sound file: callers are asked for their code',
  });

const site = z.strictObject({
  id,
  /** In which announcements are played, one after the other. */
  languages: z.array(languageTag).min(1).max(5).default(['en']),
  timezone: z.string().refine(isTimeZone, 'an IANA time zone like "Europe/Moscow"').default('UTC'),
  defaultRoute: id,
  webhooks: z.array(id).default([]),
  /** The tag `repeat` for who has called before. */
  repeat: z
    .strictObject({
      tag: z.boolean().default(true),
      /** How long ago his last call may be. */
      within: durationOf('30d', 400 * 86_400_000, '400d'),
      /** Which calls count: `any`, or only those that somebody `answered`. */
      after: z.enum(['any', 'answered']).default('any'),
    })
    .prefault({}),
  /** Rules against spam and fraud; none unless given. */
  screening: z
    .strictObject({
      allow: z.array(callerPattern).max(1000).default([]),
      block: z.array(callerPattern).max(1000).default([]),
      blockAction: screeningAction.default('reject'),
      rate: z
        .strictObject({ calls: z.int().min(1).max(50), within: screeningWindow('24h'), action: screeningAction })
        .optional(),
      range: z
        .strictObject({ calls: z.int().min(1).max(1000), within: screeningWindow('1h'), action: screeningAction })
        .optional(),
      short: z
        .strictObject({
          calls: z.int().min(1).max(50),
          under: durationOf('5s', 600_000, '10m'),
          action: screeningAction,
        })
        .optional(),
      hopping: z
        .strictObject({ numbers: z.int().min(2).max(50), within: screeningWindow('24h'), action: screeningAction })
        .optional(),
      /** Sound file or tone_stream for the action `announce`. */
      announcement: z.string().min(1).optional(),
    })
    .prefault({}),
  /** Whose call is it; docs/attribution.md tells how sure each verdict is. */
  attribution: z
    .strictObject({
      /** How long after the end of his lease a visitor may still call and be found. */
      graceSeconds: z.int().min(0).max(86_400).default(900),
      /** How long an attributed call speaks for later calls of the same caller; 0: not at all. */
      returningDays: z.int().min(0).max(365).default(30),
      /** Share of all that speaks for anybody from which the likeliest holder is taken for certain. */
      sureFrom: z.number().min(0.5).max(1).default(0.95),
    })
    .prefault({}),
  pool: pool.prefault({}),
  snippet: snippet.optional(),
  promo: promo.prefault({}),
  /** What its recordings have of their own; the rest is that of `recordings`. */
  recording: siteRecording.prefault({}),
});

const number = z.strictObject({
  number: e164,
  site: id,
  kind: z.enum(['dynamic', 'static']),
  route: id.optional(),
  source: z.record(z.string(), z.string()).optional(),
});

const webhookSecret = z.string({ error: 'a text of 24 characters and more' }).min(24);
/** What HTTP and Standard Webhooks set is not for the configuration. */
const headerName = z
  .string()
  .regex(
    /^(?!(content-|webhook-|transfer-|host$|connection$|expect$|upgrade$|keep-alive$|te$|trailer$))[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/i,
    'the name of a header that HTTP and Standard Webhooks leave free',
  );
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

/** Names that a receiver gives to what we know. */
const templateField = z.enum(TEMPLATE_FIELDS, { error: `one of ${TEMPLATE_FIELDS.join(', ')}` });
/** `{id}` stands for the call's id; `signed`: a link of ours that ends. */
const recordingsLink = z
  .string()
  .regex(/^(signed|https?:\/\/\S+\{id\}\S*)$/, '"signed", or an address with "{id}" in it')
  .nullable()
  .default(null);

const webhook = z.strictObject({
  id,
  url: z.url({ protocol: /^https?$/ }),
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
  tls: z.strictObject({ ca: pem, cert: pem, key: pem }).prefault({}),
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
      measurementId: z.string().min(1),
      apiSecret: z.string().min(1),
      eventName: z
        .string()
        .regex(/^[A-Za-z]\w{0,39}$/, 'a letter, then letters, digits and "_", at most 40')
        .default('phone_call'),
    })
    .optional(),
  metrica: z
    .strictObject({ counter: z.int().min(1), token: z.string().min(1), goal: z.string().min(1).default('Call') })
    .optional(),
  amocrm: z
    .strictObject({
      token: z.string().min(1),
      users: z.array(z.int().min(1)).max(100).default([]),
      recordings: recordingsLink,
    })
    .optional(),
  bitrix24: z.strictObject({ userId: z.int().min(1), recordings: recordingsLink }).optional(),
});

export const CONSOLE_ROLES = ['agent', 'supervisor', 'ops', 'auditor'] as const;
export type ConsoleRole = (typeof CONSOLE_ROLES)[number];
export const LANGUAGES = ['en', 'ru', 'uz'] as const;
export type Language = (typeof LANGUAGES)[number];

/** `scrypt:<log2 N>:<r>:<p>:<salt>:<hash>`, the last two base64url. */
export const PASSWORD_HASH = /^scrypt:(1[4-7]):([1-9]|1[0-6]):([1-4]):([\w-]{22,86}):([\w-]{43,86})$/;

/** A person who works with the console. */
const consoleUser = z.strictObject({
  /** What he types to log in. */
  name: z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N}._@-]{0,63}$/u, 'letters, digits, ".", "_", "@" and "-", at most 64'),
  /** As `calltrack users hash` makes it. */
  password: z.string().regex(PASSWORD_HASH, 'what "calltrack users hash" prints'),
  role: z.enum(CONSOLE_ROLES),
  /** Whose calls he sees; everybody's where left out. */
  sites: z.array(id).min(1).optional(),
  /** Of the pages until he chooses; the browser's where left out. */
  language: z.enum(LANGUAGES).optional(),
});

const oidc = z.strictObject({
  /** On the button of the log-in page. */
  name: z.string().min(1).max(40).default('SSO'),
  /** Exactly as the provider writes it; its `/.well-known/openid-configuration` tells the rest. */
  issuer: z.url({ protocol: /^https?$/ }),
  clientId: z.string().min(1),
  /** Of a confidential client; a public one is protected by PKCE alone. */
  clientSecret: z.string().min(1).optional(),
  scopes: z.array(z.string().min(1)).min(1).default(['openid', 'profile']),
  /** Claims of the id token: what he is called, what he is, and whose calls he sees (all where left out). */
  nameClaim: z.string().min(1).default('preferred_username'),
  roleClaim: z.string().min(1).default('roles'),
  sitesClaim: z.string().min(1).optional(),
  /** Which value of the claim makes which role; the first that fits counts. */
  roles: z.array(z.strictObject({ value: z.string().min(1), role: z.enum(CONSOLE_ROLES) })).min(1),
});

export const configSchema = z.strictObject({
  gateway: z.strictObject({ id, publicUrl: z.url().default('http://127.0.0.1:8080') }).prefault({ id: 'gw-1' }),
  http: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: port.default(8080),
      /** Proxies in front of us: the client's address is what they say in X-Forwarded-For. */
      trustedProxies: z.array(cidr).default([]),
    })
    .prefault({}),
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
  schedules: z.array(schedule).default([]),
  routes: z.array(route).min(1),
  sites: z.array(site).min(1),
  numbers: z.array(number).default([]),
  webhooks: z.array(webhook).default([]),
  /** Share of a limit in use at which `capacity.high` is told; it is told again only after falling well below. */
  capacity: z.strictObject({ high: z.number().min(0.1).max(1).default(0.8) }).prefault({}),
  /** For the lines that register with us. */
  registrar: z
    .strictObject({
      realm: z.string().min(1).max(64).default('calltrack'),
      minExpires: durationOf('60s', 3_600_000, '1h'),
      maxExpires: durationOf('1h', 86_400_000, '24h'),
      maxContacts: z.int().min(1).max(20).default(3),
    })
    .prefault({}),
  history: z
    .strictObject({
      /** How long calls stay in Redis, where they are searched. */
      retention: durationOf('30d', 3650 * 86_400_000, '3650d'),
      /** Older calls go to the recordings' store as NDJSON; false: they are deleted. */
      archive: z.boolean().default(true),
    })
    .prefault({}),
  recordings: recordings.prefault({}),
  access: z
    .strictObject({
      keys: z
        .array(
          z.strictObject({
            name: id,
            hash: z.string().regex(/^[0-9a-f]{64}$/, 'SHA-256 of the key in hex'),
            scopes: z.array(z.enum(SCOPES)).min(1),
            /** Only what belongs to these sites; everything where left out. */
            sites: z.array(id).min(1).optional(),
          }),
        )
        .default([]),
      audit: audit.prefault({}),
      /** People who work with the console. */
      users: z.array(consoleUser).default([]),
      /** Log-in by an identity provider (OpenID Connect), beside name and password. */
      oidc: oidc.optional(),
      console: z
        .strictObject({
          /** Without a request for so long one must log in again. */
          idle: durationOf('1h', 86_400_000, '24h'),
          /** After so long one must log in again in any case. */
          session: durationOf('12h', 7 * 86_400_000, '7d'),
        })
        .prefault({}),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info') })
    .prefault({}),
});

/** The configuration after defaults; durations are milliseconds. */
export type GatewayConfig = z.output<typeof configSchema>;
export type TrunkConfig = GatewayConfig['trunks'][number];
export type CarrierGateway = z.output<typeof carrierGateway>;
export type LineConfig = GatewayConfig['lines'][number];
export type RouteConfig = GatewayConfig['routes'][number];
export type SnippetConfig = NonNullable<GatewayConfig['sites'][number]['snippet']>;
export type PoolConfig = GatewayConfig['sites'][number]['pool'];
export type SoundConfig = z.output<typeof sound>;
export type ScheduleConfig = GatewayConfig['schedules'][number];
export type RecordingsConfig = GatewayConfig['recordings'];
export type S3Config = NonNullable<RecordingsConfig['s3']>;
export type AccessKeyConfig = GatewayConfig['access']['keys'][number];
export type OidcConfig = NonNullable<GatewayConfig['access']['oidc']>;
export type ConsoleUserConfig = GatewayConfig['access']['users'][number];

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
