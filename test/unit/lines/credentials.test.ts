import { describe, expect, it } from 'vitest';
import { answerChallenge } from '../../../src/lib/digest.js';
import { challenges, checkCredentials, type Realm } from '../../../src/lines/credentials.js';
import { configSchema } from '../../../src/config/schema.js';
import { judgeNonce, makeNonce } from '../../../src/lines/nonce.js';

const { lines } = configSchema.pick({ lines: true }).parse({
  lines: [
    { id: 'sales', register: { username: 'agent', password: 'right' } },
    { id: 'pbx', uri: 'sip:10.0.0.5' },
  ],
});
const SECRET = Buffer.alloc(32, 1);
const NOW = Date.UTC(2026, 10, 22);
const realm: Realm = { name: 'calls', secret: SECRET, lines, algorithms: ['SHA-256', 'MD5'] };

const answer = (which: number, username: string, password: string, over: Partial<{ realm: Realm; at: number }> = {}) =>
  answerChallenge(challenges(over.realm ?? realm, over.at ?? NOW)[which] ?? '', 'REGISTER', 'sip:calls', {
    username,
    password,
  }) ?? '';

describe('credentials of a REGISTER', () => {
  it('are asked for by the algorithms that the configuration names, in its order', () => {
    const asked = (by: Realm) => challenges(by, NOW).map((one) => /algorithm=([\w-]+)/.exec(one)?.[1]);
    expect(asked(realm)).toEqual(['SHA-256', 'MD5']);
    expect(asked({ ...realm, algorithms: ['MD5'] })).toEqual(['MD5']);
    expect(challenges(realm, NOW, true).every((one) => one.endsWith(', stale=true'))).toBe(true);
    expect(challenges({ ...realm, name: 'a "b\\' }, NOW)[0]).toContain('realm="a \\"b\\\\"');
  });

  it.each([0, 1])('are right by either algorithm (%i)', (which) => {
    expect(checkCredentials(answer(which, 'agent', 'right'), realm, NOW)).toMatchObject({
      kind: 'right',
      line: { id: 'sales' },
      nonceCount: 1,
    });
  });

  const good = answer(1, 'agent', 'right');
  it.each<[string, string | undefined, string]>([
    ['none', undefined, 'none'],
    ['empty', ' ', 'none'],
    ['Basic', 'Basic YTpi', 'none'],
    ['for another realm', answer(1, 'agent', 'right', { realm: { ...realm, name: 'elsewhere' } }), 'none'],
    ['a wrong password', answer(1, 'agent', 'wrong'), 'wrong'],
    ['an unknown user', answer(1, 'nobody', 'right'), 'wrong'],
    ['a line that does not register', answer(1, 'pbx', ''), 'wrong'],
    ['an old nonce', answer(1, 'agent', 'right', { at: NOW - 300_001 }), 'stale'],
    ['a nonce of tomorrow', answer(1, 'agent', 'right', { at: NOW + 86_400_000 }), 'stale'],
    ['another secret', answer(1, 'agent', 'right', { realm: { ...realm, secret: Buffer.alloc(32, 2) } }), 'stale'],
    ['an old nonce and a wrong password', answer(1, 'agent', 'x', { at: 0 }), 'wrong'],
    ['no qop', good.replace(', qop=auth', ''), 'malformed'],
    ['qop=auth-int', good.replace('qop=auth', 'qop=auth-int'), 'malformed'],
    ['no count', good.replace(/nc=\d+/, 'nc=0'), 'malformed'],
    ['an algorithm of nobody', good.replace('algorithm=MD5', 'algorithm=SHA-512-256'), 'malformed'],
    ['another algorithm than computed', good.replace('algorithm=MD5', 'algorithm=SHA-256'), 'wrong'],
    ['another count than computed', good.replace('nc=00000001', 'nc=00000002'), 'wrong'],
    ['nothing but a name', `Digest ${'a'.repeat(4000)}`, 'none'],
    ['too long', `${good}${' '.repeat(5000)}`, 'malformed'],
    ['after those for a proxy on the way', `Digest username="x", realm="proxy", nonce="1",${good}`, 'right'],
    ['for two algorithms, the first one wrong', `${answer(0, 'agent', 'old')},${good}`, 'right'],
    [
      'upper case hex',
      good.replace(/response="(\w+)"/, (_all, hex: string) => `response="${hex.toUpperCase()}"`),
      'right',
    ],
  ])('%s', (_what, header, kind) => {
    expect(checkCredentials(header, realm, NOW).kind).toBe(kind);
  });
});

describe('nonces', () => {
  it('hold for five minutes, at any gateway with the same secret', () => {
    const nonce = makeNonce(SECRET, NOW);
    expect(judgeNonce(SECRET, nonce, NOW + 300_000)).toBe('fresh');
    expect(judgeNonce(SECRET, nonce, NOW + 300_001)).toBe('stale');
    expect(judgeNonce(SECRET, nonce, NOW - 20_000)).toBe('fresh');
    expect(judgeNonce(Buffer.alloc(32), nonce, NOW)).toBe('foreign');
    expect(judgeNonce(SECRET, nonce.replace(/^./, 'f'), NOW)).toBe('foreign');
    expect(judgeNonce(SECRET, '', NOW)).toBe('foreign');
  });

  it('of one millisecond differ', () => {
    expect(makeNonce(SECRET, NOW)).not.toBe(makeNonce(SECRET, NOW));
  });
});
