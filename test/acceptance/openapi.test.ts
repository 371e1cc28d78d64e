import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCOPES } from '../../src/config/parts/access.js';
import { openApiDocument } from '../../src/http/openapi/document.js';
import { validatorIn } from '../support/json-schemas.js';
import { lastCall } from '../support/expectations.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

const KEY = 'key-of-everything';
const ORIGIN = 'https://shop.example';
const SNIPPET = { key: 'site-shop-3f9a2c71', origins: [ORIGIN] };
/** An endless stream; `test/http/feed.test.ts` reads it. */
const NOT_ASKED = ['get /v1/calls/live'];

const stage = await Stage.open();
const talked = stage.scene({ to: 'destination' });
const talking = stage.scene();
const site = {
  id: 'shop',
  defaultRoute: talked.routeId,
  webhooks: ['crm'],
  snippet: SNIPPET,
  promo: { lend: 'beside' },
};
const numbers = [1, 2, 3].map((n) => ({ number: `+7495999000${n}`, site: 'shop', kind: 'dynamic' }));
const key = { name: 'all', hash: createHash('sha256').update(KEY).digest('hex'), scopes: SCOPES };

beforeAll(() => stage.start({ config: { sites: [site], numbers, access: { keys: [key] } } }));
afterAll(() => stage.stop());

const document = openApiDocument();
const inDocument = validatorIn({ components: { schemas: document.components.schemas } });

type Known = Record<string, string>;
/** What fills the braces of a path, by what stands before them; answers add to it. */
const known: Known = {
  trunks: 'carrier',
  lines: talking.targetIds[0] ?? '',
  destinations: talked.targetIds[0] ?? '',
  webhooks: 'crm',
  numbers: '+74959990009',
  callers: talked.callerNumber,
  screening: 'shop',
  shop: '+7809*',
  tags: 'sofas',
  recording: 'pause',
  dni: SNIPPET.key,
};

function fill(path: string): string {
  return path.split('/').reduce((done, part) => {
    const before = decodeURIComponent(done.split('/').at(-1) ?? '');
    return `${done}/${part.startsWith('{') ? encodeURIComponent(known[before] ?? `no ${before}`) : part}`;
  });
}

interface Asked {
  query?: string;
  body?: unknown;
}

