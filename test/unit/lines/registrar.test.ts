import { pino } from 'pino';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { configSchema } from '../../../src/config/schema.js';
import { answerChallenge } from '../../../src/lib/digest.js';
import { GatewayError } from '../../../src/lib/errors.js';
import type { FailureCounts } from '../../../src/lines/guard.js';
import type { Binding, RegistrationStore } from '../../../src/lines/ports.js';
import { Registrar, type RegisterAnswer, type RegisterResult } from '../../../src/lines/registrar.js';
import type { RegisterRequest } from '../../../src/lines/registration.js';

const configuration = configSchema.pick({ lines: true, registrar: true }).parse({
  lines: [{ id: 'sales', register: { username: 'agent', password: 'right' } }],
});

/** Counts and nothing else; `asked` is how often Redis would have been. */
class FakeStore implements RegistrationStore {
  nonceSecret: Buffer | null = Buffer.alloc(32, 1);
  counts: FailureCounts = { pair: 0, source: 0, user: 0 };
  asked = 0;
  users = new Set<string>();
  away = false;
  bindings: Binding[] = [];

  failures(): Promise<FailureCounts> {
    return this.#answer(this.counts);
  }

  countFailure({ user }: { user: string }): Promise<FailureCounts> {
    this.users.add(user);
    const { pair, source, user: byUser } = this.counts;
    this.counts = { pair: pair + 1, source: source + 1, user: byUser + 1 };
    return this.#answer(this.counts);
  }

  bind(): ReturnType<RegistrationStore['bind']> {
    return this.#answer({ kind: 'bound', bindings: this.bindings });
  }

  #answer<T>(value: T): Promise<T> {
    this.asked += 1;
    return this.away ? Promise.reject(new GatewayError('GW_ERR_REDIS_AWAY', 'away')) : Promise.resolve(value);
  }
}

const EDGE = 'udp/10.0.0.1:5060';
let now = 0;
let store: FakeStore;
let counted: RegisterResult[];
let registrar: Registrar;

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  now = Date.UTC(2026, 10, 22);
  store = new FakeStore();
  counted = [];
  registrar = new Registrar({
    config: () => configuration,
    store,
    ownAddresses: () => ['udp/10.0.0.1:5060'],
    edge: () => EDGE,
    count: (result) => counted.push(result),
    logger: pino({ level: 'silent' }),
    clock: () => now,
  });
});

const request = (parts: Partial<RegisterRequest> = {}): RegisterRequest => ({
  source: { address: '192.0.2.7', port: 5060, protocol: 'udp' },
  callId: 'c',
  cseq: 1,
  from: '<sip:agent@calls>;tag=1',
  contact: '<sip:agent@192.0.2.7>',
  expires: undefined,
  path: undefined,
  require: undefined,
  userAgent: undefined,
  authorization: undefined,
  ...parts,
});

/** Waits out whatever delay the answer has, and tells how long it was. */
async function answered(parts: Partial<RegisterRequest>): Promise<RegisterAnswer & { delayMs: number }> {
  const begun = Date.now();
  const answer = registrar.answer(request(parts));
  await vi.runAllTimersAsync();
  return { ...(await answer), delayMs: Date.now() - begun };
}

async function credentials(username: string, password: string): Promise<string> {
  const from = request({ source: { address: '198.51.100.1', port: 1, protocol: 'udp' } });
  const challenge = [(await registrar.answer(from)).headers['WWW-Authenticate'] ?? ''].flat()[0] ?? '';
  counted.pop();
  return answerChallenge(challenge, 'REGISTER', 'sip:calls', { username, password }) ?? '';
}

