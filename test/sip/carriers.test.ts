import { pino } from 'pino';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { CarrierGateway } from '../../src/config/schema.js';
import { configSchema, WEEKDAYS } from '../../src/config/schema.js';
import { RedisTrunks } from '../../src/redis/trunks.js';
import { CarrierTrunks } from '../../src/trunks/carriers/carriers.js';
import { trunksDown } from '../../src/trunks/overview.js';
import type { Carrier } from '../support/carrier.js';
import { sipServerKinds } from '../support/sip-server.js';
import { until } from '../support/until.js';
import { openWatching } from '../support/watching.js';

const logged: Record<string, unknown>[] = [];
const logger = pino(
  { level: 'warn' },
  { write: (line) => void logged.push(JSON.parse(line) as Record<string, unknown>) },
);
const HEALTH = { options: '100ms', down: 3, up: 2, ramp: '1s' };
const ACCOUNT = { username: 'calltrack', password: 'a password' };

const watched = (trunk: Record<string, unknown>, schedules: unknown[] = []) => ({
  trunks: configSchema.shape.trunks.parse([{ id: 'carrier', ...trunk }]),
  schedules: configSchema.shape.schedules.parse(schedules),
});

/** As many gateways as are asked for, all watching the same trunks. */
async function open(kind: 'sandbox' | 'real') {
  const running: CarrierTrunks[] = [];
  const world = await openWatching(kind, logger);
  // Before the link goes: what is taken back is taken back over it.
  onTestFinished(async () => {
    await Promise.all(running.map((trunks) => trunks.stop()));
  });
  const { redis, side, conditions } = world;
  const gateway = (id: string, trunk: Record<string, unknown>, schedules: unknown[] = []): CarrierTrunks => {
    const shared = new RedisTrunks(redis.link, redis.keys);
    const trunks = new CarrierTrunks(
      {
        options: world.options,
        register: (settings, onChange) => side.register(settings, onChange),
        share: (heard) => shared.share(heard),
        setDrained: (name, on) => shared.setDrained(name, on),
        tell: (word) => conditions(id).tell('trunk', word, { down: [], up: [] }),
      },
      { logger },
    );
    trunks.start(watched(trunk, schedules));
    running.push(trunks);
    return trunks;
  };
  return { ...world, gateway };
}

const listed = (...carriers: Carrier[]): CarrierGateway[] =>
  carriers.map(({ uri }, i) => ({ uri, priority: i + 1, weight: 1 }));
/** As the route walk hands them in: with the number before the host. */
const dialled = (gateways: CarrierGateway[]) =>
  gateways.map((one) => ({ ...one, uri: one.uri.replace('sip:', 'sip:+74951230000@') }));
const states = (trunks: CarrierTrunks) => trunks.list()[0]?.gateways.map(({ state }) => state);

describe.each(sipServerKinds)('OPTIONS through drachtio (%s)', (kind) => {
  it('gives the status, or says that nobody answers', async () => {
    const { side, carrier, addresses } = await open(kind);
    const one = await carrier();
    for (const status of [200, 404, 503]) {
      one.options = status;
      expect(await side.options(one.uri, 3000)).toBe(status);
    }
    one.options = 'silent';
    expect(await side.options(one.uri, 300)).toBeNull();
    // Nobody listens there: drachtio hears so from the network and says 503, which is not the carrier's word.
    expect(await side.options(`sip:${addresses.business()}:5060`, 300)).toBeNull();
  });

  it('over TLS: at 5061 where no port is named, and nobody where TLS is not spoken', async () => {
    const { side, carrier, addresses } = await open(kind);
    const one = await carrier({ tls: true });
    const { host } = one.stack;
    const named = configSchema.shape.trunks.parse([
      { id: 'a', outbound: { to: [one.uri, `sip:${host};transport=tls`, `sips:${host}`].map((uri) => ({ uri })) } },
    ]);
    for (const { uri } of named[0]?.outbound?.to ?? []) expect(await side.options(uri, 3000)).toBe(200);
    expect(one.asked.OPTIONS.map(({ topVia }) => topVia?.transport)).toEqual(['TLS', 'TLS', 'TLS']);
    const plain = await carrier();
    expect(await side.options(`sip:${plain.stack.host}:5060;transport=tls`, 500)).toBeNull();
    expect(await side.options(`sip:${addresses.business()}:5061;transport=tls`, 500)).toBeNull();
  });

  it('says nothing of the carrier when our own link is down', async () => {
    const { side, carrier } = await open(kind);
    const one = await carrier();
    side.stop();
    await expect(side.options(one.uri, 300)).rejects.toThrow('no connection to drachtio-server');
  });
});

