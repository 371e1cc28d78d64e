import { z } from 'zod';
import type { sound } from './words.js';
import { cidr, durationOf, host, hostAndPort, id, isUrl, port, URL_FORM } from './words.js';
import { audit, recordings } from './parts/recordings.js';
import { engines } from './parts/engines.js';
import type { carrierGateway } from './parts/trunks.js';
import { trunk } from './parts/trunks.js';
import { line, destination, route, schedule } from './parts/routes.js';
import { site, number } from './parts/sites.js';
import { webhook } from './parts/webhooks.js';
import { SCOPES, consoleUser, oidc } from './parts/access.js';

/**
 * The configuration, as the operator writes it. One schema gives the types, the checks and the reference;
 * `config/gateway.yaml` shows every key with a comment.
 */

export { HEADER_FIELDS, STEP_CONDITIONS, STRATEGIES, WEEKDAYS } from './parts/routes.js';
export { callerPattern } from './parts/sites.js';
export {
  SITE_SCOPES,
  CONSOLE_ROLES,
  LANGUAGES,
  PASSWORD_HASH,
  type Scope,
  type ConsoleRole,
  type Language,
} from './parts/access.js';

/** Sentinels that know which of several servers writes now. */
const sentinel = z.strictObject({
  /** What they call the group of servers. */
  name: z.string().regex(/^[\w.-]{1,64}$/, 'letters, digits, "_", "." and "-", at most 64'),
  nodes: z.array(hostAndPort).min(1).max(20),
  /** Of the sentinels themselves; those of the servers stand in `redis.url`. */
  username: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  /** Towards the sentinels; towards the servers by `rediss://`. */
  tls: z.boolean().default(false),
});

export const configSchema = z.strictObject({
  gateway: z
    .strictObject({
      id: id.default('gw-1'),
      publicUrl: z.url({ protocol: /^https?$/ }).default('http://127.0.0.1:8080'),
    })
    .prefault({}),
  http: z
    .strictObject({
      host: host.default('127.0.0.1'),
      port: port.default(8080),
      /** Proxies in front of us: the client's address is what they say in X-Forwarded-For. */
      trustedProxies: z.array(cidr).default([]),
    })
    .prefault({}),
  redis: z
    .strictObject({
      url: z
        .string()
        .regex(/^rediss?:\/\/\S+$/i, { error: 'like "redis://127.0.0.1:6379/0" or "rediss://…" for TLS', abort: true })
        .refine(isUrl, URL_FORM)
        .default('redis://127.0.0.1:6379/0'),
      /** With it only user, password, database and TLS of `url` count: where the server is, the sentinels say. */
      sentinel: sentinel.optional(),
      /** Nodes of a Redis Cluster to begin with, which know the others. With them only user, password and TLS of `url` count. */
      cluster: z.array(hostAndPort).max(20).default([]),
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
      /** What a phone's password is asked for by, in this order. */
      algorithms: z
        .array(z.enum(['SHA-256', 'MD5']))
        .min(1)
        .default(['SHA-256', 'MD5']),
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
            hash: z
              .string()
              .regex(/^[0-9a-f]{64}$/i, 'SHA-256 of the key in hex')
              .toLowerCase(),
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

export type RedisConfig = GatewayConfig['redis'];

export type TrunkConfig = GatewayConfig['trunks'][number];

export type CarrierGateway = z.output<typeof carrierGateway>;

export type LineConfig = GatewayConfig['lines'][number];

export type RouteConfig = GatewayConfig['routes'][number];

export type SnippetConfig = NonNullable<GatewayConfig['sites'][number]['snippet']>;

export type SoundConfig = z.output<typeof sound>;

export type ScheduleConfig = GatewayConfig['schedules'][number];

export type RecordingsConfig = GatewayConfig['recordings'];

export type S3Config = NonNullable<RecordingsConfig['s3']>;

export type AccessKeyConfig = GatewayConfig['access']['keys'][number];

export type OidcConfig = NonNullable<GatewayConfig['access']['oidc']>;

export type ConsoleUserConfig = GatewayConfig['access']['users'][number];
