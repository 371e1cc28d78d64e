import { describe, expect, it } from 'vitest';
import type { RecentCall } from '../../../src/call/ports.js';
import { needsOf, screen, type ScreeningConfig, type ScreeningQuestion } from '../../../src/screening/rules.js';

const AT = 10_000_000;
const CALLER = '+79160000001';
const NUMBER = '+74951111111';
const config = (rules: Partial<ScreeningConfig> = {}): ScreeningConfig => ({
  allow: [],
  block: [],
  blockAction: 'reject',
  ...rules,
});
const ago = (seconds: number, talkSeconds: number | null = 60, trackingNumber = NUMBER): RecentCall => ({
  at: AT - seconds * 1000,
  talkSeconds,
  trackingNumber,
});
const ask = (
  rules: Partial<ScreeningConfig>,
  recent: RecentCall[] = [],
  more: Partial<ScreeningQuestion> = {},
  lists = { allow: [] as string[], block: [] as string[] },
) => {
  const question = { caller: CALLER, trackingNumber: NUMBER, at: AT, history: { recent }, rangeCalls: new Map() };
  return screen({ ...question, ...more }, config(rules), lists);
};

describe('screening', () => {
  it('does nothing unless told', () => {
    expect(
      ask(
        {},
        Array.from({ length: 50 }, () => ago(1, 0)),
      ),
    ).toBeNull();
  });

  it.each([
    [[CALLER], true],
    [['+7916*'], true],
    [['+7917*', '+7916000000'], false],
    [['+*'], true],
  ])('block list %j: %s', (block, hit) => {
    expect(ask({}, [], {}, { allow: [], block })).toEqual(
      hit ? { action: 'reject', hits: [{ rule: 'block', action: 'reject', count: null, limit: null }] } : null,
    );
  });

  it('the allow list wins over everything', () => {
    const rate = { calls: 1, within: 60_000, action: 'reject' } as const;
    expect(ask({ rate }, [ago(1), ago(2)], {}, { allow: ['+7916*'], block: [CALLER] })).toBeNull();
  });

  it('never screens withheld callers: they are not one', () => {
    expect(ask({}, [], { caller: null }, { allow: [], block: ['+*'] })).toBeNull();
  });

  it('too many calls of one number within a time', () => {
    const rate = { calls: 3, within: 60_000, action: 'tag' } as const;
    expect(ask({ rate }, [ago(10), ago(20)])).toBeNull();
    expect(ask({ rate }, [ago(10), ago(20), ago(61)])).toBeNull();
    expect(ask({ rate }, [ago(10), ago(20), ago(60)])).toEqual({
      action: 'tag',
      hits: [{ rule: 'rate', action: 'tag', count: 4, limit: 3 }],
    });
  });

  it('too many calls of a range', () => {
    const range = { calls: 10, within: 60_000, action: 'tag' } as const;
    expect(ask({ range }, [], { rangeCalls: new Map([[60_000, 10]]) })).toBeNull();
    expect(ask({ range }, [], { rangeCalls: new Map([[60_000, 11]]) })?.hits).toMatchObject([{ rule: 'range' }]);
  });

  it('short calls in a row', () => {
    const short = { calls: 3, under: 5000, within: 3_600_000, action: 'announce' } as const;
    expect(ask({ short }, [ago(1, 4.9), ago(2, 0)])).toBeNull();
    expect(ask({ short }, [ago(1, 1), ago(2, 5), ago(3, 1), ago(4, 1)])).toBeNull();
    // What goes on neither counts nor breaks the row.
    expect(ask({ short }, [ago(1, 1), ago(2, null), ago(3, 1), ago(4, 1)])).toMatchObject({ action: 'announce' });
    // Whom it refuses has had another short one: some day that must be over.
    expect(ask({ short }, [ago(3600, 0), ago(3601, 0), ago(3602, 0), ago(3603, 0)])).toBeNull();
  });

  it('one number of the pool after the other', () => {
    const hopping = { numbers: 3, within: 60_000, action: 'tag' } as const;
    expect(ask({ hopping }, [ago(1, 60, 'a'), ago(2, 60, 'a'), ago(61, 60, 'b')])).toBeNull();
    expect(ask({ hopping }, [ago(1, 60, 'a'), ago(2, 60, 'b')])).toMatchObject({
      hits: [{ rule: 'hopping', count: 3 }],
    });
  });

  it('the strictest action of all hits is taken', () => {
    const rate = { calls: 1, within: 60_000, action: 'reject' } as const;
    const hopping = { numbers: 2, within: 60_000, action: 'tag' } as const;
    const found = ask({ rate, hopping }, [ago(1, 60, 'a')]);
    expect(found?.action).toBe('reject');
    expect(found?.hits.map(({ rule }) => rule)).toEqual(['rate', 'hopping']);
  });

  it('asks Redis only for what some site needs', () => {
    expect(needsOf([{ screening: config() }])).toEqual({ recentCalls: 0, rangeWindows: [] });
    const range = (within: number) => ({ calls: 1, within, action: 'tag' as const });
    const sites = [config({ range: range(1000) }), config({ range: range(5000) }), config({ range: range(1000) })];
    const rate = config({ rate: { calls: 7, within: 1000, action: 'tag' } });
    expect(needsOf([...sites, rate].map((screening) => ({ screening })))).toEqual({
      recentCalls: 7,
      rangeWindows: [5000, 1000],
    });
  });

  it('asks for more calls than have to be short: those that go on say nothing', () => {
    const short = { calls: 3, under: 5000, within: 3_600_000, action: 'reject' } as const;
    const calls = [ago(1, null), ago(2, null), ago(3, 1), ago(4, 1), ago(5, 1)];
    const known = calls.slice(0, needsOf([{ screening: config({ short }) }]).recentCalls);
    expect(ask({ short }, known)?.hits).toMatchObject([{ rule: 'short', count: 3 }]);
  });
});
