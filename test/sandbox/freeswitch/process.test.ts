import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSandbox, type SandboxProcess } from '../../../src/sandbox/process.js';
import { until } from '../../support/until.js';
import { RawEsl } from './support.js';

describe('the sandbox process', () => {
  let spoolDir: string;
  let sandbox: SandboxProcess | undefined;
  beforeEach(async () => {
    spoolDir = await mkdtemp(join(tmpdir(), 'spool-'));
  });
  afterEach(async () => {
    await sandbox?.stop();
    await rm(spoolDir, { recursive: true });
  });

  it('says what it is, serves, and stops', async () => {
    const lines: string[] = [];
    sandbox = await startSandbox({ spoolDir, onLine: (line) => lines.push(line) });
    const esl = await RawEsl.open(sandbox.freeswitch.eslPort);
    expect(await esl.command(`auth ${sandbox.freeswitch.password}`)).toBe('+OK accepted');
    expect(await esl.api('global_getvar calltrack_drachtio')).toBe(`127.0.0.1:${sandbox.drachtio.sipPort}`);
    await sandbox.stop();
    await sandbox.exited;
    expect(await until('its first line', () => lines[0])).toContain('stand-ins for drachtio-server and FreeSWITCH');
    expect(() => process.kill(sandbox?.pid ?? 0, 0)).toThrow('ESRCH');
  });

  it('has other passwords at each start', async () => {
    sandbox = await startSandbox({ spoolDir });
    const { password } = sandbox.freeswitch;
    const { secret } = sandbox.drachtio;
    await sandbox.stop();
    sandbox = await startSandbox({ spoolDir });
    expect(new Set([password, secret, sandbox.freeswitch.password, sandbox.drachtio.secret]).size).toBe(4);
  });

  it('tells why it cannot start', async () => {
    sandbox = await startSandbox({ spoolDir });
    const taken = sandbox.freeswitch.eslPort;
    await expect(startSandbox({ spoolDir, freeswitch: { eslPort: taken } })).rejects.toThrow('EADDRINUSE');
  });
});
