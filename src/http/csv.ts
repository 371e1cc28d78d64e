import type { Call } from '../call/call.js';

/** One row of RFC 4180. */
export const csvRow = (cells: readonly string[]): string => `${cells.map(cell).join(',')}\r\n`;

/**
 * A spreadsheet takes a text that begins like this for a formula, and callers choose their names and tags of links
 * theirs: an apostrophe in front makes it a text again.
 */
const FORMULA = /^[\s]*[=+\-@\t\r]/;

function cell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Without its plus, which would make it a formula. */
const digits = (number: string | null): string => number?.replace(/^\+/, '') ?? '';

/** What a row may hold, by the name of the column. */
const COLUMNS = {
  id: ({ id }) => id,
  startedAt: ({ startedAt }) => startedAt,
  site: ({ site }) => site,
  caller: ({ caller }) => (caller.withheld ? 'withheld' : digits(caller.number)),
  callerName: ({ caller }) => caller.name,
  trackingNumber: ({ trackingNumber }) => digits(trackingNumber),
  disposition: ({ disposition }) => disposition,
  lossReason: ({ lossReason }) => lossReason,
  ringSeconds: ({ durations }) => String(durations.ringSeconds),
  talkSeconds: ({ durations }) => String(durations.talkSeconds),
  answeredBy: ({ legs }) => legs.find(({ result }) => result === 'answered')?.target ?? null,
  verdict: ({ attribution }) => attribution.verdict,
  confidence: ({ attribution }) => String(attribution.confidence),
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
  handledAt: ({ handled }) => handled?.at ?? null,
  handledBy: ({ handled }) => handled?.by ?? null,
} satisfies Record<string, (call: Call) => string | null>;

export type CallColumn = keyof typeof COLUMNS;
export const CALL_COLUMNS = Object.keys(COLUMNS) as CallColumn[];

export const csvOfCall = (call: Call, columns: readonly CallColumn[]): string =>
  csvRow(columns.map((column) => COLUMNS[column](call) ?? ''));
