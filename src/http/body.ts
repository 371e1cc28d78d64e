import { isUtf8 } from 'node:buffer';
import express, { type RequestHandler } from 'express';
import { GatewayError } from '../lib/errors.js';

const MAX_BODY = '64kb';
const MAX_IMPORT = '2mb';
const JSON_TYPE = 'application/json';
const TABLE_TYPES = ['text/csv', 'text/plain'];

/**
 * Of what a program cuts in the middle of an emoji JSON keeps half a letter (`\ud83d`). Events that repeat it are JSON that
 * neither PHP nor PostgreSQL reads, nor Redis where its scripts do.
 */
export const wholeLetters = (_key: string, value: unknown): unknown =>
  typeof value === 'string' ? value.toWellFormed() : value;

/** Reads what is sent to `/v1`: JSON, or nothing. */
export const jsonBody = (): RequestHandler[] => [
  express.json({ limit: MAX_BODY, verify: refuseGarbled, reviver: wholeLetters }),
  refuseUnread([JSON_TYPE]),
];

/** Reads an import, which may be larger and a table. */
export const importBody = (): RequestHandler[] => [
  express.json({ limit: MAX_IMPORT, verify: refuseGarbled, reviver: wholeLetters }),
  express.text({ limit: MAX_IMPORT, type: TABLE_TYPES, verify: refuseGarbled }),
  refuseUnread([JSON_TYPE, ...TABLE_TYPES]),
];

/** Decoding would put U+FFFD in the place of what is not UTF-8: a label that says nothing any more, and no error. */
function refuseGarbled(_req: unknown, _res: unknown, body: Buffer, charset: string): void {
  if (charset !== 'utf-8' || isUtf8(body)) return;
  throw new GatewayError(
    'GW_ERR_UNSUPPORTED_MEDIA_TYPE',
    'the body is not UTF-8; a table may name its own character set, like "text/csv; charset=windows-1251"',
  );
}

/** The readers pass over other types. Whoever sent one has asked for something: to go on as if he had not would do another thing. */
function refuseUnread(types: readonly string[]): RequestHandler {
  return (req, res, next) => {
    const sent = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length']) > 0;
    if (!sent || req.body !== undefined) {
      next();
      return;
    }
    // RFC 9110, section 15.5.16.
    res.setHeader('Accept', types.join(', '));
    throw new GatewayError(
      'GW_ERR_UNSUPPORTED_MEDIA_TYPE',
      `send the body as ${types.join(' or ')}, and say so by Content-Type`,
    );
  };
}
