import { once } from 'node:events';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Call } from '../../src/call/call.js';
import { eventSchema } from '../../src/events/catalogue.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisDeliveryArchive } from '../../src/redis/delivery-archive.js';
import { RedisOutbox, type OutboxLimits } from '../../src/redis/outbox.js';
import { Dispatcher, type DispatcherHooks, type DispatcherOptions } from '../../src/webhooks/dispatcher.js';
import type { Backlog } from '../../src/webhooks/queue.js';
import type { Attempt, EndpointConfig } from '../../src/webhooks/sender.js';
import { exampleCall, exampleChange } from '../redis/examples.js';
import { answer, OK, openReceiver, type Received, type Receiver } from '../support/receiver.js';
import { freePort } from '../support/redis-server.js';
import { keptEvents, eventually, openOwnRedis, openRedis } from '../support/redis.js';
import { PATIENCE_MS } from '../support/until.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
/** So that what waits for a retry in a test waits 16 % less than the schedule's 2 s, not more. */
const QUICK: DispatcherOptions = { pollMs: 20, random: () => 0 };
/** For who waits for an answer that does not come; an answer that does come may take longer on a busy machine. */
const IMPATIENT: DispatcherOptions = { ...QUICK, timeouts: { connectMs: 500, totalMs: 700 } };

type Opened = Awaited<ReturnType<typeof openRedis>>;

interface Settings {
  limits?: OutboxLimits;
  options?: DispatcherOptions;
  hooks?: DispatcherHooks;
}

function open(redis: Opened, { limits, options = QUICK, hooks }: Settings = {}) {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level: 'trace' },
    { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const attempts: Attempt[] = [];
  const delivered: number[] = [];
  const outbox = new RedisOutbox(redis.link, redis.keys, {
    limits: { probeFirstMs: 20, ...limits },
    wanting: () => ['crm', 'bi'],
    onQueued: (ids) => dispatcher.poke(ids),
  });
  const dispatcher = new Dispatcher(
    outbox,
    log,
    {
      onAttempt: (_delivery, attempt) => attempts.push(attempt),
      onDelivered: (_endpoint, seconds) => delivered.push(seconds),
      ...hooks,
    },
    options,
  );
  const store = new RedisCallStore(redis.link, redis.keys, {}, { onQueued: (ids) => dispatcher.poke(ids) });
  const write = (call: Call, types: Parameters<typeof exampleChange>[1], endpoints = ['crm'], first = 1) =>
    store.commit(exampleChange(call, types, { endpoints, first }));
  onTestFinished(() => dispatcher.stop(0));
  const messages = () => lines.map(({ msg }) => msg);
  return { dispatcher, outbox, store, write, attempts, delivered, lines, messages };
}

const endpoint = (receiver: Receiver, fields: Partial<EndpointConfig> = {}): EndpointConfig => ({
  id: 'crm',
  url: receiver.url,
  secret: SECRET,
  allowPrivate: true,
  ...fields,
});

const types = (received: Received[]) => received.map(({ body }) => body.type);

