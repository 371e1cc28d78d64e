import { describe, expect, it } from 'vitest';
import type { Notes, Seen } from '../../bench/soak/behaviour.js';
import { contradiction, KINDS } from '../../bench/soak/behaviours.js';
import { drawPlan, type Plan } from '../../bench/soak/plan.js';
import type { Call, EndReason, Leg } from '../../src/call/call.js';
import { exampleCall } from '../redis/examples.js';
import { randomOf } from '../support/random.js';

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
  apartMs: 0,
  keys: { caller: '159#', business: '42*' },
  failure: 'busy',
};
const ANSWERED: Seen = { answered: true, status: 200, line: 'up', notes: {} };
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
  const refused: Seen = { answered: false, status: 603, line: 'up', notes: {} };

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
    const gone: Seen = { answered: false, status: 480, line: 'gone', notes: {} };
    expect(contradiction(lost, { ...PLAN, kind: 'last-resort' }, gone)).toBeNull();
    expect(contradiction(lost, { ...PLAN, kind: 'watched' }, gone)).not.toBeNull();
    expect(contradiction(lost, { ...PLAN, kind: 'last-resort' }, { ...gone, line: 'deaf' })).not.toBeNull();
  });
});

describe('what the phones of a talk met', () => {
  const byCaller = exampleCall({ ...TALKED, ended: { by: 'caller', reason: 'normal', sip: 200 }, legs: [TAKEN] });
  const well = (times: number): string => Array<number>(times).fill(200).join(' ');
  const KEYS = { 'keys at the business': '159#', 'keys at the caller': '42*', 'hear each other': 'both' };
  const REFRESHED = { answers: well(8), timers: '90;refresher=uac', 'hear each other still': 'both' };
  const heldAgain = (times: number): Notes => ({ answers: well(times), 'hear each other again': 'both' });

  it.each<[Plan['kind'], Notes, Notes[]]>([
    [
      'keys',
      KEYS,
      [
        { ...KEYS, 'keys at the business': '1559#' },
        { ...KEYS, 'keys at the business': '195#' },
        { ...KEYS, 'keys at the caller': '42' },
      ],
    ],
    ['hold', heldAgain(2), [{ ...heldAgain(2), 'hear each other again': 'not caller' }]],
    ['hold-in-turn', heldAgain(4), [heldAgain(3), { ...heldAgain(4), 'hear each other again': 'not business' }]],
    ['lossy-hold', heldAgain(4), [{ ...heldAgain(4), answers: '200 200 500 200' }, {}]],
    ['hold-together', heldAgain(4), [{ ...heldAgain(4), answers: '200 491 200 200' }, {}]],
    [
      'refresh',
      REFRESHED,
      [
        { ...REFRESHED, timers: '' },
        { ...REFRESHED, answers: `${well(7)} 500` },
      ],
    ],
    ['session-timer', { answers: '200', 'hear each other still': 'both' }, [{ answers: '200 481' }]],
    ['early-answered', { 'early sound': 'heard' }, [{ 'early sound': 'not heard' }, {}]],
  ])('of kind %s is held against what was played', (kind, met, others) => {
    const plan = { ...PLAN, kind };
    expect(contradiction(byCaller, plan, { ...ANSWERED, notes: met })).toBeNull();
    for (const notes of others) expect(contradiction(byCaller, plan, { ...ANSWERED, notes })).not.toBeNull();
  });
});

describe('a call with several steps or lines', () => {
  const legs = (...results: Leg['result'][]): Leg[] => results.map((result) => ({ ...TAKEN, result }));
  const byCaller = { ...TALKED, ended: { by: 'caller', reason: 'normal', sip: 200 } } as const;

  it.each(['busy', 'declined', 'unreachable', 'no_answer'] as const)('goes on after %s, and tells it so', (failure) => {
    const plan: Plan = { ...PLAN, kind: 'steps', failure };
    const judged = (...results: Leg['result'][]): string | null =>
      contradiction(exampleCall({ ...TALKED, legs: legs(...results) }), plan, ANSWERED);
    expect(judged(failure, 'answered')).toBeNull();
    expect(judged('failed', 'answered')).not.toBeNull();
    expect(judged('answered')).not.toBeNull();
    expect(judged(failure, failure, 'answered')).not.toBeNull();
  });

  it('is one talk where two pick up at once', () => {
    const plan: Plan = { ...PLAN, kind: 'both-answer' };
    const one: Seen = { ...ANSWERED, notes: { 'phones rung': '2', 'phones in the talk': '1' } };
    const judged = (results: Leg['result'][], seen: Seen): string | null =>
      contradiction(exampleCall({ ...byCaller, legs: legs(...results) }), plan, seen);
    expect(judged(['answered', 'cancelled'], one)).toBeNull();
    expect(judged(['cancelled', 'answered'], one)).toBeNull();
    expect(judged(['answered', 'answered'], one)).not.toBeNull();
    const both = { ...one, notes: { ...one.notes, 'phones in the talk': '2' } };
    expect(judged(['answered', 'cancelled'], both)).not.toBeNull();
  });

  it('goes to the phone that registers while it is there, and never otherwise', () => {
    const plan: Plan = { ...PLAN, kind: 'registered' };
    const taken = exampleCall({ ...TALKED, legs: legs('answered') });
    const away = exampleCall({ ...TALKED, legs: legs('not_registered', 'answered') });
    expect(contradiction(taken, plan, ANSWERED)).toBeNull();
    expect(contradiction(away, plan, ANSWERED)).not.toBeNull();
    expect(contradiction(away, plan, { ...ANSWERED, line: 'gone' })).toBeNull();
    expect(contradiction(taken, plan, { ...ANSWERED, line: 'gone' })).not.toBeNull();
    expect(contradiction(away, plan, { ...ANSWERED, line: 'unsure' })).toBeNull();
  });

  it('ends with the step whose sound the caller has heard', () => {
    const plan: Plan = { ...PLAN, kind: 'early-refused' };
    const heard: Seen = { answered: false, status: 486, line: 'up', notes: { 'early sound': 'heard' } };
    const busy = { disposition: 'missed', lossReason: 'busy' } as const;
    expect(contradiction(exampleCall({ ...busy, legs: legs('busy') }), plan, heard)).toBeNull();
    expect(contradiction(exampleCall({ ...busy, legs: legs('busy', 'busy') }), plan, heard)).not.toBeNull();
    expect(contradiction(exampleCall({ ...busy, legs: legs('busy') }), plan, { ...heard, notes: {} })).not.toBeNull();
  });
});

