import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { localDay, localIso, startOfDay } from '../../../src/lib/local-time.js';

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
});