describe('delivery', () => {
  it('posts the event as written, signed, at once and over one connection', async () => {
    const receiver = await openReceiver(SECRET);
    // Polling this rarely, only the poke can bring it in time.
    const redis = await openRedis();
    const { dispatcher, write, delivered } = open(redis, { options: { ...QUICK, pollMs: 60_000 } });
    dispatcher.start([endpoint(receiver)]);
    const call = exampleCall();
    await write(call, ['call.received', 'call.ringing', 'call.answered']);
    const received = await receiver.wait(3);
    expect(types(received)).toEqual(['call.received', 'call.ringing', 'call.answered']);
    expect(received.map(({ raw }) => raw)).toEqual((await keptEvents(redis)).map(({ body }) => body));
    expect(received.every(({ verified }) => verified)).toBe(true);
    expect(received[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': received[0]?.body.id,
      'webhook-attempt': '1',
    });
    expect(receiver.connections).toBe(1);
    await eventually(() => expect(delivered).toHaveLength(3));
  });

  it('counts the time until an event was taken, not until that is written down', async () => {
    const receiver = await openReceiver(SECRET);
    const redis = await openRedis();
    const { outbox, write } = open(redis);
    const delivered: number[] = [];
    let letWrite = (): void => undefined;
    const mayWrite = new Promise<void>((resolve) => (letWrite = resolve));
    outbox.work = async (...exchange) => {
      if (exchange[1].some(({ traces }) => traces.length > 0)) await mayWrite;
      return RedisOutbox.prototype.work.apply(outbox, exchange);
    };
    const log = pino({ level: 'silent' });
    const onDelivered = (_endpoint: string, seconds: number) => delivered.push(seconds);
    let takenBy = Infinity;
    const onAttempt = () => setImmediate(() => (takenBy = Date.now()));
    const dispatcher = new Dispatcher(outbox, log, { onDelivered, onAttempt }, QUICK);
    onTestFinished(() => dispatcher.stop(0));
    dispatcher.start([endpoint(receiver)]);
    await write(exampleCall(), ['call.received']);
    const [received] = await receiver.wait(1);
    await eventually(() => expect(Date.now()).toBeGreaterThan(takenBy + 100));
    letWrite();
    await eventually(() => expect(delivered).toHaveLength(1));
    expect(delivered[0]).toBeLessThanOrEqual((takenBy - Date.parse(received?.body.timestamp ?? '')) / 1000);
  });

  it('signs with both secrets while one replaces the other', async () => {
    const old = 'an older secret of some length';
    const receiver = await openReceiver(old);
    const { dispatcher, write } = open(await openRedis());
    dispatcher.start([endpoint(receiver, { secret: [SECRET, old] })]);
    await write(exampleCall(), ['call.received']);
    expect((await receiver.wait(1))[0]?.verified).toBe(true);
  });

  it('finds what another gateway wrote, without being woken', async () => {
    const receiver = await openReceiver(SECRET);
    const redis = await openRedis();
    const { dispatcher } = open(redis);
    dispatcher.start([endpoint(receiver)]);
    const peer = new RedisCallStore(redis.link, redis.keys);
    await peer.commit(exampleChange(exampleCall(), ['call.received'], { endpoints: ['crm'] }));
    await receiver.wait(1);
  });

  it('two gateways share the work, each event once and each call in order', async () => {
    const receiver = await openReceiver(SECRET);
    const redis = await openRedis();
    // With its usual time: an attempt that takes longer than a short one is made again, on a busy machine too.
    const options = { ...QUICK, timeouts: undefined };
    const [even, odd] = [open(redis, { options }), open(await openRedis({}, redis.prefix), { options })];
    for (const { dispatcher } of [even, odd]) dispatcher.start([endpoint(receiver)]);
    const calls = Array.from({ length: 60 }, () => exampleCall());
    const types = ['call.received', 'call.ringing', 'call.answered'] as const;
    await Promise.all(calls.map((call, i) => (i % 2 ? odd : even).write(call, [...types])));
    const received = await receiver.wait(180);
    expect(received).toHaveLength(180);
    for (const { id } of calls) {
      const mine = received.filter(({ body }) => (body.data['call'] as Call).id === id);
      expect(mine.map(({ body }) => body.sequence)).toEqual([1, 2, 3]);
    }
  });

  it('has at most eight requests under way to one endpoint', async () => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = () => ({ kind: 'hang' });
    const { dispatcher, write } = open(await openRedis());
    dispatcher.start([endpoint(receiver)]);
    for (let i = 0; i < 12; i += 1) await write(exampleCall(), ['call.received']);
    await receiver.wait(8);
    // A round trip through Redis after the last of them: a ninth would have been taken with it.
    await write(exampleCall(), ['call.received']);
    expect(receiver.mostOpen).toBe(8);
  });

  it('sends user and password of the URL as a header, and prints neither', async () => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = () => answer(500);
    const { dispatcher, write, lines } = open(await openRedis());
    const url = receiver.url.replace('//', '//crm:s%40cret@');
    dispatcher.start([endpoint(receiver, { url })]);
    await write(exampleCall(), ['call.received']);
    const [received] = await receiver.wait(1);
    expect(received?.headers['authorization']).toBe(`Basic ${Buffer.from('crm:s@cret').toString('base64')}`);
    await eventually(() => expect(lines).toHaveLength(1));
    expect(JSON.stringify(lines)).not.toMatch(/cret|MfKQ|79160000001/);
  });
});

