import {
  answers,
  BRIEF_MS,
  cancelAfter,
  GIVES_UP_MS,
  hangsUp,
  lost,
  rings,
  talk,
  talked,
  talkedByCaller,
  unlessEnded,
  type Behaviour,
} from './behaviour.js';

/** By then a 200 that is lost has been sent five times (RFC 3261 13.3.1.4). */
const LONGER_MS = 8_000;
/** By then it has been sent four times. */
const LATE_MS = 3_500;
/** Longer than it takes until it rings. */
const UNTOLD_MS = 3_000;

/** Whose network loses datagrams, or who leaves out what he owes. */
export const NETWORKS = {
  'lossy-caller': {
    weight: 3,
    lossy: 'caller',
    // He who is hung up on before he could be told of the answer is another story.
    business: (plan) => hangsUp({ ...plan, talkMs: plan.talkMs + LONGER_MS }),
    caller: (call, plan) => talk(call, plan),
    expects: talked,
  },
  'lossy-cancel': {
    weight: 2,
    lossy: 'caller',
    business: rings,
    caller: async (call, { giveUpMs }) => {
      // The word of ringing may be lost: nobody repeats it (RFC 3261 13.3.1.1).
      await Promise.race([call.ringing(GIVES_UP_MS), unlessEnded(call, UNTOLD_MS)]);
      await cancelAfter(call, giveUpMs);
    },
    expects: lost('caller_hung_up', 'caller'),
  },
  'lossy-business': {
    weight: 3,
    lossy: 'business',
    business: hangsUp,
    caller: (call, plan) => talk(call, plan),
    expects: (plan, { answered, status }) =>
      !answered && status === 603 && plan.byBusiness && plan.talkMs <= BRIEF_MS + LATE_MS
        ? lost('declined')()
        : talked(plan),
  },
  // His BYE comes for an answer that he never confirmed.
  'bye-without-ack': {
    weight: 1,
    business: answers,
    options: { acknowledges: false },
    caller: (call, plan) => talk(call, { ...plan, byBusiness: false }),
    expects: talkedByCaller,
  },
  // 64 * T1 after the answer nobody is there (RFC 3261 13.3.1.4).
  'never-acks': {
    weight: 0.5,
    business: answers,
    options: { acknowledges: false },
    caller: async (call) => {
      await call.answered(GIVES_UP_MS);
      await unlessEnded(call, GIVES_UP_MS);
    },
    expects: () => ({ disposition: 'answered', lossReason: null, by: 'gateway', reason: 'ack_timeout' }),
  },
} satisfies Record<string, Behaviour>;
