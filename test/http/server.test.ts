import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Call } from '../../src/call/call.js';
import type { AccessKeyConfig } from '../../src/config/schema.js';
import type { CallReader, EventReader, Readiness } from '../../src/http/ports.js';
import { createHttpServer, type HttpServer, type HttpServerOptions } from '../../src/http/server.js';
import { GatewayError } from '../../src/lib/errors.js';
import { GatewayMetrics } from '../../src/observability/metrics.js';
import { httpOptions, noEvents } from '../support/no-resources.js';
import { until } from '../support/until.js';

const KEY = 'k'.repeat(64);
const hash = (key: string) => createHash('sha256').update(key).digest('hex');
const READY: Readiness = { ready: true, checks: { redis: { ok: true } } };

/** Sixty calls, the newest first; a cursor is the place of the next one. */
class SomeCalls implements CallReader {
  readonly asked: unknown[] = [];
  private readonly calls = Array.from({ length: 60 }, (_, n) => ({ id: `call-${60 - n}` }) as Call);

  get(id: string): Promise<Call | null> {
    this.asked.push(id);
    if (id === 'broken') return Promise.reject(new Error('connect ECONNREFUSED 10.1.2.3:6379 with password hunter2'));
    if (id === 'away') return Promise.reject(new GatewayError('GW_ERR_REDIS_AWAY', 'redis at 10.1.2.3 is away'));
    return Promise.resolve(this.calls.find((call) => call.id === id) ?? null);
  }

  between(): Promise<[]> {
    return Promise.resolve([]);
  }
}

const someEvents: EventReader = {
  ...noEvents,
  after: (cursor, limit) => {
    const all = [1, 2, 3].map((n) => ({ cursor: `${n}-0`, body: `{"id":"evt_${n}","spaced":  "kept"}` }));
    const events = all.filter((event) => event.cursor > (cursor ?? '')).slice(0, limit);
    return Promise.resolve({
      events: events.map((event) => ({ ...event, type: 'call.received', at: 0 })),
      next: events.at(-1)?.cursor ?? cursor ?? '0-0',
      gap: null,
      complete: events.length < limit,
    });
  },
  cursorAt: (at) => `${at}-0`,
};

let server: HttpServer;
let port: number;
let calls: SomeCalls;
let keys: AccessKeyConfig[];
let readiness: () => Readiness;
let log: string[];

async function start(more: Partial<HttpServerOptions> = {}): Promise<void> {
  server = createHttpServer({
    ...httpOptions(),
    keys: () => keys,
    calls,
    events: someEvents,
    readiness: () => readiness(),
    metrics: new GatewayMetrics(),
    logger: pino({ level: 'debug' }, { write: (line: string) => log.push(line) }),
    ...more,
  });
  ({ port } = await server.start());
}

beforeEach(async () => {
  [calls, readiness, log] = [new SomeCalls(), () => READY, []];
  keys = [
    { name: 'crm', hash: hash(KEY), scopes: ['calls:read', 'events:read'] },
    { name: 'bi', hash: hash('only-events'), scopes: ['events:read'] },
  ];
  await start();
});
afterEach(() => server.stop());

interface Answer {
  status: number;
  headers: Headers;
  type: string;
  body: Record<string, unknown>;
}

async function ask(path: string, init: RequestInit & { key?: string | null } = {}): Promise<Answer> {
  const { key = KEY, ...rest } = init;
  const headers = { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...(rest.headers as object) };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { ...rest, headers });
  const type = response.headers.get('content-type') ?? '';
  const body =
    type.includes('json') && init.method !== 'HEAD'
      ? ((await response.json()) as Answer['body'])
      : { text: await response.text() };
  return { status: response.status, headers: response.headers, type, body };
}

/** What fetch would tidy up first: written to the socket as it is. */
async function raw(lines: string): Promise<{ status: number; head: string; body: Record<string, unknown> }> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(lines);
  const answer = await text(socket);
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  return { status: Number(answer.split(' ')[1]), head, body: JSON.parse(body) as Record<string, unknown> };
}

