import type { Notes } from './behaviour.js';
import type { Done } from './controls.js';
import type { Plan } from './plan.js';
import type { Way } from './ways.js';

/** A call as its caller tells it. */
export interface Story {
  plan: Plan;
  sipCallId: string;
  placedAtMs: number;
  overAtMs: number;
  /** He was told of ringing. */
  rang: boolean;
  answered: boolean;
  /** Final response to the INVITE; null where none came. */
  status: number | null;
  /** From the 200 to the first BYE. */
  talkSeconds: number | null;
  /** How the phone was reached that took it; null where none did. */
  reached: Way | null;
  /** Who never heard the other's tone, of the two who talked. */
  deaf: string[];
  /** What was done with its recording meanwhile. */
  done: Done[];
  /** What the phones met on the way. */
  notes: Notes;
  /** How long the caller held. */
  heldMs: number;
  /** What went otherwise than any end of a call could explain. */
  trouble: string | null;
  /** Meanwhile this machine had no time left: sound came late, or not at all. */
  crowded: boolean;
}

export const nameOf = ({ plan, sipCallId }: Story): string =>
  `${plan.kind} ${plan.from} > ${plan.to} ${plan.caller} gw-${plan.machine + 1} ${sipCallId}`;
