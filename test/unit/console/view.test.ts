import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { barsOf, heightOf, highestIn } from '../../../src/console/view/chart.js';
import { columnsOf } from '../../../src/console/view/columns.js';
import { momentOf } from '../../../src/console/view/moment.js';
import { ownAddress } from '../../../src/console/visit.js';

describe('a moment typed into a form', () => {
  it.each([
    ['2026-11-21T13:00', 'Europe/Moscow', '2026-11-21T10:00:00.000Z'],
    ['2026-11-21', 'Asia/Tashkent', '2026-11-20T19:00:00.000Z'],
    // The night in which the clocks go back: the day has begun before.
    ['2026-10-25', 'Europe/Berlin', '2026-10-24T22:00:00.000Z'],
    ['2026-10-25T12:00', 'Europe/Berlin', '2026-10-25T11:00:00.000Z'],
    // What a field holds while the year is typed: 2, 20, 202, 2026.
    ['0002-11-21T13:00', 'UTC', '0002-11-21T13:00:00.000Z'],
    ['0202-11-21T13:00', 'Asia/Tashkent', '0202-11-21T08:22:49.000Z'],
    ['9999-12-31T23:59', 'Asia/Tashkent', '9999-12-31T23:59:00.000Z'],
  ])('%s at the clocks of %s is %s', (text, zone, expected) => {
    expect(new Date(momentOf(text, zone) ?? 0).toISOString()).toBe(expected);
  });

  it.each(['yesterday', '2026-13-01', '2026-11-21T25:00', '2026-11-21 13:00', "2026-11-21'"])(
    '%s is refused',
    (text) => {
      expect(() => momentOf(text, 'UTC')).toThrow(text);
    },
  );
});

describe('a chart', () => {
  it('has a bar for each value that is not 0, as high as its share', () => {
    expect(barsOf([0, 5, 10], 10)).toBe('M200 120v-60h160v60zM400 120v-120h160v120z');
    expect([heightOf(0, 10), heightOf(5, 10), heightOf(10, 10)]).toEqual([120, 60, 0]);
  });

  it('keeps the highest value of each part, and leaves out what lies outside', () => {
    const points = [-1, 0, 9, 10, 99, 100].map((at) => ({ at, value: at + 2 }));
    expect(highestIn(points, { from: 0, to: 100, count: 10 })).toEqual([11, 12, 0, 0, 0, 0, 0, 0, 0, 101]);
  });
});

describe('what a browser sends back', () => {
  it('chooses columns that there are, or none that count', () => {
    expect(columnsOf('tags.startedAt.nonsense')).toEqual(['startedAt', 'tags']);
    expect(columnsOf('nonsense')).toEqual(columnsOf(null));
    expect(columnsOf(null)).toContain('caller');
  });

  it('never leads elsewhere', () => {
    fc.assert(
      fc.property(fc.webUrl(), fc.string(), (url, rest) => {
        for (const address of [url, `//${rest}`, `/\\${rest}`, rest]) {
          const own = ownAddress(address);
          if (own === null) continue;
          expect(new URL(own, 'http://console.example').origin).toBe('http://console.example');
        }
      }),
    );
  });
});
