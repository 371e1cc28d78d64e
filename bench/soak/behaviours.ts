import type { Call } from '../../src/call/call.js';
import type { AnswerScript, CallOptions, IncomingCall, OutgoingCall } from '../../src/sandbox/phone/index.js';
import type { RecordingAction } from '../../src/call/media-ports.js';
import { BUSINESS_HZ } from '../../test/support/wav.js';
import type { LineState } from './pbx.js';
import { drawWay, type Way } from './ways.js';

/** One call as it is meant to go, drawn before it is placed. */
export interface Plan {
  kind: Kind;
  /** E.164; no two calls of a soak have the same. */
  caller: string;
  /** Which gateway gets it, from 0. */
  machine: number;
  /** How the caller comes, and how the business is rung. */
  from: Way;
  to: Way;
  /** INVITE → 180 of the business, and from there to its answer. */
  ringAfterMs: number;
  answerMs: number;
  talkMs: number;
  /** How long a caller waits who gives up. */
  giveUpMs: number;
  /** Where either side may do it: the business does. */
  byBusiness: boolean;
  /** What is masked or paused: again undone before the end. */
  undone: boolean;
}

/** What a call came to, as its last event tells it; `legs`: what stood in the way of each, or its result. */
type Outcome = Partial<Record<'disposition' | 'lossReason' | 'by' | 'reason' | 'legs', string | null>>;

/** What is known of a call by others than the gateways. */
export interface Seen {
  /** He got a 200. */
  answered: boolean;
  /** Final response to the caller's INVITE; null where none came. */
  status: number | null;
  /** The watched line, when it was to be dialled. */
  line: LineState;
}

/** Who else has a part in a call. */
export interface Others {
  /** The other side, once it was rung. */
  business: () => IncomingCall | undefined;
  /** Has the gateway do this with the recording; resolves when that is done, or the call is over. */
  record: (action: RecordingAction) => Promise<void>;
}

interface Behaviour {
  /** How many of all calls are of this kind, by weight. */
  weight: number;
  /** What the business does; it talks until the caller hangs up where nothing else is said. */
  business?: (plan: Plan) => AnswerScript;
  options?: Partial<CallOptions>;
  /** What the caller does, to the end of the call, and what is done meanwhile. */
  caller: (call: OutgoingCall, plan: Plan, others: Others) => Promise<void>;
  /** What the caller's own story allows. */
  expects: (plan: Plan, seen: Seen) => Outcome;
}

/** One talk in ten is of a second or less: what begins and ends at once goes wrong in ways of its own. */
const BRIEF_SHARE = 0.1;
const SHORTEST_MS = 150;
const BRIEF_MS = 1_000;
const LONGEST_MS = 20_000;
/** Of what is masked or paused. */
const UNDONE_SHARE = 0.7;
/** Longer than a gateway that died needs to come back and hang up. */
const GIVES_UP_MS = 60_000;
/** Of the routes' steps, see house.ts. */
export const NO_ANSWER_SECONDS = 3;

const answers = ({ ringAfterMs, answerMs }: Plan): AnswerScript => ({
  ring: { afterMs: ringAfterMs },
  answerAfterMs: ringAfterMs + answerMs,
  toneHz: BUSINESS_HZ,
});
const rings = ({ ringAfterMs }: Plan): AnswerScript => ({
  ring: { afterMs: ringAfterMs },
  answerAfterMs: 'never',
  media: false,
});
const refuses =
  (status: number) =>
  ({ ringAfterMs, answerMs }: Plan): AnswerScript => ({
    ring: { afterMs: ringAfterMs },
    answerAfterMs: ringAfterMs + answerMs,
    refuse: { status },
    media: false,
  });

/** Lets time pass, unless the call ends before. */
const unlessEnded = async (call: OutgoingCall, ms: number): Promise<void> => {
  await call.ended(ms).catch(() => undefined); // it goes on
};
const untilEnded = async (call: OutgoingCall): Promise<void> => {
  await unlessEnded(call, GIVES_UP_MS);
  await call.hangUp();
};

async function talk(call: OutgoingCall, { talkMs, byBusiness }: Plan): Promise<void> {
  await call.answered(GIVES_UP_MS);
  await unlessEnded(call, byBusiness ? talkMs + GIVES_UP_MS : talkMs);
  await call.hangUp();
}

