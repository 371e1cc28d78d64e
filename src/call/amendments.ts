import { z } from 'zod';
import { GatewayError } from '../lib/errors.js';
import { newAmendmentId } from '../lib/ids.js';
import type { Attribution, Believed, Call, Callback, RecordingInfo } from './call.js';
import { addTag } from './document.js';
import { recordingEvent, type CallEventType } from './event-types.js';

/** A change that somebody makes to a call from outside, while it lives or after it has ended. Plain data: it may wait in Redis. */
export type Amendment = AmendmentKind & {
  /** Makes repeating it harmless. */
  id: string;
  /** Name of the key that asked for it, or `gateway`. */
  by: string;
  /** ISO 8601. */
  at: string;
};

export type AmendmentKind =
  | { kind: 'tag' | 'untag'; name: string }
  | { kind: 'handled'; handled: boolean }
  | { kind: 'note'; text: string }
  /** The business reached a lost caller. */
  | { kind: 'called-back'; callback: Callback }
  | {
      kind: 'attribution';
      attribution: Attribution;
      reason: string;
      past?: CallersPast | null;
    }
  /** Found in a spool after its loss was told, or before anything was told of it. */
  | { kind: 'recording-found'; recording: RecordingInfo }
  /** The recording's file was replaced by another one, in the format that is to be kept. */
  | ({ kind: 'recording-replaced' } & ReplacingFile)
  /** Deleted at `at`. */
  | { kind: 'recording-deleted'; reason: string };

/** `change` as `by` asks for it. */
export const amendmentOf = (change: AmendmentKind, by: string, at = new Date().toISOString()): Amendment => ({
  ...change,
  id: newAmendmentId(),
  by,
  at,
});

export type ReplacingFile = { [Fact in 'file' | 'bytes' | 'sha256']: NonNullable<RecordingInfo[Fact]> };

/** What was known of the caller when he called, where that was found later. */
interface CallersPast {
  caller: Pick<Call['caller'], 'firstCall' | 'previousCalls' | 'lastCallAt' | 'lastDisposition'>;
  tags: Call['tags'];
}

/** Made by people; the others by the gateway. */
export type EditKind = Extract<AmendmentKind, { kind: 'tag' | 'untag' | 'handled' | 'note' }>;

export const MAX_TAGS = 50;
export const MAX_NOTES = 20;
/** Earlier ones are forgotten: the feed of events has them. */
const MAX_CORRECTIONS = 10;

