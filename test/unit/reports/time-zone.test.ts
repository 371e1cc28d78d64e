import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { useOverTime } from '../../../src/reports/channels.js';
import { bucketOf, localDay, localIso, startOfDay } from '../../../src/reports/time-zone.js';

const at = (iso: string): number => Date.parse(iso);

describe('time as a place has it', () => {
  it.for([
    ['2026-11-21T07:12:34Z', 'Europe/Moscow', '2026-11-21T10:12:34+03:00'],
    ['2026-11-21T22:00:00Z', 'Europe/Moscow', '2026-11-22T01:00:00+03:00'],
    ['2026-11-21T07:12:34Z', 'UTC', '2026-11-21T07:12:34+00:00'],
    ['2026-07-01T00:00:00Z', 'America/New_York', '2026-06-30T20:00:00-04:00'],
    ['2026-01-01T00:00:00Z', 'America/New_York', '2025-12-31T19:00:00-05:00'],
    ['2026-11-21T07:00:00Z', 'Asia/Kolkata', '2026-11-21T12:30:00+05:30'],
  ] as const)('%s in %s is %s', ([iso, zone, local]) => {
    expect(localIso(at(iso), zone)).toBe(local);
    expect(Date.parse(local)).toBe(at(iso));
  });

  it.for([
    ['2026-11-21', 'Europe/Moscow', '2026-11-20T21:00:00Z'],
    ['2026-03-29', 'Europe/Berlin', '2026-03-28T23:00:00Z'],
    ['2026-03-30', 'Europe/Berlin', '2026-03-29T22:00:00Z'],
    ['2026-10-25', 'Europe/Berlin', '2026-10-24T22:00:00Z'],
    ['2026-10-26', 'Europe/Berlin', '2026-10-25T23:00:00Z'],
    ['2026-11-21', 'Pacific/Chatham', '2026-11-20T10:15:00Z'],
    // Clocks that go from 24:00 to 1:00, and from 24:00 back to 23:00.
    ['2026-09-06', 'America/Santiago', '2026-09-06T04:00:00Z'],
    ['2026-04-05', 'America/Santiago', '2026-04-05T04:00:00Z'],
    ['2026-03-29', 'Atlantic/Azores', '2026-03-29T01:00:00Z'],
    ['2026-03-29', 'Asia/Beirut', '2026-03-28T22:00:00Z'],
  ] as const)('%s begins in %s at %s', ([day, zone, iso]) => {
    expect(new Date(startOfDay(day, zone)).toISOString()).toBe(new Date(iso).toISOString());
  });

  it('has each moment in the day that has begun before it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2027-12-31T00:00:00Z') }),
        fc.constantFrom(
          ...['Europe/Moscow', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Pacific/Chatham'],
          ...['America/Santiago', 'America/Havana', 'Atlantic/Azores', 'Asia/Beirut', 'Africa/Cairo'],
        ),
        (moment, zone) => {
          const day = localDay(moment, zone);
          const begin = startOfDay(day, zone);
          expect(begin).toBeLessThanOrEqual(moment);
          expect(moment - begin).toBeLessThan(25 * 3_600_000);
          expect([localDay(begin - 1, zone), localDay(begin, zone)]).toEqual([expect.not.stringMatching(day), day]);
        },
      ),
    );
  });

  it('names buckets by their beginning', () => {
    expect(bucketOf(at('2026-11-21T07:12:34Z'), 'minute', 'Europe/Moscow')).toBe('2026-11-21T10:12:00+03:00');
    expect(bucketOf(at('2026-11-21T07:12:34Z'), 'hour', 'Asia/Kolkata')).toBe('2026-11-21T12:30:00+05:30');
    expect(bucketOf(at('2026-11-21T22:12:34Z'), 'day', 'Europe/Moscow')).toBe('2026-11-22');
    // The hour that comes twice when the clocks are put back has two names.
    const twice = ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z'].map((iso) =>
      bucketOf(at(iso), 'hour', 'Europe/Berlin'),
    );
    expect(twice).toEqual(['2026-10-25T02:00:00+02:00', '2026-10-25T02:00:00+01:00']);
  });
});

describe('use over time', () => {
  it('has the highest minute of each bucket, and the limit of its time', () => {
    const peaks = [
      { at: at('2026-11-21T07:01:00Z'), peak: 2 },
      { at: at('2026-11-21T07:02:00Z'), peak: 3 },
      { at: at('2026-11-21T08:00:00Z'), peak: 3 },
      { at: at('2026-11-21T09:00:00Z'), peak: 4 },
    ];
    const traffic = { attempts: 1, refusedHere: 0, refusedThere: 0, carriedSeconds: 0 };
    const hours = [
      { at: at('2026-11-21T07:00:00Z'), limit: 3, ...traffic },
      { at: at('2026-11-21T09:00:00Z'), limit: 5, ...traffic },
    ];
    expect(useOverTime(peaks, hours, 5, 'hour', 'UTC')).toEqual([
      { at: '2026-11-21T07:00:00+00:00', peak: 3, limit: 3, fullMinutes: 1 },
      { at: '2026-11-21T08:00:00+00:00', peak: 3, limit: 3, fullMinutes: 1 },
      { at: '2026-11-21T09:00:00+00:00', peak: 4, limit: 5, fullMinutes: 0 },
    ]);
    expect(useOverTime(peaks, hours, 5, 'day', 'UTC')).toMatchObject([{ at: '2026-11-21', peak: 4, fullMinutes: 2 }]);
    expect(useOverTime(peaks.slice(0, 1), [], 9, 'minute', 'UTC')).toMatchObject([{ peak: 2, limit: 9 }]);
  });

  it('knows no limit from no word on it: one that was taken away fills no minute', () => {
    const peaks = ['07:01', '08:01', '10:01', '12:01'].map((time) => ({ at: at(`2026-11-21T${time}:00Z`), peak: 3 }));
    const hour = (time: string, limit: number | null | undefined) => ({
      ...{ at: at(`2026-11-21T${time}:00Z`), limit },
      ...{ attempts: 1, refusedHere: 0, refusedThere: 0, carriedSeconds: 0 },
    });
    // Taken away in an hour in which nobody called, and put back in another.
    const hours = [
      hour('07:00', 3),
      hour('08:00', undefined),
      hour('09:00', null),
      hour('10:00', undefined),
      hour('11:00', 2),
    ];
    const rows = useOverTime(peaks, hours, 2, 'hour', 'UTC').map(({ limit, fullMinutes }) => [limit, fullMinutes]);
    expect(rows).toEqual([
      [3, 1],
      [3, 1],
      [null, 0],
      [2, 1],
    ]);
  });
});
