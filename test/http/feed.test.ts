import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CallEventType } from '../../src/call/event-types.js';
import type { AccessKeyConfig } from '../../src/config/schema.js';
import { openFeed } from '../../src/composition/http-sources.js';
import type { EventReader } from '../../src/http/ports.js';
import { createHttpServer, type HttpServerOptions } from '../../src/http/server.js';
import { GatewayError } from '../../src/lib/errors.js';
import { GatewayMetrics } from '../../src/observability/metrics.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { exampleCall, exampleChange } from '../redis/examples.js';
import { emptyConfig, httpOptions } from '../support/no-resources.js';
import { eventually, openOwnRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const logger = pino({ level: 'silent' });
const hash = (key: string) => createHash('sha256').update(key).digest('hex');
const auth = (key = 'key') => ({ authorization: `Bearer ${key}` });

/** The HTTP interface on a Redis of its own, so that its commands can be counted. */
async function open(more: Partial<HttpServerOptions> = {}, around = (feed: EventReader): EventReader => feed) {
  const { link, keys, raw, server } = await openOwnRedis();
  const config = { ...emptyConfig, redis: { ...emptyConfig.redis, url: server.url } };
  const store = new RedisCallStore(link, keys);
  const feed = openFeed(config, link, keys, logger);
  const http = createHttpServer({
    ...httpOptions(),
    keys: () => ['key', 'other'].map((name) => ({ name, hash: hash(name), scopes: ['calls:read', 'events:read'] })),
    events: around(feed),
    calls: store,
    sites: () => [{ id: 'divan' }, { id: 'stol' }],
    metrics: new GatewayMetrics({ nodeDefaults: false }),
    logger,
    stopTimeoutMs: 500,
    ...more,
  });
  const { port } = await http.start();
  onTestFinished(async () => {
    feed.stop();
    await http.stop();
  });
  const url = `http://127.0.0.1:${port}/v1`;
  /** One call with an event for each type. */
  const happen = async (types: CallEventType[], site = 'divan', startedAt = new Date().toISOString()) => {
    const call = exampleCall({ site, startedAt });
    await store.commit(exampleChange(call, types));
    return call;
  };
  const ask = async (path: string) => {
    const response = await fetch(`${url}${path}`, { headers: auth() });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return { url, port, happen, ask, raw, keys, http, store, server };
}

/** What happens after it has a later time than what happened before. */
async function nextMillisecond(): Promise<void> {
  const now = Date.now();
  await until('the clock goes on', () => Date.now() > now);
}

const typesOf = (body: Record<string, unknown>) => (body['events'] as { type: string }[]).map(({ type }) => type);

describe('/v1/events', () => {
  it('takes types and a site', async () => {
    const { ask, happen } = await open();
    await happen(['call.received', 'call.ringing', 'call.missed']);
    await happen(['call.received', 'recording.ready'], 'stol');
    expect(typesOf((await ask('/events?types=call.missed,recording.*')).body)).toEqual([
      'call.missed',
      'recording.ready',
    ]);
    const first = await ask('/events?site=stol&limit=1');
    expect(typesOf(first.body)).toEqual(['call.received']);
    const second = await ask(`/events?site=stol&after=${String(first.body['next'])}`);
    expect(typesOf(second.body)).toEqual(['recording.ready']);
    const wrong = await ask('/events?types=call.lost&wait=99');
    expect(wrong.status).toBe(400);
    expect(wrong.body['detail']).toMatch(/"types": .*call\.missed.*; "wait": /);
  });

  it('goes on behind what a filter leaves out', async () => {
    const { ask, happen } = await open();
    await happen(['call.received', 'call.ringing']);
    const nothing = await ask('/events?types=call.missed');
    expect(nothing.body).toMatchObject({ events: [] });
    expect(await ask(`/events?after=${String(nothing.body['next'])}`)).toMatchObject({ body: { events: [] } });
  });

  it('answers who waits when the gateway stops', async () => {
    const { ask, raw, http } = await open({ stopTimeoutMs: 20_000 });
    const { body } = await ask('/events');
    const waiting = ask(`/events?wait=30&after=${String(body['next'])}`);
    await until('somebody waits', async () => String(await raw.client('LIST')).includes('cmd=xread'));
    await http.stop();
    expect(await waiting).toEqual({ status: 200, body });
  });

  it('waits for what happens, and no longer than asked', async () => {
    const { ask, happen, raw } = await open();
    const { body } = await ask('/events');
    const waiting = ask(`/events?wait=20&types=call.missed&after=${String(body['next'])}`);
    const empty = ask(`/events?wait=1&types=trunk.down&after=${String(body['next'])}`);
    await until('somebody waits', async () => String(await raw.client('LIST')).includes('cmd=xread'));
    await happen(['call.received']);
    await happen(['call.missed']);
    expect(typesOf((await waiting).body)).toEqual(['call.missed']);
    expect((await empty).body).toMatchObject({ events: [] });
  });

  it('says what is gone, how much, and where to go on', async () => {
    const { ask, happen, raw, keys } = await open();
    await happen(['call.received', 'call.ringing', 'call.answered', 'call.completed']);
    const { body } = await ask('/events?limit=1');
    await raw.xtrim(keys.events(), 'MAXLEN', 1);
    const gone = await ask(`/events?after=${String(body['next'])}`);
    expect(gone).toMatchObject({
      status: 410,
      body: { code: 'GW_ERR_EVENTS_GONE', lost: { events: 2 } },
    });
    expect(gone.body['detail']).toMatch(/^2 events between .* are no longer kept; go on with "after=/);
    const next = encodeURIComponent(String(gone.body['next']));
    expect(typesOf((await ask(`/events?after=${next}`)).body)).toEqual(['call.completed']);
    const whole = await ask('/events/export?from=2025-01-01T00:00:00Z');
    expect(whole).toMatchObject({ status: 410, body: { code: 'GW_ERR_EVENTS_GONE' } });
    expect(whole.body['detail']).toMatch(/may be no longer kept; leave out "from" for all that is kept$/);
    await raw.flushall();
    expect(await ask(`/events?after=${String(body['next'])}`)).toMatchObject({
      status: 409,
      body: { code: 'GW_ERR_CURSOR_UNKNOWN' },
    });
  });
});

it('begins with the oldest for who has no cursor yet, and refuses what no feed gave out or no time has come to', async () => {
  const { ask, happen } = await open();
  await happen(['call.received']);
  for (const path of ['/events', '/events?after=']) expect(typesOf((await ask(path)).body)).toEqual(['call.received']);
  const ahead = 'from=2099-01-01T00:00:00Z&to=2100-01-01T00:00:00Z';
  for (const [path, detail] of [
    ['/events?after=0', /cursor/],
    ['/events?after=&since=2099-01-01T00:00:00Z', /"since" lies in the future/],
    [`/events/export?${ahead}`, /"from" lies in the future/],
  ] as const) {
    const { status, body } = await ask(path);
    expect([status, body['code']]).toEqual([400, 'GW_ERR_BAD_REQUEST']);
    expect(body['detail']).toMatch(detail);
  }
});

// A range or a type that is mistyped must not be taken for none: the answer would be everything.
it.each([
  '/events?type=call.missed',
  '/events/export?form=2026-01-01T00:00:00Z',
  '/calls/export?form=x',
  '/calls/live?sites=x',
])('%s: refuses what it does not know', async (path) => {
  const { ask } = await open();
  const { status, body } = await ask(path);
  expect([status, body['code']]).toEqual([400, 'GW_ERR_BAD_REQUEST']);
  expect(body['detail']).toMatch(/"(type|form|sites)"/);
});

describe('exports', () => {
  it('give the events of a range, one a line', async () => {
    const { url, happen } = await open();
    await happen(['call.received', 'call.missed']);
    await nextMillisecond();
    const middle = new Date().toISOString();
    await nextMillisecond();
    await happen(['call.received', 'call.rejected']);
    const lines = async (query: string) => {
      const response = await fetch(`${url}/events/export?${query}`, { headers: auth() });
      expect(response.headers.get('content-type')).toMatch(/^application\/x-ndjson/);
      const text = await response.text();
      return text.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { type: string }).type]));
    };
    expect(await lines('')).toEqual(['call.received', 'call.missed', 'call.received', 'call.rejected']);
    expect(await lines(`to=${middle}`)).toEqual(['call.received', 'call.missed']);
    expect(await lines(`from=${middle}&types=call.rejected`)).toEqual(['call.rejected']);
    const backwards = await fetch(`${url}/events/export?from=${middle}&to=2020-01-01T00:00:00Z`, { headers: auth() });
    expect(backwards.status).toBe(400);
  });

  it('give the calls of a range, the oldest first, over any number of parts', async () => {
    const { url, happen } = await open();
    const day = (n: number) => new Date(Date.UTC(2026, 10, 1) + Math.floor(n / 3) * 60_000).toISOString();
    const calls: string[] = [];
    for (let n = 0; n < 450; n += 1) calls.push((await happen(['call.received'], n % 2 ? 'stol' : 'divan', day(n))).id);
    const ids = async (query: string) => {
      const text = await (await fetch(`${url}/calls/export?${query}`, { headers: auth() })).text();
      return text.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { id: string }).id]));
    };
    expect((await ids('')).toSorted()).toEqual(calls.toSorted());
    expect((await ids(`from=${day(30)}&to=${day(60)}`)).toSorted()).toEqual(calls.slice(30, 60).toSorted());
    expect(await ids('site=stol')).toHaveLength(225);
  });

  it('50,000 events: read as fast as the client takes them, no faster', async () => {
    const body = JSON.stringify({ id: 'evt_1', type: 'call.received', data: { pad: 'x'.repeat(2000) } });
    const total = 50_000;
    let read = 0;
    const events: EventReader = {
      ...httpOptions().events,
      after: (cursor, limit) => {
        const from = Number(cursor ?? 0);
        const count = Math.min(limit, total - from);
        read = from + count;
        const page = Array.from({ length: count }, (_, i) => ({
          cursor: String(from + i + 1),
          type: 'call.received',
          at: 1,
          body,
        }));
        return Promise.resolve({ events: page, next: String(read), gap: null, complete: read >= total });
      },
    };
    const { url } = await open({ events });
    const response = await new Promise<IncomingMessage>((resolve) =>
      get(`${url}/events/export`, { headers: auth() }, resolve),
    );
    response.pause();
    let [seen, unchanged] = [0, 0];
    await until('nothing more is read', () => {
      unchanged = read === seen ? unchanged + 1 : 0;
      seen = read;
      return read > 0 && unchanged === 5;
    });
    // What the sockets of both sides hold, not the 100 MB of the whole.
    expect(read).toBeLessThan(total / 5);
    const heapBefore = process.memoryUsage().heapUsed;
    let lines = 0;
    let most = 0;
    for await (const line of createInterface({ input: response })) {
      lines += line === '' ? 0 : 1;
      if (lines % 1000 === 0) most = Math.max(most, process.memoryUsage().heapUsed - heapBefore);
    }
    expect(lines).toBe(total);
    expect(most).toBeLessThan(80 * 1024 * 1024);
  });

  it.each([
    ['1.0', 'break off', () => Promise.reject(new GatewayError('GW_ERR_REDIS_AWAY', 'away'))],
    ['1.1', 'break off', () => Promise.reject(new GatewayError('GW_ERR_REDIS_AWAY', 'away'))],
    ['1.0', 'a gateway that stops leaves', () => new Promise<never>(() => undefined)],
  ])('over HTTP/%s that %s are not taken for whole', async (version, what, goOn) => {
    const pages = [{ cursor: '1-0', type: 'call.received', at: 1, body: '{}' }];
    const events: EventReader = {
      ...httpOptions().events,
      after: (cursor) =>
        cursor === null ? Promise.resolve({ events: pages, next: '1-0', gap: null, complete: false }) : goOn(),
    };
    const { port, http } = await open({ events, stopTimeoutMs: 50 });
    const socket = connect(port, '127.0.0.1');
    socket.write(`GET /v1/events/export HTTP/${version}\r\nhost: x\r\nauthorization: Bearer key\r\n\r\n`);
    const stopped = what === 'break off' ? null : once(socket, 'data').then(() => http.stop());
    const whole = text(socket).then((came) => version === '1.0' || came.endsWith(LAST_CHUNK));
    await stopped;
    expect(await whole.catch((error: unknown) => (error as { code: string }).code !== 'ECONNRESET')).toBe(false);
  });

  it('are not read for a HEAD', async () => {
    let reads = 0;
    const events: EventReader = {
      ...httpOptions().events,
      after: () => {
        reads += 1;
        return Promise.resolve({ events: [], next: String(reads), gap: null, complete: false });
      },
    };
    const { url } = await open({ events });
    const response = await fetch(`${url}/events/export`, { method: 'HEAD', headers: auth() });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    // What is wrong with the beginning is told all the same.
    expect(reads).toBe(1);
  });

  it('zip what is asked to be zipped', async () => {
    const { url, happen } = await open();
    await happen(['call.received']);
    const response = await fetch(`${url}/events/export`, { headers: { ...auth(), 'accept-encoding': 'gzip' } });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(JSON.parse(await response.text())).toMatchObject({ type: 'call.received' });
  });
});

