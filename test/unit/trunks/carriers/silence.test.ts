import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../../src/config/schema.js';
import { silenceOf, type Silence } from '../../../../src/trunks/carriers/silence.js';

const day = ['09:00-18:00'];
const SCHEDULES = configSchema.shape.schedules.parse([
  { id: 'office', weekly: { mon: day, tue: day, wed: day, thu: day, fri: day }, holidays: ['2026-12-01'] },
  { id: 'fair', exceptions: { '2020-01-01': ['00:00-24:00'], '2026-11-01': ['10:00-12:00'] } },
]);
const IN_OFFICE = { after: '2h', during: 'office', timezone: 'Europe/Moscow' };
const LONG_AGO = Date.parse('2019-01-01T00:00:00Z');

/** Of a trunk whose `silence` is written so. */
function ruled(silence: unknown): Silence {
  const inbound = { from: ['203.0.113.1'], silence };
  const [trunk = expect.fail()] = configSchema.shape.trunks.parse([{ id: 'carrier', inbound }]);
  return silenceOf(trunk, SCHEDULES) ?? expect.fail();
}

/** Whether it is too long at a gateway that has run for long. */
const tooLong = (silence: Silence, heardAt: string, now: string) =>
  silence.isTooLong(Date.parse(heardAt), LONG_AGO, Date.parse(now));

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
  ])('%s', (_what, heardAt, now, expected) => {
    expect(tooLong(ruled(IN_OFFICE), heardAt, now)).toBe(expected);
  });

  it('is over with the next call, and too long no sooner where it is looked at all the time', () => {
    const silence = ruled(IN_OFFICE);
    const minute = 60_000;
    let heardAt = Date.parse('2026-11-27T14:30:00Z');
    const firstTooLong = (from: number): string => {
      let now = from;
      while (silence.isTooLong(heardAt, LONG_AGO, now) === false) now += minute;
      return new Date(now).toISOString();
    };
    expect(firstTooLong(heardAt)).toBe('2026-11-30T07:31:00.000Z');
    heardAt = Date.parse('2026-11-30T07:32:00Z');
    expect(silence.isTooLong(heardAt, LONG_AGO, heardAt)).toBe(false);
    expect(firstTooLong(heardAt)).toBe('2026-11-30T09:33:00.000Z');
    // While it is closed again it stays so.
    expect(silence.isTooLong(heardAt, LONG_AGO, Date.parse('2026-11-30T22:00:00Z'))).toBe(true);
  });

  it('is not known of before the gateway has run for so long while it is open', () => {
    const startedAt = Date.parse('2026-11-30T03:00:00Z');
    const at = (now: string, heardAt?: number) => ruled(IN_OFFICE).isTooLong(heardAt, startedAt, Date.parse(now));
    expect(at('2026-11-30T08:00:00Z')).toBeNull();
    expect(at('2026-11-30T08:00:01Z')).toBe(true);
    const friday = Date.parse('2026-11-27T12:00:00Z');
    expect(at('2026-11-30T07:00:00Z', friday)).toBeNull();
    expect(at('2026-11-30T08:00:01Z', friday)).toBe(true);
    expect(at('2026-11-30T07:00:00Z', Date.parse('2026-11-27T14:30:00Z'))).toBe(false);
  });

  it('counts day and night where there are no hours', () => {
    expect(tooLong(ruled('2h'), '2026-11-23T20:00:00Z', '2026-11-23T22:00:00Z')).toBe(false);
    expect(tooLong(ruled('2h'), '2026-11-23T20:00:00Z', '2026-11-23T22:00:01Z')).toBe(true);
  });

  it('says nothing where it opens too seldom', () => {
    const fair = ruled({ ...IN_OFFICE, during: 'fair' });
    expect(tooLong(fair, '2019-01-01T00:00:00Z', '2026-11-23T00:00:00Z')).toBe(false);
  });

  it('means nothing to a trunk that says nothing of it', () => {
    const [trunk = expect.fail()] = configSchema.shape.trunks.parse([
      { id: 'carrier', inbound: { from: ['203.0.113.1'] } },
    ]);
    expect(silenceOf(trunk, SCHEDULES)).toBeNull();
  });
});
