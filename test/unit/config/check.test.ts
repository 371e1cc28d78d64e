import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../../src/config/check.js';
import { formatPath } from '../../../src/config/errors.js';
import { isPrivateHost, rangeKey, readAddressRange } from '../../../src/config/ranges.js';

type Change = (config: ReturnType<typeof base>) => unknown;

const LENDS = { pool: { fallback: '+74952222222' }, snippet: { key: 'site-divan' } };

function base() {
  return {
    engines: { mode: 'real', drachtio: { secret: 'x' } as unknown, freeswitch: [{ host: 'fs-1', port: 8021 }] },
    trunks: [
      { id: 'a', inbound: { from: ['203.0.113.0/29'] } as unknown, outbound: { to: 'sip:a.example' } as unknown },
      { id: 'b', inbound: { from: ['203.0.113.8/29', '2001:db8::/32'] } as unknown },
    ],
    lines: [
      { id: 'sales-1', uri: 'sip:101@10.0.0.5' },
      { id: 'sales-2', register: { username: 'sales-2' } },
    ] as { id: string; uri?: string; register?: { username: string } }[],
    destinations: [{ id: 'office', trunk: 'a', number: '+74951230000' }],
    routes: [
      { id: 'divan', steps: [{ dial: ['office'] }, { dial: ['sales-1', 'sales-2'], when: 'overflow' as unknown }] },
    ],
    schedules: [{ id: 'hours', weekly: { mon: ['09:00-18:00'] } as unknown, exceptions: {} as unknown }],
    sites: [{ id: 'divan', defaultRoute: 'divan', webhooks: ['crm'], ...LENDS }] as {
      id: string;
      defaultRoute: string;
      webhooks: string[];
      pool?: typeof LENDS.pool;
    }[],
    numbers: [
      { number: '+74951111111', site: 'divan', kind: 'dynamic' },
      { number: '+74952222222', site: 'divan', kind: 'static', route: 'divan' },
    ] as { number: string; site: string; kind?: string; route?: string }[],
    webhooks: [
      {
        id: 'crm',
        url: 'https://crm.example.org/',
        secret: 'x'.repeat(24),
        events: ['*', 'call.*', 'call.missed', 'trunk.down'],
      },
    ],
    access: {
      keys: [
        { name: 'crm', hash: 'aa' },
        { name: 'bi', hash: 'bb' },
      ],
    },
  };
}

const steps = (config: ReturnType<typeof base>) => (config.routes[0] as { steps: unknown[] }).steps;

