import type { Request } from 'express';
import { z } from 'zod';
import { timeZone } from '../config/words.js';
import { GatewayError } from '../lib/errors.js';
import { startOfDay } from '../lib/local-time.js';
import type { Bucket } from '../reports/buckets.js';
import { configId, demandOrder, demandSite } from './query.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MAX_DAYS = 92;
/** A row a minute: two days are 2,880 of them for each limit. */
const MAX_MINUTES_DAYS = 2;

const moment = z.union([z.iso.datetime({ offset: true }), z.iso.date()], {
  error: 'a time like "2026-11-21T10:00:00Z" or a day like "2026-11-21"',
});

/** What reports may be asked; each of them takes some of it. */
export const reportQuery = z.strictObject({
  from: moment.optional(),
  to: moment.optional(),
  timezone: timeZone.optional(),
  bucket: z.enum(['minute', 'hour', 'day'], 'one of "minute", "hour", "day"').optional(),
  site: configId.optional(),
  target: configId.optional(),
  kind: z
    .enum(
      ['trunk-in', 'trunk-out', 'trunk', 'destination', 'line'],
      'one of "trunk-in", "trunk-out", "trunk", "destination", "line"',
    )
    .optional(),
  id: configId.optional(),
  chance: z
    .string()
    .regex(/^0?\.\d{1,6}$/, 'a share like "0.99"')
    .transform(Number)
    .pipe(z.number().min(0.5, 'a share of 0.5 and more, under 1'))
    .optional(),
});

export const timeZoneQuery = reportQuery.pick({ timezone: true });

type Parameter = keyof z.output<typeof reportQuery>;

export interface ReportQuery {
  /** ms since the epoch, `to` exclusive. */
  from: number;
  to: number;
  timeZone: string;
  bucket: Bucket;
  site: string | null;
  target: string | null;
  kind: string | null;
  id: string | null;
  /** Of finding a number free. */
  chance: number | null;
}

interface Allowed {
  parameters: readonly Parameter[];
  buckets: readonly Bucket[];
  /** What is looked at where nothing is said. */
  defaultDays: number;
  sites: readonly { id: string; timezone: string }[];
  now: number;
}

/** Reads a report's query; anything odd is GW_ERR_BAD_REQUEST with every parameter that is wrong. */
export function readReportQuery(req: Request, allowed: Allowed): ReportQuery {
  const parsed = reportQuery.safeParse(req.query);
  if (!parsed.success) throw bad(describe(parsed.error, allowed.parameters));
  const given = parsed.data;
  const foreign = Object.keys(given).filter((key) => !allowed.parameters.some((known) => known === key));
  if (foreign.length > 0) throw bad(unknown(foreign, allowed.parameters));
  if (given.site !== undefined)
    demandSite(
      given.site,
      allowed.sites.map(({ id }) => id),
    );
  const site = allowed.sites.find(({ id }) => id === given.site);
  const bucket = given.bucket ?? 'hour';
  if (!allowed.buckets.includes(bucket)) throw bad(`"bucket" must be one of ${allowed.buckets.join(', ')}`);
  const zone = given.timezone ?? zoneOf(site ? [site] : allowed.sites);
  return {
    ...periodOf(given, zone, bucket, allowed),
    timeZone: zone,
    bucket,
    site: given.site ?? null,
    target: given.target ?? null,
    kind: given.kind ?? null,
    id: given.id ?? null,
    chance: given.chance ?? null,
  };
}

/** The time zone of all sites, where they have one in common. */
function zoneOf(sites: readonly { timezone: string }[]): string {
  const zones = new Set(sites.map(({ timezone }) => timezone));
  return zones.size === 1 ? ([...zones][0] ?? 'UTC') : 'UTC';
}

export function readTimeZone(req: Request, sites: readonly { timezone: string }[]): string {
  const parsed = timeZoneQuery.safeParse(req.query);
  if (!parsed.success) throw bad(describe(parsed.error, ['timezone']));
  return parsed.data.timezone ?? zoneOf(sites);
}

function periodOf(
  given: { from?: string | undefined; to?: string | undefined },
  zone: string,
  bucket: Bucket,
  { defaultDays, now }: Allowed,
): { from: number; to: number } {
  const to = given.to === undefined ? now : momentOf(given.to, zone);
  const from = given.from === undefined ? to - defaultDays * DAY_MS : momentOf(given.from, zone);
  demandOrder(from, to);
  const days = bucket === 'minute' ? MAX_MINUTES_DAYS : MAX_DAYS;
  // Days are days of the place: one on which the clocks are put back is an hour longer.
  if (to - from > days * DAY_MS + HOUR_MS) throw bad(`"from" to "to" must be at most ${days} days with this bucket`);
  if (from < now - (MAX_DAYS + 1) * DAY_MS)
    throw bad(`"from" must be within the last ${MAX_DAYS} days: nothing older is kept`);
  if (bucket === 'minute') return { from, to };
  return { from: hourOf(given.from, from), to: hourOf(given.to, to) };
}

/**
 * A day has the hours that begin in it: where the clocks differ from UTC by half an hour, the one over midnight is not of
 * both days.
 */
const hourOf = (given: string | undefined, at: number): number =>
  given !== undefined && isDay(given) ? Math.ceil(at / HOUR_MS) * HOUR_MS : at;

const isDay = (text: string): boolean => text.length === 10;

/** A day is its beginning in the time zone asked for. */
function momentOf(text: string, zone: string): number {
  return isDay(text) ? startOfDay(text, zone) : Date.parse(text);
}

function describe(error: z.ZodError, parameters: readonly string[]): string {
  return error.issues
    .map((issue) =>
      issue.code === 'unrecognized_keys'
        ? unknown(issue.keys, parameters)
        : `"${issue.path.join('.')}" must be ${issue.message}`,
    )
    .join('; ');
}

const unknown = (keys: readonly string[], parameters: readonly string[]): string =>
  `unknown: ${keys.map((key) => `"${key.slice(0, 40)}"`).join(', ')}; there are ${parameters.join(', ')}`;

const bad = (detail: string): GatewayError => new GatewayError('GW_ERR_BAD_REQUEST', detail);
