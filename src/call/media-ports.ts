import type { IncomingInvite } from './sip-ports.js';

/** Media as the heart of the gateway sees it; `media/` implements it over FreeSWITCH. */

export const RECORDING_ACTIONS = ['start', 'pause', 'resume', 'mask', 'unmask', 'stop'] as const;
/** `pause` leaves the time out of the file, `mask` writes silence in its place. */
export type RecordingAction = (typeof RECORDING_ACTIONS)[number];

/** Between which moments a command took effect, in ms by the media server's own clock: only differences mean anything. */
export interface EngineSpan {
  fromMs: number;
  toMs: number;
}

/** When something happened by FreeSWITCH's clock, missing where it does not say; and how long ago that was, where we were away. */
export interface Told {
  engineMs?: number | undefined;
  agoMs?: number;
}

/**
 * What FreeSWITCH reports about one call: the truth about bridge and recording, where replies only promise. What was missed
 * while its link was lost is told again, and with it what was heard before.
 */
export type MediaEvent =
  | { type: 'channel'; leg: 'caller' | 'business'; channelId: string }
  | ({ type: 'bridged' } & Told)
  /** The business's side keyed in one of the codes that the caller does not hear. */
  | { type: 'control'; keys: string }
  | ({ type: 'recording-started' } & Told)
  /** `hungUpEngineMs`: when the channel's end ended it; missing where something else did. */
  | { type: 'recording-stopped'; hungUpEngineMs?: number | undefined }
  | { type: 'hangup'; leg: 'caller' | 'business'; channelId: string; cause: string }
  /** The media server died and this call's sound with it. */
  | { type: 'lost' };

export interface MediaServer {
  readonly id: string;
  /** `host:port` of its SIP profile. */
  readonly sipAddress: string;
  /** Whether events of calls arrive now, and none was missed; without them silence proves nothing. */
  readonly eventsUp: boolean;
  /** Whether this address is the one that its dial-back comes from. */
  owns(address: string): boolean;
  /** Events of one call until the returned function is called. */
  watch(callId: string, listener: (event: MediaEvent) => void): () => void;
  /** Ends channels by force. Idempotent, never rejects. */
  kill(channelIds: string[]): Promise<void>;
  /** Ends whatever channels a call has, for who does not know them. Idempotent, never rejects. */
  killCall(callId: string): Promise<void>;
  /**
   * The file is that of the dialplan. Gives when it was done; null where FreeSWITCH does not say. Rejects with
   * GW_ERR_LINK_LOST, GW_ERR_DEADLINE or GW_ERR_MEDIA_COMMAND.
   */
  record(channelId: string, callId: string, action: RecordingAction): Promise<EngineSpan | null>;
  /** A short tone on these channels every `everyMs`, heard by the far end over whatever is said. Never rejects. */
  beep(channelIds: string[], everyMs: number, on: boolean): Promise<void>;
  /**
   * Whether a leg may send no sound for long (its phone holds the call) or is dead when it does: from the leg's next offer on. Never
   * rejects; false where FreeSWITCH was not told.
   */
  allowSilence(channelId: string, allowed: boolean): Promise<boolean>;
  /** What FreeSWITCH's dialplan plays to an answered caller on this channel when nobody has taken him. Never rejects. */
  setLastWords(channelId: string, sound: string): Promise<void>;
  /** Plays `sound` to a caller who was not answered (early media, unbilled), then returns. Never rejects. */
  announce(invite: IncomingInvite, sound: string): Promise<void>;
}

export interface MediaPool {
  /** The least loaded of the healthy servers, those left out that have been tried; null when there is none. */
  pick(tried?: readonly MediaServer[]): MediaServer | null;
  find(id: string): MediaServer | null;
  /** Whether this address is one that FreeSWITCH's dial-back may come from. */
  owns(address: string): boolean;
}
