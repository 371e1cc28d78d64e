import type { ScheduleConfig, TrunkConfig } from '../../config/schema.js';
import { openMs } from '../../routing/schedule.js';

/** After how long without a call something is wrong with a trunk. */
export interface SilenceRule {
  /** ms. */
  after: number;
  /** Counted only while these are open; null: day and night. */
  hours: { schedule: ScheduleConfig; timeZone: string } | null;
}

/** Further back than this nobody looks: hours that open so seldom say nothing. */
const MOST_LOOKED_BACK_MS = 400 * 86_400_000;

/** null for a trunk whose silence means nothing. */
export function silenceRuleOf({ inbound }: TrunkConfig, schedules: readonly ScheduleConfig[]): SilenceRule | null {
  if (inbound?.silence === undefined) return null;
  const { after, ...rest } = inbound.silence;
  if (!('during' in rest)) return { after, hours: null };
  const schedule = schedules.find(({ id }) => id === rest.during);
  // The configuration check has made sure that there is one.
  return { after, hours: schedule ? { schedule, timeZone: rest.timezone } : null };
}

/** Whether nothing has come for too long at `now`, the last call having come at `since`; both ms since the epoch. */
export function isTooLong({ after, hours }: SilenceRule, since: number, now: number): boolean {
  if (now - since <= after || !hours) return now - since > after;
  const from = Math.max(since, now - MOST_LOOKED_BACK_MS);
  return openMs(hours.schedule, hours.timeZone, from, now, after) > after;
}