describe('receivers that fail', () => {
  it('get the same event again, with its id and the next attempt number', async () => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = () => (receiver.received.length === 1 ? answer(500) : OK);
    const { dispatcher, write, messages } = open(await openRedis());
    dispatcher.start([endpoint(receiver)]);
    await write(exampleCall(), ['call.received', 'call.ringing']);
    const received = await receiver.wait(3);
    expect(types(received)).toEqual(['call.received', 'call.received', 'call.ringing']);
    expect(received[1]?.body.id).toBe(received[0]?.body.id);
    expect(received.map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '2', '1']);
    expect(messages()).toContain('a delivery failed');
  });

  it.each([
    ['hang', { kind: 'hang' }, null, ''],
    ['close the connection', { kind: 'close' }, null, ''],
    [
      'redirect',
      answer(302, { location: 'http://127.0.0.1:1/' }),
      302,
      'redirects are not followed, this one leads to http://127.0.0.1:1/. ',
    ],
    ['refuse', answer(404), 404, ''],
  ] as const)('that %s are retried', async (_what, behaviour, status, response) => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = () => (receiver.received.length === 1 ? behaviour : OK);
    const { dispatcher, write, attempts } = open(
      await openRedis(),
      behaviour.kind === 'hang' ? { options: IMPATIENT } : {},
    );
    dispatcher.start([endpoint(receiver)]);
    await write(exampleCall(), ['call.received']);
    await receiver.wait(2);
    await eventually(() => expect(attempts.at(-1)).toMatchObject({ delivered: true, status: 200 }));
    expect(attempts[0]).toMatchObject({ delivered: false, status, response });
  });

  it.each([
    ['breaks off in the body', { kind: 'break', status: 200 }],
    ['sends a body without end', { kind: 'flood', status: 200 }],
  ] as const)('one that says 200 and %s has got it', async (_what, behaviour) => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = () => behaviour;
    const { dispatcher, write, attempts, outbox } = open(await openRedis());
    dispatcher.start([endpoint(receiver)]);
    await write(exampleCall(), ['call.received']);
    await eventually(() => expect(attempts).toHaveLength(1));
    expect(attempts[0]).toMatchObject({ delivered: true, status: 200 });
    expect(attempts[0]?.response.length).toBeLessThanOrEqual(4_096);
    await eventually(async () => expect((await outbox.backlog(['crm'])).get('crm')?.events).toBe(0));
  });

  it('are left alone for as long as they ask', async () => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = () => answer(429, { 'retry-after': '3000' });
    const redis = await openRedis();
    const { dispatcher, write, messages, outbox } = open(redis);
    dispatcher.start([endpoint(receiver)]);
    await write(exampleCall(), ['call.received']);
    await eventually(() => expect(messages()).toContain('the endpoint is failing, it is probed one request at a time'));
    const [state] = await new RedisDeliveryArchive(redis.link, redis.keys, outbox).states(['crm']);
    expect((state?.nextProbeAt ?? 0) - Date.now()).toBeGreaterThan(2_900_000);
    await write(exampleCall(), ['call.received']);
    expect(receiver.received).toHaveLength(1);
  });

  it('are left alone from then on, whatever the answers to what was under way', async () => {
    const receiver = await openReceiver(SECRET);
    const redis = await openRedis();
    const { dispatcher, write, messages, attempts } = open(redis);
    const quiet = 'the endpoint is failing, it is probed one request at a time';
    const answers: (() => void)[] = [];
    receiver.behave = ({ body }) => {
      if (body.type === 'call.received') return OK;
      if (body.type === 'call.missed') return answer(429, { 'retry-after': '60' });
      return { kind: 'later', when: new Promise((resolve) => answers.push(() => resolve(OK))) };
    };
    dispatcher.start([endpoint(receiver)]);
    // A receiver that was fast is handed what waits of a call together.
    await write(exampleCall(), ['call.received']);
    await receiver.wait(1);
    const busy = exampleCall();
    await write(busy, ['call.ringing', 'call.answered']);
    await receiver.wait(2);
    await write(exampleCall(), ['call.missed']);
    await eventually(() => expect(messages()).toContain(quiet));
    for (const give of answers) give();
    await eventually(() => expect(attempts).toHaveLength(3));
    await write(exampleCall(), ['call.missed']);
    await dispatcher.stop(5_000);
    expect(types(receiver.received)).toEqual(['call.received', 'call.ringing', 'call.missed']);
    expect(messages()).not.toContain('the endpoint answers again');
  });

  it('that are gone (410) get nothing more, of no gateway and after no restart, and the others are told', async () => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = () => answer(410);
    const others = await openReceiver(SECRET);
    const redis = await openRedis();
    const first = open(redis);
    first.dispatcher.start([endpoint(receiver), endpoint(others, { id: 'bi' })]);
    await first.write(exampleCall(), ['call.received']);
    const [told] = await others.wait(1);
    expect(eventSchema('webhook.disabled').parse(told?.body)).toMatchObject({
      data: { endpoint: 'crm', reason: 'gone', undelivered: 1 },
    });
    expect(first.messages()).toContain('the endpoint is disabled, its events wait until it is enabled');
    await first.write(exampleCall(), ['call.received']);
    await first.dispatcher.stop(1_000);
    const second = open(redis);
    second.dispatcher.start([endpoint(receiver), endpoint(others, { id: 'bi' })]);
    await second.write(exampleCall(), ['call.received'], ['crm', 'bi']);
    await others.wait(2);
    expect((await second.outbox.backlog(['crm'])).get('crm')).toMatchObject({ events: 3, disabled: true });
    expect(receiver.received).toHaveLength(1);
    // A changed configuration gives it another chance.
    receiver.behave = () => OK;
    second.dispatcher.update([endpoint(receiver, { url: `${receiver.url}/new` }), endpoint(others, { id: 'bi' })]);
    expect((await receiver.wait(4))[1]?.path).toBe('/hooks/calls/new');
    await eventually(() => expect(types(others.received)).toContain('webhook.enabled'));
  });

  it('for days without one success are disabled, and enabled on request', async () => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = () => answer(500);
    const redis = await openRedis();
    const { dispatcher, write, outbox, lines } = open(redis, { options: { ...QUICK, backlogMs: 20 } });
    const disableAfter = 3_600_000;
    dispatcher.start([endpoint(receiver, { disableAfter })]);
    for (let i = 0; i < 4; i += 1) await write(exampleCall(), ['call.received']);
    const state = async () => (await outbox.backlog(['crm'])).get('crm');
    await eventually(async () => expect(await redis.raw.hget(redis.keys.health('crm'), 'failures')).not.toBeNull());
    expect((await state())?.disabled).toBe(false);
    await redis.raw.hset(redis.keys.health('crm'), 'since', Date.now() - disableAfter - 1_000);
    await eventually(async () => expect((await state())?.disabled).toBe(true));
    expect(lines).toContainEqual(expect.objectContaining({ endpoint: 'crm', reason: 'failing' }));
    const before = receiver.received.length;
    receiver.behave = () => OK;
    expect(await dispatcher.enable('crm')).toBe(true);
    await receiver.wait(before + 4);
    expect(await dispatcher.enable('crm')).toBe(false);
  });

  it('long ago are not disabled while nothing is sent to them, and get the next event', async () => {
    const receiver = await openReceiver(SECRET);
    const redis = await openRedis();
    const { dispatcher, write, outbox } = open(redis);
    const long = Date.now() - 10 * 86_400_000;
    await redis.raw.hset(redis.keys.health('crm'), 'failures', 3, 'since', long, 'probeAt', long);
    let turns = 0;
    outbox.work = async (...exchange) => {
      const turn = await RedisOutbox.prototype.work.apply(outbox, exchange);
      turns += 1;
      return turn;
    };
    dispatcher.start([endpoint(receiver)]);
    await eventually(() => expect(turns).toBeGreaterThan(2));
    expect((await outbox.backlog(['crm'])).get('crm')?.disabled).toBe(false);
    await write(exampleCall(), ['call.received']);
    await receiver.wait(1);
  });

  it('at an address that was given up meanwhile say nothing of the new one', async () => {
    const [former, present] = [await openReceiver(SECRET), await openReceiver(SECRET)];
    let answerNow = (): void => undefined;
    const when = new Promise<ReturnType<typeof answer>>((resolve) => (answerNow = () => resolve(answer(410))));
    former.behave = () => ({ kind: 'later', when });
    const redis = await openRedis();
    const { dispatcher, write, outbox } = open(redis);
    dispatcher.start([endpoint(former)]);
    await write(exampleCall(), ['call.received']);
    await former.wait(1);
    dispatcher.update([endpoint(present)]);
    answerNow();
    await eventually(async () => expect(await redis.raw.zcard(redis.keys.flight('crm'))).toBe(0));
    expect((await outbox.backlog(['crm'])).get('crm')).toMatchObject({ events: 1, disabled: false });
    await write(exampleCall(), ['call.received']);
    await present.wait(1);
  });

  it('are disabled on request, whatever the configuration becomes', async () => {
    const receiver = await openReceiver(SECRET);
    const { dispatcher, write, outbox } = open(await openRedis());
    dispatcher.start([endpoint(receiver)]);
    await dispatcher.disable('crm', 'request');
    await write(exampleCall(), ['call.received']);
    dispatcher.update([endpoint(receiver, { inFlight: 2 })]);
    expect(await outbox.reconfigured('crm', 'another')).toBe(false);
    expect(receiver.received).toEqual([]);
    await dispatcher.enable('crm');
    await receiver.wait(1);
  });

  it('that were away get everything, each call in order', async () => {
    const port = await freePort();
    const receiver = await openReceiver(SECRET, port);
    const { url } = receiver;
    await receiver.stop();
    const { dispatcher, write, attempts } = open(await openRedis());
    dispatcher.start([{ id: 'crm', url, secret: SECRET, allowPrivate: true }]);
    const calls = Array.from({ length: 20 }, () => exampleCall());
    for (const call of calls) await write(call, ['call.received', 'call.ringing']);
    await eventually(() => expect(attempts.length).toBeGreaterThan(4));
    expect(attempts[0]?.error?.code).toBe('ECONNREFUSED');
    await receiver.listen(port);
    const received = await receiver.wait(40);
    expect(received).toHaveLength(40);
    for (const { id } of calls) {
      const mine = received.filter(({ body }) => (body.data['call'] as Call).id === id);
      expect(mine.map(({ body }) => body.sequence)).toEqual([1, 2]);
    }
  });

  it('do not delay another', async () => {
    const slow = await openReceiver(SECRET);
    slow.behave = () => ({ kind: 'hang' });
    const fast = await openReceiver(SECRET);
    const { dispatcher, write } = open(await openRedis());
    dispatcher.start([endpoint(slow), endpoint(fast, { id: 'bi' })]);
    for (let i = 0; i < 40; i += 1) await write(exampleCall(), ['call.received', 'call.ringing'], ['crm', 'bi']);
    await fast.wait(80);
    expect(slow.received).toHaveLength(8);
  });

  it('on a private address are not called unless the configuration allows it', async () => {
    const receiver = await openReceiver(SECRET);
    const { dispatcher, write, attempts } = open(await openRedis());
    const named = receiver.url.replace('127.0.0.1', 'localhost');
    dispatcher.start([
      endpoint(receiver, { allowPrivate: false }),
      endpoint(receiver, { id: 'bi', url: named, allowPrivate: false }),
    ]);
    await write(exampleCall(), ['call.received'], ['crm', 'bi']);
    await eventually(() => expect(attempts).toHaveLength(2));
    for (const { error } of attempts) expect(error?.code).toBe('ERR_FORBIDDEN_ADDRESS');
    expect(receiver.received).toEqual([]);
  });

  it('for three days and more, lose the event to the dead letters', async () => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = () => answer(500);
    const redis = await openRedis();
    const dead: string[] = [];
    const { dispatcher, outbox } = open(redis, {
      hooks: { onDead: ({ eventId }, reason) => dead.push(eventId, reason) },
    });
    await writeLongAgo(redis);
    dispatcher.start([endpoint(receiver)]);
    await eventually(() => expect(dead).toEqual(['evt_old', 'HTTP 500']));
    expect((await outbox.backlog(['crm'])).get('crm')?.dead).toBe(1);
  });

  it('for a moment after days for which they were disabled, lose nothing', async () => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = () => (receiver.received.length === 1 ? answer(503) : OK);
    const redis = await openRedis();
    const { dispatcher, outbox } = open(redis);
    await writeLongAgo(redis);
    await outbox.disable('crm', 'request', '');
    dispatcher.start([endpoint(receiver)]);
    await dispatcher.enable('crm');
    expect((await receiver.wait(2)).map(({ body }) => body.id)).toEqual(['evt_old', 'evt_old']);
    await eventually(async () =>
      expect((await outbox.backlog(['crm'])).get('crm')).toMatchObject({ events: 0, dead: 0 }),
    );
  });
});

