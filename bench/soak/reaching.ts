import type { IncomingCall } from '../../src/sandbox/phone/index.js';
import { dominantTone } from '../../src/sandbox/rtp/tone.js';
import { until } from '../../test/support/until.js';
import { BUSINESS_HZ } from '../../test/support/wav.js';
import {
  answers,
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
  type Outcome,
  type Seen,
} from './behaviour.js';
import type { Plan } from './plan.js';

const EARLY_HZ = 850;
const HEARS_MS = 10_000;
const WINDOW_SAMPLES = 800;
/** BYE to who was second, whatever his BYE or ours has to wait for. */
const LET_GO_MS = 10_000;

const early = ({ ringAfterMs }: Plan): ReturnType<NonNullable<Behaviour['business']>> => ({
  ring: { afterMs: ringAfterMs, status: 183, earlyToneHz: EARLY_HZ },
  answerAfterMs: 'never',
  toneHz: BUSINESS_HZ,
});

/** Waits until the caller hears what the business sends before its answer; gives the business. */
async function earlySound(call: Parameters<Behaviour['caller']>[0], others: Others): Promise<IncomingCall | undefined> {
  await call.ringing(GIVES_UP_MS);
  const heard = until(
    'the early sound',
    () => call.isEnded || dominantTone(call.media.heard(-WINDOW_SAMPLES), [EARLY_HZ]) === EARLY_HZ || undefined,
    HEARS_MS,
  );
  await heard.then(
    () => others.note('early sound', call.isEnded ? 'the call ended' : 'heard'),
    () => others.note('early sound', 'not heard'),
  );
  return others.business();
}

const FAILING: Record<Plan['failure'], (plan: Plan) => ReturnType<typeof answers>> = {
  busy: refuses(486),
  declined: refuses(603),
  unreachable: refuses(503),
  no_answer: rings,
};

/** Whom the gateway rings at once: exactly one of them talks, and the other is let go of. */
async function talkWithOne(call: Parameters<Behaviour['caller']>[0], plan: Plan, others: Others): Promise<void> {
  await call.answered(GIVES_UP_MS);
  const talking = (): number => others.rung().filter(({ isEnded }) => !isEnded).length;
  const one = until('one is left', () => call.isEnded || talking() === 1, LET_GO_MS);
  await one.catch(() => undefined); // how many are left is noted
  if (!call.isEnded) others.note('phones in the talk', String(talking()));
  others.note('phones rung', String(others.rung().length));
  await unlessEnded(call, plan.talkMs);
  await call.hangUp();
}

const registered = (plan: Plan, seen: Seen): Outcome => ({
  ...talkedOrDeclined(plan, seen),
  ...(seen.line === 'unsure' ? {} : { legs: seen.line === 'up' ? 'answered' : 'not_registered answered' }),
});

/** By which ways the business is reached. */
export const REACHING = {
  'early-answered': {
    weight: 2,
    business: early,
    caller: async (call, plan, others) => {
      (await earlySound(call, others))?.pickUp();
      await talk(call, { ...plan, byBusiness: false });
    },
    expects: talkedByCaller,
    meets: () => ({ 'early sound': 'heard' }),
  },
  // Who has heard the business's own sound is passed on to nobody else.
  'early-refused': {
    weight: 1,
    business: early,
    caller: async (call, _plan, others) => {
      (await earlySound(call, others))?.refuse(486);
      await untilEnded(call);
    },
    expects: () => ({ ...lost('busy')(), legs: 'busy' }),
    meets: () => ({ 'early sound': 'heard' }),
  },
  'early-left': {
    weight: 1,
    business: early,
    caller: async (call, { giveUpMs }, others) => {
      await earlySound(call, others);
      await unlessEnded(call, giveUpMs);
      call.cancel();
      await unlessEnded(call, GIVES_UP_MS);
    },
    expects: lost('caller_hung_up', 'caller'),
    meets: () => ({ 'early sound': 'heard' }),
  },
  // The first step fails in one way or another, the second takes the call.
  steps: {
    weight: 3,
    business: (plan, dialled) => (dialled === 'steps' ? FAILING[plan.failure](plan) : hangsUp(plan)),
    caller: talk,
    expects: (plan, seen) => ({ ...talkedOrDeclined(plan, seen), legs: `${plan.failure} answered` }),
  },
  // Two lines ring, and pick up in nearly the same millisecond.
  'both-answer': {
    weight: 3,
    business: (plan, dialled) => {
      const { answerAfterMs, ...rest } = answers(plan);
      const later = dialled === 'spare' ? plan.apartMs : 0;
      return { ...rest, answerAfterMs: Math.max(0, Number(answerAfterMs) + later) };
    },
    caller: talkWithOne,
    expects: (plan) => ({ ...talkedByCaller(plan), legs: ['answered cancelled', 'cancelled answered'] }),
    meets: () => ({ 'phones rung': '2', 'phones in the talk': '1' }),
  },
  // A phone that registers, over each transport, and is away at times: a spare one takes the call then.
  registered: { weight: 4, business: hangsUp, caller: talk, expects: registered },
} satisfies Record<string, Behaviour>;
