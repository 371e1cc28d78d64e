import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import type { AccessKeyConfig, Scope } from '../config/schema.js';
import { GatewayError } from '../lib/errors.js';
import type { AuditActor } from '../recordings/audit.js';
import { problemOf, sendProblem } from './problem.js';

/** RFC 6750 section 2.1, with a bound: nobody's key is longer. */
const BEARER = /^Bearer +([\w.~+/-]{1,512}=*) *$/i;

/**
 * Lets in who holds a key of the configuration. Keys are long random texts, so their plain SHA-256 is enough;
 * every configured key is compared, and in the same time, so that an answer tells nothing about how near a guess was.
 *
 * @param keys asked at each request, so that a reload counts at once
 */
export function authenticate(keys: () => readonly AccessKeyConfig[]): RequestHandler {
  return (req, res, next) => {
    const token = BEARER.exec(req.get('Authorization') ?? '')?.[1];
    const key = token === undefined ? null : findKey(token, keys());
    if (key) {
      setKey(res, key);
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
  return (res.locals as { key?: AccessKeyConfig }).key;
}

/** The presented key, as the audit log names it. */
export function keyActor(res: Response): AuditActor {
  return { kind: 'key', name: keyOf(res)?.name ?? '' };
}

/** The sites that the presented key may see; null: all of them. */
export function sitesOf(res: Response): readonly string[] | null {
  return keyOf(res)?.sites ?? null;
}

/** Whether the presented key may see what belongs to `site`; what belongs to none only keys without `sites` may see. */
export function maySee(res: Response, site: string | null): boolean {
  const sites = sitesOf(res);
  return sites === null || (site !== null && sites.includes(site));
}

/** The sites of a search: what is asked for (null: all) of what the key may see. A foreign site has no calls, like an unknown one. */
export function sitesAsked(res: Response, site: string | null): readonly string[] | null {
  if (site === null) return sitesOf(res);
  return maySee(res, site) ? [site] : [];
}

function setKey(res: Response, key: AccessKeyConfig): void {
  (res.locals as { key?: AccessKeyConfig }).key = key;
}

function findKey(token: string, keys: readonly AccessKeyConfig[]): AccessKeyConfig | null {
  const presented = createHash('sha256').update(token).digest();
  let found: AccessKeyConfig | null = null;
  for (const key of keys) {
    if (timingSafeEqual(presented, Buffer.from(key.hash, 'hex'))) found = key;
  }
  return found;
}
