import { createHmac } from 'node:crypto';

/**
 * Standard Webhooks signatures (https://www.standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`, base64.
 * With several secrets (one being rotated out) there is one signature for each, and the receiver accepts any.
 */

const PREFIX = 'whsec_';

/** `whsec_` + base64 as the standard has it; any other text is the key as it stands. */
export function signingKey(secret: string): Buffer {
  return secret.startsWith(PREFIX) ? Buffer.from(secret.slice(PREFIX.length), 'base64') : Buffer.from(secret, 'utf8');
}

interface SignedParts {
  /** `webhook-id`: the event's id, the same for every attempt. */
  id: string;
  /** When this attempt is made, s since the epoch: receivers refuse what is older than five minutes. */
  timestamp: number;
  /** The exact bytes of the body. */
  body: string;
}

/** Value of `webhook-signature`: `v1,<base64>` per key, separated by spaces. */
function signatureHeader({ id, timestamp, body }: SignedParts, keys: readonly Buffer[]): string {
  const content = `${id}.${timestamp}.${body}`;
  return keys.map((key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`).join(' ');
}

/** All headers of one attempt that Standard Webhooks and contracts section 4 name. */
export function webhookHeaders(parts: SignedParts, attempt: number, keys: readonly Buffer[]): Record<string, string> {
  return {
    'webhook-id': parts.id,
    'webhook-timestamp': String(parts.timestamp),
    'webhook-signature': signatureHeader(parts, keys),
    'webhook-attempt': String(attempt),
  };
}
