import type { Request, Response } from 'express';
import type { Language } from '../config/schema.js';
import { GatewayError } from '../lib/errors.js';
import { may, maySee, type ConsoleUser, type Permission } from './access.js';
import type { Cookies } from './auth/cookies.js';
import type { Session } from './auth/sessions.js';
import { nameOf, translator, type Translate } from './i18n/index.js';
import { Format } from './view/format.js';

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export interface SiteInfo {
  id: string;
  timezone: string;
}

/** One request of a person: what every page needs to know of it. */
export interface VisitParts {
  req: Request;
  res: Response;
  cookies: Cookies;
  language: Language;
  theme: Theme;
  /** null only on pages in front of the log-in. */
  session: Session | null;
  sites: readonly SiteInfo[];
  nonce: string;
  requestId: string;
  render: (visit: Visit, template: string, data: object) => string;
}

export class Visit {
  readonly t: Translate;
  readonly format: Format;

  constructor(readonly parts: VisitParts) {
    this.t = translator(parts.language);
    this.format = new Format(parts.language, this.timeZone, this.t);
  }

  get req(): Request {
    return this.parts.req;
  }

  get res(): Response {
    return this.parts.res;
  }

  get user(): ConsoleUser {
    if (!this.parts.session) throw new GatewayError('GW_ERR_UNAUTHORIZED', 'nobody has logged in');
    return this.parts.session.user;
  }

  may(permission: Permission): boolean {
    return this.parts.session !== null && may(this.user, permission);
  }

  /** Whether what belongs to `site` may be shown; what may not looks as if it were not there. */
  sees(site: string | null): boolean {
    return maySee(this.user, site);
  }

  /** The sites whose data may be shown; null: all, and what belongs to none. */
  get siteScope(): readonly string[] | null {
    return this.user.sites;
  }

  /** For forms: the sites there are for this person. */
  get sites(): readonly SiteInfo[] {
    const { session, sites } = this.parts;
    return session === null ? [] : sites.filter(({ id }) => maySee(session.user, id));
  }

  /** Where all sites of this person share one. */
  get timeZone(): string {
    const [first, ...others] = this.sites.map(({ timezone }) => timezone);
    return first !== undefined && others.every((one) => one === first) ? first : 'UTC';
  }

  zoneOf(site: string | null): string {
    return this.sites.find(({ id }) => id === site)?.timezone ?? this.timeZone;
  }

  /** Whether htmx wants a part of the page only. */
  get partial(): boolean {
    const { req } = this.parts;
    return req.get('HX-Request') === 'true' && req.get('HX-History-Restore-Request') !== 'true';
  }

  name(prefix: string, value: string): string {
    return nameOf(this.t, prefix, value);
  }

  /** A query parameter that was given once and is not empty. */
  query(name: string): string | undefined {
    const value = this.parts.req.query[name];
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
  }

  /** A field of a form. */
  field(name: string): string {
    const body: unknown = this.parts.req.body;
    const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;
    return typeof value === 'string' ? value : '';
  }

  page(template: string, data: object = {}, status = 200): void {
    this.parts.res
      .status(status)
      .type('html')
      .send(this.parts.render(this, template, data));
  }

  /** To another page, which is then asked for with GET. */
  go(address: string): void {
    if (this.partial) this.parts.res.setHeader('HX-Redirect', address).status(204).end();
    else this.parts.res.redirect(303, address);
  }
}

/** An address of ours to go on with; anything else would lead people from our log-in to somebody else's page. */
export function ownAddress(address: string): string | null {
  return /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,1000}$/.test(address) ? address : null;
}
