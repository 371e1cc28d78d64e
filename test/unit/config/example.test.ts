import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SCOPES } from '../../../src/config/parts/access.js';
import { verifyPassword } from '../../../src/console/auth/passwords.js';
import { allKeyPaths } from '../../../src/config/describe.js';
import { loadConfig, readConfig } from '../../../src/config/load.js';
import { redact } from '../../../src/config/redact.js';
import { OVERRIDES } from '../../../src/config/environment.js';
import { parse } from 'yaml';

const EXAMPLE = 'config/gateway.yaml';
const SECRETS = {
  DRACHTIO_SECRET: 'secret-1',
  ESL_SECRET: 'secret-2',
  CARRIER_A_PASSWORD: 'secret-3',
  SALES_1_PASSWORD: 'secret-4',
  SALES_2_PASSWORD: 'secret-4',
  CRM_HOOK_SECRET: 'secret-5-of-24-characters',
  S3_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  S3_SECRET_ACCESS_KEY: 'secret-7',
  RECORDINGS_SECRET: 'c2VjcmV0LTgtc2VjcmV0LTgtc2VjcmV0LTgtc2VjcmU=',
  OIDC_CLIENT_SECRET: 'secret-9',
  BITRIX24_CODE: 'secret-10',
  SENTINEL_PASSWORD: 'secret-11',
  GW_REDIS_URL: 'redis://user:secret-6@redis.example:6379/0',
};

describe('config/gateway.yaml', () => {
  it('is right, given its secrets', async () => {
    const config = await loadConfig(EXAMPLE, SECRETS);
    expect(config.trunks[0]?.outbound?.auth?.password).toBe('secret-3');
  });

  it('shows every key there is', () => {
    const shown = new Set(keyPathsOf(parse(readFileSync(EXAMPLE, 'utf8'))));
    for (const path of allKeyPaths()) expect(shown, path).toContain(path);
  });

  it('is explained key by key, each in a row of its own, and every variable with its key', () => {
    const [variables = '', keys = ''] = readFileSync('docs/configuration.md', 'utf8').split('\n## Keys\n');
    const overrides = rowsOf(variables).filter(([name]) => name.startsWith('GW_'));
    const expected = Object.entries(OVERRIDES).map(([name, path]) => [name, `\`${path.join('.')}\``]);
    expect(overrides).toEqual(expected);
    const rows = rowsOf(keys).filter(([name]) => name.includes('.'));
    expect(rows.filter((row) => row.length !== 3)).toEqual([]);
    const explained = rows.map(([path]) => path);
    expect(explained.filter((path, i) => explained.indexOf(path) !== i)).toEqual([]);
    expect(explained).toEqual(expect.arrayContaining(allKeyPaths()));
    // Beside them only groups that have a word of their own.
    const inside = (path: string) =>
      allKeyPaths().some((one) => one === path || one.startsWith(`${path}.`) || one.startsWith(`${path}[]`));
    expect(explained.filter((path) => !inside(path))).toEqual([]);
  });

  it('goes to the log without secrets and numbers, and otherwise whole', async () => {
    const { config, variables } = await readConfig(EXAMPLE, SECRETS);
    const shown = redact(config, variables) as typeof config;
    expect(JSON.stringify(shown)).not.toMatch(/secret-\d/);
    expect(JSON.stringify(shown)).not.toContain('0'.repeat(64));
    expect(shown.redis.url).toBe('redis://redacted:redacted@redis.example:6379/0');
    expect(shown.routes).toEqual(config.routes);
    expect(shown.numbers[0]).toEqual({ number: '+7495***1111', site: 'divan', kind: 'dynamic' });
    expect(redact({ numbers: Array(60).fill('+74951111111') })).toMatchObject({
      numbers: { length: 51, 50: 'and 10 more' },
    });
    const block = ['+79160000001', '+79160000001*', '+37612345', '+7916*'];
    expect(redact({ block })).toEqual({ block: ['+7916***0001', '+7916***0001*', '+3***', '+7916*'] });
    expect(redact('https://x.example/hook?token=1')).toBe('https://x.example/hook?redacted');
    expect(config.engines.drachtio?.secret).toBe('secret-1');
    expect(config.webhooks.at(-1)?.url).toContain('secret-10');
    expect(shown.webhooks.at(-1)?.url).toBe('https://example.bitrix24.ru/[redacted]');
  });

  it('hides what came from a variable, whatever its key is, but not where it leads', () => {
    const given = { site: { door: 'x', hook: 'https://x.example/key', gate: ['sip:x@y'], ports: [80] }, door: 'x' };
    const variables = [
      ['site', 'door'],
      ['site', 'hook'],
      ['site', 'gate'],
      ['site', 'ports'],
    ];
    expect(redact(given, variables)).toEqual({
      site: { door: '[redacted]', hook: 'https://x.example/[redacted]', gate: ['[redacted]'], ports: [80] },
      door: 'x',
    });
  });
});

