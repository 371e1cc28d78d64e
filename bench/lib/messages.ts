import type { Address } from './sip-text.js';

/** What the bench tells a load process, and what comes back: over the IPC channel of `fork`. */

export interface CallerOptions {
  host: string;
  sipPort: number;
  rtpPort: number;
}

/** Calls at a steady pace, each held for `holdMs` after its 200. */
export interface RunRequest {
  remote: Address;
  callsPerSecond: number;
  calls: number;
  holdMs: number;
  rtp: boolean;
  /** Dialled in turn. */
  numbers: string[];
  /** Calling numbers, in turn. */
  callers: string[];
}

export interface CallRecord {
  callId: string;
  /** INVITE sent → 200 received; null where it was not answered. */
  setupMs: number | null;
  /** 200 received → BYE sent. */
  talkMs: number | null;
  /** `ok`, the status that refused it, or what else went wrong. */
  outcome: string;
  /** The refusal said when to come back. */
  retryAfter: boolean;
}

export interface RunResult {
  calls: CallRecord[];
  /** First INVITE sent → last one sent. */
  offeredMs: number;
  inviteRetransmissions: number;
  byeRetransmissions: number;
  rtpSent: number;
  rtpReceived: number;
}
