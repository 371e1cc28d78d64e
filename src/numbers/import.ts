import { setImmediate as breathe } from 'node:timers/promises';
import { z } from 'zod';
import { sourceTexts } from '../config/words.js';
import { E164 } from '../lib/e164.js';
import type { NewNumber } from './inventory.js';

/** Numbers as people hand them over: rows of a table or of JSON, to be taken as a whole or refused as a whole. */

export const MAX_ROWS = 10_000;
const MAX_ERRORS = 100;
/** Rows judged at once: calls that share this process wait no longer. */
const ROWS_AT_ONCE = 200;
const SOURCE_COLUMN = 'source.';

export interface GivenRow {
  /** 1 is the first row after the header; rows in which nothing stands count, as they do where one looks for it. */
  row: number;
  value: unknown;
}

export interface RowError {
  row: number;
  field: string;
  message: string;
}

/** What the configuration says about what rows may be. */
export interface KnownNames {
  sites: readonly string[];
  routes: readonly string[];
  /** Numbers that we dial ourselves: a call to one that leads to another would go round. */
  destinations: readonly string[];
  /** Shown to everybody for whom no number is free. */
  fallbacks: readonly string[];
}

export interface ReadRows {
  rows: NewNumber[];
  /** Of each of these, where it stood. */
  places: number[];
  /** The first hundred of them. */
  errors: RowError[];
  errorCount: number;
}

const blank = (value: unknown): unknown => (value === '' || value === null ? undefined : value);

export const routeName = z.string().max(64);

const NO_NUMBER = 'a number in E.164, like "+74951111111"';
const PLUS_LOST = `${NO_NUMBER}: a spreadsheet takes the plus away where the column is not text`;

/** One number, as JSON or as a row of CSV; `site` may come from the request. */
export const numberRow = z.strictObject({
  number: z
    .string({ error: NO_NUMBER })
    .trim()
    .regex(E164, { error: ({ input }) => (/^\d{10,15}$/.test(input ?? '') ? PLUS_LOST : NO_NUMBER) }),
  site: z.preprocess(blank, z.string().max(64).optional()),
  kind: z.preprocess(blank, z.enum(['dynamic', 'static'], 'dynamic or static').default('dynamic')),
  route: z.preprocess(blank, routeName.optional()),
  source: z.preprocess(blank, sourceTexts.optional()),
  enabled: z.preprocess(
    (value) =>
      ({ true: true, '1': true, yes: true, false: false, '0': false, no: false })[String(value).toLowerCase()] ??
      blank(value),
    z.boolean('true or false').default(true),
  ),
});

const COLUMNS = ['number', 'site', 'kind', 'route', 'enabled'];

/** What a column is called here, whatever case its author likes; null where it is none. */
export function columnOfTable(name: string): string | null {
  const lower = name.toLowerCase();
  if (COLUMNS.includes(lower)) return lower;
  const isSource = lower.startsWith(SOURCE_COLUMN) && name.length > SOURCE_COLUMN.length;
  return isSource ? SOURCE_COLUMN + name.slice(SOURCE_COLUMN.length) : null;
}

/** Columns `source.<name>` become the texts of `source`. */
export function rowOfTable(columns: Record<string, string>): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  const source: Record<string, string> = {};
  for (const [name, value] of Object.entries(columns)) {
    if (!name.startsWith(SOURCE_COLUMN)) row[name] = value;
    else if (value !== '') source[name.slice(SOURCE_COLUMN.length)] = value;
  }
  return Object.keys(source).length > 0 ? { ...row, source } : row;
}

/** Judges all rows, so that every error is told at once. */
export async function readRows(given: readonly GivenRow[], names: KnownNames, site: string | null): Promise<ReadRows> {
  const rows: NewNumber[] = [];
  const places: number[] = [];
  const errors: RowError[] = [];
  let errorCount = 0;
  const first = new Map<string, number>();
  for (const [index, { row, value }] of given.entries()) {
    if (index % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await breathe();
    const found = judgeRow(value, names, site);
    if (Array.isArray(found)) {
      errorCount += found.length;
      errors.push(...found.map((error) => ({ row, ...error })));
      continue;
    }
    const before = first.get(found.number);
    if (before === undefined) first.set(found.number, row);
    else {
      errorCount += 1;
      errors.push({ row, field: 'number', message: `stands in row ${before} already` });
    }
    rows.push(found);
    places.push(row);
  }
  return { rows, places, errors: errors.slice(0, MAX_ERRORS), errorCount };
}

export const NO_ROUTE = 'names no route of the configuration';

type FieldError = Omit<RowError, 'row'>;

function judgeRow(value: unknown, names: KnownNames, defaultSite: string | null): NewNumber | FieldError[] {
  const parsed = numberRow.safeParse(value);
  if (!parsed.success) {
    return parsed.error.issues.map(({ path, message }) => ({
      field: path.join('.').slice(0, 100),
      message: message.slice(0, 200),
    }));
  }
  const { number, kind, route = null, source = null, enabled } = parsed.data;
  const site = parsed.data.site ?? defaultSite;
  const errors: FieldError[] = [];
  if (names.destinations.includes(number))
    errors.push({ field: 'number', message: 'is a destination of the configuration: its calls would go round' });
  if (kind === 'dynamic' && names.fallbacks.includes(number))
    errors.push({ field: 'kind', message: 'is what everybody sees when no number is free ("pool.fallback"): static' });
  if (site === null) errors.push({ field: 'site', message: 'is needed: in the row, or as "site" of the request' });
  else if (!names.sites.includes(site)) errors.push({ field: 'site', message: 'names no site of the configuration' });
  if (route !== null && !names.routes.includes(route)) errors.push({ field: 'route', message: NO_ROUTE });
  return site === null || errors.length > 0 ? errors : { number, site, kind, route, source, enabled };
}
