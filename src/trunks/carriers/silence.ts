import type { ScheduleConfig, TrunkConfig } from '../../config/schema.js';
import { openMs } from '../../routing/schedule.js';

/** After how long without a call something is wrong with a trunk. */
interface SilenceRule {
  /** ms. */
  after: number;
  /** Counted only while these are open; null: day and night. */
  hours: { schedule: ScheduleConfig; timeZone: string } | null;
}

/** Further back than this nobody looks: hours that open so seldom say nothing. */
const MOST_LOOKED_BACK_MS = 400 * 86_400_000;

/** Whether a trunk has been silent for too long. Times in ms since the epoch. */
export class Silence {
  readonly #sinceHeard: Lapse;
  readonly #sinceStart: Lapse;

  constructor(rule: SilenceRule) {
    this.#sinceHeard = new Lapse(rule);
    this.#sinceStart = new Lapse(rule);
  }

  /**
   * A gateway that has just started does not know yet (null); that it has started is no sign of life of the carrier's.
   * @param heardAt when the last call came; undefined where none is known of
   */
  isTooLong(heardAt: number | undefined, startedAt: number, now: number): boolean | null {
    if (heardAt !== undefined && !this.#sinceHeard.isOver(heardAt, now)) return false;
    return this.#sinceStart.isOver(startedAt, now) ? true : null;
  }
}

/** Asked every second, through nights of weeks: each time is counted once. */
class Lapse {
  #since = Number.NaN;
  #countedTo = 0;
  #open = 0;

  constructor(private readonly rule: SilenceRule) {}

  isOver(since: number, now: number): boolean {
    const { after, hours } = this.rule;
    if (now - since <= after || !hours) return now - since > after;
    if (since !== this.#since) {
      this.#since = since;
      this.#countedTo = Math.max(since, now - MOST_LOOKED_BACK_MS);
      this.#open = 0;
    }
    if (this.#open <= after && now > this.#countedTo) {
      this.#open += openMs(hours.schedule, hours.timeZone, this.#countedTo, now, after - this.#open);
      this.#countedTo = now;
    }
    return this.#open > after;
  }
}

/** null for a trunk whose silence means nothing. */
export function silenceOf({ inbound }: TrunkConfig, schedules: readonly ScheduleConfig[]): Silence | null {
  if (inbound?.silence === undefined) return null;
  const { after, ...rest } = inbound.silence;
  if (!('during' in rest)) return new Silence({ after, hours: null });
  const schedule = schedules.find(({ id }) => id === rest.during);
  // The configuration check has made sure that there is one.
  return new Silence({ after, hours: schedule ? { schedule, timeZone: rest.timezone } : null });
}