const CASES: [what: string, change: Change, path: string, message: RegExp][] = [
  [
    'SRTP with keys that come in the clear',
    (c) => (c.trunks[1] = { id: 'b', inbound: { from: ['203.0.113.8/29'], srtp: 'optional' } }),
    'trunks[1].inbound.srtp',
    /needs TLS.*keys.*add "transport: tls"/,
  ],
  [
    'SRTP with keys that go out in the clear to one gateway of two',
    (c) =>
      (c.trunks[0] = {
        id: 'a',
        inbound: {},
        outbound: { to: [{ uri: 'sip:a.example;transport=tls' }, { uri: 'sip:b.example' }], srtp: 'required' },
      }),
    'trunks[0].outbound.srtp',
    /needs TLS.*";transport=tls" behind each address of "to"/,
  ],
  [
    'SRTP with keys that go out in the clear to a carrier',
    (c) => (c.trunks[0] = { id: 'a', inbound: {}, outbound: { to: 'sip:a.example;transport=tcp', srtp: 'required' } }),
    'trunks[0].outbound.srtp',
    /needs TLS/,
  ],
  [
    'SRTP with keys that go out in the clear to a PBX',
    (c) => (c.lines[0] = { id: 'sales-1', uri: 'sip:101@10.0.0.5', srtp: 'required' } as never),
    'lines[0].srtp',
    /needs TLS.*";transport=tls" behind "uri"/,
  ],
  [
    'trunk twice',
    (c) => (c.trunks[1] = { ...c.trunks[1], id: 'a', inbound: {} }),
    'trunks[1].id',
    /same trunk.*trunks\[0\]\.id/,
  ],
  [
    'a line named like a destination',
    (c) => (c.lines[1] = { id: 'office', uri: 'sip:x@10.0.0.6' }),
    'destinations[0].id',
    /given already at lines\[1\]/,
  ],
  ['route twice', (c) => c.routes.push(c.routes[0] as never), 'routes[1].id', /same route/],
  ['site twice', (c) => c.sites.push(c.sites[0] as never), 'sites[1].id', /same site/],
  [
    'a snippet key twice',
    (c) => c.sites.push({ ...c.sites[0], id: 'stol' } as never),
    'sites[1].snippet.key',
    /same snippet key.*sites\[0\]/,
  ],
  [
    'a fallback that is lent',
    (c) => c.sites.push({ id: 'stol', defaultRoute: 'divan', webhooks: [], pool: { fallback: '+74951111111' } }),
    'sites[1].pool.fallback',
    /numbers\[0\].*static/,
  ],
  ['webhook twice', (c) => c.webhooks.push(c.webhooks[0] as never), 'webhooks[1].id', /same webhook/],
  ['key name twice', (c) => c.access.keys.push({ name: 'bi', hash: 'cc' }), 'access.keys[2].name', /same key name/],
  ['key twice', (c) => c.access.keys.push({ name: 'x', hash: 'aa' }), 'access.keys[2].hash', /^the same key is given/],
  [
    'number twice',
    (c) => c.numbers.push({ number: '+74951111111', site: 'divan' }),
    'numbers[2].number',
    /same number.*numbers\[0\]/,
  ],
  [
    'unknown trunk',
    (c) => (c.destinations[0] = { id: 'office', trunk: 'z', number: '+74951230000' }),
    'destinations[0].trunk',
    /"z" names no trunk; there are: a, b/,
  ],
  [
    'inbound-only trunk',
    (c) => (c.destinations[0] = { id: 'office', trunk: 'b', number: '+74951230000' }),
    'destinations[0].trunk',
    /has no "outbound"/,
  ],
  [
    'a destination that is a tracking number',
    (c) => c.numbers.push({ number: '+74951230000', site: 'divan' }),
    'destinations[0].number',
    /tracking number too \(numbers\[2\]\).*back to us/,
  ],
  [
    'unknown target',
    (c) => c.routes[0]?.steps.push({ dial: ['nobody'] }),
    'routes[0].steps[2].dial[0]',
    /names no destination or line; there are: office, sales-1, sales-2/,
  ],
  [
    'target twice in a step',
    (c) => c.routes[0]?.steps[1]?.dial.push('sales-1'),
    'routes[0].steps[1].dial[2]',
    /same target of this step.*routes\[0\]\.steps\[1\]\.dial\[0\]/,
  ],
  [
    'a condition on the first step',
    (c) => ((c.routes[0] as { steps: unknown[] }).steps = [{ dial: ['office'], when: ['busy'] }]),
    'routes[0].steps[0].when',
    /always tried/,
  ],
  [
    'a line with neither address nor account',
    (c) => (c.lines[0] = { id: 'sales-1' }),
    'lines[0]',
    /needs either "uri".* or "register"/,
  ],
  [
    'a line with both',
    (c) => (c.lines[0] = { id: 'sales-1', uri: 'sip:1@10.0.0.5', register: { username: 'x' } }),
    'lines[0]',
    /needs either/,
  ],
  [
    'two phones with one account',
    (c) => (c.lines[0] = { id: 'sales-1', register: { username: 'sales-2' } }),
    'lines[1].register.username',
    /same user name.*lines\[0\]/,
  ],
  [
    'a schedule that never opens',
    (c) => (c.schedules[0] = { id: 'hours', weekly: { mon: [], sun: [] }, exceptions: { '2027-01-01': [] } }),
    'schedules[0].weekly',
    /never opens/,
  ],
  ['schedule twice', (c) => c.schedules.push(c.schedules[0] as never), 'schedules[1].id', /same schedule/],
  [
    'unknown schedule',
    (c) => steps(c).splice(0, 1, { dial: ['office'], during: 'nights' }),
    'routes[0].steps[0].during',
    /"nights" names no schedule; there are: hours/,
  ],
  [
    'an announcement that is not the end',
    (c) => steps(c).splice(1, 0, { announce: 'closed.wav' }),
    'routes[0].steps[1].announce',
    /ends the route/,
  ],
  ['a step that names nothing', (c) => steps(c).push({}), 'routes[0].steps[2]', /needs either "dial" or "announce"/],
  [
    'a step that dials and announces',
    (c) => steps(c).push({ dial: [], announce: 'closed.wav' }),
    'routes[0].steps[2]',
    /needs either "dial" or "announce"/,
  ],
  [
    'a gateway twice in a trunk',
    (c) => (c.trunks[0] = { id: 'a', outbound: { to: [{ uri: 'sip:a.example' }, { uri: 'sip:a.example' }] } } as never),
    'trunks[0].outbound.to[1].uri',
    /same gateway.*trunks\[0\]\.outbound\.to\[0\]\.uri/,
  ],
  [
    'unknown route',
    (c) => (c.sites[0] = { id: 'divan', defaultRoute: 'x', webhooks: [] }),
    'sites[0].defaultRoute',
    /names no route/,
  ],
  [
    'a site that announces nothing',
    (c) => ((c.sites[0] as Record<string, unknown>)['recording'] = { announce: true }),
    'sites[0].recording.announce',
    /"announcement" is missing$/,
  ],
  [
    'a route that announces nothing',
    (c) => ((c.routes[0] as Record<string, unknown>)['recording'] = { announce: true }),
    'routes[0].recording.announce',
    /is missing here, or for site "divan"/,
  ],
  ['unknown webhook', (c) => c.sites[0]?.webhooks.push('x'), 'sites[0].webhooks[1]', /names no webhook/],
  ['site tells a webhook twice', (c) => c.sites[0]?.webhooks.push('crm'), 'sites[0].webhooks[1]', /same webhook/],
  ["number's unknown site", (c) => c.numbers.push({ number: '+7', site: 'x' }), 'numbers[2].site', /names no site/],
  [
    "number's unknown route",
    (c) => c.numbers.push({ number: '+7', site: 'divan', route: 'x' }),
    'numbers[2].route',
    /names no route/,
  ],
  [
    'the same range',
    (c) => (c.trunks[1] = { id: 'b', inbound: { from: ['203.0.113.3/29'] } }),
    'trunks[1].inbound.from[0]',
    /same source range.*trunks\[0\]/,
  ],
  [
    'the same range, mapped',
    (c) => (c.trunks[1] = { id: 'b', inbound: { from: ['::ffff:203.0.113.0/125'] } }),
    'trunks[1].inbound.from[0]',
    /same source range/,
  ],
  [
    'a mapped range wider than IPv4',
    (c) => (c.trunks[1] = { id: 'b', inbound: { from: ['::ffff:203.0.113.0/90'] } }),
    'trunks[1].inbound.from[0]',
    /must be an address/,
  ],
  [
    'health of a trunk that dials nobody',
    (c) => (c.trunks[1] = { id: 'b', inbound: {}, health: { options: '30s' } } as never),
    'trunks[1].health',
    /gateways of "outbound".*inbound\.silence/,
  ],
  [
    'health of a line that registers',
    (c) => (c.lines[1] = { id: 'sales-2', register: { username: 'sales-2' }, health: {} } as never),
    'lines[1].health',
    /asks the fixed address of "uri", and there is none/,
  ],
  ['a trunk for nothing', (c) => (c.trunks[1] = { id: 'b', inbound: undefined }), 'trunks[1]', /does nothing/],
  [
    'no such country',
    (c) => (c.trunks[1] = { id: 'b', inbound: { numbers: { country: 'XX' } } }),
    'trunks[1].inbound.numbers.country',
    /no country/,
  ],
  [
    'unknown event',
    (c) => c.webhooks[0]?.events.push('call.lost'),
    'webhooks[0].events[4]',
    /names no event; allowed: \*, call\.\*, recording\.\*/,
  ],
  ['unknown group', (c) => c.webhooks[0]?.events.push('calls.*'), 'webhooks[0].events[4]', /names no event/],
  [
    'a certificate without its key',
    (c) => ((c.webhooks[0] as { tls?: unknown }).tls = { cert: 'x' }),
    'webhooks[0].tls',
    /together only/,
  ],
  [
    'the second secret',
    (c) => ((c.webhooks[0] as { secret: unknown }).secret = ['a secret of more than 24 characters', 'whsec_AAAA']),
    'webhooks[0].secret[1]',
    /base64 of 24 to 64/,
  ],
  ['half a group', (c) => c.webhooks[0]?.events.push('call*'), 'webhooks[0].events[4]', /names no event/],
  [
    'a private receiver',
    (c) => ((c.webhooks[0] as { url: string }).url = 'http://10.1.2.3/x'),
    'webhooks[0].url',
    /allowPrivate/,
  ],
  [
    'a bad whsec_',
    (c) => ((c.webhooks[0] as { secret: string }).secret = 'whsec_AAAA'),
    'webhooks[0].secret',
    /24 to 64 bytes/,
  ],
  [
    'a whsec_ that was cut short',
    (c) => ((c.webhooks[0] as { secret: string }).secret = `whsec_${'A'.repeat(41)}`),
    'webhooks[0].secret',
    /24 to 64 bytes/,
  ],
  [
    'two authorizations',
    (c) => Object.assign(c.webhooks[0] ?? {}, { url: 'https://a:b@crm.example/', headers: { Authorization: 'k' } }),
    'webhooks[0].headers.Authorization',
    /leave out one of them/,
  ],
  [
    'user and password for a vendor',
    (c) => Object.assign(c.webhooks[0] ?? {}, { url: 'https://a:b@x.amocrm.ru', amocrm: { token: 't' } }),
    'webhooks[0].url',
    /"amocrm" takes no user and password/,
  ],
  [
    'headers for a vendor',
    (c) => Object.assign(c.webhooks[0] ?? {}, { headers: { 'x-key': 'k' }, ga4: {} }),
    'webhooks[0].headers',
    /are not sent to "ga4"/,
  ],
  [
    'a secret beside a template',
    (c) => Object.assign(c.webhooks[0] ?? {}, { template: { fields: { id: 'event.id' } } }),
    'webhooks[0].secret',
    /a template is not signed/,
  ],
  [
    'a receiver where cloud metadata are, whatever is allowed',
    (c) => Object.assign(c.webhooks[0] ?? {}, { url: 'http://169.254.169.254/latest', allowPrivate: true }),
    'webhooks[0].url',
    /link-local/,
  ],
  ['real without drachtio', (c) => (c.engines.drachtio = undefined), 'engines.drachtio', /is needed/],
  ['real without FreeSWITCH', (c) => (c.engines.freeswitch = []), 'engines.freeswitch', /at least one/],
  [
    'FreeSWITCH twice',
    (c) => c.engines.freeswitch.push({ host: 'fs-1', port: 8021 }),
    'engines.freeswitch[1]',
    /same event socket/,
  ],
];

