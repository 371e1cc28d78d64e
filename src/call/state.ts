/**
 * The states of a call, as data. `ended` absorbs: telephony repeats itself (a BYE crosses a BYE, a CANCEL crosses a
 * 200), so an event that a state does not know is ignored by the caller of `transition`, never an error.
 */
export type CallState = 'received' | 'connecting' | 'ringing' | 'answered' | 'ended';
export type CallSignal = 'connect' | 'ring' | 'answer' | 'end';

const TRANSITIONS: Record<CallState, Partial<Record<CallSignal, CallState>>> = {
  /** The INVITE is in, nothing was sent out. */
  received: { connect: 'connecting', end: 'ended' },
  /** Our INVITE is out; the caller hears nothing yet. */
  connecting: { ring: 'ringing', answer: 'answered', end: 'ended' },
  /** Somebody's phone rings, or early media is heard. */
  ringing: { answer: 'answered', end: 'ended' },
  /** The caller got our 200. */
  answered: { end: 'ended' },
  ended: {},
};

/** The next state, or null where `signal` means nothing in `state`. */
export function transition(state: CallState, signal: CallSignal): CallState | null {
  return TRANSITIONS[state][signal] ?? null;
}
