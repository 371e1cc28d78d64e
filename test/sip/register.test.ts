import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { systemClock } from '../../src/lib/clock.js';
import { ContactKeepAlive } from '../../src/lines/keep-alive.js';
import { Registrar, type RegisterResult } from '../../src/lines/registrar.js';
import { RedisRegistrations } from '../../src/redis/registrations.js';
import { Phone, type PhoneOptions } from '../../src/sandbox/phone/index.js';
import { DrachtioSipSide } from '../../src/sip/sip-side.js';
import { AddressBlock } from '../support/addresses.js';
import { plainSdp, RawSip } from '../support/raw-sip.js';
import { openRedis } from '../support/redis.js';
import { sipServerKinds, startSipServer } from '../support/sip-server.js';
import { selfSigned } from '../support/tls.js';
import { until } from '../support/until.js';

const CREDENTIALS = { username: 'agent', password: 'a password' };
const BEHIND_NAT = '<sip:agent@192.168.77.5:5062>';

const configuration = configSchema.pick({ lines: true, registrar: true }).parse({
  lines: [
    { id: 'sales', register: CREDENTIALS },
    { id: 'desk', register: { username: 'desk', password: 'another one' } },
  ],
  registrar: { realm: 'calls of ours', maxContacts: 2 },
});

/** The gateway's registrar behind drachtio, with a Redis and phones. */
async function open(kind: 'sandbox' | 'real') {
  const addresses = await AddressBlock.claim();
  const server = await startSipServer(kind, addresses.engines);
  const { link, keys, raw, prefix } = await openRedis();
  const store = new RedisRegistrations(link, keys);
  const logger = pino({ level: 'silent' });
  const counted: RegisterResult[] = [];
  const registrar: Registrar = new Registrar({
    config: () => configuration,
    store,
    ownAddresses: () => side.addresses,
    edge: () => side.edge,
    count: (result) => counted.push(result),
    logger,
    clock: systemClock,
  });
  const side: DrachtioSipSide = new DrachtioSipSide(
    { ...server.admin, logger },
    {
      onInvite: (invite) => invite.refuse(404),
      onLinkLost: () => undefined,
      optionsStatus: () => 200,
      onRegister: (request) => registrar.answer(request),
    },
  );
  const keepAlive = new ContactKeepAlive({
    lines: () => ['sales', 'desk'],
    store,
    edge: () => side.edge,
    ping: (target) => side.isThere(target),
    logger,
  });
  side.start();
  const phones: Phone[] = [];
  onTestFinished(async () => {
    await Promise.all(phones.map((phone) => phone.close()));
    registrar.stop();
    side.stop();
    await server.stop();
    addresses.release();
  });
  await until('the link is up', () => side.up && store.nonceSecret !== null);
  const phone = async (options: PhoneOptions = {}): Promise<Phone> => {
    const opened = await Phone.open({ host: addresses.business(), port: 5060, user: 'agent', ...options });
    phones.push(opened);
    return opened;
  };
  const { host, port } = server.sip;
  return { addresses, server, store, raw, prefix, side, keepAlive, counted, phone, registrar: `sip:${host}:${port}` };
}

const ring = (side: DrachtioSipSide, { uri, proxy }: { uri: string; proxy: string | null }, displayName = 'yandex') =>
  side.invite({
    uri,
    ...(proxy === null ? {} : { proxy }),
    sdp: plainSdp('127.0.0.1'),
    from: { user: '+79161234567', displayName },
    headers: { 'X-Campaign': 'диваны' },
    timeoutMs: 5000,
  });

