import type { Request } from 'express';
import { z } from 'zod';
import { GatewayError } from '../lib/errors.js';

/** The body as `schema` has it; anything odd is GW_ERR_BAD_REQUEST with every field that is wrong. */
export const readBody = <T extends z.ZodType>(req: Request, schema: T): z.output<T> =>
  read(req.body ?? {}, schema, 'the body');

/** The same for the query. */
export const readQuery = <T extends z.ZodType>(req: Request, schema: T): z.output<T> =>
  read(req.query, schema, 'the query');

function read<T extends z.ZodType>(value: unknown, schema: T, what: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) =>
    path.length > 0 ? `"${path.join('.')}": ${message}` : `${what}: ${message}`,
  );
  throw new GatewayError('GW_ERR_BAD_REQUEST', wrong.join('; ').slice(0, MAX_DETAIL));
}

/** Names of unknown fields are repeated, whatever their length. */
const MAX_DETAIL = 1_000;
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

const cursor = z
  .string()
  .regex(/^[\w.:~+/=-]{1,256}$/, 'a cursor as given in "next"')
  .optional();
const limit = z
  .string()
  .regex(/^\d{1,4}$/, `a whole number from 1 to ${MAX_LIMIT}`)
  .transform(Number)
  .pipe(
    z
      .number()
      .min(1)
      .max(MAX_LIMIT, { error: `a whole number from 1 to ${MAX_LIMIT}` }),
  )
  .optional();

const since = z.iso.datetime({ offset: true, error: 'a time like "2026-11-21T10:00:00Z"' }).optional();

/** What a list that is read page by page takes. */
export const pageQuery = (cursorName: string) => z.object({ [cursorName]: cursor, limit });

export const feedQuery = pageQuery('after').extend({ since });

/** Reads `?after=&limit=&since=`; `since` in ms since the epoch. A cursor says more than a time: both are an error. */
export function readFeed(req: Request): { cursor: string | null; limit: number; since: number | null } {
  const page = readPage(req, 'after');
  const parsed = since.safeParse(req.query['since']);
  if (!parsed.success)
    throw new GatewayError('GW_ERR_BAD_REQUEST', '"since" must be a time like "2026-11-21T10:00:00Z"');
  if (parsed.data !== undefined && page.cursor !== null) {
    throw new GatewayError('GW_ERR_BAD_REQUEST', 'give "after" or "since", not both');
  }
  return { ...page, since: parsed.data === undefined ? null : Date.parse(parsed.data) };
}

/** Reads `?<cursorName>=&limit=`; anything odd is GW_ERR_BAD_REQUEST with every parameter that is wrong. */
export function readPage(req: Request, cursorName: string): { cursor: string | null; limit: number } {
  const parsed = pageQuery(cursorName).safeParse(req.query);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `"${issue.path.join('.')}" must be ${issue.message}`);
    throw new GatewayError('GW_ERR_BAD_REQUEST', wrong.join('; '));
  }
  const given = parsed.data[cursorName];
  return { cursor: typeof given === 'string' ? given : null, limit: Number(parsed.data['limit'] ?? DEFAULT_LIMIT) };
}