async function cancelAfter(call: OutgoingCall, ms: number): Promise<void> {
  await unlessEnded(call, ms);
  call.cancel();
  await Promise.race([call.ended(GIVES_UP_MS), call.answered(GIVES_UP_MS)]);
  // A 200 was faster: he hangs up then.
  await call.hangUp();
}

async function holdAndResume(call: OutgoingCall, plan: Plan, { business }: Others): Promise<void> {
  await call.answered(GIVES_UP_MS);
  const third = plan.talkMs / 3;
  await unlessEnded(call, third);
  const side = plan.byBusiness ? business() : call;
  if (!call.isEnded) await side?.hold();
  await unlessEnded(call, third);
  if (!call.isEnded) await side?.resume();
  await unlessEnded(call, third);
  await call.hangUp();
}

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

const talked = ({ byBusiness }: Plan): Outcome => ({
  disposition: 'answered',
  lossReason: null,
  by: byBusiness ? 'business' : 'caller',
  reason: 'normal',
});
const lost = (lossReason: string, by?: string) => (): Outcome => ({
  disposition: 'missed',
  lossReason,
  ...(by === undefined ? {} : { by }),
});

const talkedByCaller = (plan: Plan): Outcome => talked({ ...plan, byBusiness: false });
/** A business that hangs up as soon as it has picked up may be gone before its caller is answered. */
const talkedOrDeclined = (plan: Plan, { answered, status }: Seen): Outcome =>
  !answered && status === 603 && plan.byBusiness && plan.talkMs <= BRIEF_MS ? lost('declined')() : talked(plan);

const hangsUp = (plan: Plan): AnswerScript => ({
  ...answers(plan),
  ...(plan.byBusiness ? { hangUpAfterMs: plan.talkMs } : {}),
});

/** Every kind of call that a soak places. */
export const BEHAVIOURS = {
  talk: { weight: 8, business: hangsUp, caller: talk, expects: talkedOrDeclined },
  'late-offer': { weight: 2, business: hangsUp, options: { lateOffer: true }, caller: talk, expects: talkedOrDeclined },
  // The main destination has few channels: some of these go on to a line.
  overflow: { weight: 3, business: hangsUp, caller: talk, expects: talkedOrDeclined },
  hold: { weight: 2, business: answers, caller: holdAndResume, expects: talkedByCaller },
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
} satisfies Record<string, Behaviour>;

export type Kind = keyof typeof BEHAVIOURS;
export const KINDS = Object.keys(BEHAVIOURS) as Kind[];
export const behaviourOf = (kind: Kind): Behaviour => BEHAVIOURS[kind];

/** How `call` differs from what its plan and its caller's story allow; null where it does not. */
export function contradiction(call: Call, plan: Plan, seen: Seen): string | null {
  const expected = behaviourOf(plan.kind).expects(plan, seen);
  const found: Outcome = {
    disposition: call.disposition,
    lossReason: call.lossReason,
    by: call.ended?.by ?? null,
    reason: call.ended?.reason ?? null,
    legs: call.legs.map(({ obstacle, result }) => obstacle ?? result).join(' '),
  };
  const told = Object.entries(expected).filter(([name, value]) => found[name as keyof Outcome] !== value);
  if (seen.answered !== (call.disposition === 'answered'))
    return `${JSON.stringify(found)}, caller's 200: ${seen.answered}`;
  return told.length === 0 ? null : `${JSON.stringify(found)} where ${JSON.stringify(expected)} was played`;
}

export function drawPlan(n: number, machines: number, random: () => number): Plan {
  const between = (low: number, high: number): number => Math.round(low + random() * (high - low));
  const kind = drawKind(random);
  const from = drawWay(random);
  return {
    kind,
    // An INVITE without SDP brings no key.
    from: kind === 'late-offer' && from === 'srtp' ? 'tls' : from,
    to: drawWay(random),
    caller: `+7916${String(1_000_000 + n)}`,
    machine: Math.floor(random() * machines),
    ringAfterMs: between(20, 600),
    answerMs: between(50, 2_000),
    talkMs: random() < BRIEF_SHARE ? between(SHORTEST_MS, BRIEF_MS) : between(BRIEF_MS, LONGEST_MS),
    giveUpMs: between(0, 2_000),
    byBusiness: random() < 0.5,
    undone: random() < UNDONE_SHARE,
  };
}

function drawKind(random: () => number): Kind {
  let at = random() * KINDS.reduce((sum, kind) => sum + BEHAVIOURS[kind].weight, 0);
  return KINDS.find((kind) => (at -= BEHAVIOURS[kind].weight) < 0) ?? 'talk';
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
