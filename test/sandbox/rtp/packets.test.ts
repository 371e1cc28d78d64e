import { describe, expect, it } from 'vitest';
import { JitterBuffer } from '../../../src/sandbox/rtp/jitter-buffer.js';
import { emptyHeader, FRAME_SAMPLES, readRtpHeader, writeRtpHeader } from '../../../src/sandbox/rtp/packet.js';
import { TelephoneEventReceiver, TelephoneEventSender } from '../../../src/sandbox/rtp/telephone-event.js';
import { dominantTone, rms, ToneGenerator, toneShare } from '../../../src/sandbox/rtp/tone.js';

describe('RTP header', () => {
  const fields = { payloadType: 8, marker: true, sequence: 65535, timestamp: 4_000_000_000, ssrc: 3_000_000_000 };

  it('reads what it writes', () => {
    const packet = Buffer.alloc(172);
    writeRtpHeader(packet, fields);
    const header = emptyHeader();
    expect(readRtpHeader(packet, header)).toBe(true);
    expect(header).toEqual({ ...fields, payloadStart: 12, payloadEnd: 172 });
  });

  it('finds the payload behind CSRCs and extension and before the padding', () => {
    const packet = Buffer.alloc(60);
    writeRtpHeader(packet, fields);
    packet.writeUInt8(0x80 | 0x20 | 0x10 | 2, 0);
    packet.writeUInt16BE(1, 12 + 8 + 2);
    packet.writeUInt8(4, 59);
    const header = emptyHeader();
    expect(readRtpHeader(packet, header)).toBe(true);
    expect([header.payloadStart, header.payloadEnd]).toEqual([28, 56]);
  });

  it.each([
    ['too short', Buffer.alloc(11, 0x80)],
    ['of another version', Buffer.alloc(20, 0x40)],
    ['with an extension that is cut off', Buffer.from([0x90, ...new Array<number>(13).fill(0)])],
    ['with more padding than there is', Buffer.from([0xa0, ...new Array<number>(11).fill(0), 200])],
  ])('refuses a packet %s', (_what, packet) => {
    expect(readRtpHeader(packet, emptyHeader())).toBe(false);
  });
});

describe('telephone-event', () => {
  it('repeats the end three times and is told once', () => {
    const sender = new TelephoneEventSender();
    const receiver = new TelephoneEventReceiver();
    sender.press('#', 60);
    const packets = [];
    for (let packet = sender.next(); packet !== undefined; packet = sender.next()) {
      packets.push({ ...packet, octets: Buffer.from(packet.octets) });
    }
    expect(packets.map(({ duration, ended, marker }) => [duration, ended, marker])).toEqual([
      [160, false, true],
      [320, false, false],
      [480, true, false],
      [480, true, false],
      [480, true, false],
    ]);
    const told = packets.map(({ octets }) => receiver.receive(octets, 0, 77)).filter((press) => press !== undefined);
    expect(told).toEqual([{ digit: '#', duration: 480 }]);
  });

  it('tells the same key pressed twice', () => {
    const receiver = new TelephoneEventReceiver();
    const end = Buffer.from([5, 0x8a, 0, 160]);
    expect(receiver.receive(end, 0, 100)?.digit).toBe('5');
    expect(receiver.receive(end, 0, 100)).toBeUndefined();
    expect(receiver.receive(end, 0, 900)?.digit).toBe('5');
  });
});

describe('jitter buffer', () => {
  const frame = new Int16Array(FRAME_SAMPLES);
  const packet = (value: number, count = FRAME_SAMPLES): Int16Array => new Int16Array(count).fill(value);

  it('waits for two frames, then gives one a tick', () => {
    const buffer = new JitterBuffer();
    buffer.push(packet(1), 160, 0, 7);
    expect(buffer.pull(frame)).toBe(false);
    buffer.push(packet(2), 160, 160, 7);
    expect([buffer.pull(frame), frame[0]]).toEqual([true, 1]);
    expect([buffer.pull(frame), frame[0]]).toEqual([true, 2]);
    expect([buffer.pull(frame), frame[0]]).toEqual([false, 0]);
  });

  it('puts silence in the place of a lost packet and drops a late one', () => {
    const buffer = new JitterBuffer();
    buffer.push(packet(1), 160, 0, 7);
    buffer.push(packet(3), 160, 320, 7);
    buffer.push(packet(2), 160, 160, 7);
    const heard = [0, 1, 2].map(() => (buffer.pull(frame) ? frame[0] : 'nothing'));
    expect(heard).toEqual([1, 0, 3]);
  });

  it('takes packets of any length', () => {
    const buffer = new JitterBuffer();
    for (let i = 0; i < 4; i++) buffer.push(packet(i + 1, 240), 240, i * 240, 7);
    const pulled = Array.from({ length: 6 }, () => buffer.pull(frame));
    expect(pulled).toEqual(new Array(6).fill(true));
    expect(frame[159]).toBe(4);
  });

  it('loses nothing where we stood still: the ticks that are due follow the packets', () => {
    const buffer = new JitterBuffer();
    for (let i = 0; i < 100; i++) buffer.push(packet(i + 1), 160, i * 160, 7);
    const heard = Array.from({ length: 100 }, () => (buffer.pull(frame) ? frame[0] : 'nothing'));
    expect(heard).toEqual(heard.map((_, i) => i + 1));
  });

  it('catches up where the sender stood still instead of staying late', () => {
    const buffer = new JitterBuffer();
    let sent = 0;
    const send = () => buffer.push(packet((sent += 1)), 160, sent * 160, 7);
    for (let i = 0; i < 50; i++) send();
    let late = 0;
    for (let ticks = 0; ticks < 150; ticks++) {
      send();
      buffer.pull(frame);
      late = sent - (frame[0] ?? 0);
    }
    expect(late).toBeLessThanOrEqual(2);
  });
});

describe('tones', () => {
  it('are found by their frequency and by no other', () => {
    const samples = new Int16Array(1600);
    new ToneGenerator([440]).fill(samples);
    expect(toneShare(samples, 440)).toBeGreaterThan(0.95);
    expect(toneShare(samples, 1000)).toBeLessThan(0.01);
    expect(dominantTone(samples, [1000, 440])).toBe(440);
    expect(rms(samples)).toBeGreaterThan(10_000);
  });

  it('are found although the half of them came late', () => {
    const samples = new Int16Array(4000);
    const late = 9; // Half a period of 440 Hz: over the whole, the halves would cancel each other out.
    new ToneGenerator([440]).fill(samples.subarray(0, 2000));
    new ToneGenerator([440]).fill(samples.subarray(2000 + late));
    expect(dominantTone(samples, [1000, 440])).toBe(440);
  });

  it('are not found where they fill less than half of the time', () => {
    const samples = new Int16Array(4000);
    new ToneGenerator([440]).fill(samples.subarray(2400));
    expect(dominantTone(samples, [440])).toBeUndefined();
    new ToneGenerator([440]).fill(samples.subarray(1600));
    expect(dominantTone(samples, [440])).toBe(440);
  });

  it('do not appear in silence', () => {
    expect(dominantTone(new Int16Array(1600), [440])).toBeUndefined();
  });
});
