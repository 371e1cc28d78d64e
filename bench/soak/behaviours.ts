import type { Call } from '../../src/call/call.js';
import type { RecordingAction } from '../../src/call/media-ports.js';
import type { OutgoingCall } from '../../src/sandbox/phone/index.js';
import {
  answers,
  cancelAfter,
  GIVES_UP_MS,
  hangsUp,
  lost,
  refuses,
  rings,
  talk,
  talkedByCaller,
  talkedOrDeclined,
  unlessEnded,
  untilEnded,
  type Behaviour,
  type Others,
  type Seen,
} from './behaviour.js';
import { DIALOGUES } from './dialogues.js';
import { NETWORKS } from './networks.js';
import type { Plan } from './plan.js';
import { REACHING } from './reaching.js';

/** Of the routes' steps, see house.ts. */
export const NO_ANSWER_SECONDS = 3;

const leavesOut =
  (action: RecordingAction, undo: RecordingAction): Behaviour['caller'] =>
  async (call, { talkMs, undone }, { record }) => {
    await call.answered(GIVES_UP_MS);
    const third = talkMs / 3;
    await unlessEnded(call, third);
    await record(action);
    await unlessEnded(call, third);
    if (undone) await record(undo);
    await unlessEnded(call, third);
    await call.hangUp();
  };

/** Every kind of call that a soak places. */
export const BEHAVIOURS = {
  talk: { weight: 8, business: hangsUp, caller: talk, expects: talkedOrDeclined },
  'late-offer': { weight: 2, business: hangsUp, options: { lateOffer: true }, caller: talk, expects: talkedOrDeclined },
  // The main destination has few channels: some of these go on to a line.
  overflow: { weight: 3, business: hangsUp, caller: talk, expects: talkedOrDeclined },
  pause: { weight: 1, business: answers, caller: leavesOut('pause', 'resume'), expects: talkedByCaller },
  mask: { weight: 1, business: answers, caller: leavesOut('mask', 'unmask'), expects: talkedByCaller },
  // The first step is the watched line: whom it is passed over for, a spare one takes.
  watched: {
    weight: 2,
    business: hangsUp,
    caller: talk,
    expects: (plan, seen) => ({
      ...talkedOrDeclined(plan, seen),
      ...(seen.line === 'unsure' ? {} : { legs: seen.line === 'up' ? 'answered' : 'down answered' }),
    }),
  },
  // The only step is: it is rung all the same, and takes the call unless it is gone indeed.
  'last-resort': {
    weight: 2,
    business: hangsUp,
    caller: talk,
    expects: (plan, seen) => {
      if (seen.line === 'gone') return { ...lost('unreachable')(), legs: 'down unreachable' };
      if (seen.line === 'unsure') return seen.status === 480 ? lost('unreachable')() : talkedOrDeclined(plan, seen);
      return { ...talkedOrDeclined(plan, seen), legs: seen.line === 'up' ? 'answered' : 'down answered' };
    },
  },
  'rtp-stops': {
    weight: 1,
    business: answers,
    caller: async (call, { talkMs }) => {
      await call.answered(GIVES_UP_MS);
      await unlessEnded(call, talkMs);
      await call.media.close();
      await untilEnded(call);
    },
    expects: () => ({ disposition: 'answered', lossReason: null, by: 'gateway', reason: 'media_timeout' }),
  },
  'cancel-before-180': {
    weight: 1,
    business: () => ({ ring: false, answerAfterMs: 'never', media: false }),
    caller: (call, { giveUpMs }) => cancelAfter(call, giveUpMs),
    expects: lost('caller_hung_up', 'caller'),
  },
  'cancel-ringing': {
    weight: 1,
    business: rings,
    caller: async (call, { giveUpMs }) => {
      await call.ringing(GIVES_UP_MS);
      await cancelAfter(call, giveUpMs);
    },
    expects: lost('caller_hung_up', 'caller'),
  },
  'cancel-with-200': {
    weight: 2,
    business: answers,
    caller: async (call, { answerMs, giveUpMs }) => {
      await call.ringing(GIVES_UP_MS);
      // The 180 was some milliseconds on its way, as the CANCEL will be: around those they cross.
      await cancelAfter(call, Math.max(0, answerMs - 20 + (giveUpMs % 40)));
    },
    expects: (plan, { answered }) => (answered ? talkedByCaller(plan) : lost('caller_hung_up', 'caller')()),
  },
  busy: { weight: 1, business: refuses(486), caller: untilEnded, expects: lost('busy') },
  declined: { weight: 1, business: refuses(603), caller: untilEnded, expects: lost('declined') },
  'no-answer': { weight: 1, business: rings, caller: untilEnded, expects: lost('no_answer') },
  unreachable: { weight: 1, caller: untilEnded, expects: lost('unreachable') },
  'unknown-number': {
    weight: 1,
    caller: untilEnded,
    expects: () => ({ disposition: 'rejected', lossReason: 'unknown_number' }),
  },
  ...DIALOGUES,
  ...REACHING,
  ...NETWORKS,
} satisfies Record<string, Behaviour>;

export type Kind = keyof typeof BEHAVIOURS;
export const KINDS = Object.keys(BEHAVIOURS) as Kind[];
export const behaviourOf = (kind: Kind): Behaviour => BEHAVIOURS[kind];

/** How `call` differs from what its plan and its caller's story allow; null where it does not. */
export function contradiction(call: Call, plan: Plan, seen: Seen): string | null {
  const expected = behaviourOf(plan.kind).expects(plan, seen);
  const found: Record<string, string | null> = {
    disposition: call.disposition,
    lossReason: call.lossReason,
    by: call.ended?.by ?? null,
    reason: call.ended?.reason ?? null,
    legs: call.legs.map(({ obstacle, result }) => obstacle ?? result).join(' '),
  };
  const met = behaviourOf(plan.kind).meets?.(plan, seen) ?? {};
  if (seen.answered !== (call.disposition === 'answered'))
    return `${JSON.stringify(found)}, caller's 200: ${seen.answered}`;
  const told = Object.entries(expected).every(([name, value]) => [value].flat().includes(found[name] ?? null));
  if (!told) return `${JSON.stringify(found)} where ${JSON.stringify(expected)} was played`;
  const same = Object.entries(met).every(([name, what]) => seen.notes[name] === what);
  return same ? null : `the phones met ${JSON.stringify(seen.notes)}, not ${JSON.stringify(met)}`;
}

/** Plays the caller's part; what went otherwise than an end of the call could explain, or null. */
export async function play(call: OutgoingCall, plan: Plan, others: Others): Promise<string | null> {
  try {
    await behaviourOf(plan.kind).caller(call, plan, others);
    return null;
  } catch (error) {
    // Who is refused where he waited for something else has a story too: it is compared later.
    if (call.isEnded) return null;
    if (call.isAnswered) await call.hangUp();
    else call.cancel();
    return String(error);
  }
}