describe('config/sandbox.yaml', () => {
  it('is right as it is, and its key is the one it says', async () => {
    const config = await loadConfig('config/sandbox.yaml', {});
    expect(config.access.keys[0]?.hash).toBe(createHash('sha256').update('sandbox').digest('hex'));
    expect(config.access.keys[0]?.scopes.toSorted()).toEqual(SCOPES.toSorted());
  });

  it('lets somebody into the console', async () => {
    const config = await loadConfig('config/sandbox.yaml', {});
    const [person] = config.access.users;
    expect(await verifyPassword(person?.name ?? '', person?.password ?? '')).toBe(true);
  });
});

describe('docker/config/gateway.yaml', () => {
  const example = readFileSync('docker/.env.example', 'utf8');
  const variables = [...example.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name ?? '');
  const HASH = 'c0ffee'.repeat(10) + '0123';
  const secrets = Object.fromEntries(variables.map((name) => [name, `${name}-of-24-characters-or-more`]));
  const given = { ...secrets, CALLTRACK_KEY_HASH: HASH };

  it('is right, given what stands in docker/.env', async () => {
    const config = await loadConfig('docker/config/gateway.yaml', given);
    expect(config.webhooks[0]?.secret).toEqual(['WEBHOOK_SECRET-of-24-characters-or-more']);
    // Where there is no key every command that asks the gateway gets 401.
    expect(config.access.keys.map(({ hash }) => hash)).toEqual([HASH]);
  });

  it('lets its key do whatever a command asks for', async () => {
    const config = await loadConfig('docker/config/gateway.yaml', given);
    const asked = readFileSync('docs/cli.md', 'utf8').matchAll(/^\| `[^|]*\| ((?:`[a-z]+:[a-z]+`(?:, )?)+)/gm);
    const scopes = new Set([...asked].flatMap(([, list = '']) => list.replaceAll('`', '').split(', ')));
    expect(scopes.size).toBeGreaterThan(5);
    expect(config.access.keys[0]?.scopes).toEqual(expect.arrayContaining([...scopes]));
  });

  it('needs nothing that compose does not ask for', () => {
    const compose = readFileSync('docker/compose.yaml', 'utf8');
    const configuration = readFileSync('docker/config/gateway.yaml', 'utf8').replace(/^ *#.*$/gm, '');
    const named = [...configuration.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(4);
    for (const name of named) {
      expect(variables).toContain(name);
      expect(compose).toContain(`\${${name}:?`);
    }
  });
});

/** Rows of a table whose first cell is a name in code: the name, and what the other cells hold. */
function rowsOf(text: string): [string, ...string[]][] {
  return [...text.matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)].map(([, name = '', rest = '']) => [
    name,
    ...rest.split('|').map((cell) => cell.trim()),
  ]);
}

function keyPathsOf(value: unknown, prefix = ''): string[] {
  if (Array.isArray(value)) return [prefix, ...value.flatMap((item) => keyPathsOf(item, `${prefix}[]`))];
  if (typeof value !== 'object' || value === null) return [prefix];
  const inner = Object.entries(value).flatMap(([key, item]) => keyPathsOf(item, prefix ? `${prefix}.${key}` : key));
  return [prefix, ...inner];
}