describe('a call over a network that loses', () => {
  const ended = (by: 'caller' | 'business' | 'gateway', reason: EndReason): Partial<Call> => ({
    ...TALKED,
    ended: { by, reason, sip: 200 },
  });
  const lost = exampleCall({
    disposition: 'missed',
    lossReason: 'unreachable',
    ended: { by: 'gateway', reason: 'normal', sip: 480 },
  });

  it.each<[Plan['kind'], Partial<Call>]>([
    ['lossy-caller', ended('business', 'normal')],
    ['lossy-business', ended('business', 'normal')],
    ['hold-with-bye', ended('business', 'normal')],
    ['bye-without-ack', ended('caller', 'normal')],
    ['never-acks', ended('gateway', 'ack_timeout')],
  ])('of kind %s ends as it would have', (kind, told) => {
    const plan: Plan = { ...PLAN, kind };
    expect(contradiction(exampleCall(told), plan, ANSWERED)).toBeNull();
    expect(contradiction(exampleCall(ended('gateway', 'media_failure')), plan, ANSWERED)).not.toBeNull();
    expect(contradiction(lost, plan, { ...ANSWERED, answered: false, status: 480 })).not.toBeNull();
  });

  it('may be declined where the business hung up before its answer came through, and not behind a long talk', () => {
    const plan: Plan = { ...PLAN, kind: 'lossy-business', talkMs: 3_000 };
    const declined = exampleCall({ disposition: 'missed', lossReason: 'declined' });
    const refused: Seen = { ...ANSWERED, answered: false, status: 603 };
    expect(contradiction(declined, plan, refused)).toBeNull();
    expect(contradiction(declined, { ...plan, talkMs: 10_000 }, refused)).not.toBeNull();
    expect(contradiction(declined, { ...plan, kind: 'lossy-caller' }, refused)).not.toBeNull();
  });

  it('has its hold answered, be it by a refusal, while the other side hangs up', () => {
    const plan: Plan = { ...PLAN, kind: 'hold-with-bye' };
    const call = exampleCall(ended('business', 'normal'));
    expect(contradiction(call, plan, { ...ANSWERED, notes: { hold: 'answered in time' } })).toBeNull();
    expect(contradiction(call, plan, { ...ANSWERED, notes: { hold: 'answered late' } })).not.toBeNull();
  });

  it('of who gives up is his doing', () => {
    const plan: Plan = { ...PLAN, kind: 'lossy-cancel' };
    const left = { disposition: 'missed', lossReason: 'caller_hung_up' } as const;
    const seen: Seen = { ...ANSWERED, answered: false, status: 487 };
    const byWhom = (by: 'caller' | 'gateway'): Call =>
      exampleCall({ ...left, ended: { by, reason: 'normal', sip: 487 } });
    expect(contradiction(byWhom('caller'), plan, seen)).toBeNull();
    expect(contradiction(byWhom('gateway'), plan, seen)).not.toBeNull();
  });
});

it('a plan loses datagrams only where there are some', () => {
  const random = randomOf(3);
  const plans = Array.from({ length: 2_000 }, (_, n) => drawPlan(n, 2, random));
  expect(new Set(plans.filter(({ kind }) => /^lossy-(ca|ho)/.test(kind)).map(({ from }) => from))).toEqual(
    new Set(['udp']),
  );
  expect(new Set(plans.filter(({ kind }) => kind === 'lossy-business').map(({ to }) => to))).toEqual(new Set(['udp']));
  expect(new Set(plans.map(({ kind }) => kind))).toEqual(new Set(KINDS));
});
