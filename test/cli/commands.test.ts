import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Command, Values } from '../../src/cli/command.js';
import { callbacksAdd } from '../../src/cli/commands/callbacks-add.js';
import { callShow } from '../../src/cli/commands/call-show.js';
import { callsTail } from '../../src/cli/commands/calls-tail.js';
import { channels } from '../../src/cli/commands/channels.js';
import { destinations } from '../../src/cli/commands/destinations.js';
import { lines } from '../../src/cli/commands/lines.js';
import { routeExplain } from '../../src/cli/commands/route-explain.js';
import { trunks } from '../../src/cli/commands/trunks.js';
import { timelineOf } from '../../src/cli/timeline.js';
import { exampleCall, exampleLeg } from '../redis/examples.js';
import { tempFolder } from '../support/temp-folder.js';
import { Screen } from '../support/terminal.js';

const TRUNK = {
  id: 'carrier-a',
  up: true,
  draining: false,
  down: [] as unknown[],
  gateways: [
    {
      uri: 'sip:sip.carrier.example',
      priority: 1,
      weight: 1,
      state: 'up',
      since: null,
      lastStatus: 200,
      heldUntil: null as string | null,
      full: false,
      share: 1,
    },
  ],
  registration: null,
  lastCallAt: null,
  limits: [
    { kind: 'trunk-in', channels: { inUse: 3, limit: 30, peakToday: 7 } },
    { kind: 'trunk-out', channels: { inUse: 1, limit: null, peakToday: 2 } },
  ],
};
const ROUTED = `
engines: { mode: sandbox }
trunks:
  - { id: carrier-a, inbound: { from: [192.0.2.1] }, outbound: { to: 'sip:sip.carrier.example' } }
destinations: [{ id: office, trunk: carrier-a, number: '+74951230000', channels: 4 }]
routes: [{ id: main, steps: [{ dial: [office], for: 25s }] }]
sites: [{ id: divan, defaultRoute: main }]
numbers: [{ number: '+74951111111', site: divan, kind: static }]
`;
const LATER = '2026-11-21T11:00:00.000Z';
const LINE = {
  id: 'sales-2',
  uri: null,
  state: 'registered',
  draining: false,
  health: null,
  registrations: {
    contacts: 2,
    unreachable: 1,
    userAgents: ['Phone 1.0'],
    expiresAt: '2026-11-21T11:00:00.000Z',
    phones: [
      { address: '192.0.2.7', port: 5062, userAgent: 'Phone 1.0', unreachable: false, expiresAt: LATER },
      { address: '2001:db8::7', port: 5060, userAgent: '', unreachable: true, expiresAt: LATER },
    ],
  },
  kind: 'line',
  channels: { inUse: 1, limit: 1, peakToday: 1 },
};
const DESTINATION = {
  id: 'office',
  number: '+74951230000',
  trunk: 'carrier-a',
  trunkUp: true,
  kind: 'destination',
  draining: false,
  channels: { inUse: 2, limit: 4, peakToday: 4 },
};
const CALL = exampleCall({
  id: 'call-1',
  startedAt: '2026-11-21T10:12:00.000Z',
  ringingAt: '2026-11-21T10:12:00.400Z',
  engagedAt: '2026-11-21T10:12:05.000Z',
  answeredAt: '2026-11-21T10:12:05.000Z',
  endedAt: '2026-11-21T10:13:05.000Z',
  disposition: 'answered',
  ended: { by: 'caller', reason: 'normal', sip: 200 },
  overflow: { from: 'office', reason: 'no_free_channel' },
  legs: [
    exampleLeg({
      ...{ target: 'office', startedAt: '2026-11-21T10:12:00.011Z', endedAt: '2026-11-21T10:12:00.011Z' },
      ...{ result: 'no_channel', channelsInUse: 4 },
    }),
    exampleLeg({
      ...{ n: 2, step: 2, kind: 'line', target: 'sales-2', channelLimit: 1, result: 'answered', sip: 200 },
      startedAt: '2026-11-21T10:12:00.015Z',
      ringingAt: '2026-11-21T10:12:00.390Z',
      answeredAt: '2026-11-21T10:12:04.980Z',
      endedAt: '2026-11-21T10:13:05.000Z',
    }),
  ],
});

