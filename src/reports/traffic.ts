/** What one limit was asked for in one hour, as measured. */
export interface TrafficHour {
  /** Start of the hour, ms since the epoch. */
  at: number;
  /** Calls that wanted a channel, those refused included. */
  attempts: number;
  /** Full by our own count: never dialled. */
  refusedHere: number;
  /** The far end said that it was full. */
  refusedThere: number;
  /** Time for which channels were held, all of them together. */
  carriedSeconds: number;
  /** In force at the end of the hour; null: none; undefined: nobody asked anew in this hour, it was the one before. */
  limit: number | null | undefined;
}

/** Traffic of one hour, or of several together, in the words of traffic theory. */
export interface OfferedTraffic {
  carriedErlang: number;
  /** Share of the attempts that found no channel, 0 to 1. */
  blocking: number;
  /** Mean time for which a channel was held; null where none was. */
  meanHoldingSeconds: number | null;
  offeredErlang: number;
  /** Which of the two rules gave `offeredErlang`. */
  rule: 'carried / (1 - blocking)' | 'attempts x mean holding time';
}

/** Where every attempt was refused nobody knows how long the talks would have been: three minutes, as is usual. */
const ASSUMED_HOLDING_SECONDS = 180;

/**
 * The rule by which offered traffic is measured; it stands here and nowhere else.
 *
 * Offered = carried / (1 - blocking): the refused calls would have been as long as those that came through. Where all
 * were refused nothing was carried, and it is attempts × the mean holding time (`holdingSeconds`, of a longer period
 * where there is one). A caller who tries again counts again: with much blocking this is an upper estimate.
 *
 * @param seconds length of the period in which this was measured
 */
export function offeredTraffic(
  measured: Pick<TrafficHour, 'attempts' | 'refusedHere' | 'refusedThere' | 'carriedSeconds'>,
  seconds: number,
  holdingSeconds: number | null = null,
): OfferedTraffic {
  const refused = Math.min(measured.attempts, measured.refusedHere + measured.refusedThere);
  const accepted = measured.attempts - refused;
  const carriedErlang = measured.carriedSeconds / seconds;
  const blocking = measured.attempts > 0 ? refused / measured.attempts : 0;
  const meanHoldingSeconds = accepted > 0 ? measured.carriedSeconds / accepted : null;
  if (refused > 0 && accepted === 0) {
    const holding = holdingSeconds ?? ASSUMED_HOLDING_SECONDS;
    const offeredErlang = (measured.attempts * holding) / seconds;
    return { carriedErlang, blocking, meanHoldingSeconds, offeredErlang, rule: 'attempts x mean holding time' };
  }
  const offeredErlang = carriedErlang / (1 - blocking);
  return { carriedErlang, blocking, meanHoldingSeconds, offeredErlang, rule: 'carried / (1 - blocking)' };
}

/** Several hours as one. */
export function sumTraffic(hours: readonly TrafficHour[]): Omit<TrafficHour, 'at' | 'limit'> {
  const total = { attempts: 0, refusedHere: 0, refusedThere: 0, carriedSeconds: 0 };
  for (const hour of hours) {
    total.attempts += hour.attempts;
    total.refusedHere += hour.refusedHere;
    total.refusedThere += hour.refusedThere;
    total.carriedSeconds += hour.carriedSeconds;
  }
  return total;
}
