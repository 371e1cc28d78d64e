import Srf from 'drachtio-srf';
import { describe, expect, it } from 'vitest';
import { toSipFailure } from '../../../src/sip/failure.js';

/** A refusal as srf rejects with it. */
function refusal(status: number, reason: string, headers: Record<string, string>, source = '192.0.2.1'): Error {
  const error = new Srf.SipError(status, reason);
  return Object.assign(error, { res: { source_address: source, get: (name: string) => headers[name] } });
}

describe('a refusal', () => {
  it('is its status, its cause and all that it says', () => {
    const headers = {
      Reason: 'Q.850;cause=21;text="Call rejected"',
      Warning: '399 sbc.example "User channel limit exceeded"',
      'Retry-After': '30 (later);duration=60',
    };
    expect(toSipFailure(refusal(403, 'Forbidden', headers))).toEqual({
      status: 403,
      reason: 'Forbidden',
      texts: ['Call rejected', 'User channel limit exceeded'],
      q850: 21,
      retryAfterSeconds: 30,
    });
  });

  it('that drachtio-server made up is none', () => {
    expect(toSipFailure(refusal(503, 'Service Unavailable', {}, ''))).toMatchObject({ status: null, texts: [] });
  });
});
