import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DrachtioServer } from '../../../src/sandbox/drachtio/index.js';
import { FreeSwitchServer } from '../../../src/sandbox/freeswitch/server.js';
import { Phone, type OutgoingCall } from '../../../src/sandbox/phone/index.js';
import { dominantTone } from '../../../src/sandbox/rtp/tone.js';
import { readWav } from '../../../src/sandbox/rtp/wav-reader.js';
import { heard } from '../../support/hearing.js';
import { until } from '../../support/until.js';

interface Endpoint extends NodeJS.EventEmitter {
  uuid: string;
  local: { sdp: string };
  dialog: NodeJS.EventEmitter;
  conn: { disconnect(): void };
  play(file: string | string[]): Promise<{ playbackSeconds: string; playbackMilliseconds: string }>;
  execute(app: string, arg?: string): Promise<{ getHeader(name: string): string | undefined }>;
  api(command: string, args?: string): Promise<{ getBody(): string }>;
  set(values: Record<string, string>): Promise<unknown>;
  recordSession(path: string): Promise<unknown>;
  record(path: string, options: object): Promise<{ recordSeconds: string; recordMilliseconds: string }>;
  bridge(other: Endpoint): Promise<unknown>;
  unbridge(): Promise<unknown>;
  modify(sdp: string): Promise<unknown>;
  destroy(): Promise<void>;
}
interface MediaServer extends NodeJS.EventEmitter {
  createEndpoint(options?: object): Promise<Endpoint>;
  connectCaller(req: object, res: object): Promise<{ endpoint: Endpoint; dialog: NodeJS.EventEmitter }>;
  disconnect(): void;
  maxSessions?: number;
}
interface Srf extends NodeJS.EventEmitter {
  connect(options: object): void;
  disconnect(): void;
  invite(handler: (req: object, res: object) => void): void;
}
const require = createRequire(import.meta.url);
const SrfClass = require('drachtio-srf') as new () => Srf;
const Mrf = require('drachtio-fsmrf') as new (srf: Srf) => { connect(options: object): Promise<MediaServer> };

const HOST = '127.0.0.1';
const address = { adminHost: HOST, adminPort: 0, sipHost: HOST, sipPort: 0 };

describe('drachtio-fsmrf', () => {
  let drachtio: DrachtioServer;
  let fs: FreeSwitchServer;
  let srf: Srf;
  let media: MediaServer;
  let phone: Phone;
  let spoolDir: string;
  let endpoints: Endpoint[];

  beforeEach(async () => {
    spoolDir = await mkdtemp(join(tmpdir(), 'spool-'));
    drachtio = await DrachtioServer.listen({ ...address, secret: 'secret' });
    fs = await FreeSwitchServer.listen({
      eslHost: HOST,
      eslPort: 0,
      password: 'password',
      sipHost: HOST,
      sipPort: 0,
      drachtioSource: [HOST],
      drachtioTarget: `${HOST}:${drachtio.sipPort}`,
      spoolDir,
      heartbeatMs: 100,
    });
    phone = await Phone.open();
    srf = new SrfClass();
    srf.on('error', () => undefined);
    srf.connect({ host: HOST, port: drachtio.adminPort, secret: 'secret' });
    await once(srf, 'connect');
    endpoints = [];
    srf.invite((req, res) => {
      media.connectCaller(req, res).then(
        ({ endpoint }) => endpoints.push(endpoint),
        () => undefined,
      );
    });
    media = await new Mrf(srf).connect({
      address: HOST,
      port: fs.eslPort,
      secret: 'password',
      listenAddress: HOST,
      advertisedAddress: HOST,
      profile: 'calltrack',
    });
  });

  afterEach(async () => {
    media.disconnect();
    srf.disconnect();
    await phone.close();
    await fs.close();
    await drachtio.close();
    await rm(spoolDir, { recursive: true });
  });

  /** A phone that called and was put through to an endpoint of the media server. */
  async function caller(toneHz: number): Promise<{ call: OutgoingCall; endpoint: Endpoint }> {
    const call = await phone.call({ target: `sip:+7495@${HOST}:${drachtio.sipPort}`, toneHz });
    await call.answered();
    return { call, endpoint: await until('its endpoint', () => endpoints.shift()) };
  }

  it('reads the server’s state from its heartbeats', async () => {
    await until('a heartbeat', () => media.maxSessions === 200);
  });

  it('plays tones and files, collects keys and records', async () => {
    const { call, endpoint } = await caller(440);
    const played = endpoint.play('tone_stream://%(600,0,880)');
    await heard(call, 880);
    expect(Number((await played).playbackMilliseconds)).toBe(600);
    const missing = await endpoint.execute('playback', '/no/such/file.wav');
    expect(missing.getHeader('Application-Response')).toBe('FILE NOT FOUND');

    const path = join(spoolDir, 'voice.wav');
    expect(Number((await endpoint.record(path, { timeLimitSecs: 1 })).recordMilliseconds)).toBe(1000);
    expect(dominantTone((await readWav(path)).channels[0]?.subarray(800) ?? new Int16Array(0), [440])).toBe(440);
    expect(Number((await endpoint.play(path)).playbackSeconds)).toBe(1);

    const keys: string[] = [];
    endpoint.on('dtmf', ({ dtmf }: { dtmf: string }) => keys.push(dtmf));
    const digits = endpoint.execute(
      'play_and_get_digits',
      '1 4 1 3000 # silence_stream://3000 silence_stream://20 pin \\d+',
    );
    await call.press('17#');
    expect((await digits).getHeader('variable_pin')).toBe('17');
    await until('the keys', () => keys.join('') === '17#');

    const ended = once(endpoint.dialog, 'destroy');
    await endpoint.destroy();
    await ended;
    await until('no leg left', () => fs.sessionCount === 0);
  });

  it('joins two endpoints, parts them, and ends the second with the first', async () => {
    const one = await caller(440);
    const other = await caller(1000);
    await one.endpoint.set({ RECORD_STEREO: 'true', note: 'a b' });
    const path = join(spoolDir, 'talk.wav');
    await one.endpoint.bridge(other.endpoint);
    await until('each other', () => dominantTone(one.call.media.heard(-1600), [1000]) === 1000);
    await one.endpoint.recordSession(path);
    const from = one.call.media.heardSamples;
    await until('a second of talk', () => one.call.media.heardSamples > from + 8000);
    await one.endpoint.unbridge();
    await until('silence', () => dominantTone(one.call.media.heard(-1600), [1000]) === undefined);
    await one.endpoint.bridge(other.endpoint);
    await until('each other again', () => dominantTone(other.call.media.heard(-1600), [440]) === 440);
    await one.endpoint.destroy();
    await until('no leg left', () => fs.sessionCount === 0);
    const { channels } = await readWav(path);
    expect(channels.map((channel) => dominantTone(channel.subarray(1600, 6400), [440, 1000]))).toEqual([440, 1000]);
  });

  it('makes an endpoint without an offer, which then takes one', async () => {
    const endpoint = await media.createEndpoint();
    expect(endpoint.local.sdp).toContain('RTP/AVP 8 0 101');
    const { call, endpoint: second } = await caller(440);
    await endpoint.modify(call.localSdp);
    await Promise.all([endpoint.destroy(), second.destroy()]);
    await until('no leg left', () => fs.sessionCount === 0);
  });

  it('lets no leg live whose commander is gone', async () => {
    const { endpoint } = await caller(440);
    const ended = once(endpoint.dialog, 'destroy');
    endpoint.conn.disconnect();
    await ended;
    await until('no leg left', () => fs.sessionCount === 0);
  });
});