describe('checkConfig', () => {
  it('finds nothing wrong with a good configuration', () => {
    expect(checkConfig(base())).toEqual([]);
  });

  it('takes SRTP where the keys go by TLS', () => {
    const config = base();
    const tls = 'sips:a.example';
    config.trunks[0] = {
      id: 'a',
      inbound: { from: ['203.0.113.0/29'], transport: 'tls', srtp: 'required' },
      outbound: { to: [{ uri: tls }], srtp: 'required' },
    };
    config.lines[0] = { id: 'sales-1', uri: 'sip:101@10.0.0.5;transport=tls', srtp: 'required' } as never;
    expect(checkConfig(config)).toEqual([]);
  });

  it.each(CASES)('%s', (_, change, path, message) => {
    const config = base();
    change(config);
    const findings = checkConfig(config);
    expect(findings.map((one) => formatPath(one.path))).toContain(path);
    expect(findings.find((one) => formatPath(one.path) === path)?.message).toMatch(message);
  });

  it('lets a later step dial again whom an earlier one has dialled', () => {
    const config = base();
    config.routes[0]?.steps.push({ dial: ['office'] });
    expect(checkConfig(config)).toEqual([]);
  });

  it('takes a cluster for what it is', () => {
    const cluster = ['10.0.0.1:6379'];
    const told = (redis: object) => checkConfig({ ...base(), redis }).map(({ path }) => formatPath(path));
    expect(told({ cluster, url: 'rediss://user:a%2F1@nowhere:6379/0' })).toEqual([]);
    expect(told({ cluster, url: 'redis://:p@nowhere/2', sentinel: { name: 'x' } })).toEqual([
      'redis.cluster',
      'redis.url',
    ]);
    expect(told({ cluster: [], url: 'redis://:p@10.0.0.1/2' })).toEqual([]);
  });

  it('wants no servers on the sandbox', () => {
    expect(checkConfig({ ...base(), engines: { mode: 'sandbox' } })).toEqual([]);
  });

  it('lets a template have both', () => {
    const template = { fields: { id: 'event.id' } };
    const hook = { id: 'crm', url: 'https://a:b@crm.example/x', headers: { 'x-key': 'k' }, events: ['*'], template };
    expect(checkConfig({ ...base(), webhooks: [hook] })).toEqual([]);
  });

  it('lets a private receiver through where it is allowed by name', () => {
    const hook = { id: 'crm', url: 'http://localhost:9/x', secret: 'x'.repeat(24), events: ['*'], allowPrivate: true };
    expect(checkConfig({ ...base(), webhooks: [hook] })).toEqual([]);
  });

  it.each([null, 7, 'text', [], {}, { trunks: 'x', sites: [null, 1], routes: [{ steps: 'x' }], engines: 5 }])(
    'does not throw on %j',
    (config) => {
      expect(Array.isArray(checkConfig(config))).toBe(true);
    },
  );
});

describe('ranges', () => {
  it.each([
    ['203.0.113.77/24', 'ipv4/24/203.0.113.0'],
    ['203.0.113.77', 'ipv4/32/203.0.113.77'],
    ['::ffff:203.0.113.77/120', 'ipv4/24/203.0.113.0'],
    ['2001:db8::1/33', 'ipv6/33/32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.0'],
  ])('%s', (text, key) => {
    const range = readAddressRange(text);
    expect(range && rangeKey(range)).toBe(key);
  });

  it.each(['', 'x', '1.2.3.4/33', '1.2.3.4/-1', '1.2.3.4/1.5', '::/129', '1.2.3/8'])('refuses %j', (text) => {
    expect(readAddressRange(text)).toBeNull();
  });

  it.each([
    ['localhost', true],
    ['127.0.0.1', true],
    ['[::1]', true],
    ['192.168.1.1', true],
    ['169.254.169.254', true],
    ['::ffff:10.0.0.1', true],
    ['db.internal', true],
    ['crm.example.org', false],
    ['8.8.8.8', false],
  ])('%s is private: %s', (host, expected) => {
    expect(isPrivateHost(host)).toBe(expected);
  });
});
