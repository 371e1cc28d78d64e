import type { CookieOptions, Request, Response } from 'express';

/** Every cookie of the console. */
export const COOKIES = ['session', 'login', 'language', 'theme', 'columns'] as const;
export type CookieName = (typeof COOKIES)[number];

const SESSION_ONLY: readonly CookieName[] = ['session', 'login'];
const YEAR_MS = 31_536_000_000;

/** Cookies by their name with us; over TLS nobody else's page of the same host can plant them (`__Host-`). */
export class Cookies {
  constructor(
    private readonly req: Request,
    private readonly res: Response,
    private readonly secure: boolean,
  ) {}

  get(name: CookieName): string | null {
    const wanted = this.#nameOf(name);
    for (const part of (this.req.headers.cookie ?? '').split(';')) {
      const at = part.indexOf('=');
      if (at > 0 && part.slice(0, at).trim() === wanted) return decoded(part.slice(at + 1).trim());
    }
    return null;
  }

  set(name: CookieName, value: string): void {
    // A session ends with the browser, at the latest.
    const life = SESSION_ONLY.includes(name) ? {} : { maxAge: YEAR_MS };
    this.res.cookie(this.#nameOf(name), value, { ...this.#options(), ...life });
  }

  clear(name: CookieName): void {
    this.res.clearCookie(this.#nameOf(name), this.#options());
  }

  #nameOf(name: CookieName): string {
    return `${this.secure ? '__Host-' : ''}calltrack-${name}`;
  }

  #options(): CookieOptions {
    return { httpOnly: true, sameSite: 'lax', secure: this.secure, path: '/' };
  }
}

function decoded(value: string): string | null {
  try {
    return decodeURIComponent(value);
  } catch {
    return null;
  }
}
