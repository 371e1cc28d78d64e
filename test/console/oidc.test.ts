import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readIdToken, type Jwk } from '../../src/console/auth/id-token.js';
import { openConsole, Visitor } from '../support/console.js';

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function keyPair(kind: 'ES256' | 'RS256') {
  const { publicKey, privateKey } =
    kind === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: kind, alg: kind, use: 'sig' } as Jwk;
  return { jwk, privateKey };
}

function tokenOf(claims: object, key: KeyObject, header: object): string {
  const data = `${encode(header)}.${encode(claims)}`;
  return `${data}.${sign('sha256', Buffer.from(data), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

describe('an id token', () => {
  const [ec, rsa] = [keyPair('ES256'), keyPair('RS256')];
  const keys = [ec.jwk, rsa.jwk];
  const rules = { issuer: 'https://sso.example', clientId: 'calltrack', nonce: 'n-1', now: 1_000_000 };
  const good = { iss: rules.issuer, aud: 'calltrack', exp: 1_000_300, iat: 1_000_000, nonce: 'n-1', sub: 'olga' };
  const make = (more: object = {}, header: object = { alg: 'ES256', kid: 'ES256' }) =>
    tokenOf({ ...good, ...more }, ec.privateKey, header);

  it('is believed when a key of the issuer signed it for us, for this log-in, now', () => {
    expect(readIdToken(make(), keys, rules)).toMatchObject({ sub: 'olga' });
    const signedByRsa = tokenOf(good, rsa.privateKey, { alg: 'RS256', kid: 'RS256' });
    expect(readIdToken(signedByRsa, keys, rules)).toMatchObject({ sub: 'olga' });
  });

  const stranger = keyPair('ES256');
  it.each([
    ['of another issuer', make({ iss: 'https://evil.example' })],
    ['for somebody else', make({ aud: 'other' })],
    ['for another party', make({ aud: ['calltrack', 'other'], azp: 'other' })],
    ['expired', make({ exp: 999_000 })],
    ['from the future', make({ iat: 1_000_900 })],
    ['not an answer to this log-in', make({ nonce: 'n-2' })],
    ['about nobody', make({ sub: '' })],
    ['signed in a way that is not accepted', make({}, { alg: 'none' })],
    ['signed in a way that is not accepted', make({}, { alg: 'HS256' })],
    ['the signature is not by a key', tokenOf(good, stranger.privateKey, { alg: 'ES256', kid: 'ES256' })],
    ['the signature is not by a key', make().replace(/\.[^.]+\./, `.${encode({ ...good, sub: 'root' })}.`)],
    ['the signature is not by a key', make({}, { alg: 'RS256', kid: 'RS256' })],
    ['not a signed token', 'a.b'],
    ['not readable', `${'A'.repeat(8)}.AAAA.AAAA`],
  ])('is refused when it is %s', (reason, token) => {
    expect(() => readIdToken(token, keys, rules)).toThrow(reason);
  });
});

/** An identity provider that knows one person. */
async function openProvider(claims: object) {
  const { jwk, privateKey } = keyPair('ES256');
  const asked: { verifier?: string; authorization?: string } = {};
  const state = { nonce: '', challenge: '' };
  const server = createServer((req, res) => {
    const answer = (body: object) => res.setHeader('Content-Type', 'application/json').end(JSON.stringify(body));
    if (req.url === '/.well-known/openid-configuration')
      answer({
        issuer,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/keys`,
      });
    else if (req.url === '/keys') answer({ keys: [jwk] });
    else {
      const tell = (body: string) => {
        asked.verifier = new URLSearchParams(body).get('code_verifier') ?? '';
        asked.authorization = req.headers.authorization ?? '';
        const now = Math.floor(Date.now() / 1000);
        const all = {
          iss: issuer,
          aud: 'calltrack',
          sub: 'u-1',
          iat: now,
          exp: now + 60,
          nonce: state.nonce,
          ...claims,
        };
        answer({ id_token: tokenOf(all, privateKey, { alg: 'ES256', kid: 'ES256' }) });
      };
      text(req).then(tell, () => res.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { issuer, asked, state };
}

async function openWith(claims: object) {
  const provider = await openProvider(claims);
  const oidc = {
    name: 'Example',
    issuer: provider.issuer,
    clientId: 'calltrack',
    clientSecret: 'hush',
    sitesClaim: 'sites',
    roles: [{ value: 'support', role: 'agent' }],
  };
  const { url, config } = await openConsole({ config: { access: { oidc } } });
  const visitor = new Visitor(url);
  const sent = await visitor.get('/login/oidc?next=%2Fmissed');
  const there = new URL(sent.headers.get('location') ?? '');
  provider.state.nonce = there.searchParams.get('nonce') ?? '';
  provider.state.challenge = there.searchParams.get('code_challenge') ?? '';
  const back = `/login/oidc/done?code=c-1&state=${there.searchParams.get('state') ?? ''}`;
  return { url, config, visitor, there, back, provider };
}

describe('log-in by an identity provider', () => {
  it('lets in with the role and the sites of the claims, by code flow with PKCE', async () => {
    const { visitor, there, back, provider } = await openWith({
      preferred_username: 'maria',
      roles: ['support'],
      sites: ['divan'],
    });
    expect(there.searchParams.get('redirect_uri')).toBe('http://127.0.0.1:8080/login/oidc/done');
    expect(there.searchParams.get('code_challenge_method')).toBe('S256');
    const entered = await visitor.get(back);
    expect([entered.status, entered.headers.get('location')]).toEqual([303, '/missed']);
    const challenge = createHash('sha256')
      .update(provider.asked.verifier ?? '')
      .digest('base64url');
    expect(challenge).toBe(provider.state.challenge);
    expect(provider.asked.authorization).toBe(`Basic ${Buffer.from('calltrack:hush').toString('base64')}`);
    const { status, html } = await visitor.get('/calls');
    expect([status, html.includes('maria')]).toEqual([200, true]);
    expect((await visitor.get('/audit')).status).toBe(403);
    // The answer counts once.
    expect((await visitor.get(back.replace('c-1', 'c-2'))).status).toBe(401);
  });

  it.each([
    ['another provider is asked', { issuer: 'https://another.example' }],
    ['nobody gets this role any more', { roles: [] }],
    ['no provider is asked', null],
  ])('ends when %s', async (_when, change) => {
    const { visitor, back, config } = await openWith({ preferred_username: 'maria', roles: ['support'], sites: [] });
    await visitor.get(back);
    expect((await visitor.get('/calls')).status).toBe(200);
    const { oidc } = config.access;
    config.access.oidc = oidc && change ? { ...oidc, ...change } : undefined;
    expect((await visitor.get('/calls')).status).toBe(303);
  });

  it('lets nobody in who has no role here, or whose log-in was begun in another browser', async () => {
    const without = await openWith({ preferred_username: 'ivan', roles: ['guest'] });
    expect((await without.visitor.get(without.back)).status).toBe(401);
    const other = await openWith({ preferred_username: 'maria', roles: ['support'] });
    const page = await new Visitor(other.url).get(other.back);
    expect(page.status).toBe(401);
    expect(page.html).toContain('did not confirm who you are');
  });

  it('shows the form, with the way to the page that was asked for, where the provider is away', async () => {
    const oidc = {
      name: 'Example',
      issuer: 'http://127.0.0.1:1',
      clientId: 'calltrack',
      roles: [{ value: 'support', role: 'agent' }],
    };
    const { url } = await openConsole({ config: { access: { oidc } } });
    const { status, html } = await new Visitor(url).get('/login/oidc?next=%2Fmissed');
    expect(status).toBe(401);
    expect(html).toContain('did not confirm who you are');
    expect(html).toContain('/login/oidc?next=%2Fmissed');
  });
});
