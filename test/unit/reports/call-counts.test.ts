import { describe, expect, it } from 'vitest';
import type { Call, Leg } from '../../../src/call/call.js';
import { countsOf } from '../../../src/reports/call-counts.js';
import { exampleCall } from '../../redis/examples.js';

const leg = (target: string, result: Leg['result'], kind: Leg['kind'] = 'destination') =>
  ({ target, result, kind, startedAt: '2026-11-21T11:00:01.000Z' }) as Leg;
/** Without what came to each leg. */
const countsBut = (call: Partial<Call>) => countsOf(exampleCall(call)).filter(({ key }) => key[0] !== 'leg');
const keysOf = (call: Partial<Call>) => countsBut(call).map(({ key }) => key.join(' '));

describe('what an ended call is counted as', () => {
  it.for<[string, Partial<Call>, string[]]>([
    ['answered', { disposition: 'answered', legs: [leg('office', 'answered')] }, ['calls divan answered']],
    [
      'rerouted',
      {
        disposition: 'answered',
        overflow: { from: 'office', reason: 'no_free_channel' },
        legs: [leg('office', 'no_channel'), leg('sales', 'answered', 'line')],
      },
      ['calls divan answered', 'rerouted divan office no_free_channel'],
    ],
    [
      'lost for capacity: at the first limit',
      {
        disposition: 'missed',
        lossReason: 'destination_capacity',
        overflow: { from: 'office', reason: 'far_end_capacity' },
        legs: [leg('office', 'capacity'), leg('sales', 'no_channel', 'line')],
      },
      ['calls divan missed', 'lost divan office destination_capacity', 'farEnd destination:office'],
    ],
    [
      'not answered: where it was last',
      {
        disposition: 'missed',
        lossReason: 'no_answer',
        legs: [leg('office', 'busy'), leg('sales', 'no_answer', 'line')],
      },
      ['calls divan missed', 'lost divan sales no_answer'],
    ],
    [
      'lost at its own trunk',
      { disposition: 'missed', lossReason: 'trunk_capacity', trunk: 'carrier-b' },
      ['calls divan missed', 'lost divan carrier-b trunk_capacity'],
    ],
    [
      'nothing dialled',
      { disposition: 'missed', lossReason: 'schedule' },
      ['calls divan missed', 'lost divan  schedule'],
    ],
    ['rejected', { disposition: 'rejected', lossReason: 'unknown_number', site: null }, ['calls  rejected']],
  ])('%s', ([, call, keys]) => {
    expect(keysOf(call)).toEqual(keys);
  });

  it('is put to the hour in which it began, a leg to its own', () => {
    const call = exampleCall({
      disposition: 'missed',
      lossReason: 'destination_capacity',
      legs: [leg('office', 'capacity')],
    });
    const hours = countsBut({ ...call, startedAt: '2026-11-21T10:59:59.000Z' }).map(({ hour }) =>
      new Date(hour * 3_600_000).toISOString(),
    );
    expect(hours).toEqual(['2026-11-21T10:00:00.000Z', '2026-11-21T10:00:00.000Z', '2026-11-21T11:00:00.000Z']);
  });

  it('says what came to each leg that was dialled', () => {
    const call = exampleCall({
      disposition: 'answered',
      legs: [leg('office', 'no_channel'), leg('sales', 'busy', 'line'), leg('support', 'cancelled', 'line')],
    });
    const legs = countsOf(call).flatMap(({ key, count }) => (key[0] === 'leg' ? [[...key.slice(1), count]] : []));
    expect(legs).toEqual([
      ['divan', 'line', 'sales', 'offered', 1],
      ['divan', 'line', 'sales', 'missed', 1],
      ['divan', 'line', 'support', 'offered', 1],
    ]);
  });
});
