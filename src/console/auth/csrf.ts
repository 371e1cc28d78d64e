import type { Request } from 'express';
import { sameText } from '../../lib/digest.js';

/**
 * Whether a request that changes something was sent by one of our own pages: the browser says so where it says
 * anything, and the token of the session (which no other page can read) is there.
 */
export function isOwnRequest(req: Request, token: string | null): boolean {
  const site = req.get('Sec-Fetch-Site');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  const origin = req.get('Origin');
  if (site === undefined && origin !== undefined && hostOf(origin) !== req.get('Host')) return false;
  const body: unknown = req.body;
  const field = typeof body === 'object' && body !== null && '_csrf' in body ? body._csrf : undefined;
  const given = req.get('X-CSRF-Token') ?? field;
  return token !== null && typeof given === 'string' && sameText(given, token);
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
