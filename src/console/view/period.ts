import type { Visit } from '../visit.js';

const HOUR_MS = 3_600_000;
/** What may be asked for, in hours. */
export const PERIODS = { day: 24, week: 168, month: 720 } as const;
export type Period = keyof typeof PERIODS;

/** The period of the address, up to the end of this hour. */
export function periodOf(visit: Visit, now: number): { period: Period; from: number; to: number } {
  const asked = visit.query('period');
  const period = asked !== undefined && Object.hasOwn(PERIODS, asked) ? (asked as Period) : 'day';
  const to = Math.ceil(now / HOUR_MS) * HOUR_MS;
  return { period, from: to - PERIODS[period] * HOUR_MS, to };
}
