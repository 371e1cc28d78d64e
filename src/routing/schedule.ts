import { WEEKDAYS, type ScheduleConfig } from '../config/schema.js';
import { localIso, offsetAt } from '../lib/local-time.js';

/** A moment as the wall clock of a place shows it. */
interface LocalTime {
  /** `2027-01-01` */
  day: string;
  weekday: (typeof WEEKDAYS)[number];
  /** Since midnight, by the clock on the wall. */
  minutes: number;
}

/** From and to, in minutes since midnight by the clock on the wall. */
type Hours = readonly (readonly [number, number])[];

/** Whether `schedule` is open at `at` (ms since the epoch) in `timeZone`. Holidays close, exceptions replace the week. */
export function isOpen(schedule: ScheduleConfig, timeZone: string, at: number): boolean {
  const local = localTime(timeZone, at);
  return isWithin(hoursOf(schedule, local), local.minutes);
}

/**
 * For how long `schedule` was open between `from` and `to` (ms since the epoch) in `timeZone`: real time, so that an hour that
 * the clock skips counts for nothing and one that it repeats twice. Once it is more than `enough` nothing further is counted.
 */
export function openMs(
  schedule: ScheduleConfig,
  timeZone: string,
  from: number,
  to: number,
  enough = Number.POSITIVE_INFINITY,
): number {
  let open = 0;
  for (let at = from; at < to && open <= enough;) {
    const local = localTime(timeZone, at);
    const hours = hoursOf(schedule, local);
    const until = Math.min(to, steadyUntil(hours, timeZone, at, local));
    if (isWithin(hours, local.minutes)) open += until - at;
    at = until;
  }
  return open;
}

function hoursOf({ weekly, holidays, exceptions }: ScheduleConfig, { day, weekday }: LocalTime): Hours {
  const exception = exceptions[day];
  if (!exception && holidays.includes(day)) return [];
  return (exception ?? weekly[weekday]).map((range) => {
    const [from = 0, to = 0] = range.split('-').map(minutesOf);
    return [from, to];
  });
}

const isWithin = (hours: Hours, minutes: number): boolean =>
  hours.some(([from, to]) => minutes >= from && minutes < to);

/** The next moment behind `at` at which hours begin or end, the day is over, or the clocks are changed. */
function steadyUntil(hours: Hours, timeZone: string, at: number, { minutes }: LocalTime): number {
  const edge = Math.min(MINUTES_A_DAY, ...hours.flat().filter((one) => one > minutes));
  const first = Math.floor(at / MINUTE_MS);
  const last = first + edge - minutes;
  const leadOf = (minute: number): number => offsetAt(minute * MINUTE_MS, timeZone);
  const lead = leadOf(first);
  if (leadOf(last) === lead) return last * MINUTE_MS;
  let [before, behind] = [first, last];
  while (behind - before > 1) {
    const middle = Math.floor((before + behind) / 2);
    if (leadOf(middle) === lead) before = middle;
    else behind = middle;
  }
  return behind * MINUTE_MS;
}

/** Whether it is ever open from `now` (ms since the epoch) on, wherever its site is; what is past opens no more. */
export function opensAgain({ weekly, exceptions }: ScheduleConfig, now: number): boolean {
  // A day earlier it may still be yesterday somewhere.
  const earliest = new Date(now - 86_400_000).toISOString().slice(0, 10);
  const toCome = Object.entries(exceptions).filter(([day]) => day >= earliest);
  return [...Object.values(weekly), ...toCome.map(([, hours]) => hours)].some((hours) => hours.length > 0);
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

const MINUTE_MS = 60_000;
const MINUTES_A_DAY = 1440;

function localTime(timeZone: string, at: number): LocalTime {
  const local = localIso(at, timeZone);
  const day = local.slice(0, 10);
  // A day's name depends on the day alone.
  const weekday = WEEKDAYS[(new Date(`${day}T12:00:00Z`).getUTCDay() + 6) % 7] ?? 'mon';
  return { day, weekday, minutes: minutesOf(local.slice(11, 16)) };
}
