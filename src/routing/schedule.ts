import { WEEKDAYS, type ScheduleConfig } from '../config/schema.js';

/** A moment as the wall clock of a place shows it. */
interface LocalTime {
  /** `2027-01-01` */
  day: string;
  weekday: (typeof WEEKDAYS)[number];
  /** Since midnight, by the clock on the wall. */
  minutes: number;
}

/** Whether `schedule` is open at `at` (ms since the epoch) in `timeZone`. Holidays close, exceptions replace the week. */
export function isOpen(schedule: ScheduleConfig, timeZone: string, at: number): boolean {
  const { day, weekday, minutes } = localTime(timeZone, at);
  const exception = schedule.exceptions[day];
  if (!exception && schedule.holidays.includes(day)) return false;
  return (exception ?? schedule.weekly[weekday]).some((range) => {
    const [from = 0, to = 0] = range.split('-').map(minutesOf);
    return minutes >= from && minutes < to;
  });
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

const clocks = new Map<string, Intl.DateTimeFormat>();

/** Intl knows the daylight saving of every zone; a clock of its own is made once a zone, since making one is slow. */
function localTime(timeZone: string, at: number): LocalTime {
  let clock = clocks.get(timeZone);
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    clocks.set(timeZone, clock);
  }
  const parts = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, value]));
  const day = `${parts['year'] ?? ''}-${parts['month'] ?? ''}-${parts['day'] ?? ''}`;
  // A day's name depends on the day alone.
  const weekday = WEEKDAYS[(new Date(`${day}T12:00:00Z`).getUTCDay() + 6) % 7] ?? 'mon';
  return { day, weekday, minutes: Number(parts['hour']) * 60 + Number(parts['minute']) };
}
