import type { SeenHealth } from '../../health/health.js';

/** Why a trunk is told down; each reason comes and goes by itself. */
export const TRUNK_DOWN_REASONS = ['options', 'silence', 'registration', 'drain'] as const;
export type TrunkDownReason = (typeof TRUNK_DOWN_REASONS)[number];

/** One of a carrier's gateways as this process sees it; `unknown` too where the trunk has no `health`. Times are ISO 8601. */
export interface GatewayState extends SeenHealth {
  /** As configured. */
  uri: string;
  priority: number;
  weight: number;
  /** It asked (Retry-After) not to be dialled until then. */
  heldUntil: string | null;
  /** It asked so for want of a free channel. */
  full: boolean;
  /** 0 to 1: below 1 while it has just come back. */
  share: number;
}

/** Our registration with the carrier. */
export interface RegistrationState {
  state: 'registering' | 'registered' | 'failed' | 'stopped';
  /** Of the carrier's last answer; null where there was none. */
  lastStatus: number | null;
  registeredUntil: string | null;
  nextAttemptAt: string | null;
  /** In a row. */
  failures: number;
}

/** A trunk as this process sees it; `draining` holds for all gateways. */
export interface TrunkState {
  id: string;
  /** False while any reason to tell it down holds. */
  up: boolean;
  draining: boolean;
  down: { reason: TrunkDownReason; since: string }[];
  /** Outbound side; empty where it has none. */
  gateways: GatewayState[];
  /** null where the carrier wants none. */
  registration: RegistrationState | null;
  /** Of the last INVITE from its addresses since this process started. */
  lastCallAt: string | null;
}

/** What the HTTP interface and the command line see of trunks. */
export interface TrunkStates {
  /** In the order of the configuration. */
  list(): TrunkState[];
}