/** An event that has been queued for longer than one is tried. */
async function writeLongAgo({ raw, keys }: Opened): Promise<void> {
  const old = `${Date.now() - 80 * 3_600_000}-0`;
  const body = JSON.stringify({ id: 'evt_old' });
  await raw.xadd(keys.events(), old, 'id', 'evt_old', 'type', 't', 'at', '', 'call', 'c', 'body', body);
  await raw.rpush(`${keys.todoPrefix('crm')}c`, old);
  await raw.zadd(keys.due('crm'), 1, 'c');
}

describe('stopping', () => {
  it('lets what is being sent finish', async () => {
    const receiver = await openReceiver(SECRET);
    const { dispatcher, write, outbox } = open(await openRedis());
    dispatcher.start([endpoint(receiver)]);
    await write(exampleCall(), ['call.received']);
    await receiver.wait(1);
    await dispatcher.stop(5_000);
    expect((await outbox.backlog(['crm'])).get('crm')?.events).toBe(0);
  });

  it('delivers what has just fallen due, all events of each call', async () => {
    const receiver = await openReceiver(SECRET);
    const { dispatcher, write, outbox } = open(await openRedis());
    dispatcher.start([endpoint(receiver)]);
    const story = ['call.received', 'call.ringing', 'call.missed'] as const;
    await Promise.all(Array.from({ length: 20 }, () => write(exampleCall(), [...story])));
    await dispatcher.stop(PATIENCE_MS);
    expect(receiver.received).toHaveLength(60);
    expect((await outbox.backlog(['crm'])).get('crm')?.events).toBe(0);
  });

  it('does not wait for what is due later', async () => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = () => answer(500);
    const { dispatcher, write, outbox } = open(await openRedis());
    dispatcher.start([endpoint(receiver)]);
    await write(exampleCall(), ['call.received', 'call.missed']);
    await dispatcher.stop(PATIENCE_MS);
    expect((await outbox.backlog(['crm'])).get('crm')?.events).toBe(2);
  });

  it('does not wait for a Redis that is away', async () => {
    const receiver = await openReceiver(SECRET);
    const redis = await openOwnRedis();
    const { dispatcher } = open(redis);
    dispatcher.start([endpoint(receiver)]);
    const down = once(redis.link, 'down');
    await redis.server.kill();
    await down;
    await dispatcher.stop(PATIENCE_MS);
    expect(receiver.received).toEqual([]);
  });

  it.each([
    ['', undefined],
    [', of an endpoint that has just left its configuration too', []],
  ])('gives back what takes too long, for another gateway to take at once%s', async (_of, endpoints) => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = () => ({ kind: 'hang' });
    const redis = await openRedis();
    const first = open(redis);
    first.dispatcher.start([endpoint(receiver)]);
    await first.write(exampleCall(), ['call.received']);
    await receiver.wait(1);
    if (endpoints) first.dispatcher.update(endpoints);
    await first.dispatcher.stop(50);
    receiver.behave = () => OK;
    open(redis).dispatcher.start([endpoint(receiver)]);
    const received = await receiver.wait(2);
    expect(received[1]?.headers['webhook-attempt']).toBe('1');
  });

  it('between two events of a call gives back what was not delivered, and nothing else', async () => {
    const receiver = await openReceiver(SECRET);
    receiver.behave = ({ body }) => (body.type === 'call.ringing' ? { kind: 'hang' } : OK);
    const redis = await openRedis();
    const first = open(redis);
    first.dispatcher.start([endpoint(receiver)]);
    // A receiver that was fast is handed what waits of a call together.
    await first.write(exampleCall(), ['call.received']);
    await receiver.wait(1);
    await first.write(exampleCall(), ['call.received', 'call.ringing', 'call.answered']);
    await receiver.wait(3);
    await first.dispatcher.stop(50);
    receiver.behave = () => OK;
    open(redis).dispatcher.start([endpoint(receiver)]);
    const received = (await receiver.wait(5)).slice(1);
    expect(types(received)).toEqual(['call.received', 'call.ringing', 'call.ringing', 'call.answered']);
    expect(received.map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '1', '1', '1']);
  });

  it('an endpoint that left the configuration is served no more, the others go on', async () => {
    const receiver = await openReceiver(SECRET);
    const { dispatcher, write, outbox } = open(await openRedis());
    dispatcher.start([endpoint(receiver), endpoint(receiver, { id: 'bi' })]);
    dispatcher.update([endpoint(receiver, { id: 'bi' })]);
    await write(exampleCall(), ['call.received'], ['crm', 'bi']);
    await eventually(async () => expect((await outbox.backlog(['bi'])).get('bi')?.events).toBe(0));
    expect((await outbox.backlog(['crm'])).get('crm')?.events).toBe(1);
    expect(receiver.received).toHaveLength(1);
  });
});

