import { once } from 'node:events';
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dominantTone, rms } from '../../../src/sandbox/rtp/tone.js';
import { readWav } from '../../../src/sandbox/rtp/wav-reader.js';
import { heard } from '../../support/hearing.js';
import { until } from '../../support/until.js';
import { HOST, openStage, PASSWORD, RawEsl, type Stage } from './support.js';

interface ModeslEvent {
  getHeader(name: string): string | undefined;
  getBody(): string;
}
interface ModeslConnection extends NodeJS.EventEmitter {
  api(command: string, callback: (reply: ModeslEvent) => void): void;
  bgapi(command: string, callback: (reply: ModeslEvent) => void): void;
  subscribe(events: string[], callback: () => void): void;
  filter(header: string, value: string, callback: (reply: ModeslEvent) => void): void;
  show(what: string, callback: (error: Error | null, parsed: { rows: Record<string, string>[] }) => void): void;
  disconnect(): void;
}
const { Connection } = createRequire(import.meta.url)('modesl') as {
  Connection: new (host: string, port: number, password: string) => ModeslConnection;
};

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({ heartbeatMs: 100 });
});
afterEach(async () => {
  await stage.close();
});

async function connect(): Promise<ModeslConnection> {
  const connection = new Connection(HOST, stage.fs.eslPort, PASSWORD);
  connection.on('error', () => undefined);
  await once(connection, 'esl::ready');
  return connection;
}
const subscribe = (connection: ModeslConnection, events: string[]): Promise<void> =>
  new Promise((resolve) => connection.subscribe(events, resolve));
const api = (connection: ModeslConnection, command: string): Promise<string> =>
  new Promise((resolve) => connection.api(command, (reply) => resolve(reply.getBody())));

describe('modesl', () => {
  it('logs in, asks, hears heartbeats and gets background results', async () => {
    const connection = await connect();
    expect(await api(connection, 'version')).toContain('FreeSWITCH Version 1.10.12');
    const heartbeat = once(connection, 'esl::event::HEARTBEAT::*') as Promise<[ModeslEvent]>;
    await subscribe(connection, ['HEARTBEAT']);
    const [beat] = await heartbeat;
    expect([beat.getHeader('Session-Count'), beat.getHeader('Max-Sessions')]).toEqual(['0', '200']);
    const job = await new Promise<ModeslEvent>((resolve) => connection.bgapi('status', resolve));
    expect(job.getBody()).toContain('0 session(s) - peak 0');
    connection.disconnect();
  });

  it('hears of calls, and after a filter of one call only', async () => {
    const connection = await connect();
    await subscribe(connection, ['CHANNEL_ANSWER', 'RECORD_STOP', 'CHANNEL_HANGUP_COMPLETE']);
    const heard: string[] = [];
    connection.on('esl::event::CHANNEL_HANGUP_COMPLETE::*', (event: ModeslEvent) => {
      heard.push(event.getHeader('variable_calltrack_call_id') ?? '');
    });
    const first = await stage.call();
    await first.answered();
    await new Promise<ModeslEvent>((resolve) => connection.filter('variable_calltrack_call_id', first.id, resolve));
    const second = await stage.call();
    await second.answered();
    await second.hangUp();
    await first.hangUp();
    await until('both legs of the first call', () => heard.length === 2);
    expect(heard).toEqual([first.id, first.id]);
    connection.disconnect();
  });

  it('shows channels as rows', async () => {
    const connection = await connect();
    const call = await stage.call();
    await call.answered();
    const { rows } = await new Promise<{ rows: Record<string, string>[] }>((resolve) =>
      connection.show('channels', (_error, parsed) => resolve(parsed)),
    );
    expect(rows.map(({ direction, cid_num, read_codec }) => [direction, cid_num, read_codec])).toEqual([
      ['inbound', '+79161234567', 'PCMA'],
      ['outbound', '+79161234567', 'PCMA'],
    ]);
    connection.disconnect();
  });
});

