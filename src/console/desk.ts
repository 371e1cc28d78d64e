import type { Request, Response } from 'express';
import type { Language } from '../config/schema.js';
import { GatewayError } from '../lib/errors.js';
import { may } from './access.js';
import { Cookies } from './auth/cookies.js';
import { isOwnRequest } from './auth/csrf.js';
import { Sessions, type Session } from './auth/sessions.js';
import { nonceOf } from './headers.js';
import { isLanguage, languageOf } from './i18n/index.js';
import type { ConsoleOptions } from './ports.js';
import type { Route } from './route.js';
import type { Renderer } from './view/renderer.js';
import { ownAddress, THEMES, Visit, type Theme } from './visit.js';

/** Meets each request: who is it, what may he, in which language is he answered. */
export class Desk {
  readonly sessions: Sessions;
  /** The language of who asked: pages that tell of an error know no session. */
  readonly #languages = new WeakMap<Request, Language>();

  constructor(
    private readonly options: ConsoleOptions,
    private readonly renderer: Renderer,
  ) {
    const { config, clock } = options;
    this.sessions = new Sessions({
      store: options.sessions,
      users: () => config().access.users,
      oidc: () => config().access.oidc,
      rules: () => ({ idle: config().access.console.idle, max: config().access.console.session }),
      ...(clock && { clock }),
    });
  }

  /** The one place where it is decided who gets in. */
  async serve(route: Route, req: Request, res: Response): Promise<void> {
    const { needs, method } = route;
    const session = await this.sessions.find(this.#cookies(req, res).get('session'), route.passive !== true);
    const visit = this.visit(req, res, session);
    this.#languages.set(req, visit.parts.language);
    if (needs !== 'open') {
      if (!session) {
        askForLogin(visit);
        return;
      }
      if (!may(session.user, needs)) throw new GatewayError('GW_ERR_FORBIDDEN', `this needs "${needs}"`);
    }
    if (method === 'post' && !isOwnRequest(req, session?.csrf ?? visit.parts.cookies.get('login'))) {
      const page = pageOf(req);
      // He has logged in anew beside this page: drawn again it is of the new session.
      if (visit.partial && page !== null) drawAnew(visit, page);
      else if (needs !== 'open') throw new GatewayError('GW_ERR_FORBIDDEN', 'the form is not of this session');
      else visit.go(route.path === '/login' ? loginAddress(visit.field('next'), 'stale') : (page ?? '/'));
      return;
    }
    await route.handle(visit);
  }

  /** What every page needs to know, whoever asks; also for the pages that tell of errors. */
  visit(req: Request, res: Response, session: Session | null): Visit {
    const cookies = this.#cookies(req, res);
    const chosen = cookies.get('language');
    const theme = cookies.get('theme');
    const accepted = languageOf(req.get('Accept-Language'));
    return new Visit({
      req,
      res,
      cookies,
      session,
      language: isLanguage(chosen) ? chosen : (session?.language ?? this.#languages.get(req) ?? accepted ?? 'en'),
      theme: THEMES.includes(theme as Theme) ? (theme as Theme) : 'auto',
      sites: this.options.config().sites,
      nonce: nonceOf(res),
      requestId: String(res.getHeader('X-Request-Id') ?? ''),
      render: (visit, template, data) => this.renderer.render(visit, template, data),
    });
  }

  #cookies(req: Request, res: Response): Cookies {
    return new Cookies(req, res, this.options.config().gateway.publicUrl.startsWith('https:'));
  }
}

function askForLogin(visit: Visit): void {
  const { req } = visit;
  const page = pageOf(req);
  const whole = req.method === 'GET' && (!visit.partial || isSearch(req, page));
  const address = loginAddress((whole ? req.originalUrl : page) ?? '');
  // Where a part of a page was asked for, the whole page goes to the log-in.
  if (req.get('HX-Request') === 'true') drawAnew(visit, address);
  else visit.go(address);
}

/** A search of the page it was asked from: the page has its question in its address only when it is answered. */
const isSearch = ({ path, query }: Request, page: string | null): boolean =>
  page?.split('?')[0] === path && query['cursor'] === undefined;

/** The script of our pages keeps what is being typed for when the person is back (console.js). */
function drawAnew({ res }: Visit, address: string): void {
  res.setHeader('HX-Redirect', address).status(401).end();
}

/** Of our pages the one that this was asked from; null where that is not known. */
function pageOf(req: Request): string | null {
  const told = req.get('HX-Current-URL') ?? req.get('Referer') ?? '';
  if (!URL.canParse(told)) return null;
  const { host, pathname, search } = new URL(told);
  return host === req.get('Host') ? ownAddress(pathname + search) : null;
}

function loginAddress(wanted: string, ...said: string[]): string {
  const next = ownAddress(wanted);
  const query = [...said, ...(next === null ? [] : [`next=${encodeURIComponent(next)}`])].join('&');
  return query === '' ? '/login' : `/login?${query}`;
}
