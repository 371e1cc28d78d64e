import { mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { FRAME_SAMPLES } from '../../../src/sandbox/rtp/packet.js';
import { RtpPort } from '../../../src/sandbox/rtp/port.js';
import { RtpSession, type RtpParameters } from '../../../src/sandbox/rtp/session.js';
import { Ticker } from '../../../src/sandbox/rtp/ticker.js';
import { dominantTone, ToneGenerator } from '../../../src/sandbox/rtp/tone.js';
import { readWav } from '../../../src/sandbox/rtp/wav-reader.js';
import { WavWriter } from '../../../src/sandbox/rtp/wav-writer.js';
import { AddressBlock } from '../../support/addresses.js';
import { until } from '../../support/until.js';

const HOST = '127.0.0.1';

describe('RTP ports', () => {
  it('come in even pairs until the range is used up, and again after they are closed', async () => {
    // An address of its own: on that of all, somebody else's sound may have one of so few ports.
    const addresses = await AddressBlock.claim();
    onTestFinished(() => addresses.release());
    const { engines: host } = addresses;
    const range = { min: 25_001, max: 25_006 };
    const ports = [await RtpPort.open(host, range), await RtpPort.open(host, range)];
    expect(ports.map((port) => port.port).sort()).toEqual([25_002, 25_004]);
    await expect(RtpPort.open(host, range)).rejects.toThrow('no free RTP port');
    await ports[0]?.close();
    const again = await RtpPort.open(host, range);
    expect(again.port).toBe(ports[0]?.port);
    await Promise.all([again.close(), ports[1]?.close()]);
  });
});

describe('the clock of all media', () => {
  it('runs what is due before somebody counts time by it, however long the process stood still', () => {
    const ticker = new Ticker();
    let ticks = 0;
    // What a tick does may count time by it too.
    ticker.add(() => {
      ticks += 1;
      ticker.catchUp();
    });
    const until = performance.now() + 110;
    while (performance.now() < until);
    expect(ticks).toBe(0);
    ticker.catchUp();
    ticker.stop();
    expect(ticks).toBeGreaterThanOrEqual(5);
  });
});

describe('RTP sessions', () => {
  const ticker = new Ticker();
  let a: RtpSession;
  let b: RtpSession;

  beforeEach(async () => {
    a = new RtpSession(await RtpPort.open(HOST));
    b = new RtpSession(await RtpPort.open(HOST), false);
  });
  afterEach(async () => {
    ticker.stop();
    await Promise.all([a.close(), b.close()]);
  });

  const towards = (session: RtpSession, law: 'alaw' | 'ulaw'): RtpParameters => ({
    remoteAddress: HOST,
    remotePort: session.port.port,
    law,
    payloadType: law === 'alaw' ? 8 : 0,
    telephoneEventPayloadType: 101,
    send: true,
    receive: true,
  });

  it.each(['alaw', 'ulaw'] as const)('carry sound and keys in %s', async (law) => {
    a.configure(towards(b, law));
    b.configure(towards(a, law));
    const tone = new ToneGenerator([700]);
    const frame = new Int16Array(FRAME_SAMPLES);
    const heard: number[] = [];
    let keys = '';
    b.onKey = ({ digit }) => (keys += digit);
    ticker.add(() => {
      tone.fill(frame);
      a.push(frame);
      const received = new Int16Array(FRAME_SAMPLES);
      if (b.pull(received)) heard.push(...received);
    });
    await until('half a second of sound', () => heard.length >= 4000);
    expect(dominantTone(Int16Array.from(heard.slice(0, 4000)), [440, 700])).toBe(700);
    a.sendKeys('1*9', 60);
    await until('three keys', () => keys === '1*9');
  });

  it.each([
    ['a stranger', '127.0.0.2'],
    ['another port', HOST],
  ])('take nothing from %s when told so', async (_who, host) => {
    const stranger = new RtpSession(await RtpPort.open(host));
    b.configure(towards(a, 'alaw'));
    stranger.configure(towards(b, 'alaw'));
    stranger.push(new Int16Array(FRAME_SAMPLES));
    await until('the packet', () => b.port.stats.packetsIn === 1);
    expect([b.packetsReceived, b.port.stats.discarded]).toEqual([0, 1]);
    await stranger.close();
  });
});

describe('WAV files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wav-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function write(path: string, seconds: number): Promise<WavWriter> {
    const writer = await WavWriter.create(path, 2);
    const left = new Int16Array(FRAME_SAMPLES);
    const right = new Int16Array(FRAME_SAMPLES);
    const tones = [new ToneGenerator([440]), new ToneGenerator([1000])] as const;
    for (let i = 0; i < seconds * 50; i++) {
      tones[0].fill(left);
      tones[1].fill(right);
      writer.write(left, right);
    }
    return writer;
  }

  it('read as they were written, over many chunks', async () => {
    const path = join(folder, 'a.wav');
    const writer = await write(path, 10);
    await writer.close();
    const wav = await readWav(path);
    expect([wav.sampleRate, wav.frames, wav.channels.length]).toEqual([8000, 80_000, 2]);
    expect(wav.channels.map((channel) => dominantTone(channel.subarray(40_000, 48_000), [440, 1000]))).toEqual([
      440, 1000,
    ]);
    expect((await readFile(path)).length).toBe(writer.bytes);
  });

  it('are read as far as they go when they were never closed', async () => {
    const path = join(folder, 'b.wav');
    const writer = await write(path, 2);
    await writer.close();
    await truncate(path, 44 + 4 * 8000);
    expect((await readWav(path)).frames).toBe(8000);
  });

  it('give up on a full disk without holding anybody up', async () => {
    const writer = await write('/dev/full', 20).catch((error: unknown) => error as Error);
    if (writer instanceof WavWriter) await expect(writer.close()).rejects.toThrow();
    else expect(writer.message).toContain('ENOSPC');
  });
});
