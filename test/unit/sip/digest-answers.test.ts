import { expect, it } from 'vitest';
import { parseDigest } from '../../../src/lib/digest.js';
import { DigestVerifier } from '../../../src/sandbox/sip/index.js';
import { DigestAnswers } from '../../../src/sip/digest-answers.js';

const URI = 'sip:+74951112233@192.0.2.7';
const verifier = (realm: string): DigestVerifier => new DigestVerifier(realm, () => 's3cret');
const answers = (): DigestAnswers => new DigestAnswers('INVITE', URI, { username: 'gw', password: 's3cret' });
const asks = (status: 401 | 407, challenge: string) => ({
  status,
  get: (name: string) =>
    name === (status === 407 ? 'Proxy-Authenticate' : 'WWW-Authenticate') ? challenge : undefined,
});
const count = (headers: Record<string, string> | null, name: string): string | undefined =>
  parseDigest(headers?.[name] ?? '')?.get('nc');

it('counts how often a nonce has been answered: the proxy sees its own again when the one behind it asks', () => {
  const [proxy, there, given] = [verifier('proxy'), verifier('switch'), answers()];
  expect(count(given.to(asks(407, proxy.challenge())), 'Proxy-Authorization')).toBe('00000001');
  const both = given.to(asks(401, there.challenge()));
  expect(count(both, 'Proxy-Authorization')).toBe('00000002');
  expect(count(both, 'Authorization')).toBe('00000001');
  expect(proxy.verify(both?.['Proxy-Authorization'] ?? '', 'INVITE')).toBe('ok');
  expect(there.verify(both?.['Authorization'] ?? '', 'INVITE')).toBe('ok');
});

it('answers once more who says that his nonce has run out, and not a third time', () => {
  let now = 0;
  const proxy = new DigestVerifier(
    'proxy',
    () => 's3cret',
    'MD5',
    () => (now += 1),
  );
  const given = answers();
  given.to(asks(407, proxy.challenge()));
  const again = given.to(asks(407, proxy.challenge(true)));
  expect(count(again, 'Proxy-Authorization')).toBe('00000001');
  expect(proxy.verify(again?.['Proxy-Authorization'] ?? '', 'INVITE')).toBe('ok');
  expect(given.to(asks(407, proxy.challenge(true)))).toBeNull();
});

it.each([
  ['the password is not taken', false],
  ['he calls the same nonce old that he gives again', true],
])('says nothing more where %s', (_, stale) => {
  const proxy = new DigestVerifier(
    'proxy',
    () => 's3cret',
    'MD5',
    () => 1,
  );
  const given = answers();
  given.to(asks(407, proxy.challenge()));
  expect(given.to(asks(407, proxy.challenge(stale)))).toBeNull();
});

it('answers no other response', () => {
  expect(answers().to({ status: 403, get: () => verifier('proxy').challenge() })).toBeNull();
});
