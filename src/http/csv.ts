import type { Call } from '../call/call.js';
import { localIso } from '../lib/local-time.js';

/** How a table is written. */
export interface CsvManner {
  separator: ',' | ';';
  /** Between whole and broken numbers: with another one than his own Excel makes dates of them. */
  decimal: '.' | ',';
  /** At whose clocks times are told, by date and time apart; null: ISO 8601 in UTC. */
  timeZone: string | null;
  /** Without it Excel reads UTF-8 as something else. */
  byteOrderMark: boolean;
}

/** RFC 4180. */
export const CSV_FOR_PROGRAMS: CsvManner = { separator: ',', decimal: '.', timeZone: null, byteOrderMark: false };

/**
 * A spreadsheet takes a text that begins like this for a formula, and callers choose their names and tags of links
 * theirs: an apostrophe in front makes it a text again. It may also cut at another separator than ours.
 */
const FORMULA = /(^|[;,\t\r\n])(?=\s*[=+\-@\t\r])/g;

function cell(text: string, separator: string): string {
  const safe = text.replace(FORMULA, "$1'");
  return safe.includes(separator) || /["\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const row = (cells: readonly string[], { separator }: CsvManner): string =>
  `${cells.map((text) => cell(text, separator)).join(separator)}\r\n`;

/** Without its plus, which would make it a formula. */
const digits = (number: string | null): string => number?.replace(/^\+/, '') ?? '';

/** What a row may hold, by the name of the column. */
const COLUMNS = {
  id: ({ id }) => id,
  startedAt: ({ startedAt }) => new Date(startedAt),
  site: ({ site }) => site,
  caller: ({ caller }) => (caller.withheld ? 'withheld' : digits(caller.number)),
  callerName: ({ caller }) => caller.name,
  trackingNumber: ({ trackingNumber }) => digits(trackingNumber),
  disposition: ({ disposition }) => disposition,
  lossReason: ({ lossReason }) => lossReason,
  ringSeconds: ({ durations }) => durations.ringSeconds,
  talkSeconds: ({ durations }) => durations.talkSeconds,
  answeredBy: ({ legs }) => legs.find(({ result }) => result === 'answered')?.target ?? null,
  verdict: ({ attribution }) => attribution.verdict,
  confidence: ({ attribution }) => attribution.confidence,
  rule: ({ attribution }) => attribution.rule,
  session: ({ attribution }) => attribution.session?.id ?? null,
  candidates: ({ attribution }) =>
    attribution.candidates.map(({ sessionId, weight }) => `${sessionId} ${weight}`).join('; '),
  source: ({ attribution: { session, source } }) => session?.utm.source ?? source?.['utm_source'] ?? null,
  medium: ({ attribution: { session, source } }) => session?.utm.medium ?? source?.['utm_medium'] ?? null,
  campaign: ({ attribution: { session, source } }) => session?.utm.campaign ?? source?.['utm_campaign'] ?? null,
  keyword: ({ attribution: { session } }) => session?.keyword ?? session?.utm.term ?? null,
  trunk: ({ trunk }) => trunk,
  route: ({ route }) => route,
  overflowFrom: ({ overflow }) => overflow?.from ?? null,
  recording: ({ recording }) => recording.status,
  tags: ({ tags }) => tags.map(({ name }) => name).join('; '),
  handledAt: ({ handled }) => handled && new Date(handled.at),
  handledBy: ({ handled }) => handled?.by ?? null,
  // The last one: who reads by position finds the others where they were.
  label: ({ attribution: { source } }) => source?.['label'] ?? null,
} satisfies Record<string, (call: Call) => string | number | Date | null>;

export type CallColumn = keyof typeof COLUMNS;
export const CALL_COLUMNS = Object.keys(COLUMNS) as CallColumn[];
const TIMES: ReadonlySet<CallColumn> = new Set(['startedAt', 'handledAt']);

/** The first line of the table. */
export function csvHead(columns: readonly CallColumn[], manner: CsvManner): string {
  const { timeZone, byteOrderMark } = manner;
  const names = columns.map((name) => (timeZone !== null && TIMES.has(name) ? `${name} (${timeZone})` : name));
  return `${byteOrderMark ? '\uFEFF' : ''}${row(names, manner)}`;
}

export const csvOfCall = (call: Call, columns: readonly CallColumn[], manner: CsvManner): string =>
  row(
    columns.map((column) => textOf(COLUMNS[column](call), manner)),
    manner,
  );

function textOf(value: string | number | Date | null, { decimal, timeZone }: CsvManner): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value).replace('.', decimal);
  if (typeof value === 'string') return value;
  if (timeZone === null) return value.toISOString();
  return localIso(value.getTime(), timeZone).slice(0, 19).replace('T', ' ');
}
