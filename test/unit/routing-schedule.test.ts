import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScheduleConfig } from '../../src/config/schema.js';
import { isOpen, openMs, opensAgain } from '../../src/routing/schedule.js';

const week = { mon: [], tue: [], wed: [], thu: [], fri: [], sat: [], sun: [] };
const office: ScheduleConfig = {
  id: 'office',
  weekly: {
    ...week,
    mon: ['09:00-18:00'],
    fri: ['09:00-13:00', '14:00-18:00'],
    sat: ['22:00-24:00'],
    sun: ['00:00-02:00'],
  },
  holidays: ['2027-01-04'],
  exceptions: { '2026-12-31': ['10:00-12:00'], '2026-11-23': [] },
};
const open = (at: string, zone = 'Europe/Moscow') => isOpen(office, zone, Date.parse(at));

describe('opening hours', () => {
  it.each([
    ['2026-11-30T05:59:59Z', false, 'a second before nine in Moscow'],
    ['2026-11-30T06:00:00Z', true, 'nine in Moscow'],
    ['2026-11-30T14:59:59Z', true, 'a second before six'],
    ['2026-11-30T15:00:00Z', false, 'six'],
    ['2026-12-04T10:30:00Z', false, 'lunch on Friday'],
    ['2026-12-04T11:30:00Z', true, 'after lunch'],
    ['2026-12-05T20:30:00Z', true, 'Saturday towards midnight'],
    ['2026-12-05T21:00:00Z', true, 'past midnight, Sunday by the clock'],
    ['2026-12-05T23:00:00Z', false, 'two on Sunday'],
    ['2026-12-01T09:00:00Z', false, 'a day without hours'],
    ['2027-01-04T09:00:00Z', false, 'a holiday on a Monday'],
    ['2026-12-31T08:00:00Z', true, 'an exception opens a closed day'],
    ['2026-12-31T10:00:00Z', false, 'but not for longer'],
    ['2026-11-23T09:00:00Z', false, 'an exception without hours closes a Monday'],
  ])('%s: %s (%s)', (at, expected) => {
    expect(open(at)).toBe(expected);
  });

  it('has its holidays by the calendar of the site', () => {
    // Nine and a half on a Monday in Vladivostok, while it is Sunday in UTC: the week before, and on the holiday.
    expect(open('2026-12-27T23:30:00Z', 'Asia/Vladivostok')).toBe(true);
    expect(open('2027-01-03T23:30:00Z', 'Asia/Vladivostok')).toBe(false);
  });

  it('goes by the zone of the site, daylight saving included', () => {
    // Berlin changes its clock on 2027-03-28: nine is 08:00Z the Monday before and 07:00Z the Monday after.
    expect(open('2027-03-22T07:30:00Z', 'Europe/Berlin')).toBe(false);
    expect(open('2027-03-29T07:30:00Z', 'Europe/Berlin')).toBe(true);
    expect(open('2026-11-30T22:00:00Z', 'America/New_York')).toBe(true);
  });
});

const HOUR = 3_600_000;
/** Open at these hours every day. */
const daily = (...hours: string[]): ScheduleConfig => ({
  id: 'daily',
  weekly: { mon: hours, tue: hours, wed: hours, thu: hours, fri: hours, sat: hours, sun: hours },
  holidays: [],
  exceptions: {},
});

