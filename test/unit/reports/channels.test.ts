import { describe, expect, it } from 'vitest';
import { bucketOf } from '../../../src/reports/buckets.js';
import { useOverTime } from '../../../src/reports/channels.js';

const at = (iso: string): number => Date.parse(iso);

describe('use over time', () => {
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
