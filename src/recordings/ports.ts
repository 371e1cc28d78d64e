import type { ReplacingFile } from '../call/amendments.js';
import type { Call } from '../call/call.js';

/** Why a recording is no longer there. */
export interface Deletion {
  /** ISO 8601. */
  at: string;
  /** `retention`, `request`, `caller_erased`. */
  reason: 'retention' | 'request' | 'caller_erased';
}

/** Writes into a call's document what became of its recording; a call that is no longer kept is none to write into. */
export interface RecordingTeller {
  found(call: Call, recording: Call['recording']): Promise<void>;
  /** Rejects where the call has not heard of its recording yet. */
  replaced(callId: string, by: ReplacingFile): Promise<void>;
  deleted(callId: string, deletion: Deletion): Promise<void>;
}

export interface CallLookup {
  get(callId: string): Promise<Call | null>;
}

/** What gateways know together of recordings; `redis/` implements it. All reject with GW_ERR_REDIS_AWAY. */
export interface RecordingFacts {
  noteDeletion(callId: string, deletion: Deletion): Promise<void>;
  takeBackDeletion(callId: string): Promise<void>;
  deletion(callId: string): Promise<Deletion | null>;
  /** What the clock of Redis shows, ms since the epoch; null where somebody has swept this store within `forMs`. */
  takeSweep(store: string, forMs: number): Promise<number | null>;
  /** The caller's calls: those that are kept, and the last 500 of his history. */
  callsOfCaller(number: string): Promise<string[]>;
}
