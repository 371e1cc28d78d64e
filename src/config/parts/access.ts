import { z } from 'zod';
import { isPrivateHost } from '../ranges.js';
import { id } from '../words.js';

/** `access`: keys of the HTTP interface and users of the console. */

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
  'callbacks:write',
  'config:write',
] as const;

export type Scope = (typeof SCOPES)[number];

/** Scopes whose answers are cut to the sites of a key that has `sites`. */
export const SITE_SCOPES: readonly Scope[] = [
  'calls:read',
  'callbacks:write',
  'recordings:read',
  'recordings:write',
  'audit:read',
];

export const CONSOLE_ROLES = ['agent', 'supervisor', 'ops', 'auditor'] as const;

export type ConsoleRole = (typeof CONSOLE_ROLES)[number];

export const LANGUAGES = ['en', 'ru', 'uz'] as const;

export type Language = (typeof LANGUAGES)[number];

/** `scrypt:<log2 N>:<r>:<p>:<salt>:<hash>`, the last two base64url. */
export const PASSWORD_HASH = /^scrypt:(1[4-7]):([1-9]|1[0-6]):([1-4]):([\w-]{22,86}):([\w-]{43,86})$/;

/** A person who works with the console. */
export const consoleUser = z.strictObject({
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

function isGuarded(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || isPrivateHost(hostname);
}

export const oidc = z.strictObject({
  /** On the button of the log-in page. */
  name: z.string().min(1).max(40).default('SSO'),
  /** Exactly as the provider writes it; its `/.well-known/openid-configuration` tells the rest. */
  issuer: z
    .url({ protocol: /^https?$/, abort: true })
    .refine(
      isGuarded,
      'a URL with https://; http:// only to a private or loopback address, since its keys say who gets in',
    ),
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