describe('for how long it was open', () => {
  const hours = (from: string, to: string, schedule = office, zone = 'Europe/Moscow') =>
    openMs(schedule, zone, Date.parse(from), Date.parse(to)) / HOUR;

  it.each([
    ['within opening hours', '2026-11-30T07:00:00Z', '2026-11-30T08:30:00Z', 1.5],
    ['a whole Monday', '2026-11-29T21:00:00Z', '2026-11-30T21:00:00Z', 9],
    ['from before it opens', '2026-11-30T03:00:00Z', '2026-11-30T07:00:00Z', 1],
    ['over lunch', '2026-12-04T09:00:00Z', '2026-12-04T12:00:00Z', 2],
    ['at night', '2026-11-30T15:00:00Z', '2026-12-01T06:00:00Z', 0],
    ['from Monday evening to Friday morning', '2026-11-30T14:00:00Z', '2026-12-04T07:00:00Z', 2],
    ['over midnight', '2026-12-05T18:00:00Z', '2026-12-06T06:00:00Z', 4],
    ['over a holiday on a Monday', '2027-01-03T21:00:00Z', '2027-01-04T21:00:00Z', 0],
    ['on a day that has hours of its own', '2026-12-30T21:00:00Z', '2026-12-31T21:00:00Z', 2],
    ['seconds count', '2026-11-30T05:59:30Z', '2026-11-30T06:00:15Z', 15 / 3600],
    ['nothing, where the end comes first', '2026-11-30T08:00:00Z', '2026-11-30T07:00:00Z', 0],
  ])('%s', (_what, from, to, expected) => {
    expect(hours(from, to)).toBeCloseTo(expected, 9);
  });

  it.each([
    // The night in which two o'clock becomes three: that hour is not there.
    ['forward, over the hour', 'Europe/Berlin', '2027-03-28', ['01:00-04:00'], 2],
    ['forward, from within it', 'Europe/Berlin', '2027-03-28', ['02:30-04:00'], 1],
    ['forward, in it alone', 'Europe/Berlin', '2027-03-28', ['02:00-03:00'], 0],
    ['forward, until within it', 'Europe/Berlin', '2027-03-28', ['00:00-02:30'], 2],
    // Three o'clock becomes two: that hour is there twice, and open twice.
    ['back, over the hour', 'Europe/Berlin', '2026-10-25', ['01:00-04:00'], 4],
    ['back, in it alone', 'Europe/Berlin', '2026-10-25', ['02:00-03:00'], 2],
    ['back, until within it', 'Europe/Berlin', '2026-10-25', ['01:00-02:30'], 2],
    ['back, from within it', 'Europe/Berlin', '2026-10-25', ['02:30-03:30'], 1.5],
    ['by half an hour', 'Australia/Lord_Howe', '2026-10-04', ['01:00-04:00'], 2.5],
    ['at midnight, so that there is no 00:00', 'America/Havana', '2027-03-14', ['00:00-02:00'], 1],
    ['on no other day', 'Europe/Berlin', '2027-03-29', ['01:00-04:00'], 3],
  ])('where the clocks go %s (%s)', (_what, zone, day, ranges, expected) => {
    const schedule = { ...daily(), exceptions: { [day]: ranges } };
    const noon = Date.parse(`${day}T12:00:00Z`);
    expect(openMs(schedule, zone, noon - 48 * HOUR, noon + 48 * HOUR) / HOUR).toBe(expected);
  });

  it('stops counting where it is enough', () => {
    const year = [Date.parse('2026-01-01T00:00:00Z'), Date.parse('2027-01-01T00:00:00Z')] as const;
    const counted = openMs(daily('09:00-18:00'), 'UTC', ...year, 20 * HOUR);
    expect(counted / HOUR).toBe(27);
  });

  it('is what one counts who looks every minute', () => {
    const zones = [
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'America/Havana',
      'Asia/Kathmandu',
    ];
    // Around the days on which clocks are changed, and some others.
    const begins = ['2026-10-04', '2026-10-25', '2026-11-01', '2027-03-14', '2027-03-28', '2027-04-04', '2026-12-31'];
    const time = fc.integer({ min: 0, max: 96 }).map((quarters) => {
      return `${String(Math.floor(quarters / 4)).padStart(2, '0')}:${String((quarters % 4) * 15).padStart(2, '0')}`;
    });
    const range = fc.tuple(time, time).filter(([from, to]) => from < to);
    const ranges = fc.array(
      range.map(([from, to]) => `${from}-${to}`),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(...begins),
        ranges,
        fc.integer({ min: -36 * 60, max: 12 * 60 }),
        fc.nat(36 * 60),
        (zone, day, one, offset, length) => {
          const from = Date.parse(`${day}T00:00:00Z`) + offset * 60_000;
          let minutes = 0;
          for (let minute = 0; minute < length; minute += 1)
            if (isOpen(daily(...one), zone, from + minute * 60_000)) minutes += 1;
          expect(openMs(daily(...one), zone, from, from + length * 60_000)).toBe(minutes * 60_000);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('whether it opens again', () => {
  it.each([
    ['every week', office.weekly, {}, true],
    ['on a day to come', week, { '2027-01-02': ['09:00-12:00'] }, true],
    ['today, which is yesterday in UTC or tomorrow', week, { '2026-12-31': ['09:00-12:00'] }, true],
    ['on days that are past', week, { '2026-12-24': ['09:00-12:00'] }, false],
    ['on a day to come that is closed', week, { '2027-01-02': [] }, false],
  ])('%s', (_what, weekly, exceptions, expected) => {
    const schedule = { id: 'team', weekly, holidays: [], exceptions };
    expect(opensAgain(schedule, Date.parse('2027-01-01T08:00:00Z'))).toBe(expected);
  });
});
