import type { TrunkConfig } from '../../config/schema.js';
import type { RegistrationState, TrunkDownReason } from './state.js';

export type RegisterSettings = NonNullable<TrunkConfig['register']>;

/** Our registration with one carrier; refreshes itself until stopped. */
export interface CarrierRegistration {
  readonly state: RegistrationState;
  /** Takes the registration back, where there is one. Never rejects; a carrier that is silent does not hold it up. */
  stop(): Promise<void>;
}

/** What all gateways know together. */
export interface SharedTrunks {
  /** Names of what is drained, as they were set; trunks, and what calls go to. */
  drained: ReadonlySet<string>;
  /** When each trunk's last INVITE came, at whichever gateway; ms since the epoch. */
  heardAt: ReadonlyMap<string, number>;
}

/** One gateway's word on whether a trunk is down for one reason. */
export interface TrunkWord {
  trunk: string;
  reason: TrunkDownReason;
  down: boolean;
}

/** What the carriers' part needs from outside. */
export interface CarrierOutside {
  /** Final status of OPTIONS, null for silence. Rejects while our own link is down: then nothing is known of the carrier. */
  options(uri: string, timeoutMs: number): Promise<number | null>;
  register(settings: RegisterSettings, onChange: () => void): CarrierRegistration;
  /** Says which trunks were heard since the last time, and learns what the others know. Rejects with GW_ERR_REDIS_AWAY. */
  share(heard: ReadonlyMap<string, number>): Promise<SharedTrunks>;
  setDrained(name: string, on: boolean): Promise<void>;
  /**
   * The first gateway that finds a trunk down tells `trunk.down`, the last one that found it so `trunk.up`; who says the
   * same again only keeps his word fresh. Rejects with GW_ERR_REDIS_AWAY; then it is to be said again.
   */
  tell(word: TrunkWord): Promise<unknown>;
}
