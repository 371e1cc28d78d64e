import type { TrunkConfig } from '../../config/schema.js';
import type { Word } from '../../health/conditions.js';
import type { RegistrationState, TrunkDownReason } from './state.js';

export type RegisterSettings = NonNullable<TrunkConfig['register']>;

/** Our registration with one carrier; refreshes itself until stopped. */
export interface CarrierRegistration {
  readonly state: RegistrationState;
  /**
   * Takes the registration back, where there is one and no other one of ours has registered the same contact for the same
   * account. Never rejects; a carrier that is silent does not hold it up.
   */
  stop(): Promise<void>;
}

/** What all gateways know together. */
export interface SharedTrunks {
  /** Names of what is drained, as they were set; trunks, and what calls go to. */
  drained: ReadonlySet<string>;
  /** When each trunk's last INVITE came, at whichever gateway; ms since the epoch. */
  heardAt: ReadonlyMap<string, number>;
}

/** What the carriers' part needs from outside. */
export interface CarrierOutside {
  /** Final status of OPTIONS, null for silence. Rejects while our own link is down: then nothing is known of the carrier. */
  options(uri: string, timeoutMs: number): Promise<number | null>;
  register(settings: RegisterSettings, onChange: () => void): CarrierRegistration;
  /** Says which trunks were heard since the last time, and learns what the others know. Rejects with GW_ERR_REDIS_AWAY. */
  share(heard: ReadonlyMap<string, number>): Promise<SharedTrunks>;
  setDrained(name: string, on: boolean): Promise<void>;
  /** Tells `trunk.down` and `trunk.up` (health/conditions.ts). Rejects with GW_ERR_REDIS_AWAY. */
  tell(word: Word<TrunkDownReason>): Promise<unknown>;
}
