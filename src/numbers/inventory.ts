import type { Holder, TrackingNumber } from '../call/ports.js';

/** Tracking numbers as the numbers API sees them; `redis/inventory.ts` implements it. */

/** `file`: of the configuration, read-only here. `api`: of this interface. `other`: another service wrote it. */
export type NumberOrigin = 'file' | 'api' | 'other';

export interface NumberRecord extends TrackingNumber {
  origin: NumberOrigin;
}

export type NewNumber = Omit<NumberRecord, 'origin'>;

/** @property index of the row that stands in the way */
export interface RowConflict {
  index: number;
  reason: 'file' | 'other' | 'different' | 'busy';
}

export type Creation =
  { created: number; unchanged: number; conflicts: [] } | { created: 0; unchanged: 0; conflicts: RowConflict[] };

/** `busy`: lent, or a call is up on it. */
export type NumberChange = 'done' | 'absent' | 'file' | 'other' | 'busy';

/** What is left out stays. */
export type NumberPatch = { [key in 'enabled' | 'route' | 'source']?: NewNumber[key] | undefined };

/** All reject with GW_ERR_REDIS_AWAY. */
export interface NumberInventory {
  /**
   * Numbers of the configuration and of the API, by site and number. A page may hold fewer than `limit`.
   * @param after the last of the page before, as given in `next`
   */
  list(
    sites: readonly string[],
    after: string | null,
    limit: number,
  ): Promise<{ numbers: NumberRecord[]; next: string | null }>;
  read(number: string): Promise<NumberRecord | null>;
  /**
   * All or none; rows that stand there already, the same in everything, are none to create.
   * @throws GatewayError GW_ERR_DEADLINE where it took so long that a part is lost again: to be repeated
   */
  create(rows: readonly NewNumber[]): Promise<Creation>;
  /** Its lease, its calls and its history stay as they are. */
  change(number: string, patch: NumberPatch): Promise<NumberChange>;
  /** Its history goes with it. */
  remove(number: string): Promise<NumberChange>;
  /**
   * Who has had it, the most recent first. A page may hold fewer than `limit`.
   * @param after the last of the page before, as given in `next`
   * @throws GatewayError GW_ERR_BAD_REQUEST for what is no cursor
   */
  holders(number: string, after: string | null, limit: number): Promise<{ holders: Holder[]; next: string | null }>;
}
