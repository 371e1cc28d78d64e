import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { toError } from '../../lib/deadline.js';
import { GatewayError } from '../../lib/errors.js';
import type { PasswordLogin } from '../auth/login.js';
import type { OidcLogin } from '../auth/oidc.js';
import type { Sessions } from '../auth/sessions.js';
import type { Route } from '../route.js';
import { MENU } from '../view/renderer.js';
import { ownAddress, type Visit } from '../visit.js';

const MAX_NAME = 64;

interface LoginParts {
  sessions: Sessions;
  login: PasswordLogin;
  oidc: OidcLogin;
  logger: Logger;
}

/** Log-in, log-out, and the way from `/` to the first page that one may see. */
export function loginRoutes({ sessions, login, oidc, logger }: LoginParts): Route[] {
  const showLogin = (visit: Visit) => showLoginPage(visit, oidc);
  return [
    { method: 'get', path: '/', needs: 'self', handle: (visit) => visit.go(firstPage(visit)) },
    { method: 'get', path: '/login', needs: 'open', handle: showLogin },
    {
      method: 'post',
      path: '/login',
      needs: 'open',
      handle: (visit) => logIn(visit, { sessions, login, oidc, logger }),
    },
    { method: 'get', path: '/login/oidc', needs: 'open', handle: (visit) => beginOidc(visit, { oidc, logger }) },
    {
      method: 'get',
      path: '/login/oidc/done',
      needs: 'open',
      handle: (visit) => finishOidc(visit, { sessions, login, oidc, logger }),
    },
    { method: 'post', path: '/logout', needs: 'self', handle: (visit) => logOut(visit, sessions) },
  ];
}

function firstPage(visit: Visit): string {
  return MENU.find(({ needs }) => visit.may(needs))?.path ?? '/login';
}

function showLoginPage(visit: Visit, oidc: OidcLogin): void {
  const { req } = visit;
  if (visit.parts.session) {
    visit.go(ownAddress(visit.query('next') ?? '') ?? '/');
    return;
  }
  const said = 'stale' in req.query ? visit.t('login.stale') : 'out' in req.query ? visit.t('login.out') : null;
  showForm(visit, { said, next: ownAddress(visit.query('next') ?? ''), sso: oidc.name });
}

interface Form {
  /** Name of the other way to log in. */
  sso: string | null;
  said?: string | null;
  wrong?: string;
  next: string | null;
  name?: string;
}

function showForm(visit: Visit, { said = null, wrong, next, name = '', sso }: Form, status = 200): void {
  const token = browserToken(visit);
  const ssoAddress = `/login/oidc${next === null ? '' : `?next=${encodeURIComponent(next)}`}`;
  visit.page('login', { said, wrong: wrong ?? null, next, name, token, sso, ssoAddress }, status);
}

/** Nobody has a session yet, so the form's token is held against a cookie of its own. */
function browserToken({ parts }: Visit): string {
  const token = parts.cookies.get('login') ?? randomBytes(32).toString('base64url');
  parts.cookies.set('login', token);
  return token;
}

async function beginOidc(visit: Visit, { oidc, logger }: Pick<LoginParts, 'oidc' | 'logger'>): Promise<void> {
  if (oidc.name === null) throw new GatewayError('GW_ERR_NOT_FOUND', 'there is no such log-in');
  const next = ownAddress(visit.query('next') ?? '');
  await orForm(visit, { oidc, logger, next }, async () => visit.go(await oidc.begin(browserToken(visit), next)));
}

async function finishOidc(visit: Visit, { sessions, oidc, logger }: LoginParts): Promise<void> {
  const { cookies } = visit.parts;
  const [code, state] = [visit.query('code'), visit.query('state')];
  await orForm(visit, { oidc, logger, next: null }, async () => {
    const { user, next, issuer } = await oidc.finish(
      { ...(code && { code }), ...(state && { state }) },
      cookies.get('login'),
    );
    const { name, role, sites } = user;
    const grants = { role, sites: sites === null ? null : [...sites], issuer };
    enter(visit, await sessions.begin({ name, passwordMark: null, grants }, cookies.get('session')), next);
  });
}

/** Whatever the identity provider does wrong: people may log in in another way, or try again. */
async function orForm(
  visit: Visit,
  { oidc, logger, next }: Pick<LoginParts, 'oidc' | 'logger'> & { next: string | null },
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    // What they answer is theirs; our log has what was wrong with it.
    logger.warn({ err: toError(error), requestId: visit.parts.requestId }, 'log-in by the identity provider failed');
    showForm(visit, { wrong: visit.t('login.sso.failed'), next, sso: oidc.name }, 401);
  }
}

function enter(visit: Visit, token: string, next: string | null): void {
  visit.parts.cookies.clear('login');
  visit.parts.cookies.set('session', token);
  visit.go(next ?? '/');
}

async function logIn(visit: Visit, { sessions, login, oidc }: LoginParts): Promise<void> {
  const { req, parts } = visit;
  const name = visit.field('name').trim().slice(0, MAX_NAME);
  const next = ownAddress(visit.field('next'));
  const result = await login.try(name, visit.field('password'), req.ip ?? '');
  if (result.outcome === 'wait') {
    visit.res.setHeader('Retry-After', String(result.seconds));
    const wrong = visit.t('login.wait', { time: visit.format.span(result.seconds) });
    showForm(visit, { wrong, next, name, sso: oidc.name }, 429);
    return;
  }
  if (result.outcome === 'wrong') {
    showForm(visit, { wrong: visit.t('login.wrong'), next, name, sso: oidc.name }, 401);
    return;
  }
  const { passwordMark } = result;
  const user = { name: result.user.name, passwordMark, grants: null };
  enter(visit, await sessions.begin(user, parts.cookies.get('session')), next);
}

async function logOut(visit: Visit, sessions: Sessions): Promise<void> {
  const { session, cookies } = visit.parts;
  if (session) await sessions.end(session.token);
  cookies.clear('session');
  visit.go('/login?out');
}
