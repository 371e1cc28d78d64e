import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Command, Values } from '../../src/cli/command.js';
import { numbers } from '../../src/cli/commands/numbers.js';
import { pools } from '../../src/cli/commands/pools.js';
import { DEFAULT_RATES } from '../../src/numbers/call-rates.js';
import { poolReport } from '../../src/reports/pools.js';

type Reply = (req: IncomingMessage, body: string) => { status?: number; body: unknown };

/** Runs a command against a gateway that answers with what `reply` says. */
async function run(command: Command, reply: Reply, positionals: string[] = [], values: Values = {}) {
  const server = createServer((req, res) => {
    text(req).then(
      (body) => {
        const answer = reply(req, body);
        res.writeHead(answer.status ?? 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
      },
      () => res.destroy(),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const out: string[] = [];
  const terminal = {
    out: (line: string) => out.push(line),
    err: () => undefined,
    tty: false,
    clear: () => undefined,
    secret: () => Promise.resolve(''),
    env: {},
    interrupted: new AbortController().signal,
  };
  const status = await command.run({ url, ...values }, positionals, terminal);
  return { status, out: out.join('\n') };
}

const row = (number: string) => ({ number, site: 'divan', kind: 'dynamic', route: null, enabled: true, origin: 'api' });

describe('calltrack numbers', () => {
  it('lists all pages', async () => {
    const { out } = await run(numbers, ({ url = '' }) => {
      const second = url.includes('cursor=divan~%2B1');
      return { body: { numbers: [row(second ? '+74952' : '+74951')], next: second ? null : 'divan~+1' } };
    });
    expect(out.split('\n').map((line) => line.split(/\s+/)[0])).toEqual(['NUMBER', '+74951', '+74952']);
  });

  it('imports a table and tells every wrong row', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'calltrack-numbers-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'numbers.csv');
    await writeFile(file, 'number\n+74951111111\n');
    const good = await run(
      numbers,
      (req, body) => ({ body: { created: `${req.headers['content-type']} ${body.length}`, unchanged: req.url } }),
      ['import', file],
      { site: 'divan' },
    );
    expect(good.out).toBe('text/csv 20 numbers created, /v1/numbers/import?site=divan there already');
    const errors = [{ row: 2, field: 'number', message: 'stands in row 1 already' }];
    await expect(
      run(numbers, () => ({ status: 400, body: { code: 'GW_ERR_BAD_REQUEST', errors } }), ['import', file]),
    ).rejects.toThrow('row 2, number: stands in row 1 already');
    await expect(run(numbers, () => ({ body: {} }), ['import', `${file}x`])).rejects.toThrow('cannot be read');
    await writeFile(file, Buffer.from('cccac0c4', 'hex'));
    await expect(run(numbers, () => ({ body: {} }), ['import', file])).rejects.toThrow('is not UTF-8');
    await expect(run(numbers, () => ({ body: {} }), ['erase', '+7495'])).rejects.toThrow('import FILE');
  });

  it('disables one', async () => {
    const { out } = await run(numbers, (req, body) => ({ body: { asked: req.url, body } }), ['disable', '+7495'], {
      json: true,
    });
    expect(JSON.parse(out)).toEqual({ asked: '/v1/numbers/%2B7495', body: '{"enabled":false}' });
  });

  it('removes one', async () => {
    const asked: string[] = [];
    const { out } = await run(
      numbers,
      ({ method, url }) => {
        asked.push(`${method} ${url}`);
        return { status: 204, body: null };
      },
      ['remove', '+7495'],
    );
    expect(asked).toEqual(['DELETE /v1/numbers/%2B7495']);
    expect(out).toBe('+7495 is removed');
  });
});

it('calltrack pools shows what each site needs', async () => {
  const hour = { at: 0, visitors: 120, withoutNumber: 20, lentSeconds: 60_000, numbers: 25, mostTaken: 25 };
  const about = {
    site: 'divan',
    from: 0,
    to: 1,
    timeZone: 'UTC',
    numbers: 25,
    leaseSeconds: 300,
    quarantineSeconds: 300,
  };
  const report = poolReport([hour], { ...about, chance: 0.9, rates: DEFAULT_RATES });
  const asked: (string | undefined)[] = [];
  const { out } = await run(
    pools,
    ({ url }) => {
      asked.push(url);
      return { body: { pools: [{ free: 3, ...report }] } };
    },
    [],
    { site: 'divan', chance: '0.9' },
  );
  expect(asked).toEqual(['/v1/reports/pools?site=divan&chance=0.9']);
  expect(out).toMatch(/divan +3 +25 +120 +16\.7 % +\d+ +\d+\.\d %/);
  expect(out).toContain('120 visitors of divan');
});
