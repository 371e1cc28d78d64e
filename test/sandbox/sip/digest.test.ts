import { describe, expect, it } from 'vitest';
import { answerChallenge, parseDigest } from '../../../src/lib/digest.js';
import { DigestVerifier } from '../../../src/sandbox/sip/index.js';

describe('digest', () => {
  it('gives the response of RFC 2617 3.5 without qop', () => {
    const challenge = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc"';
    const answer = answerChallenge(challenge, 'GET', '/dir/index.html', {
      username: 'Mufasa',
      password: 'Circle Of Life',
    });
    const params = parseDigest(answer ?? '');
    expect(params?.get('response')).toBe('670fd8c2df070c60b045671b8b24ff02');
    expect(params?.get('opaque')).toBe('5ccc');
  });

  it.each(['MD5', 'SHA-256'] as const)('takes its own answers (%s)', (algorithm) => {
    const verifier = new DigestVerifier('sandbox', (user) => (user === 'u' ? 'secret' : undefined), algorithm);
    const answer = (password: string, username = 'u'): string =>
      answerChallenge(verifier.challenge(), 'REGISTER', 'sip:x', { username, password }) ?? '';
    expect(verifier.verify(answer('secret'), 'REGISTER')).toBe('ok');
    expect(verifier.verify(answer('wrong'), 'REGISTER')).toBe('wrong');
    expect(verifier.verify(answer('secret', 'other'), 'REGISTER')).toBe('wrong');
    expect(verifier.verify(answer('secret'), 'INVITE')).toBe('wrong');
    expect(verifier.verify('Basic abc', 'REGISTER')).toBe('wrong');
  });

  it('knows its nonces by their time', () => {
    let now = 1_000_000;
    const verifier = new DigestVerifier(
      'sandbox',
      () => 'secret',
      'MD5',
      () => now,
    );
    const answer =
      answerChallenge(verifier.challenge(), 'REGISTER', 'sip:x', { username: 'u', password: 'secret' }) ?? '';
    now += 600_000;
    expect(verifier.verify(answer, 'REGISTER')).toBe('stale');
    const forged = answer.replace(/nonce="[^"]+"/, 'nonce="f4240.00"');
    expect(verifier.verify(forged, 'REGISTER')).toBe('wrong');
  });

  it.each([
    'Digest realm="r", nonce="n", qop="auth-int"',
    'Digest realm="r", nonce="n", algorithm=AKAv1-MD5',
    'Basic realm="r"',
  ])('has no answer to %s', (challenge) => {
    expect(answerChallenge(challenge, 'INVITE', 'sip:x', { username: 'u', password: 'p' })).toBeUndefined();
  });
});
