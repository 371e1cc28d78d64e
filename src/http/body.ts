import express, { type RequestHandler } from 'express';
import { GatewayError } from '../lib/errors.js';

const MAX_BODY = '64kb';
const MAX_IMPORT = '2mb';
const JSON_TYPE = 'application/json';
const TABLE_TYPES = ['text/csv', 'text/plain'];

/** Reads what is sent to `/v1`: JSON, or nothing. */
export const jsonBody = (): RequestHandler[] => [express.json({ limit: MAX_BODY }), refuseUnread([JSON_TYPE])];

/** Reads an import, which may be larger and a table. */
export const importBody = (): RequestHandler[] => [
  express.json({ limit: MAX_IMPORT }),
  express.text({ limit: MAX_IMPORT, type: TABLE_TYPES }),
  refuseUnread([JSON_TYPE, ...TABLE_TYPES]),
];

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
