import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'vitest';
import { printable } from '../../../src/cli/printable.js';

const SECRETS = {
  DRACHTIO_SECRET: 'a',
  ESL_SECRET: 'b',
  CARRIER_A_PASSWORD: 'c',
  SALES_1_PASSWORD: 'd',
  SALES_2_PASSWORD: 'd',
  CRM_HOOK_SECRET: 'e'.repeat(24),
  S3_ACCESS_KEY_ID: 'f',
  S3_SECRET_ACCESS_KEY: 'g',
  RECORDINGS_SECRET: Buffer.alloc(32).toString('base64'),
  OIDC_CLIENT_SECRET: 'h',
  BITRIX24_CODE: 'x',
  SENTINEL_PASSWORD: 'x',
};

async function calltrack(args: string[], env: Record<string, string> = {}) {
  const path = process.env['PATH'] ?? '';
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/calltrack.ts', ...args], {
    env: { PATH: path, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { out, err, status: child.exitCode };
}

describe('what is said', () => {
  it('commands no terminal', async ({ expect }) => {
    const { err } = await calltrack(['\u001b]0;owned\u0007']);
    expect(err).toMatch(/^no such command: \\u001b\]0;owned\\u0007\n/);
  });

  it.for([
    ['call', 'show', ''],
    ['webhooks', 'deliveries', ''],
  ])('of "%s %s" with an empty id is that, and nothing is asked for', async (args, { expect }) => {
    const { err, status } = await calltrack(args, { CALLTRACK_URL: 'http://127.0.0.1:1' });
    expect({ status, said: err.split('\n')[0] }).toEqual({
      status: 2,
      said: 'an argument is empty: is a variable of the shell not set?',
    });
  });

  it.for([
    ['a full disk', '>/dev/full', 1, /^calltrack failed: what it says cannot be written: ENOSPC/],
    ['a reader who has had enough', '| true; exit "${PIPESTATUS[0]}"', 0, /^$/],
  ] as const)('to %s ends as it should', async ([, where, status, said], { expect }) => {
    const command = `"$0" --import tsx src/cli/calltrack.ts --help ${where}`;
    const child = spawn('bash', ['-c', command, process.execPath], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [err] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect({ err, status: child.exitCode }).toEqual({ err: expect.stringMatching(said) as string, status });
  });

  it('is the same as JSON', ({ expect }) => {
    const said = { name: 'Олга\tB', source: '\u001b[2K\r\u009b31m\u202egnp', line: 1 };
    const shown = printable(JSON.stringify(said, null, 2));
    expect(shown).not.toMatch(/[^\P{Cc}\n\t]|\u202e/u);
    expect(JSON.parse(shown)).toEqual(said);
  });
});

describe.concurrent('calltrack config check', () => {
  it('ends with 0 where all is right', async ({ expect }) => {
    const { out, err, status } = await calltrack(['config', 'check'], SECRETS);
    expect({ err, status }).toEqual({ err: '', status: 0 });
    expect(out).toMatch(/^config\/gateway\.yaml: right \(trunks 1, lines 2/);
  });

  it('warns of what this machine lacks', async ({ expect, onTestFinished }) => {
    const folder = await mkdtemp(join(tmpdir(), 'calltrack-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'ffmpeg'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    // Some of the example's routes want other formats than WAV.
    const args = ['config', 'check'];
    const there = await calltrack(args, { ...SECRETS, PATH: folder });
    expect(there).toMatchObject({ err: '', status: 0 });
    expect(there.out).not.toContain('ffmpeg');
    const away = await calltrack(args, { ...SECRETS, PATH: '/nowhere' });
    expect(away.status).toBe(0);
    expect(away.out).toMatch(/\nwarning: ffmpeg is not on the PATH: no (mp3|opus|, )+, recordings stay WAV/);
    const { out } = await calltrack([...args, '--json'], { ...SECRETS, PATH: '/nowhere' });
    // The example's other systems are off.
    const unnamed = expect.stringContaining('no site names') as string;
    expect(JSON.parse(out)).toMatchObject({ ok: true, warnings: [expect.stringContaining('mp3') as string, unnamed] });
  });

  it('warns of a webhook that no site names', async ({ expect, onTestFinished }) => {
    const folder = await mkdtemp(join(tmpdir(), 'calltrack-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'gateway.yaml');
    const hook = "webhooks: [{ id: crm, url: 'https://crm.example/', secret: 'a text of 24 characters and more' }]";
    await writeFile(file, `${await readFile('config/sandbox.yaml', 'utf8')}\n${hook}\n`);
    const { out, status } = await calltrack(['config', 'check', '-c', file]);
    expect(status).toBe(0);
    expect(out).toMatch(/\nwarning: no site names these webhooks, they are told of no site's calls: crm\n/);
  });

  it('warns of a schedule that opens never again', async ({ expect, onTestFinished }) => {
    const folder = await mkdtemp(join(tmpdir(), 'calltrack-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'gateway.yaml');
    const schedules = `schedules:
  - { id: fair, weekly: {}, exceptions: { '2020-05-01': ['09:00-18:00'] } }
  - { id: hours, weekly: { mon: ['09:00-18:00'] } }`;
    await writeFile(file, `${await readFile('config/sandbox.yaml', 'utf8')}\n${schedules}\n`);
    const { out, status } = await calltrack(['config', 'check', '-c', file]);
    expect(status).toBe(0);
    expect(out).toMatch(/\nwarning: these schedules open never again, their exceptions are past: fair; steps/);
  });

  it('ends with 2 and every error', async ({ expect }) => {
    const { err, status } = await calltrack(['config', 'check', '--config', 'config/gateway.yaml']);
    expect(status).toBe(2);
    const lines = err.trim().split('\n');
    for (const name of Object.keys(SECRETS)) expect(err).toContain(`the environment variable ${name} is not set`);
    expect(lines.at(-1)).toBe(`${lines.length - 1} wrong in config/gateway.yaml`);
  });

  it('says the same to programs', async ({ expect }) => {
    const { out, status } = await calltrack(['config', 'check', '--json', '-c', 'away.yaml']);
    expect(status).toBe(2);
    expect(JSON.parse(out)).toEqual({
      ok: false,
      file: 'away.yaml',
      errors: [{ file: 'away.yaml', line: null, column: null, key: '', message: 'cannot be read (ENOENT)' }],
      warnings: [],
    });
  });

  it('explains itself where it is called wrongly', async ({ expect }) => {
    const { err, status } = await calltrack(['config', 'check', '--wrong']);
    expect(status).toBe(2);
    expect(err).toContain('calltrack config check [--config FILE]');
    expect(err).not.toContain('    at ');
  });
});
