import { uuidv7 } from 'uuidv7';

/**
 * `ls_<32 hex>_<digits of the number>`: not to be guessed, and whoever holds it finds the number without an index.
 * To others it is one opaque word.
 */
const LEASE_ID = /^ls_[0-9a-f]{32}_([1-9]\d{4,14})$/;

/** The beginning of a new lease's id; the store appends the digits, since it picks the number. */
export const newLeaseIdStart = (): string => `ls_${uuidv7().replaceAll('-', '')}_`;

/** The same for a promo code: `pc_<32 hex>_<code>`. */
export const newCodeLeaseIdStart = (): string => `pc_${uuidv7().replaceAll('-', '')}_`;

/** The number that a lease of ours stands on; null for an id that we never gave out. */
export function numberOfLease(leaseId: string): string | null {
  const digits = LEASE_ID.exec(leaseId)?.[1];
  return digits === undefined ? null : `+${digits}`;
}
