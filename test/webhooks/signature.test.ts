import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { signingKey, webhookHeaders as flatHeaders } from '../../src/webhooks/signature.js';

const ENCODED = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const RAW = 'any text of more than 24 characters';

function webhookHeaders(...args: Parameters<typeof flatHeaders>): Record<string, string> {
  const flat = flatHeaders(...args);
  return Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : [])));
}
const now = (): number => Math.floor(Date.now() / 1000);

describe('signatures', () => {
  it('are what the official library computes and accepts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const body = JSON.stringify({ text });
        const headers = webhookHeaders({ id: 'evt_1', timestamp: now(), body: Buffer.from(body) }, 3, [
          signingKey(ENCODED),
        ]);
        expect(new Webhook(ENCODED).verify(body, headers)).toEqual({ text });
        expect(headers['webhook-attempt']).toBe('3');
      }),
    );
  });

  // Base64 too, where it does not say what it is: docs/consumers.md tells receivers so.
  it.each([RAW, ENCODED.slice('whsec_'.length)])('are accepted with the plain text %s as secret', (secret) => {
    const headers = webhookHeaders({ id: 'evt_1', timestamp: now(), body: Buffer.from('{}') }, 1, [signingKey(secret)]);
    expect(new Webhook(secret, { format: 'raw' }).verify('{}', headers)).toEqual({});
  });

  it('are accepted by either secret while one replaces the other, and by no third', () => {
    const keys = [signingKey(ENCODED), signingKey(RAW)];
    const headers = webhookHeaders({ id: 'evt_1', timestamp: now(), body: Buffer.from('{}') }, 1, keys);
    expect(headers['webhook-signature']?.split(' ')).toHaveLength(2);
    new Webhook(ENCODED).verify('{}', headers);
    new Webhook(RAW, { format: 'raw' }).verify('{}', headers);
    expect(() => new Webhook(`${RAW}!`, { format: 'raw' }).verify('{}', headers)).toThrow('No matching signature');
    expect(() => new Webhook(ENCODED).verify('{ }', headers)).toThrow('No matching signature');
  });
});