/** Asks for it and holds the answer against the document; what it answered, where that is JSON. */
async function ask(operation: string, { query = '', body }: Asked = {}): Promise<unknown> {
  const [method = '', path = ''] = operation.split(' ');
  const described = document.paths[path]?.[method]?.responses ?? {};
  const response = await fetch(`${stage.gateway.url}${fill(path)}${query}`, {
    method: method.toUpperCase(),
    headers: { authorization: `Bearer ${KEY}`, origin: ORIGIN, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  expect(response.ok, `${operation} ${response.status} ${text}`).toBe(true);
  const answer = described[String(response.status)];
  expect(answer, `${operation} ${response.status} is not described`).toBeDefined();
  const [type, content] = Object.entries(answer?.content ?? {})[0] ?? [];
  if (type === undefined) expect(text, operation).toBe('');
  else expect(response.headers.get('content-type'), operation).toContain(type.replace('*', ''));
  if (type !== 'application/json') return null;
  const json = JSON.parse(text) as unknown;
  expect(inDocument(content?.schema ?? {}, json), operation).toEqual([]);
  return json;
}

const later = new Date(Date.now() + 86_400_000).toISOString();
const session = { id: 'visit-of-the-document', utm: { source: 'yandex' } };

type Request = [operation: string, asked?: Asked | (() => Asked)];

/** A promo code counts for calls that go on when it is lent. */
const ASKED_BEFORE: Request[] = [['post /v1/leases', { body: { site: 'shop', session } }]];

/** In this order: what comes later needs what was before it. */
const ASKED: Request[] = [
  ...['/healthz', '/readyz', '/metrics', '/docs', '/openapi.json', '/dni.js'].map((path): [string] => [`get ${path}`]),
  ...['', '.csv', '/index', '/missed', '/export', '/{id}', '/archive/days'].map((path): [string] => [
    `get /v1/calls${path}`,
  ]),
  ['get /v1/calls/archive', { query: '?day=2026-01-01' }],
  ['post /v1/calls/{id}/tags', { body: { name: 'sofas' } }],
  ['delete /v1/calls/{id}/tags/{name}'],
  ['post /v1/calls/{id}/handled'],
  ['post /v1/calls/{id}/notes', { body: { text: 'wants a blue one' } }],
  ['post /v1/calls/{id}/promo', () => ({ body: { code: known['code'] } })],
  ['put /v1/calls/{id}/attribution', { body: { leaseId: null } }],
  ['get /v1/leases', { query: `?site=shop&session=${session.id}` }],
  ['get /v1/leases/standing', { query: '?site=shop' }],
  ...['get', 'patch', 'delete'].map((method): [string] => [`${method} /v1/leases/{id}`]),
  ['post /dni/{key}/leases', { body: { session } }],
  ['get /v1/numbers'],
  ['post /v1/numbers', { body: { number: known['numbers'], site: 'shop', kind: 'static' } }],
  ['post /v1/numbers/import', { body: { numbers: [{ number: '+74959990008', site: 'shop', kind: 'dynamic' }] } }],
  ['get /v1/numbers/{number}'],
  ['patch /v1/numbers/{number}', { body: { enabled: false } }],
  ['get /v1/numbers/{number}/holders'],
  ['delete /v1/numbers/{number}'],
  ['put /v1/screening/{site}/{pattern}', { body: { list: 'block' } }],
  ['get /v1/screening/{site}'],
  ['delete /v1/screening/{site}/{pattern}'],
  ['post /v1/callbacks', { body: { number: talked.callerNumber, talkSeconds: 5 } }],
  ['get /v1/events', { query: '?limit=200' }],
  ['get /v1/events/export', { query: '?types=call.*' }],
  ...['', '/{id}', '/{id}/deliveries'].map((path): [string] => [`get /v1/webhooks${path}`]),
  ['post /v1/webhooks/{id}/deliveries/{eventId}/replay'],
  ['post /v1/webhooks/{id}/replay', { body: { from: '2026-01-01T00:00:00Z', to: later } }],
  ...['test', 'disable', 'enable'].map((what): [string] => [`post /v1/webhooks/{id}/${what}`]),
  ...['trunks', 'lines', 'destinations'].flatMap((what): Request[] => [
    [`get /v1/${what}`],
    [`get /v1/${what}/{id}`],
    [`put /v1/${what}/{id}/drain`, { body: { draining: true } }],
    [`delete /v1/${what}/{id}/drain`],
  ]),
  ['get /v1/routes/explain', { query: `?number=${encodeURIComponent(talked.trackingNumber)}` }],
  ...['lost', 'operators', 'channels', 'capacity', 'pools'].map((what): [string] => [`get /v1/reports/${what}`]),
  ['post /v1/config/reload'],
  ['post /v1/calls/index/rebuild'],
  ...['', '/about', '/peaks'].map((path): [string] => [`get /v1/recordings/{id}${path}`]),
  ['post /v1/recordings/{id}/links', { body: { expiresIn: 60 } }],
  ['get /r/{token}'],
  ['put /v1/recordings/{id}/hold', { body: { reason: 'a letter of their lawyer' } }],
  ['delete /v1/recordings/{id}/hold'],
  ['get /v1/audit'],
  ['delete /v1/recordings/{id}'],
  ['delete /v1/callers/{number}'],
  ['get /v1/callers/erasures/{id}'],
];

/** What later requests need to know of an answer. */
const LEARNT: Record<string, (answer: never) => Known> = {
  'post /v1/leases': ({ lease, promo }: { lease: { id: string }; promo: { code: string } }) => ({
    leases: lease.id,
    code: promo.code,
  }),
  'get /v1/events': ({ events }: { events: { id: string; type: string }[] }) => ({
    deliveries: events.find(({ type }) => type === 'call.completed')?.id ?? '',
  }),
  'post /v1/recordings/{id}/links': ({ url }: { url: string }) => ({ r: url.split('/').at(-1) ?? '' }),
  'delete /v1/callers/{number}': ({ id }: { id: string }) => ({ erasures: id }),
};

async function askAll(requests: Request[]): Promise<void> {
  for (const [operation, asked = {}] of requests) {
    const answer = await ask(operation, typeof asked === 'function' ? asked() : asked);
    Object.assign(known, LEARNT[operation]?.(answer as never));
  }
}

describe('what the gateway answers', () => {
  test('of a talk that is recorded', async () => {
    const { caller } = await talking.talk();
    const answered = await until('the answer is told', () =>
      stage.receiver.events.find(({ type, data }) => type === 'call.answered' && talking.owns(data.call)),
    );
    known['calls'] = answered.data.call.id;
    await ask('post /v1/calls/{id}/recording/{action}');
    await caller.hangUp();
  });

  test('is what its OpenAPI document says, of each operation', async () => {
    await askAll(ASKED_BEFORE);
    const { caller } = await talked.talk();
    await caller.hangUp();
    known['calls'] = known['recordings'] = lastCall(await talked.events()).id;
    await askAll(ASKED);
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    const all = [
      ...[...ASKED_BEFORE, ...ASKED].map(([operation]) => operation),
      'post /v1/calls/{id}/recording/{action}',
      ...NOT_ASKED,
    ];
    expect(all.toSorted()).toEqual(described.toSorted());
  });
});
