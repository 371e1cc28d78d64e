import { describe, expect, it } from 'vitest';
import { contradiction, type Plan, type Seen } from '../../bench/soak/behaviours.js';
import type { Call, Leg } from '../../src/call/call.js';
import { exampleCall } from '../redis/examples.js';

const PLAN: Plan = {
  kind: 'talk',
  caller: '+79161000000',
  machine: 0,
  from: 'udp',
  to: 'udp',
  ringAfterMs: 100,
  answerMs: 100,
  talkMs: 200,
  giveUpMs: 0,
  byBusiness: true,
  undone: true,
};
const ANSWERED: Seen = { answered: true, status: 200, line: 'up' };
const TALKED: Partial<Call> = { disposition: 'answered', ended: { by: 'business', reason: 'normal', sip: 200 } };
const TAKEN = { result: 'answered', obstacle: null } as Leg;
const PASSED_OVER = { result: 'unreachable', obstacle: 'down' } as Leg;

describe('a talk that the business ended before its caller was answered', () => {
  const declined = exampleCall({
    disposition: 'missed',
    lossReason: 'declined',
    ended: { by: 'gateway', reason: 'normal', sip: 603 },
    legs: [TAKEN],
  });
  const refused: Seen = { answered: false, status: 603, line: 'up' };

  it('may be told as declined', () => {
    expect(contradiction(declined, PLAN, refused)).toBeNull();
  });

  it.each<[string, Partial<Plan>, Partial<Seen>]>([
    ['where the caller got a 200', {}, ANSWERED],
    ['where he was refused otherwise', {}, { status: 480 }],
    ['where the business talked for long', { talkMs: 5000 }, {}],
    ['where he was to hang up', { byBusiness: false }, {}],
  ])('not %s', (_where, plan, seen) => {
    expect(contradiction(declined, { ...PLAN, ...plan }, { ...refused, ...seen })).not.toBeNull();
  });
});

describe('a call for the watched line', () => {
  const passedOver = exampleCall({ ...TALKED, legs: [PASSED_OVER, TAKEN] });
  const taken = exampleCall({ ...TALKED, legs: [TAKEN] });

  it.each(['watched', 'last-resort'] as const)('of kind %s goes by it while it is up, and never otherwise', (kind) => {
    const plan = { ...PLAN, kind };
    expect(contradiction(taken, plan, ANSWERED)).toBeNull();
    expect(contradiction(passedOver, plan, ANSWERED)).not.toBeNull();
    expect(contradiction(passedOver, plan, { ...ANSWERED, line: 'deaf' })).toBeNull();
    expect(contradiction(taken, plan, { ...ANSWERED, line: 'deaf' })).not.toBeNull();
  });

  it('is lost where nobody else takes it, and the line is gone indeed', () => {
    const lost = exampleCall({
      disposition: 'missed',
      lossReason: 'unreachable',
      legs: [PASSED_OVER, { ...TAKEN, result: 'unreachable' }],
    });
    const gone: Seen = { answered: false, status: 480, line: 'gone' };
    expect(contradiction(lost, { ...PLAN, kind: 'last-resort' }, gone)).toBeNull();
    expect(contradiction(lost, { ...PLAN, kind: 'watched' }, gone)).not.toBeNull();
    expect(contradiction(lost, { ...PLAN, kind: 'last-resort' }, { ...gone, line: 'deaf' })).not.toBeNull();
  });
});