describe.each(sipServerKinds)('carriers watched through drachtio (%s)', (kind) => {
  it('a silent gateway is passed over; the trunk is down when all are, and told so once by two gateways', async () => {
    const { gateway, carrier, told } = await open(kind);
    const [first, second] = [await carrier(), await carrier()];
    const to = listed(first, second);
    const both = ['gw-1', 'gw-2'].map((id) => gateway(id, { outbound: { to }, health: HEALTH }));
    const [trunks = expect.fail()] = both;
    await until('both answer', () => both.every((one) => states(one)?.join() === 'up,up'));
    expect(trunks.order('carrier', dialled(to), false).gateways).toEqual(dialled(to));

    first.options = 'silent';
    await until('one is down', () => both.every((one) => states(one)?.join() === 'down,up'));
    expect(trunks.order('carrier', dialled(to), false)).toEqual({ gateways: dialled(to).slice(1), full: false });
    expect(trunks.list()[0]).toMatchObject({ up: true, down: [] });

    second.options = 503;
    await until('all are down', () => both.every((one) => one.list()[0]?.up === false));
    expect(trunks.order('carrier', dialled(to), false)).toEqual({ gateways: [], full: false });
    expect(trunks.order('carrier', dialled(to), true)).toEqual({ gateways: dialled(to), full: false });
    expect(trunks.list()[0]?.down).toMatchObject([{ reason: 'options' }]);
    await until('it is told', async () => (await told()).length > 0);

    first.options = 404; // an answer, whatever it says
    await until('it is back', () => both.every((one) => one.list()[0]?.up));
    await until('and told', async () => (await told()).includes('up options'));
    // By turns: where the machine was too slow for their answers, all were down once more.
    const words = ['down options', 'up options'];
    const said = await told();
    expect(said).toEqual(said.map((_, i) => words[i % 2]));
  });

  it('a gateway in its ramp gets a growing share, and its own Retry-After is honoured', async () => {
    const { gateway, carrier } = await open(kind);
    const [first, second] = [await carrier(), await carrier()];
    const to = listed(first, second);
    const trunks = gateway('gw-1', { outbound: { to }, health: { ...HEALTH, ramp: '1h' } });
    first.options = 'silent';
    await until('it is down', () => states(trunks)?.join() === 'down,up');
    first.options = 200;
    await until('it is back', () => states(trunks)?.join() === 'up,up');
    expect(trunks.list()[0]?.gateways.map(({ share }) => share)).toEqual([0.05, 1]);

    const failure = { status: 503, reason: 'Service Unavailable', texts: [], q850: null, retryAfterSeconds: 7200 };
    trunks.failed('carrier', dialled(to)[0]?.uri ?? '', failure, 'unreachable');
    trunks.failed('carrier', dialled(to)[1]?.uri ?? '', { ...failure, status: 486 }, 'capacity');
    expect(trunks.order('carrier', dialled(to), false)).toEqual({ gateways: dialled(to).slice(1), full: false });
    const heldUntil = Date.parse(trunks.list()[0]?.gateways[0]?.heldUntil ?? '');
    expect(heldUntil - Date.now()).toBeLessThanOrEqual(300_000);
    expect(trunksDown(trunks.list(), Date.now())).toEqual(new Map());
    trunks.failed('carrier', dialled(to)[1]?.uri ?? '', failure, 'capacity');
    expect(trunks.order('carrier', dialled(to), false)).toEqual({ gateways: [], full: true });
    const held = trunksDown(trunks.list(), Date.now()).get('carrier');
    expect(held).toMatchObject({ full: true });
    expect(held?.why).toMatch(/^asked not to be dialled until .*Z \(Retry-After\)$/);
    expect(trunksDown(trunks.list(), Date.now() + 300_000)).toEqual(new Map());
  });

  it('a drained trunk is drained for every gateway, and told once', async () => {
    const { gateway, carrier, told } = await open(kind);
    const to = listed(await carrier());
    const [one, other] = [gateway('gw-1', { outbound: { to } }), gateway('gw-2', { outbound: { to } })];
    await one.drains.set('trunk', 'carrier', true);
    for (const evenDown of [false, true]) {
      expect(one.order('carrier', dialled(to), evenDown)).toEqual({ gateways: [], full: false });
    }
    await until('the other knows', () => other.drains.has('trunk', 'carrier') && other.list()[0]?.draining);
    await other.drains.set('trunk', 'carrier', false);
    await until('the first one knows', () => !one.drains.has('trunk', 'carrier'));
    await until('it is told', async () => (await told()).includes('up drain'));
    expect(await told()).toEqual(['down drain', 'up drain']);
  });

  it('an inbound trunk is silent when no gateway has heard it, until the next INVITE at any', async () => {
    const { gateway, told } = await open(kind);
    const inbound = { from: ['203.0.113.0/29'], silence: '2s' };
    const [one, other] = [gateway('gw-1', { inbound }), gateway('gw-2', { inbound })];
    await until('nothing is heard', () => !one.list()[0]?.up && !other.list()[0]?.up);
    await until('it is heard', async () => {
      other.heard('carrier');
      return (await told()).includes('up silence');
    });
    expect((await told()).slice(0, 2)).toEqual(['down silence', 'up silence']);
    expect(one.list()[0]?.lastCallAt).not.toBeNull();
  });

  it('knows silence though a gateway was a day ahead when it heard a call', async () => {
    const { gateway, redis } = await open(kind);
    const ahead = String(Date.now() + 86_400_000);
    await redis.link.send((client) => client.hset(redis.keys.heardTrunks(), 'carrier', ahead));
    const one = gateway('gw-1', { inbound: { from: ['203.0.113.0/29'], silence: '2s' } });
    await until('nothing is heard', () => one.list()[0]?.up === false);
  });

  it('knows silence though its clock was set back', async () => {
    const { gateway } = await open(kind);
    onTestFinished(() => void vi.useRealTimers());
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 86_400_000 });
    const one = gateway('gw-1', { inbound: { from: ['203.0.113.0/29'], silence: '2s' } });
    one.heard('carrier');
    vi.useRealTimers();
    await until('nothing is heard', () => one.list()[0]?.up === false);
  });

  it('while it is closed no silence counts', async () => {
    const { gateway } = await open(kind);
    const always = Object.fromEntries(WEEKDAYS.map((day) => [day, ['00:00-24:00']]));
    // A run over midnight shall not find it open.
    const today = Date.now();
    const holidays = [-1, 0, 1].map((days) => new Date(today + days * 86_400_000).toISOString().slice(0, 10));
    const schedules = [
      { id: 'open', weekly: always },
      { id: 'closed', weekly: always, holidays },
    ];
    const silent = (during: string) =>
      gateway(
        during,
        { inbound: { from: ['203.0.113.0/29'], silence: { after: '2s', during, timezone: 'UTC' } } },
        schedules,
      );
    const [closed, opened] = [silent('closed'), silent('open')];
    await until('nothing is heard while it is open', () => opened.list()[0]?.up === false);
    expect(closed.list()[0]).toMatchObject({ up: true, down: [] });
    closed.update(watched({ inbound: { from: ['203.0.113.0/29'], silence: '2s' } }));
    await until('a reload counts day and night', () => closed.list()[0]?.up === false);
  });

  it('waits for a turn, and goes on at once where there is none in time', async () => {
    const { gateway, carrier } = await open(kind);
    const to = listed(await carrier());
    const trunks = gateway('gw-1', { outbound: { to, callsPerSecond: 2, queue: '10s' } });
    expect(await Promise.all([1, 2, 3].map(() => trunks.turn('carrier', 10_000)))).toEqual([true, true, true]);
    const hasty = gateway('gw-2', { outbound: { to, callsPerSecond: 1, queue: '100ms' } });
    expect(await Promise.all([1, 2].map(() => hasty.turn('carrier', 10_000)))).toEqual([true, false]);
    const late = gateway('gw-3', { outbound: { to, callsPerSecond: 1, queue: '10s' } });
    expect(await Promise.all([1, 2].map(() => late.turn('carrier', 100)))).toEqual([true, false]);
  });
});

