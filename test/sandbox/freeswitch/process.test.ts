import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSandbox, type SandboxProcess } from '../../../src/sandbox/process.js';
import { RawSip } from '../../support/raw-sip.js';
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

  it('says what of the SIP that came cannot be read, in one line each, and not without end', async () => {
    const lines: string[] = [];
    sandbox = await startSandbox({ spoolDir, onLine: (line) => lines.push(line) });
    const to = { host: '127.0.0.1', port: sandbox.drachtio.sipPort };
    const caller = await RawSip.open('127.0.0.1', 0);
    const malformed = () => lines.filter((line) => line.startsWith('malformed SIP'));
    try {
      const parts = { called: '+74951111111', caller: '+79160000001', callId: 'bad', branch: 'bad', body: 'x' };
      const message = caller.request('INVITE', to, parts);
      caller.send(message.replace(/^CSeq:.*/m, 'CSeq: x INVITE'), to);
      await until('a line', () => malformed()[0]);
      caller.send(message.replace(/^Contact:.*\r\n/m, ''), to);
      await until('a second one', () => malformed()[1]);
      caller.send('GET / HTTP/1.1\r\n\r\n', to);
      await until('a third one', () => malformed()[2]);
      for (let i = 0; i < 500; i += 1) caller.send('no SIP', to);
      caller.send(message.replace(/^CSeq:.*/m, 'CSeq: y INVITE'), to);
      await until('all are read', () => caller.messages.length >= 3);
    } finally {
      caller.close();
    }
    expect(
      malformed()
        .slice(0, 3)
        .map((line) => line.replace(/udp\/[\d.:]+/, 'udp/…')),
    ).toEqual([
      'malformed SIP from udp/…, answered 400: CSeq',
      'malformed SIP from udp/…, answered 400: Missing Contact or From tag',
      'malformed SIP from udp/…, not answered: start line',
    ]);
    expect(malformed().length).toBeLessThan(200);
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
