import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { LOSS_REASONS, type Leg, type LegResult, type LossReason } from '../../src/call/call.js';
import { isCapacityLoss, lossReason, statusForLoss } from '../../src/routing/loss.js';

type LegSketch = [kind: Leg['kind'], result: LegResult, full?: string];

const why = (legs: LegSketch[], callerHungUp = false): LossReason =>
  lossReason({
    legs: legs.map(([kind, result]) => ({ kind, result })),
    fullResources: legs.map(([, , full]) => full ?? null),
    callerHungUp,
  });

describe('why a call was lost', () => {
  it('is explained in docs/trunks.md, reason by reason, with what the carrier is told', async () => {
    const [, table = ''] = (await readFile('docs/trunks.md', 'utf8')).split('\n| `lossReason` |');
    const told = [...table.matchAll(/^\| `(\w+)` \| (\d{3}) \| ./gm)].map(([, reason, sip]) => [reason, Number(sip)]);
    expect(told.sort()).toEqual(LOSS_REASONS.map((reason) => [reason, statusForLoss(reason)]).sort());
  });

  it('names the limit met first, since that is the one to widen', () => {
    expect(why([['destination', 'no_channel', 'destination:office']])).toBe('destination_capacity');
    expect(why([['destination', 'no_channel', 'trunk-out:carrier']])).toBe('trunk_capacity');
    expect(why([['line', 'no_channel', 'line:sales']])).toBe('lines_busy');
    expect(
      why([
        ['destination', 'no_channel', 'destination:office'],
        ['line', 'no_channel', 'line:sales'],
      ]),
    ).toBe('destination_capacity');
  });

  it('says capacity when the far end says it, whichever leg came after', () => {
    expect(why([['destination', 'capacity', 'destination:office']])).toBe('destination_capacity');
    expect(
      why([
        ['destination', 'capacity', 'destination:office'],
        ['line', 'unreachable'],
      ]),
    ).toBe('destination_capacity');
  });

  it('lets what a person did outweigh what a line did', () => {
    expect(
      why([
        ['destination', 'no_channel', 'destination:office'],
        ['line', 'no_answer'],
      ]),
    ).toBe('no_answer');
    expect(
      why([
        ['line', 'busy'],
        ['line', 'declined'],
      ]),
    ).toBe('declined');
    expect(
      why([
        ['destination', 'busy'],
        ['line', 'no_channel', 'line:sales'],
      ]),
    ).toBe('busy');
  });

  it('puts a caller who gave up before everything', () => {
    expect(why([['destination', 'no_channel', 'destination:office']], true)).toBe('caller_hung_up');
    expect(why([], true)).toBe('caller_hung_up');
  });

  it.each<[LegResult, LossReason]>([
    ['busy', 'busy'],
    ['declined', 'declined'],
    ['no_answer', 'no_answer'],
    ['unreachable', 'unreachable'],
    ['unknown', 'unreachable'],
    ['redirected', 'unreachable'],
    ['failed', 'unreachable'],
    ['not_registered', 'not_registered'],
    ['incompatible', 'media_failure'],
  ])('one leg that ended %s is lost for %s', (result, expected) => {
    expect(why([['destination', result]])).toBe(expected);
  });

  it('knows which losses are to be called back', () => {
    const back = LOSS_REASONS.filter(isCapacityLoss);
    expect(back).toEqual(['destination_capacity', 'trunk_capacity', 'lines_busy']);
  });

  it('never answers 503 for a full business: the carrier would send the call again', () => {
    for (const reason of LOSS_REASONS) {
      expect(statusForLoss(reason)).toBeGreaterThanOrEqual(400);
      if (isCapacityLoss(reason)) expect(statusForLoss(reason)).toBe(486);
    }
  });
});
