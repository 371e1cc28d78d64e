import type { GatewayError } from '../../lib/errors.js';
import type { Visit } from '../visit.js';

/** What a refusal says to a person; null for one that only a program gets. */
export function refusalWords({ t }: Pick<Visit, 't'>, { refusal }: GatewayError): string | null {
  return refusal && t(`refusal.${refusal.reason}`, refusal.values);
}