const rawGet = (target: string) =>
  raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${KEY}\r\n\r\n`);

function expectProblem(answer: Pick<Answer, 'status' | 'body'> & { type?: string }, status: number, code: string) {
  expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
  expect(answer.body).toMatchObject({
    status,
    type: `urn:calltrack:error:${code}`,
    title: expect.any(String) as string,
  });
  if (answer.type !== undefined) expect(answer.type).toMatch(/^application\/problem\+json/);
  expect(JSON.stringify(answer.body)).not.toMatch(/hunter2|10\.1\.2\.3|node_modules|\.ts\b|:\d+:\d+/);
}

describe('health', () => {
  it('/healthz says that the process lives, whatever is away', async () => {
    readiness = () => ({ ready: false, checks: {} });
    expect(await ask('/healthz', { key: null })).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it('/readyz says what is missing', async () => {
    expect(await ask('/readyz', { key: null })).toMatchObject({ status: 200, body: READY });
    const checks = { redis: { ok: true }, drachtio: { ok: false, detail: 'not connected' }, draining: { ok: false } };
    readiness = () => ({ ready: false, checks });
    const answer = await ask('/readyz', { key: null });
    expectProblem(answer, 503, 'GW_ERR_NOT_READY');
    expect(answer.body).toMatchObject({ ready: false, checks, detail: 'drachtio: not connected; draining' });
    expect(answer.headers.get('retry-after')).toBe('5');
  });

  it('/metrics is what Prometheus reads', async () => {
    const answer = await ask('/metrics', { key: null });
    expect(answer.type).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(answer.body['text']).toContain('# TYPE calltrack_setup_seconds histogram');
  });
});

describe('keys', () => {
  it.each([
    ['none', null],
    ['a wrong one', 'x'.repeat(64)],
    ['one with more behind', `${KEY}k`],
    ['an endless one', 'k'.repeat(5000)],
  ])('refuses %s', async (_, key) => {
    const answer = await ask('/v1/calls', { key });
    expectProblem(answer, 401, 'GW_ERR_UNAUTHORIZED');
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm=/);
    expect(calls.asked).toEqual([]);
  });

  it('refuses other schemes, and the hash itself', async () => {
    for (const authorization of [`Basic ${KEY}`, KEY, `Bearer`, `Bearer ${hash(KEY)}`]) {
      expectProblem(await ask('/v1/calls', { key: null, headers: { authorization } }), 401, 'GW_ERR_UNAUTHORIZED');
    }
  });

  it('refuses everybody while there is no key', async () => {
    keys = [];
    expectProblem(await ask('/v1/calls'), 401, 'GW_ERR_UNAUTHORIZED');
    expectProblem(await ask('/v1/nothing-here'), 401, 'GW_ERR_UNAUTHORIZED');
  });

  it('takes a new key at once', async () => {
    keys = [...keys, { name: 'new', hash: hash('new'), scopes: ['calls:read'] }];
    expect((await ask('/v1/calls', { key: 'new' })).status).toBe(200);
  });

  it('lets a key do what its scopes say', async () => {
    const answer = await ask('/v1/calls/call-1', { key: 'only-events' });
    expectProblem(answer, 403, 'GW_ERR_FORBIDDEN');
    expect(answer.headers.get('www-authenticate')).toContain('scope="calls:read"');
    expect((await ask('/v1/events', { key: 'only-events' })).status).toBe(200);
  });
});

describe('/v1/calls', () => {
  it.each([
    'limit=0',
    'limit=201',
    'limit=x',
    'limit=-1',
    'limit=1&limit=2',
    'cursor=',
    'cursor=a%20b',
    `cursor=${'a'.repeat(300)}`,
    'cursor[x]=1&limit=',
  ])('refuses ?%s', async (query) => {
    expectProblem(await ask(`/v1/calls?${query}`), 400, 'GW_ERR_BAD_REQUEST');
  });

  it('gives one call', async () => {
    expect(await ask('/v1/calls/call-7')).toMatchObject({ status: 200, body: { id: 'call-7' } });
    expectProblem(await ask('/v1/calls/call-99'), 404, 'GW_ERR_NOT_FOUND');
  });

  it.each([
    '/v1/calls/..%2f..%2fetc%2fpasswd',
    '/v1/calls/../../etc/passwd',
    '/v1/calls/%2e%2e',
    '/v1/calls/..',
    '/v1/calls/%00',
    '/v1/calls/%FF',
    '/v1/calls/%',
    '/v1/calls/a%0d%0aSet-Cookie:x',
    '/v1/calls/*',
    '/v1/calls/{a}',
    '/v1/calls/a:b',
    `/v1/calls/${'a'.repeat(65)}`,
    '/v1/calls/call-1/more',
    '/V1/calls/call-1',
    '//v1/calls/call-1',
  ])('finds nothing at %s', async (target) => {
    expectProblem(await rawGet(target), 404, 'GW_ERR_NOT_FOUND');
    expect(calls.asked).toEqual([]);
  });

  it('tells nothing of what is broken inside, but logs it', async () => {
    const broken = await ask('/v1/calls/broken');
    expectProblem(broken, 500, 'GW_ERR_INTERNAL');
    expect(log.find((line) => line.includes('ECONNREFUSED'))).toContain(broken.headers.get('x-request-id'));
    const away = await ask('/v1/calls/away');
    expectProblem(away, 503, 'GW_ERR_REDIS_AWAY');
    expect(away.headers.has('retry-after')).toBe(true);
    const levels = log.map((line) => JSON.parse(line) as { level: number; msg: string });
    const failed = levels.filter(({ msg }) => msg === 'HTTP request failed');
    expect(failed.map(({ level }) => pino.levels.labels[level])).toEqual(['error', 'warn']);
  });

  it('logs neither the key nor the path', async () => {
    await ask('/v1/calls/call-7?token=hunter2');
    await server.stop();
    const line = log.find((one) => one.includes('HTTP request'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({ route: '/v1/calls/:id', status: 200, key: 'crm', method: 'GET' });
    expect(log.join('')).not.toMatch(new RegExp(`${KEY}|hunter2|call-7`));
  });
});

describe('/v1/events', () => {
  it('is read on and on by its cursor, byte for byte', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/events?limit=2`, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    expect(await response.text()).toBe(
      '{"events":[{"id":"evt_1","spaced":  "kept"},{"id":"evt_2","spaced":  "kept"}],"next":"2-0"}',
    );
    expect((await ask('/v1/events?after=2-0')).body).toMatchObject({ events: [{ id: 'evt_3' }], next: '3-0' });
    expect((await ask('/v1/events?after=3-0')).body).toEqual({ events: [], next: '3-0' });
  });

  it('refuses a cursor that is none', async () => {
    expectProblem(await ask('/v1/events?after=%00'), 400, 'GW_ERR_BAD_REQUEST');
  });
});

