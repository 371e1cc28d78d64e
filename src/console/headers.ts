import { randomBytes } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';

export const nonceOf = (res: Response): string => (res.locals as { nonce?: string }).nonce ?? '';

const policy = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    defaultSrc: ["'self'"],
    styleSrc: ["'self'", (_req, res) => `'nonce-${nonceOf(res as Response)}'`],
    imgSrc: ["'self'", 'data:'],
    objectSrc: ["'none'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
});

/** Nothing from elsewhere, nothing inline; the waveform's own style sheet is let in by the nonce. */
export function setPageHeaders(req: Request, res: Response): void {
  const nonce = randomBytes(16).toString('base64');
  (res.locals as { nonce?: string }).nonce = nonce;
  res.setHeader('Cache-Control', 'no-store');
  // With "no-referrer" browsers would not say either which page a form was sent from.
  res.setHeader('Referrer-Policy', 'same-origin');
  policy(req, res, (error: unknown) => {
    if (error instanceof Error) throw error;
  });
}

export const pageHeaders: RequestHandler = (req, res, next) => {
  setPageHeaders(req, res);
  next();
};
