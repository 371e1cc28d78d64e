import type { Call } from '../../src/call/call.js';
import type { AnswerScript, CallOptions, IncomingCall, OutgoingCall } from '../../src/sandbox/phone/index.js';
import { BUSINESS_HZ } from '../../test/support/wav.js';

/** One call as it is meant to go, drawn before it is placed. */
export interface Plan {
  kind: Kind;
  /** E.164; no two calls of a soak have the same. */
  caller: string;
  /** Which gateway gets it, from 0. */
  machine: number;
  /** INVITE → 180 of the business, and from there to its answer. */
  ringAfterMs: number;
  answerMs: number;
  talkMs: number;
  /** How long a caller waits who gives up. */
  giveUpMs: number;
  /** Where either side may do it: the business does. */
  byBusiness: boolean;
}

/** What a call came to, as its last event tells it. */
type Outcome = Partial<Record<'disposition' | 'lossReason' | 'by' | 'reason', string | null>>;

interface Behaviour {
  /** How many of all calls are of this kind, by weight. */
  weight: number;
  /** What the business does; it talks until the caller hangs up where nothing else is said. */
  business?: (plan: Plan) => AnswerScript;
  options?: Partial<CallOptions>;
  /** What the caller does, to the end of the call; `business` is the other side, once it was answered. */
  caller: (call: OutgoingCall, plan: Plan, business: () => IncomingCall | undefined) => Promise<void>;
  /** What the caller's own story allows; `answered`: he got a 200. */
  expects: (plan: Plan, answered: boolean) => Outcome;
}

/** One talk in ten is of a second or less: what begins and ends at once goes wrong in ways of its own. */
const BRIEF_SHARE = 0.1;
const SHORTEST_MS = 150;
const BRIEF_MS = 1_000;
const LONGEST_MS = 20_000;
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

async function holdAndResume(call: OutgoingCall, plan: Plan, business: () => IncomingCall | undefined): Promise<void> {
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

const hangsUp = (plan: Plan): AnswerScript => ({
  ...answers(plan),
  ...(plan.byBusiness ? { hangUpAfterMs: plan.talkMs } : {}),
});

/** Every kind of call that a soak places. */
export const BEHAVIOURS = {
  talk: { weight: 8, business: hangsUp, caller: talk, expects: talked },
  'late-offer': { weight: 2, business: hangsUp, options: { lateOffer: true }, caller: talk, expects: talked },
  // The main destination has few channels: some of these go on to a line.
  overflow: { weight: 3, business: hangsUp, caller: talk, expects: talked },
  hold: {
    weight: 2,
    business: answers,
    caller: holdAndResume,
    expects: (plan) => talked({ ...plan, byBusiness: false }),
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
    expects: (plan, answered) =>
      answered ? talked({ ...plan, byBusiness: false }) : lost('caller_hung_up', 'caller')(),
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
export function contradiction(call: Call, plan: Plan, answered: boolean): string | null {
  const expected = behaviourOf(plan.kind).expects(plan, answered);
  const found: Outcome = {
    disposition: call.disposition,
    lossReason: call.lossReason,
    by: call.ended?.by ?? null,
    reason: call.ended?.reason ?? null,
  };
  const told = Object.entries(expected).filter(([name, value]) => found[name as keyof Outcome] !== value);
  if (answered !== (call.disposition === 'answered')) return `${JSON.stringify(found)}, caller's 200: ${answered}`;
  return told.length === 0 ? null : `${JSON.stringify(found)} where ${JSON.stringify(expected)} was played`;
}

export function drawPlan(n: number, machines: number, random: () => number): Plan {
  const between = (low: number, high: number): number => Math.round(low + random() * (high - low));
  return {
    kind: drawKind(random),
    caller: `+7916${String(1_000_000 + n)}`,
    machine: Math.floor(random() * machines),
    ringAfterMs: between(20, 600),
    answerMs: between(50, 2_000),
    talkMs: random() < BRIEF_SHARE ? between(SHORTEST_MS, BRIEF_MS) : between(BRIEF_MS, LONGEST_MS),
    giveUpMs: between(0, 2_000),
    byBusiness: random() < 0.5,
  };
}

function drawKind(random: () => number): Kind {
  let at = random() * KINDS.reduce((sum, kind) => sum + BEHAVIOURS[kind].weight, 0);
  return KINDS.find((kind) => (at -= BEHAVIOURS[kind].weight) < 0) ?? 'talk';
}

/** Plays the caller's part; what went otherwise than an end of the call could explain, or null. */
export async function play(
  call: OutgoingCall,
  plan: Plan,
  business: () => IncomingCall | undefined,
): Promise<string | null> {
  try {
    await behaviourOf(plan.kind).caller(call, plan, business);
    return null;
  } catch (error) {
    // Who is refused where he waited for something else has a story too: it is compared later.
    if (call.isEnded) return null;
    if (call.isAnswered) await call.hangUp();
    else call.cancel();
    return String(error);
  }
}
