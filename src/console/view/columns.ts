/** Columns of the list of calls, in their order. */
export const COLUMN_NAMES = [
  'startedAt',
  'caller',
  'tracking',
  'site',
  'source',
  'campaign',
  'keyword',
  'verdict',
  'disposition',
  'ring',
  'talk',
  'target',
  'trunk',
  'recording',
  'tags',
] as const;
export type ColumnName = (typeof COLUMN_NAMES)[number];

/**
 * How a cell is set: figures; a time or a number, in one line; somebody's number, in one line, and his name behind it; what may
 * be one long word, and is broken anywhere.
 */
export const COLUMN_KINDS: Readonly<Partial<Record<ColumnName, 'num' | 'when' | 'who' | 'free'>>> = {
  startedAt: 'when',
  tracking: 'when',
  caller: 'who',
  source: 'free',
  campaign: 'free',
  keyword: 'free',
  ring: 'num',
  talk: 'num',
};

const SHOWN_AT_FIRST: readonly ColumnName[] = [
  'startedAt',
  'caller',
  'tracking',
  'source',
  'verdict',
  'disposition',
  'talk',
  'target',
  'tags',
];

/** What the cookie remembers; the usual ones where it says nothing that makes sense. */
export function columnsOf(cookie: string | null): ColumnName[] {
  const chosen = new Set((cookie ?? '').slice(0, 300).split('.'));
  const shown = COLUMN_NAMES.filter((name) => chosen.has(name));
  return shown.length > 0 ? shown : [...SHOWN_AT_FIRST];
}
