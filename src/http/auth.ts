import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import type { AccessKeyConfig, Scope } from '../config/schema.js';
import { GatewayError } from '../lib/errors.js';
import { isAmong } from '../lib/sites.js';
import type { AuditActor } from '../recordings/audit.js';
import { problemOf, sendProblem } from './problem.js';
import { demandSite } from './query.js';

type Sites = () => readonly { id: string }[];

/** What {@link authenticate} leaves for those behind it. */
interface Locals {
  key?: AccessKeyConfig;
  sites: Sites;
}

/** RFC 6750 section 2.1, with a bound: nobody's key is longer. */
const BEARER = /^Bearer +([\w.~+/-]{1,512}=*) *$/i;

/**
 * Lets in who holds a key of the configuration. Keys are long random texts, so their plain SHA-256 is enough;
 * every configured key is compared, and in the same time, so that an answer tells nothing about how near a guess was.
 *
 * @param keys asked at each request, so that a reload counts at once
 * @param sites likewise: those that there are
 */
export function authenticate(keys: () => readonly AccessKeyConfig[], sites: Sites): RequestHandler {
  return (req, res, next) => {
    const token = BEARER.exec(req.get('Authorization') ?? '')?.[1];
    const key = token === undefined ? null : findKey(token, keys());
    if (key) {
      Object.assign(res.locals, { key, sites } satisfies Locals);
      next();
      return;
    }
    const challenge = token === undefined ? '' : ', error="invalid_token"';
    res.setHeader('WWW-Authenticate', `Bearer realm="calltrack"${challenge}`);
    sendProblem(res, problemOf('GW_ERR_UNAUTHORIZED', 'send "Authorization: Bearer <key>" with a key of access.keys'));
  };
}

/** For what stands behind {@link authenticate}. */
export function requireScope(scope: Scope): RequestHandler {
  return (_req, res, next) => {
    demandScope(res, scope, 'this');
    next();
  };
}

/**
 * The same where only some of what may be asked needs the scope.
 * @param what needs it, for the answer
 * @throws GatewayError GW_ERR_FORBIDDEN
 */
export function demandScope(res: Response, scope: Scope, what: string): void {
  if (keyOf(res)?.scopes.includes(scope)) return;
  res.setHeader('WWW-Authenticate', `Bearer realm="calltrack", error="insufficient_scope", scope="${scope}"`);
  throw new GatewayError('GW_ERR_FORBIDDEN', `${what} needs the scope "${scope}"`);
}

/** The key that was presented; undefined in front of {@link authenticate}. */
export function keyOf(res: Response): AccessKeyConfig | undefined {
  return (res.locals as Partial<Locals>).key;
}

export const keyName = (res: Response): string => keyOf(res)?.name ?? '';

/** The presented key, as the audit log names it. */
export const keyActor = (res: Response): AuditActor => ({ kind: 'key', name: keyName(res) });

/** The sites that the presented key may see; null: all of them. */
export function sitesOf(res: Response): readonly string[] | null {
  return keyOf(res)?.sites ?? null;
}

/** Whether the presented key may see what belongs to `site`. */
export function maySee(res: Response, site: string | null): boolean {
  return isAmong(sitesOf(res), site);
}

/**
 * The sites of a search: what is asked for (null: all) of what the key may see.
 * @throws GatewayError GW_ERR_BAD_REQUEST for a site that is none, or not this key's
 */
export function sitesAsked(res: Response, site: string | null = null): readonly string[] | null {
  if (site === null) return sitesOf(res);
  const known = (res.locals as Locals).sites().map(({ id }) => id);
  demandSite(
    site,
    known.filter((id) => maySee(res, id)),
  );
  return [site];
}

function findKey(token: string, keys: readonly AccessKeyConfig[]): AccessKeyConfig | null {
  const presented = createHash('sha256').update(token).digest();
  let found: AccessKeyConfig | null = null;
  for (const key of keys) {
    if (timingSafeEqual(presented, Buffer.from(key.hash, 'hex'))) found = key;
  }
  return found;
}
