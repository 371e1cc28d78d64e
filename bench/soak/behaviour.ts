import type { RecordingAction } from '../../src/call/media-ports.js';
import type { AnswerScript, CallOptions, IncomingCall, OutgoingCall } from '../../src/sandbox/phone/index.js';
import { BUSINESS_HZ } from '../../test/support/wav.js';
import type { LineState } from './line-state.js';
import type { Plan } from './plan.js';

/**
 * What a call came to, as its last event tells it; `legs`: what stood in the way of each, or its result. Where several
 * values would do all of them are expected.
 */
export type Outcome = Partial<
  Record<'disposition' | 'lossReason' | 'by' | 'reason' | 'legs', string | null | readonly string[]>
>;

/** What the phones met on the way, by name: for kinds that look at more than the end of a call. */
export type Notes = Record<string, string>;

/** What is known of a call by others than the gateways. */
export interface Seen {
  /** He got a 200. */
  answered: boolean;
  /** Final response to the caller's INVITE; null where none came. */
  status: number | null;
  /** The watched line, or the one that registers, when it was to be dialled. */
  line: LineState;
  notes: Notes;
}

/** Who else has a part in a call. */
export interface Others {
  /** The other side, once it was rung: who has the call where several were. */
  business: () => IncomingCall | undefined;
  /** Everybody who was rung. */
  rung: () => readonly IncomingCall[];
  /** Has the gateway do this with the recording; resolves when that is done, or the call is over. */
  record: (action: RecordingAction) => Promise<void>;
  note: (name: string, what: string) => void;
  /** The caller held for so long: his leg may have sent nothing. */
  callerHeld: (ms: number) => void;
}

export interface Behaviour {
  /** How many of all calls are of this kind, by weight. */
  weight: number;
  /** What the business does where `dialled` (user part) was dialled; it talks until the caller hangs up where nothing else is said. */
  business?: (plan: Plan, dialled: string) => AnswerScript;
  options?: Partial<CallOptions>;
  /** Whose SIP datagrams are lost, and come late and twice. */
  lossy?: 'caller' | 'business';
  /** What the caller does, to the end of the call, and what is done meanwhile. */
  caller: (call: OutgoingCall, plan: Plan, others: Others) => Promise<void>;
  /** What the caller's own story allows. */
  expects: (plan: Plan, seen: Seen) => Outcome;
  /** What the phones are to have met; nothing is said of what is not named. */
  meets?: (plan: Plan, seen: Seen) => Notes;
}

/** A talk of less is brief. */
export const BRIEF_MS = 1_000;
/** Longer than a gateway that died needs to come back and hang up. */
export const GIVES_UP_MS = 60_000;

export const answers = ({ ringAfterMs, answerMs }: Plan): AnswerScript => ({
  ring: { afterMs: ringAfterMs },
  answerAfterMs: ringAfterMs + answerMs,
  toneHz: BUSINESS_HZ,
});

export const hangsUp = (plan: Plan): AnswerScript => ({
  ...answers(plan),
  ...(plan.byBusiness ? { hangUpAfterMs: plan.talkMs } : {}),
});

export const rings = ({ ringAfterMs }: Plan): AnswerScript => ({
  ring: { afterMs: ringAfterMs },
  answerAfterMs: 'never',
  media: false,
});

export const refuses =
  (status: number) =>
  ({ ringAfterMs, answerMs }: Plan): AnswerScript => ({
    ring: { afterMs: ringAfterMs },
    answerAfterMs: ringAfterMs + answerMs,
    refuse: { status },
    media: false,
  });

/** Lets time pass, unless the call ends before. */
export const unlessEnded = async (call: OutgoingCall, ms: number): Promise<void> => {
  await call.ended(ms).catch(() => undefined); // it goes on
};

export const untilEnded = async (call: OutgoingCall): Promise<void> => {
  await unlessEnded(call, GIVES_UP_MS);
  await call.hangUp();
};

export async function talk(call: OutgoingCall, { talkMs, byBusiness }: Plan): Promise<void> {
  await call.answered(GIVES_UP_MS);
  await unlessEnded(call, byBusiness ? talkMs + GIVES_UP_MS : talkMs);
  await call.hangUp();
}

export async function cancelAfter(call: OutgoingCall, ms: number): Promise<void> {
  await unlessEnded(call, ms);
  call.cancel();
  await Promise.race([call.ended(GIVES_UP_MS), call.answered(GIVES_UP_MS)]);
  // A 200 was faster: he hangs up then.
  await call.hangUp();
}

export const talked = ({ byBusiness }: Plan): Outcome => ({
  disposition: 'answered',
  lossReason: null,
  by: byBusiness ? 'business' : 'caller',
  reason: 'normal',
});

export const talkedByCaller = (plan: Plan): Outcome => talked({ ...plan, byBusiness: false });

export const lost = (lossReason: string, by?: string) => (): Outcome => ({
  disposition: 'missed',
  lossReason,
  ...(by === undefined ? {} : { by }),
});

/** A business that hangs up as soon as it has picked up may be gone before its caller is answered. */
export const talkedOrDeclined = (plan: Plan, { answered, status }: Seen): Outcome =>
  !answered && status === 603 && plan.byBusiness && plan.talkMs <= BRIEF_MS ? lost('declined')() : talked(plan);
