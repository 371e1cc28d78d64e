import { randomBytes } from 'node:crypto';
import { uuidv7 } from 'uuidv7';

/** Sortable by creation time, so that "the calls of that minute" is a range of ids too. */
export const newCallId = (): string => uuidv7();

/** Stable over retries and replays; it is the `webhook-id` that receivers deduplicate by. */
export const newEventId = (): string => `evt_${uuidv7().replaceAll('-', '')}`;

/** Makes asking twice for one change of a call harmless. */
export const newAmendmentId = (): string => uuidv7();

/** 128 random bits: whoever knows it may join a call's media, so it must not be guessable. */
export const newSecretKey = (): string => randomBytes(16).toString('hex');