const register = (one: Carrier, more = {}) => ({
  inbound: { from: ['203.0.113.0/29'] },
  register: { registrar: one.uri, ...ACCOUNT, ...more },
});
/** How often the proxy's nonce has been answered with this one. */
const counted = ({ headers }: Carrier['registers'][number]) =>
  /nc=(\w+)/.exec(headers.get('Proxy-Authorization') ?? '')?.[1];

const registration = (trunks: CarrierTrunks) => trunks.list()[0]?.registration;

describe.each(sipServerKinds)('registration with a carrier through drachtio (%s)', (kind) => {
  it.each(['MD5', 'SHA-256'] as const)('with %s, taken back at the end', async (algorithm) => {
    const { gateway, carrier, addresses } = await open(kind);
    const one = await carrier({ account: { ...ACCOUNT, algorithm } });
    const trunks = gateway('gw-1', register(one));
    await until('it is registered', () => registration(trunks)?.state === 'registered');
    expect(one.registered).toEqual([300]);
    const [asked, again] = one.registers;
    expect(asked?.headers.get('Contact')).toContain(`<sip:calltrack@${addresses.engines}:5060`);
    expect(again?.callId).toBe(asked?.callId);
    expect(again?.fromTag).toBe(asked?.fromTag);
    expect(again?.cseq.seq).toBe((asked?.cseq.seq ?? 0) + 1);
    await trunks.stop();
    expect(one.registered).toEqual([300, 0]);
  });

  it('by way of a proxy that asks for a digest of its own', async () => {
    const { gateway, carrier } = await open(kind);
    const one = await carrier({ account: ACCOUNT, proxy: true, minExpires: 600 });
    const trunks = gateway('gw-1', register(one));
    await until('it is registered', () => registration(trunks)?.state === 'registered');
    expect(one.registered).toEqual([600]);
    const [counts, again] = [one.registers.map(counted), ['00000001', '00000002']];
    // The proxy, who is behind it, and both anew for as long as he wants it.
    expect(counts).toEqual([undefined, ...again, undefined, ...again]);
  });

  it('over TLS, with a contact that says so', async () => {
    const { gateway, carrier, addresses } = await open(kind);
    const one = await carrier({ account: ACCOUNT, tls: true });
    const trunks = gateway('gw-1', register(one));
    await until('it is registered', () => registration(trunks)?.state === 'registered');
    const [asked] = one.registers;
    expect(asked?.topVia?.transport).toBe('TLS');
    expect(asked?.headers.get('Contact')).toContain(`<sip:calltrack@${addresses.engines}:5061;transport=tls>`);
  });

  it('as the account that the carrier knows, with a user name that is for the password only', async () => {
    const { gateway, carrier, addresses } = await open(kind);
    const named = { username: '495123@ims.carrier.example', password: 'a password' };
    const one = await carrier({ account: named, grants: 40 });
    const account = 'sip:+74951110000@carrier.example';
    const trunks = gateway('gw-1', register(one, { ...named, account }));
    await until('it is registered', () => registration(trunks)?.state === 'registered');
    const [asked] = one.registers;
    expect(asked?.uri).toBe(one.uri);
    expect(asked?.headers.get('From')).toMatch(/^<sip:\+74951110000@carrier\.example>;tag=/);
    expect(asked?.headers.get('To')).toBe(`<${account}>`);
    expect(asked?.headers.get('Contact')).toContain(`<sip:+74951110000@${addresses.engines}:5060`);
    const { registeredUntil = null } = registration(trunks) ?? {};
    expect(Date.parse(registeredUntil ?? '') - Date.now()).toBeLessThanOrEqual(40_000);
  });

  it('asks for longer where the carrier wants it, and refreshes in time what it was granted', async () => {
    const { gateway, carrier } = await open(kind);
    const one = await carrier({ account: ACCOUNT, minExpires: 1800, grants: 2 });
    const trunks = gateway('gw-1', register(one, { expires: '60s' }));
    await until('it is refreshed', () => one.registered.length >= 2);
    expect(one.registers.map(({ headers }) => headers.get('Expires')).slice(0, 4)).toEqual([
      ...['60', '60', '1800'],
      '1800',
    ]);
    expect(registration(trunks)).toMatchObject({ state: 'registered', lastStatus: 200, failures: 0 });
  });

  it('tells that the carrier does not take it, and keeps trying, slowly', async () => {
    const { gateway, carrier, told } = await open(kind);
    const one = await carrier({ account: { ...ACCOUNT, password: 'another one' } });
    const begun = Date.now();
    const trunks = gateway('gw-1', register(one));
    await until('it has failed', () => registration(trunks)?.state === 'failed');
    expect(registration(trunks)).toMatchObject({ lastStatus: 401, failures: 1 });
    const refusal = logged.find(({ msg }) => msg === 'the carrier does not take our registration');
    expect(refusal).toMatchObject({ trunk: 'carrier', status: 401, failures: 1 });
    expect(Date.parse(registration(trunks)?.nextAttemptAt ?? '') - begun).toBeGreaterThan(3000);
    expect(one.registers).toHaveLength(2); // one challenge, one answer, no storm
    await until('it is told', async () => (await told()).includes('down registration'));
    expect(trunks.list()[0]).toMatchObject({ up: false, down: [{ reason: 'registration' }] });
  });

  it('leaves it alone for as long as it asks', async () => {
    const { gateway, carrier } = await open(kind);
    const one = await carrier();
    one.registrations = 503;
    one.headers = { 'Retry-After': '60' };
    const begun = Date.now();
    const trunks = gateway('gw-1', register(one));
    await until('it has failed', () => registration(trunks)?.state === 'failed');
    expect(Date.parse(registration(trunks)?.nextAttemptAt ?? '') - begun).toBeGreaterThanOrEqual(60_000);
  });

  it('registers anew when the link to drachtio is back, and is not down meanwhile', async () => {
    const { gateway, carrier, wire, side, told } = await open(kind);
    const one = await carrier({ account: ACCOUNT });
    const trunks = gateway('gw-1', register(one));
    await until('it is registered', () => registration(trunks)?.state === 'registered');
    wire.cut();
    await until('the link is down', () => !side.up);
    expect(trunks.list()[0]?.up).toBe(true);
    wire.join();
    await until('it is registered again', () => one.registered.length === 2);
    expect(await told()).toEqual([]);
  });

  it('goes on over a reload that does not touch it, and leaves a carrier that is taken out', async () => {
    const { gateway, carrier } = await open(kind);
    const one = await carrier({ account: ACCOUNT });
    const trunks = gateway('gw-1', register(one));
    await until('it is registered', () => registration(trunks)?.state === 'registered');
    const config = (more: Record<string, unknown>) => watched({ ...register(one), ...more });
    trunks.update(config({ channels: 5 }));
    expect(registration(trunks)?.state).toBe('registered');
    trunks.update(config({ register: undefined }));
    expect(registration(trunks)).toBeNull();
    await until('it is taken back', () => one.registered.at(-1) === 0);
    expect(one.registered).toEqual([300, 0]);
  });

  it.each([
    ['how it registers', { register: { expires: '120s' } }],
    ['the name of its trunk', { id: 'renamed', register: { expires: '120s' } }],
  ])('stays registered over a reload that changes %s', async (_, { register: how, ...more }) => {
    const { gateway, carrier } = await open(kind);
    const one = await carrier({ account: ACCOUNT });
    const trunks = gateway('gw-1', register(one));
    await until('it is registered', () => registration(trunks)?.state === 'registered');
    trunks.update(watched({ ...register(one, how), ...more }));
    await until('it is registered anew', () => registration(trunks)?.state === 'registered');
    // Of all that was sent meanwhile this is the last: it is taken back once, by the one that is left.
    await trunks.stop();
    expect(one.registered).toEqual([300, 120, 0]);
    expect(new Set(one.registers.slice(2).map(({ callId }) => callId)).size).toBe(1);
  });

  it.each([3_000_000, 99_999_999_999_999])('asks again within a day where it is granted %d s', async (grants) => {
    const { gateway, carrier } = await open(kind);
    const one = await carrier({ account: ACCOUNT, grants });
    const trunks = gateway('gw-1', register(one));
    await until('it is registered', () => registration(trunks)?.state === 'registered');
    const { nextAttemptAt = null } = registration(trunks) ?? {};
    expect(Date.parse(nextAttemptAt ?? '') - Date.now()).toBeLessThanOrEqual(0.8 * 86_400_000);
    expect(one.registered).toHaveLength(1);
  });
});
