import type { FailureCounts } from './guard.js';
import type { Contact, WantedBinding } from './registration.js';

/** A registered phone of a line. */
export interface Binding extends Contact {
  /** The contact's; with `edge` behind it where only that one gets through to it. */
  key: string;
  /** Contact as the phone wrote it. */
  registered: string;
  /** ms from the moment it was read. */
  expiresInMs: number;
  userAgent: string;
  /** drachtio-server that took the registration: only from there does NAT let a request through. */
  edge: string;
  /** Keep-alives in a row that it has not answered; `SILENCES_MAX` of them mean that it cannot be reached. */
  silences: number;
}

/** As many silences in a row mean that the phone is gone; it is kept until its registration ends. */
export const SILENCES_MAX = 3;

export interface BindingChange {
  line: string;
  callId: string;
  cseq: number;
  userAgent: string;
  edge: string;
  nonce: { value: string; count: number };
  maxContacts: number;
  /** `clear`: all of the line's bindings go. */
  bindings: WantedBinding[] | 'clear';
}

export type BindResult =
  | { kind: 'bound'; bindings: Binding[] }
  /** The nonce has been answered with this count already. */
  | { kind: 'replayed' }
  /** An older request of the same phone came late (RFC 3261 10.3, step 7). */
  | { kind: 'out-of-order' };

export interface FailureKeys {
  source: string;
  user: string;
}

/** What the registrar keeps outside this process. Every method rejects with GW_ERR_REDIS_AWAY. */
export interface RegistrationStore {
  /** Shared by all gateways; null until it has been read. */
  readonly nonceSecret: Buffer | null;
  failures(keys: FailureKeys): Promise<FailureCounts>;
  /** One more; the counts with it. */
  countFailure(keys: FailureKeys): Promise<FailureCounts>;
  /** Checks the nonce count and the order of requests, and changes the bindings: one atomic step. */
  bind(change: BindingChange): Promise<BindResult>;
}

/** Keep-alive of the bindings behind NAT. */
export interface KeepAliveStore {
  /** Bindings of these lines at this edge whose turn it is; each is given to one gateway only. */
  claimPings(lines: readonly string[], edge: string, nextInMs: number): Promise<{ line: string; binding: Binding }[]>;
  /** How many times in a row it has been silent now. */
  notePing(line: string, key: string, answered: boolean): Promise<number>;
}
