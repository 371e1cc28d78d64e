import { DEFERRED } from '../numbers/verdict.js';
import { isCapacityLoss } from '../routing/loss.js';
import type { Call, CallResources, LossReason, RecordingInfo, Tag } from './call.js';

export interface NewCall {
  id: string;
  sipCallId: string;
  gateway: string;
  trunk: string;
  trackingNumber: string;
  caller: { number: string | null; withheld: boolean; name: string | null };
  /** ms since the epoch. */
  receivedAt: number;
}

export const NO_RECORDING: RecordingInfo = {
  status: 'none',
  reason: null,
  file: null,
  bytes: null,
  sha256: null,
  durationSeconds: null,
  sampleRate: null,
  channels: null,
  silentChannels: null,
  startedAt: null,
  stoppedAt: null,
  paused: [],
  masked: [],
  deletedAt: null,
};

/** A call as it is when its INVITE has been read and nothing else is known. */
export function newCall(from: NewCall): Call {
  return {
    id: from.id,
    sipCallId: from.sipCallId,
    site: null,
    gateway: from.gateway,
    trunk: from.trunk,
    route: null,
    trackingNumber: from.trackingNumber,
    numberKind: null,
    caller: { ...from.caller, firstCall: null, previousCalls: null, lastCallAt: null, lastDisposition: null },
    startedAt: iso(from.receivedAt),
    ringingAt: null,
    engagedAt: null,
    answeredAt: null,
    endedAt: null,
    durations: { ringSeconds: 0, talkSeconds: 0, totalSeconds: 0, addedSetupMs: null },
    disposition: null,
    lossReason: null,
    ended: null,
    attribution: DEFERRED,
    corrections: [],
    legs: [],
    overflow: null,
    recording: NO_RECORDING,
    tags: [],
    handled: null,
    notes: [],
    screening: null,
  };
}

export function noResources(edge: string): CallResources {
  return { edge, dialogs: [], invites: [], mediaServer: null, mediaChannels: [], channels: [] };
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** Seconds between two of the call's stamps, to the millisecond; 0 where one of them did not happen. */
export function secondsBetween(from: string | null, to: string | null): number {
  if (from === null || to === null) return 0;
  return Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000);
}

/** The call is over: its end, its durations, and no leg left open. */
export function closeDocument(call: Call, at: number, ended: NonNullable<Call['ended']>): void {
  call.endedAt = iso(at);
  call.ended = ended;
  call.durations = {
    ...call.durations,
    ringSeconds: secondsBetween(call.ringingAt, call.answeredAt ?? call.endedAt),
    talkSeconds: secondsBetween(call.answeredAt, call.endedAt),
    totalSeconds: secondsBetween(call.startedAt, call.endedAt),
  };
  for (const leg of call.legs) {
    leg.endedAt ??= call.endedAt;
    leg.result ??= 'cancelled';
  }
}

/**
 * The call ended unanswered: `missed`, or `rejected` where it was not to be connected at all. Calls lost for want of
 * channels are tagged `callback`.
 */
export function loseDocument(call: Call, disposition: 'missed' | 'rejected', reason: LossReason, at: number): void {
  call.disposition = disposition;
  call.lossReason = reason;
  if (isCapacityLoss(reason)) addTag(call, { name: 'callback', by: 'gateway', at: iso(at) });
}

export function addTag(call: Call, tag: Tag): void {
  if (!call.tags.some(({ name }) => name === tag.name)) call.tags.push(tag);
}
