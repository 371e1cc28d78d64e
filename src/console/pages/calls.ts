import { DISPOSITIONS, LOSS_REASONS, VERDICTS, type Call } from '../../call/call.js';
import type { CallHistory, CallQuery } from '../../history/query.js';
import { demandSense } from '../../http/call-queries.js';
import { sendCallsCsv } from '../../http/calls.js';
import { CALL_COLUMNS, type CsvManner } from '../../http/csv.js';
import { withDeadline } from '../../lib/deadline.js';
import { GatewayError } from '../../lib/errors.js';
import { valueOf } from '../i18n/index.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import { callRow } from '../view/call-row.js';
import { columnsOf } from '../view/columns.js';
import { refusalWords } from '../view/refusal.js';
import { momentOf } from '../view/moment.js';
import type { Visit } from '../visit.js';

const PAGE = 50;
const READ_TIMEOUT_MS = 10_000;

/** The fields of the form, as they stand in the address. */
const FIELDS = [
  'number',
  'from',
  'to',
  'site',
  'disposition',
  'lossReason',
  'tag',
  'source',
  'verdict',
  'trunk',
  'target',
  'minTalk',
  'maxTalk',
] as const;
type Field = (typeof FIELDS)[number];
type Filled = Partial<Record<Field, string>>;

export function callsRoutes(options: Pick<ConsoleOptions, 'history' | 'config' | 'logger'>): Route[] {
  const { history, config, logger } = options;
  return [
    {
      method: 'get',
      path: '/calls',
      needs: 'calls:read',
      handle: (visit) => showCalls(visit, history, config()),
    },
    {
      method: 'get',
      path: '/calls.csv',
      needs: 'calls:export',
      handle: (visit) => {
        const filled = filledIn(visit);
        const query = queryOf(visit, filled);
        const manner = spreadsheetOf(visit, visit.zoneOf(filled.site ?? null));
        return sendCallsCsv(visit.res, { history, query, columns: CALL_COLUMNS, manner, logger });
      },
    },
  ];
}

type Config = ReturnType<ConsoleOptions['config']>;

async function showCalls(visit: Visit, history: CallHistory, config: Config): Promise<void> {
  const filled = filledIn(visit);
  const found = await search(visit, history, filled);
  const columns = columnsOf(visit.parts.cookies.get('columns'));
  const zone = visit.zoneOf(filled.site ?? null);
  const data = {
    ...found,
    columns,
    filled,
    // On narrow pages the fields behind the first one are folded up where they say nothing.
    filtered: FIELDS.some((field) => field !== 'number' && filled[field] !== undefined),
    zone,
    short: isShort(filled.number),
    rows: found.calls.map((call) => callRow(visit, call, zone)),
    older: found.next === null ? null : addressOf({ ...filled, cursor: found.next }),
    csv: visit.may('calls:export') ? `/calls.csv?${new URLSearchParams(filled).toString()}` : null,
    choices: {
      site: visit.sites.map(({ id }) => id),
      disposition: DISPOSITIONS,
      lossReason: LOSS_REASONS,
      verdict: VERDICTS,
      trunk: config.trunks.map(({ id }) => id),
      target: [...config.destinations, ...config.lines].map(({ id }) => id),
    },
  };
  if (!visit.partial) visit.page('calls', data);
  // "Show older" adds rows to the table; a search changes all of it.
  else visit.page(visit.query('cursor') === undefined ? 'parts/calls-found' : 'parts/calls-rows', data);
}

/** As the Excel of somebody who reads this language opens it: by a double click, with what separates there. */
function spreadsheetOf({ parts: { language } }: Visit, timeZone: string): CsvManner {
  const comma = language !== 'en';
  return { separator: comma ? ';' : ',', decimal: comma ? ',' : '.', timeZone, byteOrderMark: true };
}

/** What was found; where the question makes no sense, nothing, and why. */
async function search(visit: Visit, history: CallHistory, filled: Filled) {
  const nothing = { calls: [] as Call[], next: null, approximateTotal: 0 };
  try {
    const query = queryOf(visit, filled);
    const cursor = visit.query('cursor') ?? null;
    const page = await withDeadline(history.search({ ...query, cursor, limit: PAGE }), READ_TIMEOUT_MS, 'a search');
    return { ...page, wrong: null };
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'GW_ERR_BAD_REQUEST') throw error;
    // In the place of older rows it would look as if there were none.
    if (visit.partial && visit.query('cursor') !== undefined) throw error;
    return { ...nothing, wrong: refusalWords(visit, error) ?? visit.t('calls.wrong', { what: error.message }) };
  }
}

function filledIn(visit: Visit): Filled {
  const filled: Filled = {};
  for (const field of FIELDS) {
    const value = visit.query(field)?.slice(0, 200);
    if (value !== undefined) filled[field] = value;
  }
  return filled;
}

const addressOf = (fields: Record<string, string>): string => `/calls?${new URLSearchParams(fields).toString()}`;

function queryOf(visit: Visit, filled: Filled): Omit<CallQuery, 'limit' | 'cursor'> {
  const { site, number, tag, source, trunk, target } = filled;
  // A site that one may not see is one that has no calls.
  const sites = site === undefined ? visit.siteScope : visit.sees(site) ? [site] : [];
  const zone = visit.zoneOf(site ?? null);
  const query = {
    sites,
    ...defined({
      ...whoOf(number),
      tag: tag === undefined ? undefined : valueOf('tag', tag),
      source,
      trunk,
      target,
      disposition: oneOf(DISPOSITIONS, filled.disposition),
      lossReason: oneOf(LOSS_REASONS, filled.lossReason),
      verdict: oneOf(VERDICTS, filled.verdict),
      from: momentOf(filled.from, zone),
      to: momentOf(filled.to, zone),
      minTalkSeconds: secondsOf(filled.minTalk),
      maxTalkSeconds: secondsOf(filled.maxTalk),
    }),
  };
  demandSense(query);
  return query;
}

/** One field for both: numbers have no letters. */
function whoOf(typed: string | undefined): Pick<CallQuery, 'number' | 'callerName'> {
  if (typed === undefined) return {};
  return /\p{L}/u.test(typed) ? { callerName: typed } : { number: typed };
}

/** Too few digits to find anybody by. */
const isShort = (typed = ''): boolean =>
  /\d/.test(typed) && !/\p{L}/u.test(typed) && typed.replace(/\D/g, '').length < 3;

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function oneOf<T extends string>(allowed: readonly T[], value: string | undefined): T | undefined {
  if (value === undefined || allowed.includes(value as T)) return value as T | undefined;
  throw new GatewayError('GW_ERR_BAD_REQUEST', value);
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,6}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new GatewayError('GW_ERR_BAD_REQUEST', text);
}
