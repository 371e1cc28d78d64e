import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../../src/config/schema.js';
import { isTooLong, silenceRuleOf, type SilenceRule } from '../../../../src/trunks/carriers/silence.js';

const day = ['09:00-18:00'];
const [office = expect.fail()] = configSchema.shape.schedules.parse([
  {
    id: 'office',
    weekly: { mon: day, tue: day, wed: day, thu: day, fri: day },
    holidays: ['2026-12-01'],
  },
]);
const inOffice: SilenceRule = { after: 7_200_000, hours: { schedule: office, timeZone: 'Europe/Moscow' } };
const tooLong = (rule: SilenceRule, since: string, now: string) => isTooLong(rule, Date.parse(since), Date.parse(now));

describe('a silence', () => {
  it.each([
    // Moscow is three hours ahead: it opens at 06:00Z and closes at 15:00Z.
    ['for two hours of a working day', '2026-11-23T07:00:00Z', '2026-11-23T09:00:00Z', false],
    ['for longer', '2026-11-23T07:00:00Z', '2026-11-23T09:00:01Z', true],
    ['since the evening, in the night', '2026-11-23T14:30:00Z', '2026-11-24T05:59:00Z', false],
    ['since the evening, early in the morning', '2026-11-23T14:30:00Z', '2026-11-24T07:29:00Z', false],
    ['since the evening, two hours of opening later', '2026-11-23T14:30:00Z', '2026-11-24T07:31:00Z', true],
    ['since a call at night', '2026-11-23T22:00:00Z', '2026-11-24T08:00:00Z', false],
    ['over the weekend', '2026-11-27T14:59:00Z', '2026-11-30T06:30:00Z', false],
    ['over the weekend and two hours', '2026-11-27T14:59:00Z', '2026-11-30T08:00:00Z', true],
    ['over a holiday', '2026-11-30T14:00:00Z', '2026-12-02T06:30:00Z', false],
    ['for months', '2026-06-01T00:00:00Z', '2026-11-22T00:00:00Z', true],
  ])('%s', (_what, since, now, expected) => {
    expect(tooLong(inOffice, since, now)).toBe(expected);
  });

  it('counts day and night where there are no hours', () => {
    const rule = { after: 7_200_000, hours: null };
    expect(tooLong(rule, '2026-11-23T20:00:00Z', '2026-11-23T22:00:00Z')).toBe(false);
    expect(tooLong(rule, '2026-11-23T20:00:00Z', '2026-11-23T22:00:01Z')).toBe(true);
  });

  it('says nothing where it opens too seldom', () => {
    const [seldom = expect.fail()] = configSchema.shape.schedules.parse([
      { id: 'fair', exceptions: { '2020-01-01': ['00:00-24:00'], '2026-11-01': ['10:00-12:00'] } },
    ]);
    const rule = { after: 7_200_000, hours: { schedule: seldom, timeZone: 'UTC' } };
    expect(tooLong(rule, '2019-01-01T00:00:00Z', '2026-11-23T00:00:00Z')).toBe(false);
  });
});

describe('the rule of a trunk', () => {
  const ruleOf = (silence?: unknown) => {
    const [trunk = expect.fail()] = configSchema.shape.trunks.parse([
      { id: 'carrier', inbound: { from: ['203.0.113.1'], ...(silence === undefined ? {} : { silence }) } },
    ]);
    return silenceRuleOf(trunk, [office]);
  };

  it('is as it is written', () => {
    expect(ruleOf()).toBeNull();
    expect(ruleOf('2h')).toEqual({ after: 7_200_000, hours: null });
    expect(ruleOf({ after: '2h', during: 'office', timezone: 'Europe/Moscow' })).toEqual(inOffice);
  });
});