/** A gateway of canned answers; each path as often as it is asked, lists in turn. */
async function gatewayOf(answers: Record<string, unknown>) {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(`${req.method} ${req.url} ${req.headers.authorization}`);
    const path = req.url?.split('?')[0] ?? '';
    const answer = typeof answers[path] === 'function' ? (answers[path] as () => unknown)() : answers[path];
    res.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    res.end(JSON.stringify(answer ?? { code: 'GW_ERR_NOT_FOUND', detail: 'there is none' }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function run(
  command: Command,
  answers: Record<string, unknown>,
  values: Values = {},
  positionals: string[] = [],
) {
  const gateway = await gatewayOf(answers);
  const screen = new Screen({ CALLTRACK_URL: gateway.url, CALLTRACK_KEY: 'secret' });
  const status = await command.run(values, positionals, screen);
  return { status, out: screen.lines.join('\n'), errors: screen.errors, asked: gateway.asked };
}

describe('trunks', () => {
  it('are a table, with the key in the header', async () => {
    const { status, out, asked } = await run(trunks, { '/v1/trunks': { trunks: [TRUNK] } });
    expect(asked).toEqual(['GET /v1/trunks Bearer secret']);
    expect(status).toBe(0);
    expect(out).toBe(
      'TRUNK      STATE  IN    OUT  BOTH  GATEWAYS                REGISTRATION\n' +
        'carrier-a  up     3/30  1/-  -     sip.carrier.example up  -',
    );
  });

  it('end with 1 where one is down, but not where it drains on request', async () => {
    const down = { ...TRUNK, up: false, down: [{ reason: 'options', since: '2026-11-21T10:00:00Z' }] };
    expect((await run(trunks, { '/v1/trunks': { trunks: [TRUNK, down] } })).status).toBe(1);
    const refused = { ...TRUNK, up: false, registration: { state: 'failed', lastStatus: 403 } };
    const silent = { ...TRUNK, up: false, registration: { state: 'failed', lastStatus: null } };
    const shown = (await run(trunks, { '/v1/trunks': { trunks: [refused, silent] } })).out.split('\n');
    expect(shown[1]).toMatch(/ failed \(403\)$/);
    expect(shown[2]).toMatch(/ failed \(no answer\)$/);
    const held = { ...TRUNK, gateways: TRUNK.gateways.map((one) => ({ ...one, heldUntil: '2026-11-21T10:00:00Z' })) };
    expect((await run(trunks, { '/v1/trunks': { trunks: [held] } })).out).toContain('sip.carrier.example held');
    const drains = { ...TRUNK, up: false, draining: true, down: [{ reason: 'drain', since: '2026-11-21T10:00:00Z' }] };
    const { status, out } = await run(trunks, { '/v1/trunks': { trunks: [drains] } });
    expect(status).toBe(0);
    expect(out).toContain('draining');
  });

  it('are drained and put back', async () => {
    const answers = { '/v1/trunks/carrier-a/drain': { id: 'carrier-a', draining: true } };
    const { out, asked } = await run(trunks, answers, {}, ['drain', 'carrier-a']);
    expect(out).toBe('carrier-a drains: no new calls, those in progress go on');
    expect(asked).toEqual(['PUT /v1/trunks/carrier-a/drain Bearer secret']);
    await expect(run(trunks, {}, {}, ['drain'])).rejects.toMatchObject({ name: 'UsageError' });
    await expect(run(trunks, {}, {}, ['drain', 'x'])).rejects.toMatchObject({ name: 'CommandError' });
  });
});

describe('callbacks', () => {
  it('are told, and the answer says who waits on', async () => {
    const settled = [{ site: 'divan', callId: 'call-1', waitedSeconds: 1190 }];
    const answers = { '/v1/callbacks': { settled, tried: [{ site: null, callId: 'call-2', tries: 2 }] } };
    const { out, asked } = await run(callbacksAdd, answers, { talk: '65', line: 'sales-1' }, ['+79160000001']);
    expect(asked).toEqual(['POST /v1/callbacks Bearer secret']);
    expect(out).toBe('called back: call-1 of divan, after 1190 s\nwaits on: call-2 of -, tried 2 times');
    const none = await run(callbacksAdd, { '/v1/callbacks': { settled: [], tried: [] } }, { talk: '0' }, ['1234567']);
    expect(none.out).toBe('nobody with this number waits');
    await expect(run(callbacksAdd, {}, {}, ['+79160000001'])).rejects.toMatchObject({ name: 'UsageError' });
    await expect(run(callbacksAdd, {}, { talk: '5' }, [])).rejects.toMatchObject({ name: 'UsageError' });
  });
});

it.each([
  ['lines', lines, 'sales-1'],
  ['destinations', destinations, 'office'],
] as const)('%s are drained and put back', async (list, command, id) => {
  const answers = { [`/v1/${list}/${id}/drain`]: { id, draining: false } };
  const { out, asked } = await run(command, answers, {}, ['undrain', id]);
  expect(out).toBe(`${id} takes calls again`);
  expect(asked).toEqual([`PUT /v1/${list}/${id}/drain Bearer secret`]);
  await expect(run(command, {}, {}, ['drain'])).rejects.toMatchObject({ name: 'UsageError' });
});

describe('destinations', () => {
  it('tell whether their trunk is up, and end with 1 where it is not and nobody drains them', async () => {
    const shown = (more: object) =>
      run(destinations, { '/v1/destinations': { destinations: [{ ...DESTINATION, ...more }] } });
    expect((await shown({})).out).toBe(
      'DESTINATION  STATE  IN USE  PEAK TODAY  NUMBER        TRUNK\n' +
        'office       up     2/4              4  +74951230000  carrier-a',
    );
    expect(await shown({ trunkUp: false })).toMatchObject({ status: 1 });
    expect(await shown({ trunkUp: false, draining: true })).toMatchObject({
      status: 0,
      out: expect.stringContaining('draining') as string,
    });
  });
});

describe('lines', () => {
  it('tell who is registered, and end with 1 where nobody is', async () => {
    const { status, out } = await run(lines, { '/v1/lines': { lines: [LINE] } });
    expect(status).toBe(0);
    expect(out).toContain('192.0.2.7:5062 (Phone 1.0); [2001:db8::7]:5060 (silent)');
    expect((await run(lines, { '/v1/lines': { lines: [{ ...LINE, state: 'unregistered' }] } })).status).toBe(1);
    const drains = { ...LINE, state: 'unregistered', draining: true };
    expect((await run(lines, { '/v1/lines': { lines: [drains] } })).status).toBe(0);
    const json = await run(lines, { '/v1/lines': { lines: [LINE] } }, { json: true });
    expect(JSON.parse(json.out)).toEqual({ lines: [LINE] });
  });

  it.each([
    ['up', {}, 0, 'up'],
    ['down', {}, 1, 'down'],
    ['down', { draining: true }, 0, 'draining'],
    [null, {}, 0, 'fixed'],
  ] as const)('tell whether a fixed address answers: %s %j', async (state, more, status, word) => {
    const health = state && { state, since: LATER, lastStatus: null };
    const fixed = { ...LINE, state: 'fixed', uri: 'sip:101@10.0.0.5', registrations: null, health, ...more };
    const told = await run(lines, { '/v1/lines': { lines: [fixed] } });
    expect(told.status).toBe(status);
    expect(told.out).toMatch(new RegExp(`^sales-2 +${word} .*sip:101@10.0.0.5`, 'm'));
  });
});

const ALL = {
  '/v1/trunks': { trunks: [TRUNK] },
  '/v1/destinations': { destinations: [DESTINATION] },
  '/v1/lines': { lines: [LINE] },
};

describe('channels', () => {
  it('are every limit with its use', async () => {
    const { out } = await run(channels, ALL);
    expect(out.split('\n')).toEqual([
      'KIND         ID         IN USE  LIMIT  PEAK TODAY',
      'trunk-in     carrier-a       3     30           7  ##..................',
      'trunk-out    carrier-a       1      -           2',
      'destination  office          2      4           4  ##########..........',
      'line         sales-2         1      1           1  #################### FULL',
    ]);
  });

  it('are shown again until Ctrl-C', async () => {
    const gateway = await gatewayOf(ALL);
    const screen = new Screen({ CALLTRACK_URL: gateway.url });
    const running = channels.run({ watch: true, json: true }, [], screen);
    await expect.poll(() => screen.lines.length).toBeGreaterThan(0);
    screen.interrupt();
    expect(await running).toBe(0);
    expect(JSON.parse(screen.lines[0] ?? '')).toMatchObject({ channels: [{ id: 'carrier-a' }, {}, {}, {}] });
  });
});

it('channels that are watched go on while the gateway restarts, and end where they are refused', async () => {
  const screen = new Screen({ CALLTRACK_URL: 'http://127.0.0.1:9' });
  const running = channels.run({ watch: true }, [], screen);
  await expect.poll(() => screen.errors.join()).toMatch(/; trying again$/);
  screen.interrupt();
  expect(await running).toBe(0);
  const { url } = await gatewayOf({});
  await expect(channels.run({ watch: true }, [], new Screen({ CALLTRACK_URL: url }))).rejects.toThrow('there is none');
  await expect(channels.run({}, [], new Screen({ CALLTRACK_URL: 'http://127.0.0.1:9' }))).rejects.toThrow('bad port');
});

it('channels on a terminal are drawn on a clean screen', async () => {
  const gateway = await gatewayOf(ALL);
  const screen = new Screen({ CALLTRACK_URL: gateway.url });
  screen.tty = true;
  screen.out('what stood there before');
  const running = channels.run({ watch: true }, [], screen);
  await expect.poll(() => screen.lines.join()).toMatch(/^KIND /);
  screen.interrupt();
  expect(await running).toBe(0);
});

describe('calls tail', () => {
  it('follows the feed from cursor to cursor until Ctrl-C', async () => {
    const event = (type: string, call: unknown) => ({
      id: 'evt_1',
      type,
      timestamp: '2026-11-21T10:12:00.100Z',
      data: { call },
    });
    const pages = [
      {
        events: [event('call.received', CALL), { ...event('pool.low', undefined), data: { site: 'divan' } }],
        next: '1-0',
      },
      { events: [event('call.overflowed', CALL)], next: '2-0' },
    ];
    const gateway = await gatewayOf({ '/v1/events': () => pages.shift() ?? { events: [], next: '2-0' } });
    const screen = new Screen({ CALLTRACK_URL: gateway.url });
    const running = callsTail.run({ since: '2026-11-21T10:00:00Z', site: 'divan', all: true }, [], screen);
    await expect.poll(() => screen.lines.length).toBe(3);
    screen.interrupt();
    expect(await running).toBe(0);
    expect(screen.lines).toEqual([
      '10:12:00.100  call.received               call-1  +79160000001 > +74951111111  divan by carrier-a',
      '10:12:00.100  pool.low                    {"site":"divan"}',
      '10:12:00.100  call.overflowed             call-1  +79160000001 > +74951111111  from office (no_free_channel)',
    ]);
    expect(gateway.asked[0]).toContain('/v1/events?limit=200&site=divan&since=2026-11-21T10%3A00%3A00.000Z');
    expect(gateway.asked[1]).toContain('site=divan&after=1-0');
  });

  it('asks for calls and recordings only, unless told otherwise', async () => {
    const gateway = await gatewayOf({ '/v1/events': { events: [], next: '1-0' } });
    const screen = new Screen({ CALLTRACK_URL: gateway.url });
    const running = callsTail.run({}, [], screen);
    await expect.poll(() => gateway.asked[0]).toContain('types=call.*%2Crecording.*');
    screen.interrupt();
    expect(await running).toBe(0);
  });

  it('goes on while the gateway restarts, and ends where it is refused', async () => {
    const screen = new Screen({ CALLTRACK_URL: 'http://127.0.0.1:9' });
    const running = callsTail.run({}, [], screen);
    await expect.poll(() => screen.errors.length).toBeGreaterThan(0);
    screen.interrupt();
    expect(await running).toBe(0);
    await expect(run(callsTail, {})).rejects.toMatchObject({ name: 'CommandError' });
    await expect(run(callsTail, {}, { since: 'now' })).rejects.toMatchObject({ name: 'UsageError' });
  });
});

describe('call show', () => {
  it('is every moment of the call in milliseconds', async () => {
    const { status, out } = await run(callShow, { '/v1/calls/call-1': CALL }, {}, ['call-1']);
    expect(status).toBe(0);
    expect(out).toContain('overflow    from office: no_free_channel');
    expect(timelineOf(CALL).map(({ offsetMs, what }) => `${offsetMs} ${what}`)).toEqual([
      '0 INVITE from carrier-a for +74951111111',
      '11 leg 1 (step 1, office) not dialled: no free channel, 4/4 channels',
      '15 leg 2 (step 2, sales-2) dialled, 1/1 channels',
      '390 leg 2 (step 2, sales-2) rings',
      '400 the caller hears ringing',
      '4980 leg 2 (step 2, sales-2) answers',
      '5000 the caller is answered',
      '65000 leg 2 (step 2, sales-2) over: answered (SIP 200)',
      '65000 answered, by the caller: normal',
    ]);
    const [, leg] = CALL.legs;
    const ofLeg = (change: object) =>
      timelineOf({ ...CALL, legs: leg ? [{ ...leg, ringingAt: null, answeredAt: null, sip: null, ...change }] : [] })
        .filter(({ what }) => what.startsWith('leg'))
        .map(({ what }) => what.replace('leg 2 (step 2, sales-2) ', ''));
    expect(ofLeg({ result: 'not_registered' })).toEqual(['not dialled: no phone is registered, 1/1 channels']);
    expect(ofLeg({ result: 'capacity' })).toEqual([expect.stringContaining('not dialled: the carrier said')]);
    expect(ofLeg({ result: 'unreachable' })).toEqual(['dialled, 1/1 channels', 'over: unreachable (nobody answered)']);
    const notDialled = (change: object) => ofLeg({ result: 'unreachable', ...change });
    expect(notDialled({ obstacle: 'down' })).toEqual(['not dialled: it does not answer OPTIONS, 1/1 channels']);
    expect(notDialled({ obstacle: 'down', kind: 'destination' })).toEqual([
      'not dialled: no gateway of its trunk is up, 1/1 channels',
    ]);
    expect(notDialled({ obstacle: 'drained' })).toEqual(['not dialled: it is taken out of service, 1/1 channels']);
    expect(notDialled({ obstacle: 'loop' })).toEqual(['not dialled: the call would come back, 1/1 channels']);
    expect(ofLeg({ result: 'unreachable', sip: 503 })).toEqual([
      'dialled, 1/1 channels',
      'over: unreachable (SIP 503)',
    ]);
    const recording = { ...CALL.recording, status: 'ready' as const, silentChannels: ['caller'] };
    const oneWay = await run(callShow, { '/v1/calls/call-1': { ...CALL, recording } }, {}, ['call-1']);
    expect(oneWay.out).toContain('recording   ready; nothing was heard of: caller');
    await expect(run(callShow, {}, {}, ['nobody'])).rejects.toThrow('answers 404 GW_ERR_NOT_FOUND: there is none');
    await expect(run(callShow, {})).rejects.toMatchObject({ name: 'UsageError' });
  });
});

describe('route explain', () => {
  it.each([
    [{ state: 'down' }, {}, 'trunk carrier-a is down (no gateway of it answers)'],
    [{}, { draining: true }, 'trunk carrier-a is down (draining)'],
    [
      { heldUntil: '2099-01-01T00:00:00Z', full: true },
      {},
      'trunk carrier-a asked not to be dialled until 2099-01-01T00:00:00Z (Retry-After)',
    ],
    [{}, {}, null],
  ])('by a file, takes the moment from the gateway: %j %j', async (ofGateway, ofTrunk, why) => {
    const file = join(await tempFolder(), 'gateway.yaml');
    await writeFile(file, ROUTED);
    const gateways = TRUNK.gateways.map((gateway) => ({ ...gateway, ...ofGateway }));
    const answers = {
      '/v1/trunks': { trunks: [{ ...TRUNK, gateways, ...ofTrunk }] },
      '/v1/destinations': { destinations: [DESTINATION] },
      '/v1/lines': { lines: [] },
    };
    const { status, out } = await run(routeExplain, answers, { number: '+74951111111', config: file });
    expect(status).toBe(why === null ? 0 : 1);
    expect(out).toContain(why === null ? 'step 1 rings office' : `office is passed over, ${why}`);
  });

  it('asks the gateway, and ends with 1 where the call would be lost', async () => {
    const lost = {
      number: '+74951111111',
      at: '2026-11-21T10:00:00.000Z',
      site: null,
      timeZone: null,
      route: null,
      routeSeconds: null,
      steps: [],
      sentence: 'No.',
    };
    const { status, out, asked } = await run(
      routeExplain,
      { '/v1/routes/explain': lost },
      { number: '+7 (495) 111-11-11', at: '2026-11-21T13:00:00+03:00' },
    );
    expect(asked[0]).toContain('number=%2B74951111111&at=2026-11-21T10%3A00%3A00.000Z');
    expect({ status, last: out.split('\n').at(-1) }).toEqual({ status: 1, last: 'No.' });
    await expect(run(routeExplain, {}, { number: '8495' })).rejects.toMatchObject({ name: 'UsageError' });
    await expect(run(routeExplain, {}, { number: '+74951111111', at: 'noon' })).rejects.toMatchObject({
      name: 'UsageError',
    });
  });
});
