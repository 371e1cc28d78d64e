import type { Request } from 'express';
import { z } from 'zod';
import { SUBSCRIPTION_PATTERNS, unknownPatterns } from '../events/subscriptions.js';
import { E164 } from '../lib/e164.js';
import { GatewayError } from '../lib/errors.js';

/** The body as `schema` has it; anything odd is GW_ERR_BAD_REQUEST with every field that is wrong. */
export const readBody = <T extends z.ZodType>(req: { body?: unknown }, schema: T): z.output<T> =>
  read(req.body ?? {}, schema, 'the body');

/** The same for the query. */
export const readQuery = <T extends z.ZodType>(req: { query: unknown }, schema: T): z.output<T> =>
  read(req.query, schema, 'the query');

/** A whole number as queries write it, in digits; OpenAPI calls it an integer. */
export function wholeNumber(minimum: number, maximum: number) {
  const error = `a whole number from ${minimum} to ${maximum}`;
  return z
    .string({ error })
    .regex(/^\d{1,6}$/, error)
    .transform(Number)
    .pipe(z.number().min(minimum, error).max(maximum, error))
    .meta({ type: 'integer', minimum, maximum });
}

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
/** Ids of sites repeated in an answer. */
const MAX_NAMED = 20;
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
const MAX_WAIT_SECONDS = 30;
const CLOCK_SKEW_MS = 300_000;

const CURSOR_FORM = 'a cursor as given in "next"';
const cursor = z
  .string()
  .regex(/^[\w.:~+/=-]{1,256}$/, CURSOR_FORM)
  .optional();
/** Who has no cursor yet writes none behind `after=`. */
const after = z
  .string()
  .regex(/^[\w.:~+/=-]{0,256}$/, CURSOR_FORM)
  .optional()
  .describe('`next` of the answer before; the oldest that is kept when left out or empty');
const limit = wholeNumber(1, MAX_LIMIT).default(DEFAULT_LIMIT).describe(`${DEFAULT_LIMIT} when left out`);

export const configId = z.string().regex(/^[\w.-]{1,64}$/, 'an id of the configuration');
/** In a query a plus that is not encoded is a space. */
export const e164InQuery = z.string().regex(E164, 'a number in E.164, like "%2B79160000001"');

/** ms since the epoch. */
export const moment = z.iso
  .datetime({ offset: true, error: 'a time like "2026-11-21T10:00:00Z"' })
  .transform((text) => Date.parse(text));
const types = z
  .string()
  .max(1024)
  .transform((text) => text.split(','))
  .refine((patterns) => unknownPatterns(patterns).length === 0, {
    error: `types of events with commas between them, of ${SUBSCRIPTION_PATTERNS.join(', ')}`,
  })
  .optional()
  .describe('Like `call.missed,recording.*`; all when left out');
const site = configId.optional().describe('Events of this site only: of its calls and of its pool');
const wait = wholeNumber(0, MAX_WAIT_SECONDS)
  .optional()
  .describe('How long to wait for an event where there is none, s');

/** What a list that is read page by page takes. */
export const page = { cursor, limit };

export const feedQuery = z.strictObject({
  after,
  since: moment.optional().describe('In the place of `after`: what was written from then on'),
  limit,
  types,
  site,
  wait,
});
export const liveQuery = z.strictObject({ types: types.describe('`call.*,recording.*` when left out'), site });
export const eventExportQuery = z.strictObject({
  from: moment
    .optional()
    .describe('When it was written, which is a moment after its `timestamp`; the oldest that is kept when left out'),
  to: moment.optional().describe('Exclusive; now when left out'),
  types,
  site,
});
export const callExportQuery = z.strictObject({
  from: moment.optional().describe('Of the beginning of the call; the oldest that is kept when left out'),
  to: moment.optional().describe('Exclusive; now when left out'),
  site: site.describe('Calls of this site only'),
});

/**
 * The rule for every `site` that is asked for or told: one of the configuration, and one that the asker may see.
 * @param known those that he may see
 * @throws GatewayError GW_ERR_BAD_REQUEST, the same for a site that is none and for one that is not his
 */
export function demandSite(site: string, known: readonly string[]): void {
  if (known.includes(site)) return;
  const more = known.length > MAX_NAMED ? ', …' : '';
  const names = known.slice(0, MAX_NAMED).join(', ');
  throw new GatewayError('GW_ERR_BAD_REQUEST', `"site" must be one of ${names}${more}`);
}

/** Reads what the feed is asked; times in ms. A cursor says more than a time: both are an error. */
export function readFeed(req: Request, now: number) {
  const { after: given, since = null, limit, wait: seconds = 0, ...wanted } = readQuery(req, feedQuery);
  const after = given === undefined || given === '' ? null : given;
  if (since !== null && after !== null)
    throw new GatewayError('GW_ERR_BAD_REQUEST', 'give "after" or "since", not both');
  demandPast('since', since, now);
  return { cursor: after, since, limit, waitMs: seconds * 1000, ...wanted };
}

/** @throws GatewayError GW_ERR_BAD_REQUEST for a beginning that is still to come, ms since the epoch; null: the oldest */
export function demandPast(name: string, at: number | null, now: number): void {
  if (at !== null && at > now + CLOCK_SKEW_MS)
    throw new GatewayError('GW_ERR_BAD_REQUEST', `"${name}" lies in the future`);
}

/** @throws GatewayError GW_ERR_BAD_REQUEST where nothing can lie between, ms since the epoch; null: open on this side */
export function demandOrder(from: number | null, to: number | null): void {
  if (from !== null && to !== null && from >= to)
    throw new GatewayError('GW_ERR_BAD_REQUEST', '"from" must be before "to"', { refusal: { reason: 'order' } });
}