// Control characters would end up in logs and tables.
export const textLine = (most: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(most)
    .regex(/^\P{Cc}*$/u, 'without control characters');
export const MAX_TAG = 64;
export const MAX_NOTE = 2000;
export const MAX_REASON = 200;
export const tagName = textLine(MAX_TAG);
export const noteText = z.string().trim().min(1).max(MAX_NOTE);
export const correctionReason = textLine(MAX_REASON);

/** What is told of an amendment: `extra` stands beside `call` in the event's data. */
export interface Amended {
  type: CallEventType;
  extra: Record<string, unknown>;
}

/**
 * Changes `call`; null where nothing is to be changed (any more). Throws GW_ERR_BAD_REQUEST where the call is full.
 * Asked for twice it changes nothing the second time.
 */
export function amend(call: Call, amendment: Amendment): Amended | null {
  const { by, at } = amendment;
  switch (amendment.kind) {
    case 'tag':
      return tag(call, amendment.name, by, at);
    case 'untag': {
      if (!call.tags.some(({ name }) => name === amendment.name)) return null;
      call.tags = call.tags.filter(({ name }) => name !== amendment.name);
      return tagged('untag', { name: amendment.name, by, at });
    }
    case 'note': {
      const note = { id: amendment.id, text: amendment.text, by, at };
      if (call.notes.some(({ id }) => id === note.id)) return null;
      refuseAbove(MAX_NOTES, call.notes.length, 'notes');
      call.notes = [...call.notes, note];
      return tagged('note', note);
    }
    case 'handled': {
      if ((call.handled !== null) === amendment.handled) return null;
      call.handled = amendment.handled ? { by, at, callback: null } : null;
      return { type: 'call.handled', extra: {} };
    }
    case 'called-back':
      if (call.handled !== null) return null;
      call.handled = { by, at, callback: amendment.callback };
      return { type: 'call.handled', extra: {} };
    case 'attribution':
      return correct(call, amendment);
    case 'recording-found':
      return found(call, amendment.recording);
    case 'recording-replaced':
      return replaced(call, amendment);
    case 'recording-deleted':
      if (call.recording.status === 'deleted') return null;
      call.recording = { ...call.recording, status: 'deleted', reason: amendment.reason, file: null, deletedAt: at };
      return { type: 'recording.deleted', extra: {} };
  }
}

function tag(call: Call, name: string, by: string, at: string): Amended | null {
  if (call.tags.some((one) => one.name === name)) return null;
  refuseAbove(MAX_TAGS, call.tags.length, 'tags');
  call.tags = [...call.tags, { name, by, at }];
  return tagged('tag', { name, by, at });
}

const tagged = (kind: string, what: object): Amended => ({ type: 'call.tagged', extra: { change: { kind, ...what } } });

function correct(
  call: Call,
  { attribution: found, reason, past, by, at }: Extract<Amendment, { kind: 'attribution' }>,
): Amended | null {
  if (call.caller.erased) {
    if (by === 'gateway') return null;
    throw callerErased();
  }
  const old = call.attribution;
  // A person's word makes it certain, even where the gateway had found the same.
  const confirmed = found.rule === 'operator' && old.rule !== 'operator';
  const same = old.verdict === found.verdict && old.leaseId === found.leaseId && !confirmed;
  // What a person has decided, or the caller's own code said, is not undone by what the gateway finds later.
  const decided = old.rule === 'operator' || (old.verdict === 'promo' && found.verdict !== 'promo');
  const stays = same || (by === 'gateway' && decided);
  // A code or a person tells who called; the ad that the number stands in is the same whoever it was.
  const attribution = stays
    ? { ...old, source: old.source ?? found.source }
    : { ...found, source: found.source ?? old.source };
  // A verdict given while Redis was away knew neither the ad nor the caller's past: they are added now.
  const learnt = attribution.source !== old.source || (past && call.caller.firstCall === null);
  if (stays && !learnt) return null;
  if (past) {
    call.caller = { ...call.caller, ...past.caller };
    for (const one of past.tags) addTag(call, one);
  }
  call.attribution = attribution;
  const correction = { by, at, reason, old: outlineOf(old), new: outlineOf(attribution) };
  call.corrections = [...correctionsOf(call), correction].slice(-MAX_CORRECTIONS);
  return { type: 'call.attribution.corrected', extra: { old, new: attribution, reason } };
}

/** A caller who was forgotten on request is not given to anybody again. */
export const callerErased = () =>
  new GatewayError('GW_ERR_CALLER_ERASED', 'the caller was forgotten on request: the call is nobody’s any more');

/**
 * The call came while Redis was away, and a person or a promo code told whose it was before Redis could tell the rest.
 */
export function isSettledEarly(call: Call): boolean {
  const { rule, verdict } = call.attribution;
  return (rule === 'operator' || verdict === 'promo') && correctionsOf(call).at(-1)?.old.verdict === 'deferred';
}

/** Calls written by versions without corrections have no such field. */
export const correctionsOf = ({ corrections = [] }: Partial<Pick<Call, 'corrections'>>): Call['corrections'] =>
  corrections;

function outlineOf({ verdict, confidence, rule, leaseId, session, source }: Attribution): Believed {
  return {
    verdict,
    confidence,
    rule,
    leaseId,
    sessionId: session?.id ?? null,
    source: session?.utm.source ?? source?.['utm_source'] ?? source?.['label'] ?? null,
    campaign: session?.utm.campaign ?? source?.['utm_campaign'] ?? null,
  };
}

/** A recording that was found replaces the word that there is none; a ready one is never replaced. */
function found(call: Call, recording: RecordingInfo): Amended | null {
  const { status } = call.recording;
  const unsettled = status === 'none' || status === 'recording';
  const better = recording.status === 'ready' && (status === 'failed' || status === 'absent');
  if (!unsettled && !better) return null;
  call.recording = recording;
  return { type: recordingEvent(recording.status), extra: {} };
}

function replaced(call: Call, { file, bytes, sha256 }: ReplacingFile): Amended | null {
  if (call.recording.status !== 'ready' || call.recording.file === file) return null;
  call.recording = { ...call.recording, file, bytes, sha256 };
  return { type: 'recording.ready', extra: {} };
}

function refuseAbove(most: number, present: number, what: 'tags' | 'notes'): void {
  if (present < most) return;
  const refusal = { reason: what, values: { most } };
  throw new GatewayError('GW_ERR_BAD_REQUEST', `a call has at most ${most} ${what}`, { refusal });
}
