import type { PhoneName } from './cast.js';
import type { Heard } from './sound.js';

/** What goes between the demo and the process of its phones. A call is known by the caller's number. */

export type PhoneCommand =
  { do: 'dial'; callerNumber: string; target: string } | { do: 'hang-up'; phone: PhoneName; callerNumber: string };

export interface PhoneReady {
  type: 'ready';
  /** `host:port` of each. */
  addresses: Record<PhoneName, string>;
}

export interface PhoneEvent {
  type: 'event';
  phone: PhoneName;
  callerNumber: string;
  what: 'rings' | 'answered' | 'ended';
  /** With `ended`. */
  end?: {
    by: 'local' | 'remote';
    how: 'bye' | 'cancel' | 'refused' | 'ack-timeout';
    status: number;
    /** From the answer to the end; null without an answer. */
    talkSeconds: number | null;
    /** What came in as sound over the whole call. */
    heard: Heard | null;
  };
}

export type PhoneMessage = PhoneReady | PhoneEvent;
