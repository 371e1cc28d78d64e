import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { tempFolder } from '../support/temp-folder.js';

it('asks where the configuration says, and goes by the process, not by a file that is wrong', async () => {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(req.url ?? '');
    res.end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const folder = await tempFolder();
  const check = async (name: string, http: string) => {
    const file = join(folder, name);
    await writeFile(
      file,
      `http: ${http}
engines: { mode: sandbox }
trunks: [{ id: carrier-a, inbound: { from: [192.0.2.1] } }]
routes: [{ id: main, steps: [{ announce: 'silence_stream://1000' }] }]
sites: [{ id: divan, defaultRoute: main }]
`,
    );
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/healthcheck.ts', file], { stdio: 'ignore' });
    await once(child, 'exit');
    return child.exitCode;
  };
  const statuses = await Promise.all([
    check('right.yaml', `{ host: 0.0.0.0, port: ${port} }`),
    check('nobody.yaml', '{ host: 127.0.0.1, port: 1 }'),
    check('wrong.yaml', '{ port: many }'),
  ]);
  expect([statuses, asked]).toEqual([[0, 1, 0], ['/healthz']]);
}, 60_000);

it('is what the image asks itself, by the file that it starts with', () => {
  const dockerfile = readFileSync('Dockerfile', 'utf8');
  const [check, start] = [...dockerfile.matchAll(/^ *CMD (\[.*\])$/gm)].map(
    ([, words = '']) => JSON.parse(words) as string[],
  );
  expect(existsSync(check?.[1]?.replace(/^dist\/(.*)\.js$/, 'src/$1.ts') ?? '')).toBe(true);
  expect(check?.[2]).toBe(start?.[1]);
});