describe('the control port', () => {
  it('lets nobody in without the password', async () => {
    const esl = await RawEsl.open(stage.fs.eslPort);
    expect(await esl.command('api status')).toBe('-ERR command not found');
    expect(await esl.command('auth ClueCon')).toBe('-ERR invalid');
    await until('the end', () => esl.ended);
  });

  it.each([
    ['api nosuch', '-ERR nosuch Command not found!\n'],
    ['api uuid_exists x', 'false'],
    ['api uuid_kill x', '-ERR No such channel!\n'],
    ['api uuid_bridge x y', '-ERR Invalid uuid\n'],
    ['api uuid_record', '-USAGE: <uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]\n'],
    ['api uuid_record x start /tmp/x', '-ERR Cannot locate session!\n'],
    ['api show channels as json', '{"row_count": 0}\n'],
    ['api show channels count', '\n0 total.\n'],
    ['API UUID_EXISTS x', 'false'],
    ['api global_getvar nope', '-ERR no reply\n'],
    ['api expand echo ${nope}a${echo(b ${echo({c} (d))})} ${no_such_command()}e', 'ab {c} (d) e'],
    ['api expand echo ${uuid_record(x mask /tmp/x)}', '-ERR Cannot locate session!'],
    ['event foo', '-ERR no keywords supplied'],
    ['event plain HEARTBEAT', '+OK event listener enabled plain'],
    ['nixevent HEARTBEAT', '+OK events nixed'],
    ['filter Unique-ID x', '+OK filter added. [Unique-ID]=[x]'],
    ['filter delete Unique-ID x', '+OK filter deleted. [Unique-ID][x]'],
    ['noevents', '+OK no longer listening for events'],
    ['linger', '-ERR not controlling a session'],
    ['sendmsg nope\ncall-command: execute', '-ERR invalid session id [nope]'],
    ['nonsense', '-ERR command not found'],
    ['exit', '+OK bye'],
  ])('answers %j as FreeSWITCH does', async (command, reply) => {
    expect(await stage.esl.command(command)).toBe(reply);
  });

  it('tells its clock, in microseconds: that of its events', async () => {
    const { esl } = stage;
    const clock = async (): Promise<number> => Number(await esl.api('expand echo ${strmicroepoch()}'));
    const before = await clock();
    esl.events.splice(0);
    const at = Number((await esl.event('HEARTBEAT'))['Event-Date-Timestamp']);
    const after = await clock();
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(after);
    expect(Math.abs(after / 1000 - Date.now())).toBeLessThan(60_000);
  });

  it('answers in order, however fast it is asked', async () => {
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => stage.esl.api(`echo ${name}`)));
    expect(answers).toEqual(['a', 'b', 'c']);
  });

  it('names the profile in the way drachtio-fsmrf looks for it', async () => {
    expect(await stage.esl.api('sofia status')).toMatch(
      new RegExp(`^\\s*calltrack\\s.*sip:mod_sofia@${HOST}:${stage.fs.sipPort}`, 'm'),
    );
  });

  it('takes no calls while it is paused', async () => {
    await stage.esl.api('fsctl pause');
    expect((await (await stage.call()).ended()).status).toBe(503);
    await stage.esl.api('fsctl resume');
    expect((await (await stage.call()).answered())?.status).toBe(200);
  });
});