describe.each(sipServerKinds)('phones register through drachtio (%s)', (kind) => {
  it.each(['udp', 'tcp', 'tls'] as const)('and are rung over %s, wherever the INVITE comes from', async (transport) => {
    const { phone, server, side, store } = await open(kind);
    const agent = await phone({ answers: { answerAfterMs: 'never' }, tls: { ...selfSigned(), port: 5061 } });
    const { host, port } = transport === 'tls' ? server.sips : server.sip;
    const registrar = `sip:${host}:${port};transport=${transport}`;
    const ok = await agent.register({ registrar, credentials: CREDENTIALS });
    expect([ok.status, ok.headers.getAll('Contact').join()]).toEqual([
      200,
      expect.stringMatching(/^<sip:agent@.*>;expires=3600$/),
    ]);
    const [contact] = await store.contactsOf('sales');
    const invite = ring(side, contact ?? expect.fail('not registered'), 'яндекс / диваны');
    const call = await agent.nextCall();
    expect(call.invite.uri).toContain('sip:agent@');
    expect(call.invite.topVia?.transport.toLowerCase()).toBe(transport);
    expect(call.invite.from).toMatchObject({ displayName: 'яндекс / диваны' });
    expect(call.invite.headers.get('X-Campaign')).toBe('диваны');
    invite.cancel();
    expect(await call.ended()).toMatchObject({ how: 'cancel' });
  });

  it.each(['SHA-256', 'MD5'] as const)('with %s', async (algorithm) => {
    const { phone, registrar, counted } = await open(kind);
    const agent = await phone();
    expect((await agent.register({ registrar, credentials: CREDENTIALS, algorithm })).status).toBe(200);
    expect(counted).toEqual(['challenged', 'registered']);
  });

  it('after two challenges, SHA-256 before MD5, each a header of its own', async () => {
    const { phone, registrar, raw, prefix } = await open(kind);
    const agent = await phone();
    const asked = await agent.register({ registrar });
    expect(asked.status).toBe(401);
    expect(asked.headers.getAll('WWW-Authenticate')).toEqual([
      expect.stringMatching(/^Digest realm="calls of ours", nonce="[0-9a-f]{56}", algorithm=SHA-256, qop="auth"$/),
      expect.stringMatching(/^Digest realm="calls of ours", nonce="[0-9a-f]{56}", algorithm=MD5, qop="auth"$/),
    ]);
    expect(await raw.keys(`${prefix}v1:register-failures:*`)).toEqual([]);
  });

  it('from behind NAT: rung at the address the request came from, by the name the phone gave', async () => {
    const { phone, registrar, side, store } = await open(kind);
    const agent = await phone({ answers: { answerAfterMs: 'never' } });
    await agent.register({ registrar, credentials: CREDENTIALS, contact: BEHIND_NAT });
    const [contact] = await store.contactsOf('sales');
    expect(contact).toEqual({
      uri: 'sip:agent@192.168.77.5:5062',
      proxy: `sip:${agent.host}:${agent.port};transport=udp`,
    });
    const invite = ring(side, contact ?? expect.fail('not registered'));
    const call = await agent.nextCall();
    expect(call.invite.uri).toBe('sip:agent@192.168.77.5:5062');
    invite.cancel();
    await call.ended();
  });

  it('through a proxy that wrote itself into Path', async () => {
    const { phone, registrar, side, store } = await open(kind);
    const proxy = await phone({ answers: { ring: false, refuse: { status: 486 } } });
    const path = `<sip:${proxy.host}:${proxy.port};lr>`;
    const ok = await proxy.register({
      registrar,
      credentials: CREDENTIALS,
      contact: BEHIND_NAT,
      headers: { Path: path, Supported: 'path', Require: 'path' },
    });
    expect([ok.status, ok.headers.get('Path')]).toEqual([200, path]);
    const [contact] = await store.contactsOf('sales');
    const outcome = await ring(side, contact ?? expect.fail('not registered')).outcome;
    expect(outcome).toMatchObject({ kind: 'failed', failure: { status: 486 } });
    expect((await proxy.nextCall()).invite.uri).toBe('sip:agent@192.168.77.5:5062');
  });

  it.each(['maddr', 'Path', 'host'])('and are rung nowhere else, whatever they name: %s', async (by) => {
    const { phone, registrar, side, store } = await open(kind);
    const agent = await phone({ answers: { ring: false, refuse: { status: 486 } } });
    const carrier = await phone();
    const named = `sip:+882399@${by === 'host' ? carrier.host : agent.host}:${agent.port}`;
    const ok = await agent.register({
      registrar,
      credentials: CREDENTIALS,
      contact: `<${named}${by === 'maddr' ? `;maddr=${carrier.host}` : ''}>`,
      ...(by === 'Path' ? { headers: { Path: `<sip:${carrier.host}:${carrier.port};lr>` } } : {}),
    });
    expect(ok.status).toBe(200);
    const [contact] = await store.contactsOf('sales');
    const outcome = await ring(side, contact ?? expect.fail('not registered')).outcome;
    expect(outcome).toMatchObject({ kind: 'failed', failure: { status: 486 } });
    expect(carrier.calls).toEqual([]);
  });

  it('several of a line, the oldest makes room; each lists all, and goes by itself or all together', async () => {
    const { phone, registrar, store } = await open(kind);
    const agents = [await phone(), await phone(), await phone()] as const;
    const listed: number[] = [];
    for (const agent of agents) {
      const ok = await agent.register({ registrar, credentials: CREDENTIALS });
      listed.push(ok.headers.values('Contact').length);
    }
    expect(listed).toEqual([1, 2, 2]);
    expect((await store.contactsOf('sales')).map(({ uri }) => uri)).toEqual(
      agents.slice(1).map(({ host }) => `sip:agent@${host}:5060`),
    );
    const one = await agents[1].register({ registrar, credentials: CREDENTIALS, expires: 0 });
    expect(one.headers.values('Contact')).toHaveLength(1);
    const query = await agents[0].register({ registrar, credentials: CREDENTIALS, contact: '' });
    expect([query.status, query.headers.values('Contact').length]).toEqual([200, 1]);
    const none = await agents[2].register({ registrar, credentials: CREDENTIALS, contact: '*', expires: 0 });
    expect([none.status, none.headers.has('Contact')]).toEqual([200, false]);
    expect(await store.contactsOf('sales')).toEqual([]);
  });

  it('and are refused with a reason', async () => {
    const { phone, registrar, server, counted } = await open(kind);
    const agent = await phone();
    const answer = async (options: Omit<Parameters<Phone['register']>[0], 'registrar'>) => {
      const { status, reason, headers } = await agent.register({ registrar, credentials: CREDENTIALS, ...options });
      return { status, reason, minExpires: headers.get('Min-Expires') };
    };
    expect(await answer({ expires: 59 })).toEqual({ status: 423, reason: 'Interval Too Brief', minExpires: '60' });
    expect(await answer({ contact: `<sip:x@${server.sip.host}>` })).toMatchObject({
      status: 403,
      reason: 'Contact Points At This Gateway',
    });
    expect(await answer({ headers: { Require: 'outbound' } })).toMatchObject({ status: 420 });
    expect((await answer({})).status).toBe(200);
    expect(await answer({ cseq: 3 })).toMatchObject({ status: 500, reason: 'CSeq Out Of Order' });
    expect(counted.filter((result) => result !== 'challenged')).toEqual([
      ...Array<string>(3).fill('refused'),
      'registered',
      'refused',
    ]);
    // The real server answers this one by itself.
    expect(await answer({ contact: '*' })).toMatchObject({ status: 400 });
  });

  it('not with guessed passwords: strangers learn nothing, and are shut out in the end', async () => {
    const { phone, registrar, counted, raw, prefix } = await open(kind);
    const guesser = await phone();
    const guess = (username: string) => guesser.register({ registrar, credentials: { username, password: 'a guess' } });
    const [known, unknown] = [await guess('agent'), await guess('nobody')];
    const challenge = ({ status, headers }: typeof known) => [
      status,
      headers.get('WWW-Authenticate')?.replace(/nonce="\w+"/, ''),
    ];
    expect(challenge(known)).toEqual(challenge(unknown));
    expect(counted).toEqual(['challenged', 'wrong_password', 'challenged', 'wrong_password']);
    await raw.set(`${prefix}v1:register-failures:{pair ${guesser.host} sales}`, 10);
    const late = await guesser.register({ registrar, credentials: CREDENTIALS });
    expect([late.status, late.reason]).toEqual([403, 'Too Many Wrong Passwords']);
    const shutOut = await guesser.register({ registrar });
    expect([shutOut.status, shutOut.headers.has('WWW-Authenticate')]).toEqual([403, false]);
    const colleague = await phone();
    expect((await colleague.register({ registrar, credentials: CREDENTIALS })).status).toBe(200);
  });

  it('not twice with the same answer to a challenge', async () => {
    const { addresses, server, counted } = await open(kind);
    const raw = await RawSip.open(addresses.business());
    onTestFinished(() => raw.close());
    const { answerChallenge } = await import('../../src/lib/digest.js');
    const send = (n: number, headers: string[]) =>
      raw.send(
        raw.request('REGISTER', server.sip, {
          called: 'agent',
          caller: 'agent',
          callId: `replay-${n}`,
          branch: `replay-${n}`,
          cseq: n,
          headers,
        }),
        server.sip,
      );
    send(1, []);
    const asked = await raw.received(/^SIP\/2\.0 401/);
    const challenge = /^WWW-Authenticate: (.*MD5.*)$/m.exec(asked)?.[1] ?? '';
    const answer = `Authorization: ${answerChallenge(challenge, 'REGISTER', 'sip:x', CREDENTIALS) ?? ''}`;
    send(2, [answer]);
    await raw.received(/^SIP\/2\.0 200[^]*replay-2/);
    send(3, [answer]);
    expect(await raw.received(/^SIP\/2\.0 401[^]*replay-3/)).toContain('stale=true');
    expect(counted).toEqual(['challenged', 'registered', 'stale']);
  });

  it('and are kept reachable behind NAT, or noted as gone', async () => {
    const { phone, registrar, keepAlive, store, raw, prefix } = await open(kind);
    const agent = await phone();
    const desk = await phone({ user: 'desk' });
    await agent.register({ registrar, credentials: CREDENTIALS, contact: BEHIND_NAT });
    await desk.register({ registrar, credentials: { username: 'desk', password: 'another one' } });
    const asked: string[] = [];
    for (const each of [agent, desk]) {
      each.stack.on('request', (transaction) => {
        asked.push(`${transaction.request.method} ${transaction.request.uri}`);
        transaction.respond(405);
      });
    }
    await keepAlive.look();
    expect(asked).toEqual([]); // just heard from
    const pings = `${prefix}v1:line:{sales}:pings`;
    const [binding = ''] = await raw.zrange(pings, 0, -1);
    const due = () => raw.zadd(pings, 1, binding);
    await due();
    await Promise.all([keepAlive.look(), keepAlive.look()]);
    expect(asked).toEqual(['OPTIONS sip:agent@192.168.77.5:5062']);
    await agent.close();
    for (let silence = 0; silence < 3; silence++) {
      await due();
      await keepAlive.look();
    }
    expect((await store.registrations(['sales', 'desk'])).get('sales')).toMatchObject({ contacts: 1, unreachable: 1 });
    expect(await store.contactsOf('sales')).toHaveLength(1);
  });
});
