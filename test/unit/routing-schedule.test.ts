import { describe, expect, it } from 'vitest';
import type { ScheduleConfig } from '../../src/config/schema.js';
import { isOpen, opensAgain } from '../../src/routing/schedule.js';

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
