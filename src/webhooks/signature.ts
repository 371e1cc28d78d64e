import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/**
 * Standard Webhooks signatures (https://www.standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`, base64.
 * With several secrets (one being rotated out) there is one signature for each, and the receiver accepts any.
 */

const PREFIX = 'whsec_';

/** `whsec_` + base64 as the standard has it; any other text is the key as it stands. */
export function signingKey(secret: string): KeyObject {
  if (secret.startsWith(PREFIX)) return createSecretKey(secret.slice(PREFIX.length), 'base64');
  return createSecretKey(secret, 'utf8');
}

interface SignedParts {
  /** `webhook-id`: the event's id, the same for every attempt. */
  id: string;
  /** When this attempt is made, s since the epoch: receivers refuse what is older than five minutes. */
  timestamp: number;
  /** The exact bytes of the body. */
  body: Buffer;
}

/** Value of `webhook-signature`: `v1,<base64>` per key, separated by spaces. */
function signatureHeader({ id, timestamp, body }: SignedParts, keys: readonly KeyObject[]): string {
  const head = `${id}.${timestamp}.`;
  return keys.map((key) => `v1,${createHmac('sha256', key).update(head).update(body).digest('base64')}`).join(' ');
}

/** All headers of one attempt that Standard Webhooks and contracts section 4 name: name, value, name, value … */
export function webhookHeaders(parts: SignedParts, attempt: number, keys: readonly KeyObject[]): string[] {
  return [
    ...['webhook-id', parts.id, 'webhook-timestamp', String(parts.timestamp)],
    ...['webhook-signature', signatureHeader(parts, keys), 'webhook-attempt', String(attempt)],
  ];
}