describe('commands on a call', () => {
  const CALLER_HZ = 440;
  let uuid: string;
  let call: Awaited<ReturnType<Stage['call']>>;

  beforeEach(async () => {
    call = await stage.call({ toneHz: CALLER_HZ });
    await call.answered();
    uuid = (await stage.esl.event('CHANNEL_BRIDGE'))['Unique-ID'] ?? '';
  });

  it('read and write its variables', async () => {
    const { esl } = stage;
    expect(await esl.api(`uuid_setvar ${uuid} note two words`)).toBe('+OK\n');
    expect(await esl.api(`uuid_getvar ${uuid} note`)).toBe('two words');
    expect(await esl.api(`uuid_getvar ${uuid} nothing`)).toBe('_undef_');
    expect(await esl.api(`uuid_dump ${uuid}`)).toContain('variable_note: two%20words\n');
    expect(JSON.parse(await esl.api(`uuid_dump ${uuid} json`))).toMatchObject({
      'Unique-ID': uuid,
      variable_note: 'two words',
    });
    const [names, ...rows] = (await esl.api('show channels')).split('\n');
    expect(names).toMatch(/^uuid,direction,created,/);
    expect(rows.slice(2)).toEqual(['', '2 total.', '']);
    expect(rows.slice(0, 2).join('\n')).toContain(uuid);
  });

  it('record, mask and stop', async () => {
    const { esl } = stage;
    const path = join(stage.spoolDir, 'by-hand.wav');
    const length = async (): Promise<number> => (await readFile(path)).length;
    expect(await esl.api(`uuid_record ${uuid} start ${path} 0 {RECORD_STEREO=true}`)).toBe('+OK Success\n');
    const before = call.media.packetsSent;
    await until('a second of sound', () => call.media.packetsSent > before + 50);
    expect(await esl.api(`uuid_buglist ${uuid}`)).toContain(`  <target>${path}</target>\n`);
    expect(await esl.api(`uuid_record ${uuid} mask ${path}`)).toBe('+OK Success\n');
    const sent = call.media.packetsSent;
    await until('a masked second', () => call.media.packetsSent > sent + 50);
    expect(await esl.api(`uuid_record ${uuid} stop ${path}`)).toBe('+OK Success\n');
    expect(await esl.api(`uuid_buglist ${uuid}`)).toBe('<media-bugs>\n</media-bugs>\n');
    expect(await esl.api('uuid_buglist nobody')).toBe('');
    expect(await esl.event('RECORD_STOP')).toMatchObject({
      'Record-File-Path': path,
      'Record-Completion-Cause': 'success-maxtime',
      'Recording-Variable-RECORD_STEREO': 'true',
    });
    const [left = new Int16Array(0)] = (await readWav(path)).channels;
    expect(await length()).toBe(44 + left.length * 4);
    expect(dominantTone(left.subarray(800, 4000), [CALLER_HZ])).toBe(CALLER_HZ);
    expect(rms(left.subarray(-4000))).toBe(0);
    expect(await esl.api(`uuid_record ${uuid} stop ${path}`)).toBe('-ERR Cannot stop record session!\n');
  });

  it('pause a recording and go on with it', async () => {
    const { esl } = stage;
    const path = join(stage.spoolDir, 'paused.wav');
    const sound = async (): Promise<void> => {
      const sent = call.media.packetsSent;
      await until('a second of sound', () => call.media.packetsSent > sent + 50);
    };
    await esl.api(`uuid_record ${uuid} start ${path} 0 {RECORD_STEREO=true}`);
    const begun = call.media.packetsSent;
    await sound();
    expect(await esl.api(`uuid_record ${uuid} pause ${path}`)).toBe('+OK Success\n');
    const paused = call.media.packetsSent;
    await sound();
    await sound();
    expect(await esl.api(`uuid_record ${uuid} resume ${path}`)).toBe('+OK Success\n');
    const resumed = call.media.packetsSent;
    await sound();
    await esl.api(`uuid_record ${uuid} stop ${path}`);
    const wanted = (paused - begun + call.media.packetsSent - resumed) * 160;
    const [left = new Int16Array(0)] = (await readWav(path)).channels;
    expect(Math.abs(left.length - wanted)).toBeLessThan(50 * 160);
    expect(await esl.api(`uuid_record ${uuid} pause ${path}`)).toBe('-ERR Cannot pause recording session!\n');
  });

  it('drop a recording into which nothing was written', async () => {
    const path = join(stage.spoolDir, 'empty.wav');
    await stage.esl.api(`uuid_record ${uuid} start ${path} 0 {RECORD_MIN_SEC=60}`);
    await stage.esl.api(`uuid_record ${uuid} stop ${path}`);
    const stop = await stage.esl.event('RECORD_STOP');
    expect(stop['Record-Completion-Cause']).toMatch(/^(input-too-short|empty-file)$/);
    await expect(readFile(path)).rejects.toThrow('ENOENT');
  });

  it('tell of a recording that cannot be made', async () => {
    expect(await stage.esl.api(`uuid_record ${uuid} start /dev/null/x.wav`)).toBe('-ERR Cannot record session!\n');
  });

  it('play to one side and hang up', async () => {
    expect(await stage.esl.api(`uuid_broadcast ${uuid} tone_stream://%(2000,0,880) aleg`)).toBe('+OK Message sent\n');
    await heard(call, 880);
    expect(await stage.esl.api(`uuid_kill ${uuid} USER_BUSY`)).toBe('+OK\n');
    expect((await call.ended()).reason).toBe('Q.850;cause=17;text="USER_BUSY"');
    expect(await stage.esl.api(`uuid_exists ${uuid}`)).toBe('false');
  });

  it('transfer both sides by the inline dialplan', async () => {
    const { esl } = stage;
    expect(await esl.api(`uuid_transfer ${uuid} -both 'set:note=left alone,park:' inline`)).toBe('+OK\n');
    await until('both are told', async () => (await esl.api(`uuid_getvar ${uuid} note`)) === 'left alone');
    const channels = JSON.parse(await esl.api('show channels as json')) as { rows: { application: string }[] };
    expect(channels.rows.map(({ application }) => application)).toEqual(['park', 'park']);
    // Nobody is on its other side any more: it is moved itself.
    expect(await esl.api(`uuid_transfer ${uuid} -bleg m:^:set:a=b^hangup:USER_BUSY inline`)).toBe('+OK\n');
    expect((await call.ended()).reason).toBe('Q.850;cause=17;text="USER_BUSY"');
  });

  it.each(['', '-bleg '])('transfer %sto nowhere, which ends both', async (side) => {
    expect(await stage.esl.api(`uuid_transfer ${uuid} ${side}nowhere`)).toBe('+OK\n');
    await call.ended();
    await until('no leg left', () => stage.fs.sessionCount === 0);
  });

  it('end it at a given time', async () => {
    expect(await stage.esl.api(`sched_hangup +0 ${uuid} ALLOTTED_TIMEOUT`)).toBe('+OK\n');
    expect((await call.ended()).reason).toBe('SIP;cause=602;text="ALLOTTED_TIMEOUT"');
  });

  it('end all', async () => {
    expect(await stage.esl.api('hupall')).toBe('+OK hangup all channels with cause MANAGER_REQUEST\n');
    await call.ended();
    await until('no leg left', () => stage.fs.sessionCount === 0);
  });
});
