const formats = new Map<string, Intl.DateTimeFormat>();

/** Making one is slow, so one is kept for each zone. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      timeZoneName: 'longOffset',
    });
    formats.set(timeZone, format);
  }
  return format;
}

/** `2026-11-21T13:00:00+03:00`: `at` (ms since the epoch) as the clocks of a place show it. */
export function localIso(at: number, timeZone: string): string {
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  const get = (name: string): string => parts[name] ?? '';
  const offset = get('timeZoneName').replace(/^GMT$/, 'GMT+00:00').replace(/^GMT/, '').slice(0, 6);
  // Years are written without zeros in front.
  return `${get('year').padStart(4, '0')}-${get('month')}-${get('day')}T${get('hour')}:${get('minute')}:${get('second')}${offset}`;
}

/** The day of `at` there, `2026-11-21`. */
export const localDay = (at: number, timeZone: string): string => localIso(at, timeZone).slice(0, 10);

/** By how much the clocks there are ahead of UTC at `at`, ms. */
export const offsetAt = (at: number, timeZone: string): number =>
  Date.parse(`${localIso(at, timeZone).slice(0, 19)}Z`) - Math.floor(at / 1000) * 1000;

/** When a day begins there, ms since the epoch. */
export function startOfDay(day: string, timeZone: string): number {
  const asUtc = Date.parse(`${day}T00:00:00Z`);
  // The second look is for days on which the clocks are changed.
  const guess = asUtc - offsetAt(asUtc, timeZone);
  const start = asUtc - offsetAt(guess, timeZone);
  // Where they go forward at midnight there is no 00:00: the day begins with the change.
  return localDay(start, timeZone) === day ? start : guess;
}
