import { randomBytes } from 'node:crypto';
import { uuidv7 } from 'uuidv7';

/** Sortable by creation time, so that "the calls of that minute" is a range of ids too. */
export const newCallId = (): string => uuidv7();

/**
 * Days (`2026-11-21`, UTC) on which a call with this id may have begun: its id tells the time (UUIDv7). The INVITE came just
 * before the id was made, so around midnight it may be the day before. None for what is no id of a call.
 */
export function daysOf(callId: string): string[] {
  const at = /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(callId)
    ? Number.parseInt(callId.slice(0, 13).replace('-', ''), 16)
    : NaN;
  if (Number.isNaN(at)) return [];
  return [...new Set([at, at - 60_000].map((ms) => new Date(ms).toISOString().slice(0, 10)))];
}

/** Ids that come from outside become parts of keys: nothing but an id may get there. */
export const isId = (text: unknown): text is string => typeof text === 'string' && /^[\w-]{1,64}$/.test(text);

/** Stable over retries and replays; it is the `webhook-id` that receivers deduplicate by. */
export const newEventId = (): string => `evt_${uuidv7().replaceAll('-', '')}`;

/** Makes asking twice for one change of a call harmless. */
export const newAmendmentId = (): string => uuidv7();

/** 128 random bits: whoever knows it may join a call's media, so it must not be guessable. */
export const newSecretKey = (): string => randomBytes(16).toString('hex');