describe('the registrar', () => {
  it('does not ask Redis about a request without credentials', async () => {
    expect((await answered({})).status).toBe(401);
    expect([store.asked, counted]).toEqual([0, ['challenged']]);
  });

  it('tells a phone of what it has registered here, not of the same with another drachtio-server', async () => {
    const registered = 'sip:agent@192.0.2.7:5061;transport=tls';
    const contact = { registered, uri: registered, proxy: 'sip:192.0.2.7:40001;transport=tls', nat: true };
    const binding = { ...contact, key: registered, userAgent: '', silences: 0 };
    store.bindings = [
      { ...binding, edge: 'udp/10.0.0.2:5060', expiresInMs: 5_000 },
      { ...binding, edge: EDGE, expiresInMs: 60_000 },
    ];
    const { headers } = await answered({ authorization: await credentials('agent', 'right') });
    expect(headers['Contact']).toBe(`<${registered}>;expires=60`);
  });

  it('delays the answers to guesses, the longer the more there are, and then shuts out', async () => {
    const wrong = await credentials('agent', 'wrong');
    const delays: number[] = [];
    for (let guess = 1; guess <= 10; guess++) delays.push((await answered({ authorization: wrong })).delayMs);
    expect(delays).toEqual([0, 250, 500, 1000, 2000, 4000, 4000, 4000, 4000, 4000]);
    expect(counted).toEqual([...Array<string>(9).fill('wrong_password'), 'blocked']);
    const asked = store.asked;
    expect(await answered({})).toMatchObject({ status: 403, headers: {}, delayMs: 0 });
    expect(store.asked).toBe(asked);
    expect((await answered({ from: '<sip:colleague@calls>' })).status).toBe(401);
    now += 61_000; // by then Redis is asked again
    store.counts = { pair: 0, source: 0, user: 0 };
    expect((await answered({})).status).toBe(401);
  });

  it('shuts out a source that tries many users, but no phone that it knows there', async () => {
    const right = await credentials('agent', 'right');
    expect(registrar.knows('192.0.2.7')).toBe(false);
    expect((await answered({ authorization: right })).status).toBe(200);
    expect([registrar.knows('192.0.2.7'), registrar.knows('192.0.2.8')]).toEqual([true, false]);
    store.counts = { pair: 0, source: 60, user: 200 };
    await answered({ authorization: await credentials('somebody', 'x'), from: '<sip:somebody@calls>' });
    expect((await answered({ from: '<sip:another@calls>' })).status).toBe(403);
    expect((await answered({})).status).toBe(401);
    expect((await answered({ authorization: right })).status).toBe(200);
  });

  it('shuts out no phone that has registered with another gateway, or before a restart', async () => {
    const right = await credentials('agent', 'right');
    store.counts = { pair: 0, source: 60, user: 200 };
    registrar.recall('agent', '192.0.2.7', now + 60_000);
    expect(registrar.knows('192.0.2.7')).toBe(true);
    expect((await answered({ authorization: right })).status).toBe(200);
    const elsewhere = { address: '192.0.2.8', port: 5060, protocol: 'udp' };
    expect((await answered({ authorization: right, source: elsewhere })).status).toBe(403);
    // Not for ever: the registration ends, and some minutes later so does what is known by it.
    registrar.recall('colleague', '192.0.2.9', now + 60_000);
    now += 60_000 + 300_001;
    expect(registrar.knows('192.0.2.9')).toBe(false);
  });

  it('takes the right password from nobody who has guessed too often', async () => {
    store.counts = { pair: 10, source: 10, user: 10 };
    expect((await answered({ authorization: await credentials('agent', 'right') })).status).toBe(403);
    expect(counted).toEqual(['blocked']);
  });

  it('counts users that there are not under few names', async () => {
    for (let i = 0; i < 150; i++) {
      store.counts = { pair: 0, source: 0, user: 0 };
      const authorization = await credentials(`user-${i}`, 'x');
      await answered({ authorization, source: { address: `10.1.${i}.1`, port: 1, protocol: 'udp' } });
      now += 1000;
    }
    expect([...store.users].every((user) => /^stranger-\d{1,3}$/.test(user))).toBe(true);
  });

  it('holds back no more answers than it can afford, and lets go of them when it stops', async () => {
    store.counts = { pair: 8, source: 0, user: 0 };
    const guesses: Promise<RegisterAnswer>[] = [];
    let done = 0;
    for (let i = 0; i < 250; i++) {
      store.counts = { pair: 8, source: 0, user: 0 };
      const authorization = await credentials('agent', 'wrong');
      const source = { address: `10.2.${i}.1`, port: 1, protocol: 'udp' };
      const guess = registrar.answer(request({ authorization, source }));
      guesses.push(guess.finally(() => (done += 1)));
      now += 1000;
    }
    await vi.advanceTimersByTimeAsync(0);
    expect([done, vi.getTimerCount()]).toEqual([50, 200]);
    registrar.stop();
    await Promise.all(guesses);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['from', 'contact', 'path', 'require'])('reads no endless header: %s', async (header) => {
    expect((await answered({ [header]: `<${' '.repeat(5000)}` })).status).toBe(400);
    expect(counted).toEqual(['refused']);
  });

  it('answers a flood without looking at it', async () => {
    const answers = await Promise.all(Array.from({ length: 250 }, () => registrar.answer(request())));
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(200);
    expect(answers.at(-1)).toEqual({ status: 503, headers: { 'Retry-After': '5' } });
    const other = { address: '192.0.2.8', port: 1, protocol: 'udp' };
    expect((await answered({ source: other })).status).toBe(401);
  });

  it('goes on with its phones while strangers flood it from everywhere', async () => {
    const authorization = await credentials('agent', 'right');
    expect((await answered({ authorization })).status).toBe(200);
    const stranger = async (n: number) => {
      const source = { address: `198.51.${n >> 8}.${n & 255}`, port: 5060, protocol: 'udp' };
      return (await registrar.answer(request({ source }))).status;
    };
    for (let n = 0; n < 700; n += 1) await stranger(n);
    expect(await stranger(700)).toBe(503);
    expect((await answered({})).status).toBe(401);
  });

  it('asks for patience while Redis is away', async () => {
    const authorization = await credentials('agent', 'right');
    store.away = true;
    expect(await answered({ authorization })).toMatchObject({ status: 503, headers: { 'Retry-After': '10' } });
    store.nonceSecret = null;
    expect(await answered({})).toMatchObject({ status: 503, headers: { 'Retry-After': '10' } });
    expect(counted).toEqual(['unavailable', 'unavailable']);
  });
});