interface Listening {
  socket: Socket;
  text: () => string;
}

/** A listener as plain as can be: a thousand of them must fit into one test. */
async function listen(port: number, query = '', headers: Record<string, string> = {}, key = 'key'): Promise<Listening> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (data: string) => (text += data));
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(
    `GET /v1/calls/live${query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n${more.join('')}\r\n`,
  );
  await eventually(() => expect(text).toMatch(/retry: |"code"/));
  return { socket, text: () => text };
}

const idsOf = ({ text }: Listening) => [...text().matchAll(/^id: (\S+)$/gm)].map(([, id]) => id);
const LAST_CHUNK = '\r\n0\r\n\r\n';
const isWhole = ({ text }: Listening) => text().endsWith(LAST_CHUNK);
const told = ({ text }: Listening) => [...text().matchAll(/^event: (\S+)$/gm)].map(([, type]) => type);

describe('/v1/calls/live', () => {
  it('a thousand listeners hear everything by one read of Redis', async () => {
    const { port, happen, raw } = await open();
    const listeners: Listening[] = [];
    for (let n = 0; n < 1000; n += 50)
      listeners.push(...(await Promise.all(Array.from({ length: 50 }, () => listen(port)))));
    const calls = async (command: string) => {
      const stats = await raw.info('commandstats');
      return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    };
    const before = { xread: await calls('xread'), evalsha: await calls('evalsha') };
    const begun = performance.now();
    await happen(['call.received', 'call.ringing', 'call.answered']);
    await eventually(() => {
      for (const one of listeners) expect(told(one)).toEqual(['call.received', 'call.ringing', 'call.answered']);
    });
    const reads = (await calls('xread')) - before.xread;
    const scripts = (await calls('evalsha')) - before.evalsha;
    console.log(`1,000 listeners, 3 events: ${reads} blocked reads, ${scripts} scripts (the commit itself)`);
    // One for each event at most, and one more for each five seconds in which nothing came.
    expect(reads).toBeLessThanOrEqual(3 + (performance.now() - begun) / 5_000);
    expect(scripts).toBe(1);
    const connections = String(await raw.client('LIST')).match(/name=calltrack-live-/g);
    expect(connections).toHaveLength(1);
  });

  it('tells of one site and of the types asked for', async () => {
    const { port, happen } = await open();
    const [all, stol, missed] = await Promise.all([
      listen(port),
      listen(port, '?site=stol'),
      listen(port, '?types=call.missed'),
    ]);
    await happen(['call.received', 'call.missed'], 'stol');
    await happen(['call.received'], 'divan');
    await eventually(() => expect(told(all)).toEqual(['call.received', 'call.missed', 'call.received']));
    expect(told(stol)).toEqual(['call.received', 'call.missed']);
    expect(told(missed)).toEqual(['call.missed']);
  });

  it('tells a key with sites of their calls only', async () => {
    const { port, happen, ask } = await open({
      keys: () => [
        { name: 'key', hash: hash('key'), scopes: ['events:read'] },
        { name: 'divan', hash: hash('divan'), scopes: ['calls:read'], sites: ['divan'] },
      ],
    });
    await happen(['call.received'], 'divan');
    const { body } = await ask('/events');
    await happen(['call.received', 'call.missed'], 'stol');
    const since = { 'Last-Event-ID': String(body['next']) };
    const [own, foreign] = await Promise.all([
      listen(port, '', since, 'divan'),
      listen(port, '?site=stol', since, 'divan'),
    ]);
    expect(foreign.text()).toMatch(/^HTTP\/1.1 400 [\s\S]*\\"site\\" must be one of divan"/);
    await happen(['call.received', 'call.missed'], 'stol');
    await happen(['call.received', 'call.rejected'], 'divan');
    await eventually(() => expect(told(own)).toEqual(['call.received', 'call.rejected']));
  });

  it.each(['*', 'trunk.*', 'call.missed,pool.low'])('needs events:read for %s', async (types) => {
    const { port } = await open({ keys: () => [{ name: 'key', hash: hash('key'), scopes: ['calls:read'] }] });
    const refused = await listen(port, `?types=${types}`);
    expect(refused.text()).toMatch(/^HTTP\/1.1 403 [\s\S]*the scope \\"events:read\\"/);
    expect((await listen(port, '?types=call.*,recording.ready')).text()).toContain('200 OK');
  });

  it('goes on after the last event that was heard', async () => {
    const { port, happen } = await open();
    // Who has heard nothing yet names none.
    const first = await listen(port, '', { 'Last-Event-ID': '' });
    await happen(['call.received']);
    await eventually(() => expect(told(first)).toEqual(['call.received']));
    const id = idsOf(first).at(-1) ?? '';
    first.socket.destroy();
    await happen(['call.received', 'call.missed']);
    const second = await listen(port, '', { 'Last-Event-ID': id });
    await happen(['call.received', 'call.rejected']);
    await eventually(() =>
      expect(told(second)).toEqual(['call.received', 'call.missed', 'call.received', 'call.rejected']),
    );
    expect(new Set(idsOf(second)).size).toBe(4);
  });

  it('goes on behind what was not for it, and has missed nothing of a break before its first event', async () => {
    const { port, happen, ask } = await open({ heartbeatMs: 20 });
    const first = await listen(port, '?site=stol');
    const begun = idsOf(first).at(-1) ?? '';
    await happen(['call.received', 'call.missed']);
    const { next } = (await ask('/events?limit=200')).body;
    await eventually(() => expect(idsOf(first).at(-1)).toBe(next));
    first.socket.destroy();
    await happen(['call.received'], 'stol');
    const [early, late] = await Promise.all(
      [begun, String(next)].map((id) => listen(port, '', { 'Last-Event-ID': id })),
    );
    await eventually(() => expect(early && told(early)).toEqual(['call.received', 'call.missed', 'call.received']));
    await eventually(() => expect(late && told(late)).toEqual(['call.received']));
  });

  it('tells nothing twice of what comes while it catches up from a time', async () => {
    let meanwhile = () => Promise.resolve();
    const { port, happen, ask } = await open({}, (feed) => ({
      ...feed,
      after: async (...asked) => {
        await meanwhile();
        return feed.after(...asked);
      },
    }));
    const witness = await listen(port);
    const { body } = await ask(`/events?since=${new Date(Date.now() - 60_000).toISOString()}`);
    // Whole pages: only the empty one behind them is the end, and cursors from a time count no places until there.
    meanwhile = async () => {
      meanwhile = () => Promise.resolve();
      await happen(Array.from({ length: 200 }, (): CallEventType => 'call.tagged'));
      await eventually(() => expect(told(witness)).toHaveLength(200));
    };
    const listener = await listen(port, '', { 'Last-Event-ID': String(body['next']) });
    await happen(['call.missed']);
    await eventually(() => expect(told(listener)).toContain('call.missed'));
    expect(told(listener)).toHaveLength(201);
  });

  it('says that there is a gap where what followed is gone', async () => {
    const { port, happen, raw, keys, ask } = await open();
    await happen(['call.received']);
    const { body } = await ask('/events');
    await happen(['call.received', 'call.ringing', 'call.missed']);
    await raw.xtrim(keys.events(), 'MAXLEN', 1);
    const listener = await listen(port, '', { 'Last-Event-ID': String(body['next']) });
    await happen(['call.received']);
    await eventually(() => expect(told(listener)).toEqual(['gap', 'call.received']));
    expect(listener.text()).toMatch(/event: gap\ndata: .*"gone".*"lost":2/);
  });

  it('lets each key have so many and no more', async () => {
    const { port } = await open({ listeners: { perKey: 2, total: 3 } });
    const [first] = await Promise.all([listen(port), listen(port)]);
    expect((await listen(port)).text()).toMatch(/^HTTP\/1.1 429 [\s\S]*GW_ERR_TOO_MANY_LISTENERS.*2 of 2/);
    expect((await listen(port, '', {}, 'other')).text()).toContain('200 OK');
    expect((await listen(port, '', {}, 'other')).text()).toContain('3 of 3');
    first.socket.destroy();
    await eventually(async () => expect((await listen(port)).text()).toContain('200 OK'));
  });

  it('answers HEAD at once, and gives it no place', async () => {
    const { url, port } = await open({ listeners: { perKey: 1, total: 1 } });
    await listen(port);
    const response = await fetch(`${url}/calls/live`, { method: 'HEAD', headers: auth() });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  });

  it('cuts off who does not read, and nobody else', async () => {
    const { port, store } = await open();
    const [slow, good] = await Promise.all([listen(port), listen(port)]);
    slow.socket.pause();
    const call = exampleCall({ attribution: { ...exampleCall().attribution, rule: 'x'.repeat(30_000) } });
    const types = Array.from({ length: 20 }, (): CallEventType => 'call.tagged');
    let closed = false;
    slow.socket.once('close', () => (closed = true));
    for (let n = 0; n < 30; n += 1) {
      await store.commit(exampleChange(call, types, { first: 1 + 20 * n }));
      await eventually(() => expect(told(good)).toHaveLength(20 * (n + 1)));
    }
    // Only now does it read again, and finds the end.
    slow.socket.resume();
    await eventually(() => expect(closed).toBe(true));
    expect(told(slow).length).toBeLessThan(600);
  });

  it('lets go whose key a reload takes away or changes, and nobody else', async () => {
    const keyOf = (name: string, sites?: string[]): AccessKeyConfig => {
      return { name, hash: hash(name), scopes: ['calls:read'], ...(sites && { sites }) };
    };
    let keys = ['gone', 'narrowed', 'kept'].map((name) => keyOf(name));
    const { port, happen } = await open({ keys: () => keys, heartbeatMs: 20 });
    const [gone, narrowed, kept] = await Promise.all(
      ['gone', 'narrowed', 'kept'].map((one) => listen(port, '', {}, one)),
    );
    if (!gone || !narrowed || !kept) throw new Error('nobody listens');
    keys = [keyOf('narrowed', ['stol']), keyOf('kept')];
    await eventually(() => expect([gone, narrowed].map(isWhole)).toEqual([true, true]));
    await happen(['call.received']);
    await eventually(() => expect(told(kept)).toEqual(['call.received']));
    expect([told(gone), told(narrowed), isWhole(kept)]).toEqual([[], [], false]);
    expect((await listen(port, '', {}, 'gone')).text()).toMatch(/^HTTP\/1.1 401 /);
  });

  it('beats while nothing happens, and ends with the gateway', async () => {
    const { port, http } = await open({ heartbeatMs: 20 });
    const listener = await listen(port);
    await eventually(() => expect(listener.text().match(/^: still here$/gm)?.length).toBeGreaterThan(1));
    let closed = false;
    listener.socket.once('close', () => (closed = true));
    await http.stop();
    await eventually(() => expect(closed).toBe(true));
  });
});
