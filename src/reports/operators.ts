import type { OperatorRow } from '../history/query.js';
import type { CallCount } from './call-counts.js';

/** What came to each line and destination of these sites (null: of all), by name. */
export function operatorsReport(counts: readonly CallCount[], sites: readonly string[] | null): OperatorRow[] {
  const rows = new Map<string, OperatorRow>();
  for (const { key, count } of counts) {
    if (key[0] !== 'leg' || (sites !== null && !sites.includes(key[1]))) continue;
    const [, , kind, target, what] = key;
    const id = `${kind}:${target}`;
    const row = rows.get(id) ?? { kind, target, offered: 0, answered: 0, missed: 0, ringSeconds: 0, talkSeconds: 0 };
    row[what] += count;
    rows.set(id, row);
  }
  const order = (row: OperatorRow): string => `${row.kind === 'line' ? 0 : 1}${row.target}`;
  return [...rows.values()].sort((a, b) => order(a).localeCompare(order(b)));
}
