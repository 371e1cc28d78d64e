import type { TrunkConfig } from '../config/schema.js';

type Register = NonNullable<TrunkConfig['register']>;

/** The user of the contact that we register with a carrier, which it may dial in the place of a number. */
export function accountUser({ account, username }: Pick<Register, 'account' | 'username'>): string {
  return account === undefined ? username : account.replace(/^sip:|@.*$/gi, '');
}