describe('what a client does wrong', () => {
  it.each(['/', '/nothing', '/v1', '/v1/nothing', '/healthz/x', '/HEALTHZ'])('404 at %s', async (path) => {
    expectProblem(await ask(path), 404, 'GW_ERR_NOT_FOUND');
  });

  it.each(['/healthz', '/readyz', '/metrics', '/v1/calls', '/v1/calls/call-1', '/v1/events'])(
    '405 at %s',
    async (path) => {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        const answer = await ask(path, { method });
        expectProblem(answer, 405, 'GW_ERR_METHOD_NOT_ALLOWED');
        expect(answer.headers.get('allow')).toBe('GET, HEAD');
      }
      const options = await ask(path, { method: 'OPTIONS' });
      expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD']);
      expect((await ask(path, { method: 'HEAD' })).status).toBe(200);
    },
  );

  const post = (body: string, headers: Record<string, string> = {}) =>
    ask('/v1/calls', { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

  it('400 on a body that is not JSON', async () => {
    const answer = await post('{"secret": "hunter2"');
    expectProblem(answer, 400, 'GW_ERR_BAD_REQUEST');
    expect(answer.body['detail']).toBe('the body is not JSON');
  });

  it('413 on a body that is too large', async () => {
    expectProblem(await post(JSON.stringify({ a: 'a'.repeat(70_000) })), 413, 'GW_ERR_PAYLOAD_TOO_LARGE');
  });

  it('415 on an encoding nobody reads', async () => {
    expectProblem(await post('{}', { 'content-encoding': 'x-odd' }), 415, 'GW_ERR_UNSUPPORTED_MEDIA_TYPE');
    const charset = await post('{}', { 'content-type': 'application/json; charset=koi8-r' });
    expectProblem(charset, 415, 'GW_ERR_UNSUPPORTED_MEDIA_TYPE');
  });

  it('414 on an endless address', async () => {
    expectProblem(await ask(`/v1/calls?cursor=${'a'.repeat(3000)}`), 414, 'GW_ERR_URI_TOO_LONG');
  });

  it('431 on endless headers, 400 on what is not HTTP', async () => {
    const long = await raw(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`);
    expectProblem(long, 431, 'GW_ERR_HEADERS_TOO_LARGE');
    expect(long.head).toContain('application/problem+json');
    expectProblem(await raw('INVITE sip:x SIP/2.0\r\n\r\n'), 400, 'GW_ERR_BAD_REQUEST');
    expect((await ask('/healthz')).status).toBe(200);
  });
});

describe('the server', () => {
  it('keeps a connection for longer than proxies do, so that none meets its end with a request', async () => {
    const alive = (await ask('/healthz')).headers.get('keep-alive');
    expect(Number(/^timeout=(\d+)$/.exec(alive ?? '')?.[1])).toBeGreaterThan(120);
  });

  it('sets headers that keep browsers from doing anything with its answers', async () => {
    const { headers } = await ask('/healthz');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'");
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
  });

  it('says when its address is taken', async () => {
    const second = createHttpServer({
      ...httpOptions(),
      port,
      metrics: new GatewayMetrics({ nodeDefaults: false }),
      logger: pino({ level: 'silent' }),
    });
    await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await second.stop();
  });

  it('lets answers in progress end when it stops, and takes no new requests', async () => {
    await server.stop();
    let release: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      calls.get = async () => {
        resolve();
        await new Promise<void>((go) => (release = go));
        return { id: 'call-1' } as Call;
      };
    });
    await start();
    const answer = ask('/v1/calls/call-1');
    await asked;
    const stopped = server.stop();
    release();
    expect((await answer).status).toBe(200);
    await stopped;
    await expect(ask('/healthz')).rejects.toThrow();
    await server.stop();
  });

  it('closes a connection whose client asks and reads nothing', async () => {
    await server.stop();
    await start({ idleMs: 50, stopTimeoutMs: 600_000 });
    const socket = connect(port, '127.0.0.1').pause();
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    // Answers that no buffer on the way holds.
    socket.write('GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(200));
    await until('it is answered', () => log.length > 0);
    // Waits for every connection that is busy.
    await server.stop();
  });

  it('does not wait for ever for an answer that never comes', async () => {
    await server.stop();
    const asked = new Promise<void>((resolve) => {
      calls.get = () => {
        resolve();
        return new Promise(() => undefined);
      };
    });
    await start({ stopTimeoutMs: 20 });
    const answer = ask('/v1/calls/call-1').catch((error: unknown) => error);
    await asked;
    await server.stop();
    expect(await answer).toBeInstanceOf(Error);
  });
});
