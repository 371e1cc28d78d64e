import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, formatIssue } from '../../../src/config/errors.js';
import { loadConfig } from '../../../src/config/load.js';
import type { GatewayConfig } from '../../../src/config/schema.js';

let folder: string;
let counter = 0;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'config-'))));
afterAll(() => rm(folder, { recursive: true }));

const SMALL = `
engines: { mode: sandbox }
trunks:
  - { id: carrier-a, inbound: { from: [203.0.113.0/29] } }
lines:
  - { id: sales-1, uri: "sip:101@10.0.0.5" }
routes:
  - { id: divan, steps: [{ dial: [sales-1] }] }
sites:
  - { id: divan, defaultRoute: divan }
`;

async function write(text: string, name = `${(counter += 1)}.yaml`): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

async function load(text: string, env: Record<string, string> = {}): Promise<GatewayConfig> {
  return loadConfig(await write(text), env);
}

/** The errors as lines, with the folder's name taken off. */
async function errorsOf(path: string, env: Record<string, string> = {}): Promise<string[]> {
  try {
    await loadConfig(path, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map((i) => formatIssue(i).replaceAll(`${folder}/`, ''));
    throw error;
  }
  return [];
}

const errorsIn = async (text: string, env?: Record<string, string>) =>
  (await errorsOf(await write(text, 'c.yaml'), env)).map((line) => line.replace(/^c\.yaml:?/, ''));

describe('loadConfig', () => {
  it('leaves out what stands in the place of something general only where it is written', async () => {
    const config = await load(`${SMALL}recordings: { retention: 30d }`);
    expect(config.recordings.retention).toBe(30 * 86_400_000);
    expect(config.sites[0]?.recording.retention).toBeUndefined();
    expect(config.trunks[0]?.inbound).not.toHaveProperty('silence');
  });

  it('fills in what a group leaves out as it does where the whole group is left out', async () => {
    const { gateway } = await load(`${SMALL}gateway: { publicUrl: "https://calls.example.org" }`);
    expect(gateway).toEqual({ id: 'gw-1', publicUrl: 'https://calls.example.org' });
  });

  it("takes a key's hash in capitals, as some systems print it, for the same hash", async () => {
    const key = (name: string, hash: string) => `{ name: ${name}, hash: ${hash}, scopes: [calls:read] }`;
    const [small, large] = ['ab'.repeat(32), 'AB'.repeat(32)];
    const keys = (...all: string[]) => `${SMALL}access: { keys: [${all.join(', ')}] }\n`;
    expect((await load(keys(key('one', large)))).access.keys[0]?.hash).toBe(small);
    expect(await errorsIn(keys(key('one', large), key('two', small)))).toEqual([
      expect.stringContaining('access.keys[1].hash: the same key is given already at access.keys[0].hash'),
    ]);
  });

  it('takes a trunk without a country, and days that are open without a week', async () => {
    const text = SMALL.replace('[203.0.113.0/29] }', '[203.0.113.0/29], numbers: {} }');
    const day = '{ "2026-12-31": ["09:00-12:00"] }';
    const { trunks, schedules } = await load(`${text}schedules: [{ id: once, exceptions: ${day} }]\n`);
    expect(trunks[0]?.inbound?.numbers.country).toBe('RU');
    expect(schedules[0]?.weekly).toMatchObject({ mon: [], sun: [] });
  });

  it.each([
    ['https://sso.example.org/realms/a', []],
    ['http://127.0.0.1:8080', []],
    ['http://sso.internal', []],
    [
      'http://sso.example.org',
      [expect.stringContaining('access.oidc.issuer: must be a URL with https://; http:// only')],
    ],
    ['sso.example.org', [expect.stringContaining('access.oidc.issuer: must be a URL with http:// or https://')]],
  ])('lets %s say who gets in, or not', async (issuer, errors) => {
    const oidc = `{ issuer: "${issuer}", clientId: a, roles: [{ value: a, role: agent }] }`;
    expect(await errorsIn(`${SMALL}access: { oidc: ${oidc} }\n`)).toEqual(errors);
  });

  it('fills in defaults and turns durations into milliseconds', async () => {
    const config = await load(SMALL);
    expect(config.routes[0]?.steps[0]).toEqual({
      dial: ['sales-1'],
      strategy: 'in-order',
      when: ['always'],
      for: 30_000,
    });
    expect(config.routes[0]?.maxDuration).toBe(7_200_000);
    expect(config.http).toEqual({ host: '127.0.0.1', port: 8080, trustedProxies: [] });
  });

  it('takes an empty section for one left out', async () => {
    expect((await load(`${SMALL}webhooks:\n`)).webhooks).toEqual([]);
  });

  it('puts the files of a folder together', async () => {
    const parts = join(folder, 'parts');
    await mkdir(parts);
    await writeFile(join(parts, '10-base.yaml'), SMALL);
    await writeFile(
      join(parts, '20-more.yml'),
      'lines:\n  - { id: sales-2, uri: "sip:102@10.0.0.5" }\nhttp: { port: 1 }\n',
    );
    await writeFile(join(parts, '30-host.yaml'), 'http: { host: 0.0.0.0 }\n');
    await writeFile(join(parts, '40-nothing.yaml'), '# only a comment\n');
    await writeFile(join(parts, 'notes.txt'), ': not yaml');
    const config = await loadConfig(parts, {});
    expect(config.lines.map((line) => line.id)).toEqual(['sales-1', 'sales-2']);
    expect(config.http).toMatchObject({ host: '0.0.0.0', port: 1 });
    await writeFile(join(parts, '50-again.yaml'), '\nhttp: { port: 2 }\nlines: { id: x }\n');
    expect(await errorsOf(parts)).toEqual([
      expect.stringMatching(/^parts\/50-again.yaml:2:9 http.port: is given twice, first at \S+20-more.yml:3; keep one/),
      expect.stringMatching(/^parts\/50-again.yaml:3:1 lines: is given twice/),
    ]);
  });

  it('replaces variables, also within braces, from the environment or from files', async () => {
    const file = await write('from a file: ${NOT_LOOKED_AT}\n', 'secret');
    const text = `${SMALL}
recordings: { directory: \${ROOT}/rec, spool: "$\${ROOT}/spool" }
http: { port: \${PORT} }
webhooks:
  - { id: crm, url: "https://crm.example.org/", secret: \${HOOK}, allowPrivate: \${PRIVATE} }
`;
    const config = await load(text, { ROOT: '/srv', PORT: '9000', HOOK_FILE: file, PRIVATE: 'true' });
    expect(config.recordings).toMatchObject({ directory: '/srv/rec', spool: '${ROOT}/spool' });
    expect(config.http.port).toBe(9000);
    expect(config.webhooks[0]).toMatchObject({ secret: ['from a file: ${NOT_LOOKED_AT}'], allowPrivate: true });
  });

  it('reads a secret out of a file as editors of Windows write it', async () => {
    const file = await write('\ufeffa text of 24 characters and more\r\n', 'windows');
    const hook = 'webhooks: [{ id: crm, url: "https://crm.example.org/", secret: "${HOOK}" }]';
    const config = await load(`${SMALL}${hook}`, { HOOK_FILE: file });
    expect(config.webhooks[0]?.secret).toEqual(['a text of 24 characters and more']);
  });

  it.each(['latin1', 'utf16le'] as const)(
    'refuses a file in %s: its letters would go garbled into each call',
    async (as) => {
      const file = join(folder, 'other.yaml');
      await writeFile(
        file,
        `${SMALL}numbers: [{ number: "+74951110001", site: divan, kind: static, source: { a: é } }]`,
        as,
      );
      expect(await errorsOf(file)).toEqual([expect.stringMatching(/other\.yaml: is not UTF-8: save it so$/)]);
    },
  );

  it('keeps a secret made of digits a text', async () => {
    const text = `${SMALL}webhooks: [{ id: a, url: "https://a.example", secret: \${S} }]`;
    expect((await load(text, { S: '123456789012345678901234' })).webhooks[0]?.secret[0]).toHaveLength(24);
  });

  it('says which headers are not to be set, and that no TLS can be made of what is given', async () => {
    const pem = '-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----';
    const hook = `{ id: a, url: "https://a.example", secret: "${'x'.repeat(24)}", headers: { webhook-id: x }, tls: { ca: "${pem}" } }`;
    expect(await errorsIn(`${SMALL}webhooks: [${hook}]`, {})).toEqual([
      expect.stringMatching(/webhooks\[0\].headers.webhook-id: must be the name of a header .* leave free$/),
      expect.stringMatching(/webhooks\[0\].tls: must be PEM that TLS can read/),
    ]);
  });

  it('refuses a token that no header takes', async () => {
    const hook = '{ id: a, url: "https://a.amocrm.ru", amocrm: { token: "ey.J\\n" } }';
    expect(await errorsIn(`${SMALL}webhooks: [${hook}]`, {})).toEqual([
      expect.stringMatching(/webhooks\[0\].amocrm.token: must be printable ASCII without spaces and line breaks$/),
    ]);
  });

  it('refuses an origin that no browser would name', async () => {
    const origins = ['https://shop.example:443', 'http://shop.example:80', 'https://shop.example/', 'shop.example'];
    const right = ['https://shop.example', 'https://*.shop.example:8443', 'http://shop.example:443'];
    const site = (list: string[]) =>
      SMALL.replace(
        'defaultRoute: divan',
        `defaultRoute: divan, snippet: { key: site-divan-3f9a2c71, origins: ${JSON.stringify(list)} }`,
      );
    expect(await errorsIn(site(origins))).toEqual(
      origins.map(
        (_origin, n) => expect.stringContaining(`sites[0].snippet.origins[${n}]: must be an origin`) as string,
      ),
    );
    expect(await errorsIn(site(right))).toEqual([]);
  });

  it('refuses to forget holders who may still call', async () => {
    const site = (holders: string) =>
      SMALL.replace('defaultRoute: divan', `defaultRoute: divan, pool: { holders: ${holders} }`);
    expect(await errorsIn(site('14m'))).toEqual([expect.stringContaining('sites[0].pool.holders: must be at least')]);
    expect(await errorsIn(site('15m'))).toEqual([]);
  });

  it('says where a variable is missing, and nothing that only follows from it', async () => {
    const text = `${SMALL}\nwebhooks:\n  - id: crm\n    url: https://crm.example.org/\n    secret: \${HOOK}\nhttp: { port: \${my port} }`;
    expect(await errorsIn(text, {})).toEqual([
      '15:13 webhooks[0].secret: the environment variable HOOK is not set (nor HOOK_FILE)',
      '16:15 http.port: "my port" is no name of a variable (letters, digits, "_")',
    ]);
    expect(await errorsIn(`${SMALL}log: { level: \${L} }`, { L: 'info', L_FILE: '/x' })).toEqual([
      expect.stringContaining('log.level: both L and L_FILE are set'),
    ]);
    expect(await errorsIn(`${SMALL}log: { level: \${L} }`, { L_FILE: '/does/not/exist' })).toEqual([
      expect.stringContaining('log.level: the file named in L_FILE cannot be read (ENOENT)'),
    ]);
  });

  it('lets the environment override the file', async () => {
    const env = {
      GW_HTTP_PORT: '81',
      GW_HTTP_HOST: '::1',
      GW_GATEWAY_ID: 'gw-7',
      GW_LOG_LEVEL: 'debug',
      GW_REDIS_URL: '',
    };
    const config = await load(SMALL, { ...env, GW_ENGINES_MODE: 'sandbox', GW_MAX_CALLS: '7' });
    expect(config).toMatchObject({
      http: { host: '::1', port: 81 },
      gateway: { id: 'gw-7' },
      log: { level: 'debug' },
      redis: { url: 'redis://127.0.0.1:6379/0' },
      engines: { mode: 'sandbox', maxCalls: 7 },
    });
    const file = await write('rediss://:secret@redis.example:6380/1', 'redis-url');
    expect((await load(SMALL, { GW_REDIS_URL_FILE: file })).redis.url).toBe('rediss://:secret@redis.example:6380/1');
  });

  it('checks what the environment says', async () => {
    expect(await errorsIn(SMALL, { GW_HTTP_PORT: 'eighty', GW_REDIS_URL: 'http://x' })).toEqual([
      'environment GW_HTTP_PORT http.port: must be a number',
      expect.stringMatching(/^environment GW_REDIS_URL redis.url: must be like "redis:/),
    ]);
    expect(await errorsIn(`${SMALL}http: 80`, { GW_HTTP_PORT: '80' })).toContain(
      '11:1 http: must hold keys and values',
    );
  });

  it('refuses a password that would break off whoever connects with it', async () => {
    const webhooks = (password: string) =>
      `${SMALL}webhooks: [{ id: crm, url: "https://u:${password}@crm.example.org", secret: "${'x'.repeat(24)}" }]`;
    expect(await errorsIn(webhooks('50%'), { GW_REDIS_URL: 'redis://:50%@redis.example' })).toEqual([
      '11:23 webhooks[0].url: must be a URL; in its user and password "%" is written "%25"',
      'environment GW_REDIS_URL redis.url: must be a URL; in its user and password "%" is written "%25"',
    ]);
    expect((await load(webhooks('50%25'))).webhooks[0]?.url).toContain('50%25');
  });

  it.each(['22:00-06:00', '18:00-09:00', '09:00-09:00', '24:00-24:00', '9:00-18:00', '09:00-24:30'])(
    'refuses hours that never open: %s',
    async (hours) => {
      const schedule = `schedules: [{ id: hours, weekly: { mon: ["${hours}"] } }]`;
      expect(await errorsIn(`${SMALL}${schedule}`)).toEqual([
        expect.stringMatching(/^11:\d+ schedules\[0\].weekly.mon\[0\]: must be like "09:00-18:00"/),
      ]);
    },
  );

  it('reports every error of the schema at once', async () => {
    const text = `
gateway: { id: "no spaces please", publicUrl: "calls.example.org:8443" }
http: { port: 70000, prot: 1 }
engines: { mode: sandbox, setupTimeout: 25, maxCalls: 0 }
trunks:
  - id: carrier-a
    inbound: { from: [nonsense], numbers: { country: Russia } }
    outbound: { to: 12, callerId: hidden }
    capacityCodes: ["abc"]
destinations:
  - { id: main, trunk: carrier-a, number: +74951230000 }
routes:
  - { id: divan, steps: [{ dial: [], when: never, for: 0s }], maxDuration: 99d }
sites:
  - { id: divan, timezone: Moscow }
webhooks:
  - { id: crm, url: "ftp://x", secret: short }
access: { keys: [{ name: crm, hash: abc, scopes: [all] }] }
log: { level: loud }
__proto__: 1
`;
    const errors = await errorsIn(text);
    for (const start of [
      '2:12 gateway.id: must be letters, digits',
      '2:36 gateway.publicUrl: must be a URL with http:// or https://',
      '3:9 http.port: must be at most 65535',
      '3:22 http.prot: unknown key; allowed: host, port',
      '4:27 engines.setupTimeout: must be a duration like "250ms"',
      '4:45 engines.maxCalls: must be at least 1',
      '7:23 trunks[0].inbound.from[0]: must be an address or CIDR range',
      '7:45 trunks[0].inbound.numbers.country: must be two letters of ISO 3166',
      '8:17 trunks[0].outbound.to: must be a SIP URI like "sip:sip.carrier.example:5060", or a list of gateways',
      '8:25 trunks[0].outbound.callerId: must be "passthrough", a number in E.164',
      '9:21 trunks[0].capacityCodes[0]: must be "503"',
      '11:35 destinations[0].number: must be a text; put it in quotes',
      '13:28 routes[0].steps[0].dial: must be a list of at least 1 entries',
      '13:38 routes[0].steps[0].when: must be "always" or "overflow"',
      '13:51 routes[0].steps[0].for: must be a duration like',
      '13:63 routes[0].maxDuration: must be at most 24h',
      '15:5 sites[0].defaultRoute: is missing; must be a text',
      '15:18 sites[0].timezone: must be an IANA time zone',
      '17:16 webhooks[0].url: must be a URL with http:// or https://',
      '17:32 webhooks[0].secret: must be a text of 24 characters and more, or a list',
      '18:31 access.keys[0].hash: must be SHA-256 of the key in hex',
      '18:51 access.keys[0].scopes[0]: must be "calls:read" or',
      '19:8 log.level: must be "trace" or "debug"',
      '20:1 __proto__: unknown key; allowed: gateway, http',
    ]) {
      expect(
        errors.filter((line) => line.startsWith(start)),
        `${start}\n${errors.join('\n')}`,
      ).toHaveLength(1);
    }
  });

  it.each([
    ['soon', /silence: must be a duration like "250ms", .*, not zero, or a group of keys$/],
    ['[2h]', /silence: must be a duration like "250ms", .*, or a group of keys$/],
    ['8d', /silence: must be at most 7d, or a group of keys$/],
    ['{ after: 2h, timezone: UTC }', /silence\.during: is missing; must be/],
    ['{ after: 2h, during: hours }', /silence\.timezone: is missing; must be/],
    ['{ during: hours, timezone: UTC }', /silence\.after: is missing; must be a duration like "250ms"/],
    ['{ after: 8d, during: hours, timezone: UTC }', /silence\.after: must be at most 7d/],
    [
      '{ after: 2h, during: hours, timezone: Mars }',
      /silence\.timezone: must be an IANA time zone like "Europe\/Moscow"/,
    ],
    ['{ after: 2h, during: night, timezone: UTC }', /silence\.during: "night" names no schedule; there are: hours/],
    [
      '{ after: 2h, during: hours, timezone: UTC, hours: [] }',
      /silence\.hours: unknown key; allowed: after, during, timezone/,
    ],
  ])('points into the silence of a trunk: %s', async (silence, expected) => {
    const schedules = 'schedules: [{ id: hours, weekly: { mon: ["09:00-18:00"] } }]';
    const text = SMALL.replace('{ from: [203.0.113.0/29] }', `{ from: [203.0.113.0/29], silence: ${silence} }`);
    const errors = await errorsIn(`${text}${schedules}\n`);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain('trunks[0].inbound.silence');
    expect(errors[0]).toMatch(expected);
  });

  it('takes a silence with hours, and one without', async () => {
    const schedules = 'schedules: [{ id: hours, weekly: { mon: ["09:00-18:00"] } }]';
    const read = async (silence: string) =>
      (await load(`${SMALL.replace('/29] }', `/29], silence: ${silence} }`)}${schedules}\n`)).trunks[0]?.inbound
        ?.silence;
    expect(await read('2h')).toEqual({ after: 7_200_000 });
    const during = { during: 'hours', timezone: 'Europe/Moscow' };
    expect(await read('{ after: 2h, during: hours, timezone: Europe/Moscow }')).toEqual({
      after: 7_200_000,
      ...during,
    });
  });

  it.each([
    ['to: "nonsense"', 'trunks[0].outbound.to: must be a SIP URI like "sip:sip.carrier.example:5060", or a list'],
    ['to: []', 'trunks[0].outbound.to: must be a list of at least 1 entries'],
    ['to: [{ priority: 1 }]', 'trunks[0].outbound.to[0].uri: is missing; must be a text'],
    ['to: [{ uri: x }]', 'trunks[0].outbound.to[0].uri: must be a SIP URI like "sip:101@10.0.0.5:5060"'],
    ['to: [{ uri: "sip:a", wait: 1 }]', 'trunks[0].outbound.to[0].wait: unknown key; allowed: uri, priority, weight'],
  ])('points into the list of gateways: %s', async (to, expected) => {
    const text = SMALL.replace('{ from: [203.0.113.0/29] }', `{ from: [203.0.113.0/29] }, outbound: { ${to} }`);
    const errors = await errorsIn(text);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(expected);
  });

  it.each([
    'sip:101@10.0.0.5:99999',
    'sip:101@10.0.0.5:0',
    'sip:101@10.0.0.5:',
    'sip:101@10.0.0.5:5060:5060',
    'sip:101@10.0.0.300',
    'sip:@pbx',
    'sip:101@-',
    'sip:101@<pbx>',
    'sip:101@pbx?Subject=x',
    'sip:101@pbx;transport=quic',
    'sips:101@pbx;transport=udp',
  ])('refuses an address that nobody could dial: %s', async (uri) => {
    const text = SMALL.replace('sip:101@10.0.0.5', uri);
    expect(await errorsIn(text)).toEqual([
      expect.stringMatching(/^6:\d+ lines\[0\].uri: must be a SIP URI like "sip:101@10.0.0.5:5060"/),
    ]);
  });

  it.each([
    'sip:pbx',
    'sip:101@my_pbx.local;transport=TCP',
    'sips:101@[2001:db8::5]:5061;transport=tls',
    'sip:10.0.0.5;user=phone',
  ])('takes %s', async (uri) => {
    expect((await load(SMALL.replace('sip:101@10.0.0.5', uri))).lines[0]?.uri).toBe(uri);
  });

  it('writes the transport into a sips URI: by its scheme alone drachtio-server would not choose TLS', async () => {
    const { lines } = await load(SMALL.replace('sip:101@10.0.0.5', 'sips:101@pbx:5061;user=phone'));
    expect(lines[0]?.uri).toBe('sips:101@pbx:5061;user=phone;transport=tls');
  });

  it.each([
    ['outbound: { to: "sip:a", codecs: [PCMA, PCMA] }', 'outbound.codecs: must be each codec once'],
    ['register: { registrar: "sip:a", username: "1@b", password: x }', 'register.username: must be the user of an'],
    ['register: { registrar: "sip:a", username: "a b", password: x }', 'register.username: must be a name without'],
    ['register: { registrar: "sip:a", account: "1@b", username: a, password: x }', 'register.account: must be an acc'],
  ])('refuses %s', async (key, expected) => {
    const text = SMALL.replace('{ from: [203.0.113.0/29] }', `{ from: [203.0.113.0/29] }, ${key}`);
    expect(await errorsIn(text)).toEqual([expect.stringContaining(`trunks[0].${expected}`)]);
  });

  it.each([
    ['http: { host: "" }', 'http.host: must be a name or an address'],
    ['http: { host: "0.0.0.0:8080" }', 'http.host: must be a name or an address'],
    ['redis: { cluster: ["10.0.0.1:70000"] }', 'redis.cluster[0]: must be like "10.0.0.1:26379"; ports end at 65535'],
    [
      'redis: { sentinel: { name: a, nodes: ["b:0"] } }',
      'redis.sentinel.nodes[0]: must be like "10.0.0.1:26379"; ports',
    ],
    ['engines: { mode: sandbox, drachtio: { port: 0, secret: x } }', 'engines.drachtio.port: must be at least 1'],
    [
      'engines: { mode: sandbox, freeswitch: [{ secret: x, callbackAddress: "" }] }',
      'engines.freeswitch[0].callbackAddress: must be a name or an address',
    ],
    ['engines: { mode: sandbox, freeswitch: [{ secret: x, profile: "" }] }', 'engines.freeswitch[0].profile: must be'],
    [
      'engines: { mode: sandbox, freeswitch: [{ secret: x, sipAddress: freeswitch-1 }] }',
      'engines.freeswitch[0].sipAddress: must be an address, like "10.0.0.5", and no name',
    ],
    ['engines: { mode: sandbox, sandbox: { sip: "udp+tcp://127.0.0.1:70000" } }', 'engines.sandbox.sip: must be like'],
    ['recordings: { spool: "" }', 'recordings.spool: must be a folder'],
  ])('refuses a place that is none: %s', async (key, expected) => {
    const others = SMALL.replace(/^engines:.*\n/m, '');
    const text = key.startsWith('engines') ? `${others}${key}\n` : `${SMALL}${key}\n`;
    expect(await errorsIn(text)).toEqual([expect.stringContaining(expected)]);
  });

  it.each([
    [
      'recordings: { store: s3, s3: { bucket: abc, accessKeyId: a } }',
      'recordings.s3.secretAccessKey: is missing; must be given beside "accessKeyId"',
    ],
    [
      'recordings: { store: s3, s3: { bucket: abc, secretAccessKey: a } }',
      'recordings.s3.accessKeyId: is missing; must be given beside "secretAccessKey"',
    ],
    [
      'recordings: { store: s3, s3: { bucket: abc, serverSideEncryption: AES256, kmsKeyId: k } }',
      'recordings.s3.kmsKeyId: must be left out unless "serverSideEncryption" is "aws:kms"',
    ],
  ])('refuses what would be passed over: %s', async (key, expected) => {
    expect(await errorsIn(`${SMALL}${key}\n`)).toEqual([expect.stringContaining(expected)]);
  });

  it('takes no more of what a number stands for than a call tells of it', async () => {
    const sourced = (source: Record<string, string>) =>
      `${SMALL}numbers: [{ number: "+74952222222", site: divan, kind: static, source: ${JSON.stringify(source)} }]\n`;
    const texts = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`text${n}`, 'x']));
    expect(await errorsIn(sourced({ ...texts(31), label: 'x'.repeat(2048) }))).toEqual([]);
    expect(await errorsIn(sourced(texts(33)))).toEqual([expect.stringContaining('source: must be at most 32 texts')]);
    const long = Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`text${n}`, 'ы'.repeat(2000)]));
    expect(await errorsIn(sourced(long))).toEqual([
      expect.stringContaining('source: must be at most 16,384 bytes of JSON'),
    ]);
    expect(await errorsIn(sourced({ label: 'x'.repeat(2049) }))).toEqual([
      expect.stringContaining('source.label: must be at most 2,048 characters'),
    ]);
  });

  it.each(['::', 'fe80::1%eth0', '0.0.0.0', 'gateway_1.internal'])('listens at %s', async (host) => {
    expect((await load(`${SMALL}http: { host: "${host}" }\n`)).http.host).toBe(host);
  });

  it('says what is allowed where a name is wrong, and what a bound leaves out', async () => {
    const text = SMALL.replace(
      '{ from: [203.0.113.0/29] }',
      '{ from: [203.0.113.0/29] }, outbound: { to: "sip:a", callsPerSecond: 0 }, capacityCodes: ["486/34", "486/340", "403/340 full"]',
    );
    const more =
      'lines: [{ id: x, uri: "sip:a", headers: { From: site } }]\n' +
      'schedules: [{ id: h, weekly: { mon: ["09:00-18:00"] }, exceptions: { "2026-02-30": [] } }]\n';
    const errors = await errorsIn(`${text.replace(/^lines:\n(?: .*\n)*/m, '')}${more}`);
    const of = (key: string) => errors.filter((line) => line.includes(` ${key}: `)).map((line) => line.split(': ')[1]);
    expect(of('trunks[0].outbound.callsPerSecond')).toEqual(['must be more than 0']);
    expect(of('trunks[0].capacityCodes[1]')).toEqual([expect.stringContaining('must be "503", "486/34" or')]);
    expect(of('trunks[0].capacityCodes[2]')).toEqual([]);
    expect(of('lines[0].headers.From')).toEqual(['must be a header name that begins with "X-"']);
    expect(of('schedules[0].exceptions.2026-02-30')).toEqual(['must be a day like "2027-01-01"']);
  });

  it('reports what does not fit together in the same run as what the schema refuses', async () => {
    const errors = await errorsIn(
      `${SMALL}http: { port: no }\nnumbers:\n  - { number: "+74951111111", site: sofa, kind: odd }`,
    );
    expect(errors).toEqual([
      '11:9 http.port: must be a number',
      '13:31 numbers[0].site: "sofa" names no site; there are: divan',
      '13:43 numbers[0].kind: must be "dynamic" or "static"',
    ]);
  });

  it('says what is missing where nothing is', async () => {
    expect(await errorsIn('# empty')).toEqual([
      ' trunks: is missing; must be a list',
      ' routes: is missing; must be a list',
      ' sites: is missing; must be a list',
      ' engines.drachtio: is needed with "engines.mode: real", the default; or choose "engines.mode: sandbox"',
      expect.stringMatching(/^ engines.freeswitch: needs at least one server/),
    ]);
  });

  it.each([
    ['a file that is not YAML', 'trunks: [\n  - a: {', /^\d+:\d+: not YAML: /],
    ['a key twice', 'http: { port: 1 }\nhttp: { port: 2 }', /^2:1: not YAML: Map keys must be unique/],
    ['an alias to nothing', 'redis: { url: *hidden }', /^1:15: not YAML: the alias \(\*\) names no anchor/],
    ['a list at the top', '- a\n- b', /^1:1: must hold keys/],
    ['two documents', 'a: 1\n---\nb: 2', /not YAML/],
  ])('refuses %s', async (_, text, expected) => {
    const errors = await errorsIn(text);
    expect(errors.length).toBeGreaterThan(0);
    expect(errors[0]).toMatch(expected);
    expect(errors.join()).not.toContain('hidden');
  });

  it('does not unfold aliases without end', async () => {
    const levels = Array.from(
      { length: 12 },
      (_, n) => `l${n + 1}: &l${n + 1} [${Array(10).fill(`*l${n}`).join(',')}]`,
    );
    expect(await errorsIn(`l0: &l0 [a]\n${levels.join('\n')}`)).toEqual([expect.stringContaining('holds more than')]);
  });

  it('resolves ordinary aliases and points at where they are used', async () => {
    const text = SMALL.replace('[203.0.113.0/29]', '&net [203.0.113.0/29]') + 'numbers: [{ number: *net }]';
    expect((await errorsIn(text)).join('\n')).toMatch(/11:13 numbers\[0\]\.number: must be a text/);
  });

  it('says what to do with several documents in one file', async () => {
    expect(await errorsIn('trunks: []\n---\nroutes: []\n')).toEqual([
      '2:1: not YAML: several documents; what stands behind "---" belongs into another file of a folder',
    ]);
  });

  it('says when a file is away or a folder is empty', async () => {
    expect(await errorsOf(join(folder, 'away.yaml'))).toEqual(['away.yaml: cannot be read (ENOENT)']);
    await mkdir(join(folder, 'empty'));
    expect(await errorsOf(join(folder, 'empty'))).toEqual(['empty: the folder holds no *.yaml file']);
  });

  it('never prints a secret', async () => {
    const text = `${SMALL}webhooks: [{ id: crm, url: 5, secret: hunter2, evil: hunter2 }]\nredis: { url: "hunter2" }`;
    const errors = await errorsIn(text);
    expect(errors.length).toBeGreaterThan(2);
    expect(errors.join('\n')).not.toContain('hunter2');
  });
});