describe('Redis away', () => {
  it('delivery goes on by itself when it is back', async () => {
    const receiver = await openReceiver(SECRET);
    const redis = await openOwnRedis();
    const { dispatcher, write, lines } = open(redis);
    dispatcher.start([endpoint(receiver)]);
    await write(exampleCall(), ['call.received']);
    await receiver.wait(1);
    const down = once(redis.link, 'down');
    await redis.server.kill();
    await down;
    const up = once(redis.link, 'up');
    await redis.server.up();
    await up;
    await write(exampleCall(), ['call.received']);
    await receiver.wait(2);
    expect(lines.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });

  it('tells at each new configuration how its endpoints are', async () => {
    const redis = await openRedis();
    const told: string[] = [];
    const hooks = { onBacklog: (id: string) => void told.push(id) };
    const { dispatcher } = open(redis, { options: { ...QUICK, backlogMs: 3_600_000 }, hooks });
    const receiver = await openReceiver(SECRET);
    dispatcher.start([endpoint(receiver)]);
    await eventually(() => expect(told).toEqual(['crm']));
    dispatcher.update([endpoint(receiver), endpoint(receiver, { id: 'bi' })]);
    await eventually(() => expect(told).toEqual(['crm', 'crm', 'bi']));
  });

  it('says so when Redis comes back without its data: each gateway to its log, one to everybody', async () => {
    const others = await openReceiver(SECRET);
    const redis = await openOwnRedis();
    const dropped: unknown[] = [];
    const seen = new Set<number>();
    const gateways = [1, 2].map((n) => {
      const hooks = {
        onDrop: (drop: unknown) => dropped.push(drop),
        onBacklog: (_id: string, { events }: Backlog) => events > 0 && seen.add(n),
      };
      return open(redis, { options: { ...QUICK, backlogMs: 20 }, hooks });
    });
    for (const { dispatcher } of gateways)
      dispatcher.start([endpoint(others, { id: 'bi' }), { ...endpoint(others), url: 'http://127.0.0.1:1/' }]);
    await gateways[0]?.write(exampleCall(), ['call.received']);
    await eventually(() => expect(seen.size).toBe(2));
    await redis.server.kill();
    await redis.server.up();
    await redis.link.waitUntilReady(PATIENCE_MS);
    const logged = 'Redis has come back without its data: calls, events and deliveries before this are gone';
    await eventually(() => gateways.forEach(({ messages }) => expect(messages()).toContain(logged)));
    await eventually(() => expect(dropped).toEqual([{ endpoint: 'crm', reason: 'missing', events: 1 }]));
    expect((await others.wait(1))[0]?.body).toMatchObject({
      type: 'events.dropped',
      data: { endpoint: 'crm', events: 1 },
    });
    expect((await keptEvents(redis)).filter(({ type }) => type === 'events.dropped')).toHaveLength(1);
  });
});
