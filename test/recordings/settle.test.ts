import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, readlink, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { EndReason } from '../../src/call/call.js';
import { measureWav } from '../../src/recordings/measure.js';
import { baseName } from '../../src/recordings/names.js';
import { reducePeaks } from '../../src/recordings/peaks.js';
import { withoutCaller } from '../../src/call/erasure.js';
import { SpoolSweep } from '../../src/recordings/spool-sweep.js';
import { FakeS3 } from '../fakes/s3.js';
import { endedCall, openHouse, secretOf } from '../support/recording-house.js';
import { until } from '../support/until.js';
import { wavBytes, wavHeader } from '../support/wav-bytes.js';

const anotherDisk = existsSync('/dev/shm') && statSync('/dev/shm').dev !== statSync(tmpdir()).dev;
const ENCRYPTION = [{ id: 'k1', secret: secretOf('a') }];
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

async function fileOf(bytes: Buffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'calltrack-wav-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'a.wav'), bytes);
  return join(folder, 'a.wav');
}

const inTwoHours = () => Date.now() + 7_200_000;

async function sweepOf(
  house: Awaited<ReturnType<typeof openHouse>>,
  { live = [], away = [], now = inTwoHours }: { live?: string[]; away?: 1[]; now?: () => number } = {},
) {
  const found: string[] = [];
  const sweep = new SpoolSweep({
    spool: house.config.recordings.spool,
    vault: house.vault,
    calls: house.lookup,
    settler: house.settler,
    isLive: (callId) => live.includes(callId),
    teller: {
      found: (call, recording) => {
        if (away.splice(0, 1).length > 0) return Promise.reject(new Error('away'));
        found.push(`${call.id} ${recording.status}`);
        return Promise.resolve();
      },
    },
    logger: house.logger,
    now,
  });
  await sweep.sweep();
  await sweep.sweep();
  return found;
}

const drafts = ({ vault }: Awaited<ReturnType<typeof openHouse>>): Promise<string[]> =>
  readdir(vault.local.pathOf('.drafts'));

describe('a recording is settled', () => {
  it('with its length, hash, channels, and who was silent', async () => {
    const house = await openHouse();
    const call = endedCall(2);
    const wav = wavBytes(2, undefined, () => 3);
    expect(await house.record(call, wav)).toEqual({
      status: 'ready',
      reason: null,
      file: `divan/${call.startedAt.slice(0, 10).replaceAll('-', '/')}/${call.id}.wav`,
      bytes: wav.length,
      sha256: sha256(wav),
      durationSeconds: 2,
      sampleRate: 8000,
      channels: ['caller', 'business'],
      silentChannels: ['business'],
      deletedAt: null,
      startedAt: null,
      stoppedAt: null,
      paused: [],
      masked: [],
    });
    expect(await readdir(house.config.recordings.spool)).toEqual([]);
  });

  it('says that it is shorter than the talk', async () => {
    const house = await openHouse();
    expect(await house.record(endedCall(30), wavBytes(20))).toMatchObject({
      status: 'ready',
      reason: 'shorter_than_talk',
    });
  });

  it.each([
    ['was never written', null, 'no_file'],
    ['is no WAV', Buffer.from('RIFF but nothing else'), 'not_a_wav'],
    ['has a header only', wavHeader(0), 'empty_file'],
    ['is cut within its header', wavHeader(0).subarray(0, 20), 'not_a_wav'],
  ])('fails where the file %s', async (_what, bytes, reason) => {
    const house = await openHouse();
    const call = endedCall(5);
    if (bytes) await house.spool(call, bytes);
    expect(await house.settler.settle(call, true)).toMatchObject({ status: 'failed', reason, file: null });
  });

  it('is absent where it was too short, not wanted, or there was no room for it', async () => {
    const house = await openHouse();
    expect(await house.record(endedCall(0.1), wavHeader(0))).toMatchObject({ status: 'absent', reason: 'too_short' });
    // Not even the file had been opened.
    expect(await house.settler.settle(endedCall(0.2), true)).toMatchObject({ status: 'absent', reason: 'too_short' });
    expect(await house.settler.settle(endedCall(1), false)).toMatchObject({ status: 'absent', reason: 'not_wanted' });
    const call = endedCall(1);
    call.recording = { ...call.recording, reason: 'disk_low' };
    expect(await house.settler.settle(call, false)).toMatchObject({ status: 'absent', reason: 'disk_low' });
  });

  it('is nothing where nobody had answered: what FreeSWITCH wrote leaves the spool, if there is any', async () => {
    const house = await openHouse();
    const call = endedCall(0);
    await writeFile(join(house.config.recordings.spool, `${call.id}.wav`), wavBytes(1));
    await house.settler.discard(call.id);
    await house.settler.discard(call.id);
    expect(await readdir(house.config.recordings.spool)).toEqual([]);
  });

  it('fails, whichever gateway settles it, where the caller could not be told of it', async () => {
    const house = await openHouse();
    const call = endedCall(1);
    call.recording = { ...call.recording, reason: 'not_announced' };
    expect(await house.settler.settle(call, false)).toMatchObject({ status: 'failed', reason: 'not_announced' });
  });

  it('says that there is no file also where the store cannot say whether there was one', async () => {
    const s3 = await FakeS3.start();
    const house = await openHouse({ s3: s3.config() });
    s3.fault = () => 'unavailable';
    expect(await house.settler.settle(endedCall(0.2), true)).toMatchObject({ status: 'absent', reason: 'too_short' });
    expect(await house.settler.settle(endedCall(5), true)).toMatchObject({ status: 'failed', reason: 'no_file' });
  });

  it('once: a gateway that died in between finds what it kept', async () => {
    const house = await openHouse();
    const call = endedCall(1);
    const first = await house.record(call);
    expect(await house.settler.settle(call, true)).toEqual(first);
  });

  it.each([
    ['', undefined],
    [', encrypted', ENCRYPTION],
  ])('the same by two who do so at once%s', async (_how, encryption) => {
    const house = await openHouse(encryption && { encryption });
    const call = endedCall(1);
    await house.spool(call, wavBytes(1));
    const [one, other] = await Promise.all([house.settler.settle(call, true), house.settler.settle(call, true)]);
    expect(one.status).toBe('ready');
    expect(other).toEqual(one);
    house.calls.set(call.id, call);
    const found = await house.archive.find(call.id, null);
    const sound = found?.state === 'here' ? await house.archive.sound(found, 'wav', 0, wavBytes(1).length - 1) : null;
    expect(sound && (await buffer(sound)).equals(wavBytes(1))).toBe(true);
    expect([await readdir(house.config.recordings.spool), await drafts(house)]).toEqual([[], []]);
  });

  // Whatever stands in a file's way, a full disk or a crash: what is not whole is begun anew.
  it.each([
    ['its sound', '.wav', undefined],
    ['its sound, encrypted', '.wav', ENCRYPTION],
    ['its waveform', '.peaks.json', undefined],
    ['its waveform, encrypted', '.peaks.json', ENCRYPTION],
    ['its manifest', '.json', undefined],
  ])('later, where %s could not be written: the file stays in the spool', async (_what, ending, encryption) => {
    const house = await openHouse(encryption && { encryption });
    const call = endedCall(1);
    const inTheWay = house.vault.local.pathOf(baseName(call) + ending);
    await mkdir(join(inTheWay, 'x'), { recursive: true });
    const failed = await house.record(call);
    expect(failed).toMatchObject({ status: 'failed', reason: expect.stringMatching(/^io_e/) as string });
    expect(await readdir(house.config.recordings.spool)).toEqual([`${call.id}.wav`]);
    // It is looked at again and again, and told once.
    expect(await sweepOf(house)).toEqual([]);
    await rm(inTheWay, { recursive: true });
    expect(await sweepOf(house)).toEqual([`${call.id} ready`]);
    const found = await house.archive.find(call.id, null);
    if (found?.state !== 'here') throw new Error('not here');
    const sound = await house.archive.sound(found, 'wav', 0, wavBytes(1).length - 1);
    expect(sound && (await buffer(sound)).equals(wavBytes(1))).toBe(true);
    expect((await house.archive.peaks(found))?.peaks[0]).toHaveLength(10);
    expect(await readdir(house.config.recordings.spool)).toEqual([]);
  });

  it('later, where not even a draft can be begun: the file is not left open', async () => {
    const house = await openHouse({ encryption: ENCRYPTION });
    const call = endedCall(1);
    const inTheWay = house.vault.local.pathOf('.drafts');
    await writeFile(inTheWay, '');
    expect(await house.record(call)).toMatchObject({ status: 'failed' });
    const open = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    expect(open.filter((file) => file.includes(call.id))).toEqual([]);
    await rm(inTheWay);
    expect(await sweepOf(house)).toEqual([`${call.id} ready`]);
  });

  it.skipIf(!anotherDisk)('by copying it, where the spool is on another disk', async () => {
    const spool = await mkdtemp('/dev/shm/calltrack-spool-');
    onTestFinished(() => rm(spool, { recursive: true, force: true }));
    const house = await openHouse({ recordings: { spool } });
    const { status, file, sha256: hash } = await house.record(endedCall(1));
    expect([status, hash]).toEqual(['ready', sha256(wavBytes(1))]);
    expect(await house.vault.local.load(file ?? '')).toEqual(wavBytes(1));
    expect(await readdir(spool)).toEqual([]);
  });

  it('later, where its upload could not be noted: what is kept is not forgotten', async () => {
    const s3 = await FakeS3.start();
    const house = await openHouse({ s3: s3.config() });
    const call = endedCall(1);
    const journal = house.vault.local.pathOf('.work');
    await writeFile(journal, 'in the way');
    expect(await house.record(call)).toMatchObject({ status: 'failed' });
    await rm(journal);
    expect(await sweepOf(house)).toEqual([`${call.id} ready`]);
    await until('it is uploaded', () => [...s3.objects.keys()].some((name) => name.endsWith(`${call.id}.json`)));
    expect(await readdir(house.config.recordings.spool)).toEqual([]);
  });
});

describe('what is still in the spool of a caller who was forgotten', () => {
  it.each([
    ['', undefined],
    [', encrypted', ENCRYPTION],
  ])('goes with what had been kept of it before that broke off%s', async (_how, encryption) => {
    const house = await openHouse(encryption && { encryption });
    const call = endedCall(1);
    const inTheWay = house.vault.local.pathOf(baseName(call) + '.peaks.json');
    await mkdir(join(inTheWay, 'x'), { recursive: true });
    expect(await house.record(call)).toMatchObject({ status: 'failed' });
    await rm(inTheWay, { recursive: true });
    house.calls.set(call.id, withoutCaller(call, false));
    expect(await sweepOf(house)).toEqual([]);
    expect(await readdir(house.config.recordings.spool)).toEqual([]);
    expect((await house.kept()).filter((name) => name.includes(call.id))).toEqual([]);
  });

  it('is no recording of his, though nobody could know that there was a talk', async () => {
    const house = await openHouse();
    const lost = { disposition: 'missed', lossReason: 'gateway_lost', answeredAt: null } as const;
    const ended = { by: 'gateway', reason: 'gateway_lost', sip: null } as const;
    const call = endedCall(1, { ...lost, ended });
    await house.spool(call, wavBytes(1));
    house.calls.set(call.id, withoutCaller(call, false));
    expect(await sweepOf(house)).toEqual([]);
    expect(await readdir(house.config.recordings.spool)).toEqual([]);
    expect((await house.kept()).filter((name) => name.includes(call.id))).toEqual([]);
  });
});

describe('what the recording lacks', () => {
  const told = { startedAt: '2026-11-21T10:12:05.000Z', paused: [{ atSeconds: 8, seconds: 30 }] };
  const masked = [{ fromSeconds: 2, toSeconds: 4 }];
  /** Masked from 2.5 to 4.6 s; one channel falls silent a sample before the other and rises a sample later. */
  const left = (n: number) => (n >= 20_000 && n < 36_800 ? 0 : 1000);
  const right = (n: number) => (n >= 19_999 && n < 36_801 ? 0 : 1000);
  const inFile = { ...told, paused: [{ atSeconds: 8.6, seconds: 30 }], masked: [{ fromSeconds: 2.5, toSeconds: 4.6 }] };

  function maskedCall() {
    const call = endedCall(10);
    call.recording = { ...call.recording, ...told, masked };
    return call;
  }

  it('is told where it is in the file, however often it is asked, and beside it too', async () => {
    const house = await openHouse();
    const call = maskedCall();
    await house.spool(call, wavBytes(10, left, right));
    const first = await house.settler.settle(call, true);
    expect(first).toMatchObject({ status: 'ready', ...inFile });
    expect(await house.settler.settle(call, true)).toEqual(first);
    expect(await house.vault.manifest(baseName(call))).toMatchObject({ paused: inFile.paused, masked: inFile.masked });
  });

  it('is put in proportion where the clock of FreeSWITCH says that the file should be shorter', async () => {
    const house = await openHouse();
    const call = endedCall(10);
    call.recording = { ...call.recording, ...told };
    await house.spool(call, wavBytes(10));
    const { paused } = await house.settler.settle(call, true, 9);
    expect(paused).toEqual([{ atSeconds: 8.889, seconds: 30 }]);
  });

  it('is missed by the clock of FreeSWITCH where that is known, however late we heard of the end', async () => {
    const house = await openHouse();
    const [late, brokenOff] = [endedCall(12), endedCall(12)];
    brokenOff.recording = { ...brokenOff.recording, ...told };
    await house.spool(late, wavBytes(10));
    await house.spool(brokenOff, wavBytes(10));
    expect(await house.settler.settle(late, true, 10)).toMatchObject({ status: 'ready', reason: null });
    // Where it broke off is not where it should have ended: nothing follows from its length.
    expect(await house.settler.settle(brokenOff, true, 12)).toMatchObject({ reason: 'shorter_than_talk', ...told });
  });

  it('is known also where there is no file, and where one is found later', async () => {
    const house = await openHouse();
    const call = maskedCall();
    call.recording = await house.settler.settle(call, true);
    expect(call.recording).toMatchObject({ status: 'failed', reason: 'no_file', ...told, masked });
    await house.spool(call, wavBytes(10, left, right));
    expect(await house.settler.settle(call, true)).toMatchObject({ status: 'ready', ...inFile });
  });

  it('is as it was told in what was settled before it was kept beside the file', async () => {
    const house = await openHouse();
    const call = maskedCall();
    await house.spool(call, wavBytes(10, left, right));
    await house.settler.settle(call, true);
    const manifest = await house.vault.manifest(baseName(call));
    if (!manifest) throw new Error('no manifest');
    await house.vault.keepManifest(baseName(call), { ...manifest, paused: undefined, masked: undefined });
    expect(await house.settler.settle(call, true)).toMatchObject({ status: 'ready', ...told, masked });
  });
});

describe('the silences of a file', () => {
  it('are those of all its channels, over the borders of its pieces and up to its end', async () => {
    const loud = (n: number) => (n < 60_000 || (n >= 70_000 && n < 79_000) ? 1 : 0);
    const file = await fileOf(wavBytes(10, loud, (n) => (n === 75_000 ? 0 : loud(n))));
    expect((await measureWav(file, { silences: true }))?.silences).toEqual([
      { fromSeconds: 7.5, toSeconds: 8.75 },
      { fromSeconds: 9.875, toSeconds: 10 },
    ]);
  });

  it('are none where one channel is heard, or for less than a tenth of a second', async () => {
    const file = await fileOf(
      wavBytes(
        2,
        (n) => (n >= 8000 && n < 8799 ? 0 : 1),
        (n) => (n < 8000 || (n >= 8000 && n < 8799) ? 0 : 1),
      ),
    );
    expect((await measureWav(file, { silences: true }))?.silences).toEqual([]);
  });
});

describe('a file whose writer died', () => {
  const whole = wavBytes(1);
  it.each([
    ['a size of zero', 0],
    ['a size larger than the file', 0xffffffff],
    ['an old size', 4000],
  ])('with %s in its header is read to its end and repaired', async (_what, stated) => {
    const bytes = Buffer.concat([wavHeader(0), whole.subarray(44), Buffer.of(1, 2)]);
    bytes.writeUInt32LE(stated, 40);
    const file = await fileOf(bytes);
    const measured = await measureWav(file);
    expect(measured?.layout).toMatchObject({ dataBytes: 32_000, headerStale: true });
    // The half frame at its end is gone, and the header is that of a finished file.
    expect(await readFile(file)).toEqual(whole);
    expect(measured).toMatchObject({ bytes: whole.length, sha256: sha256(whole) });
  });

  it('is left alone where chunks follow the samples', async () => {
    const bytes = Buffer.concat([whole, Buffer.from('LIST\x04\0\0\0INFO', 'latin1')]);
    const measured = await measureWav(await fileOf(bytes));
    expect(measured).toMatchObject({ layout: { dataBytes: 32_000, headerStale: false }, sha256: sha256(bytes) });
  });
});

describe('the waveform', () => {
  it('has ten points a second for each side, the loudest sample in each', async () => {
    const file = await fileOf(
      wavBytes(
        1,
        (n) => (n === 850 ? -32_768 : 0),
        (n) => (n < 4000 ? 0 : 16_384),
      ),
    );
    const peaks = (await measureWav(file))?.meter.finish(['caller', 'business']);
    expect(peaks).toMatchObject({ durationSeconds: 1, secondsPerPoint: 0.1, channels: ['caller', 'business'] });
    expect(peaks?.peaks).toEqual([
      [0, 255, 0, 0, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 128, 128, 128, 128, 128],
    ]);
    expect(peaks && reducePeaks(peaks, 3).peaks).toEqual([
      [255, 0, 0],
      [0, 128, 128],
    ]);
  });

  it('is whole where the sound does not begin at a frame of the first piece, and goes on for several', async () => {
    // 40 s are five pieces; two bytes of a chunk before the samples move each frame over the pieces' borders.
    const sound = wavBytes(40, (n) => (n % 80_000 === 65_530 ? 32_767 : 0));
    const chunk = Buffer.from('junk\x02\0\0\0..', 'latin1');
    const bytes = Buffer.concat([sound.subarray(0, 36), chunk, sound.subarray(36)]);
    const measured = await measureWav(await fileOf(bytes));
    expect(measured).toMatchObject({ bytes: bytes.length, sha256: sha256(bytes), layout: { dataOffset: 54 } });
    const loud = measured?.meter.finish(['caller', 'business']).peaks[0]?.flatMap((peak, at) => (peak ? [at] : []));
    expect(loud).toEqual([81, 181, 281, 381]);
  });

  it('of four hours stays within its bound, and so does the memory that it takes', async () => {
    const file = await fileOf(wavHeader(4 * 3600 * 32_000));
    const handle = await open(file, 'r+');
    // Four hours of silence that take no place on the disk.
    await handle.truncate(44 + 4 * 3600 * 32_000);
    await handle.close();
    const before = process.memoryUsage().arrayBuffers;
    const measured = await measureWav(file);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
    const peaks = measured?.meter.finish(['caller', 'business']);
    expect(peaks?.durationSeconds).toBe(14_400);
    expect(peaks?.peaks[0]).toHaveLength(36_000);
  });
});

describe('the sweep of the spool', () => {
  it('settles what ended and was never settled, and tells it', async () => {
    const house = await openHouse();
    const call = endedCall(1);
    house.calls.set(call.id, call);
    await house.spool(call, Buffer.concat([wavHeader(0), wavBytes(1).subarray(44)]));
    expect(await sweepOf(house)).toEqual([`${call.id} ready`]);
    expect(await readdir(house.config.recordings.spool)).toEqual([]);
    expect((await house.archive.find(call.id, null))?.state).toBe('here');
  });

  it('tells it later where Redis was away', async () => {
    const house = await openHouse();
    const call = endedCall(1);
    house.calls.set(call.id, call);
    await house.spool(call, wavBytes(1));
    expect(await sweepOf(house, { away: [1] })).toEqual([`${call.id} ready`]);
  });

  it('leaves where it is what is no recording, and says so once', async () => {
    const house = await openHouse();
    const call = endedCall(1);
    house.calls.set(call.id, call);
    await house.spool(call, Buffer.from('no WAV'));
    expect(await sweepOf(house)).toEqual([`${call.id} failed`]);
    expect(await readdir(house.config.recordings.spool)).toHaveLength(1);
  });

  it('leaves calls that go on, here or elsewhere, and what is none of ours', async () => {
    const house = await openHouse();
    const [here, elsewhere] = [endedCall(1), endedCall(1, { endedAt: null })];
    house.calls.set(elsewhere.id, elsewhere);
    for (const call of [here, elsewhere]) await house.spool(call, wavBytes(1));
    await writeFile(join(house.config.recordings.spool, 'notes.wav'), 'x');
    expect(await sweepOf(house, { live: [here.id] })).toEqual([]);
    expect(await readdir(house.config.recordings.spool)).toHaveLength(3);
  });

  it('keeps a recording whose call nobody knows any more', async () => {
    const house = await openHouse();
    const call = endedCall(1);
    await house.spool(call, wavBytes(1));
    expect(await sweepOf(house)).toEqual([]);
    expect(await house.archive.find(call.id, null)).toMatchObject({ state: 'here', site: 'unknown' });
    expect(await house.archive.find(call.id, ['divan'])).toBeNull();
  });

  it.each([
    { status: 'deleted', reason: 'request' },
    { status: 'absent', reason: 'erased' },
  ] as const)('forgets what was not settled of a recording that is $status ($reason)', async (gone) => {
    const house = await openHouse();
    const call = endedCall(1);
    house.calls.set(call.id, { ...call, recording: { ...call.recording, ...gone } });
    await house.spool(call, wavBytes(1));
    expect(await sweepOf(house)).toEqual([]);
    expect(await readdir(house.config.recordings.spool)).toEqual([]);
    expect((await house.kept()).filter((name) => name.includes(call.id))).toEqual([]);
  });

  it('forgets what was begun of a call that nobody answered, unless its gateway died and could not know', async () => {
    const house = await openHouse();
    const unanswered = { answeredAt: null, disposition: 'missed' } as const;
    const lost = endedCall(1, { ...unanswered, lossReason: 'caller_hung_up' });
    const ended = (reason: EndReason) => ({ by: 'gateway', reason, sip: null }) as const;
    const cut = endedCall(1, { ...unanswered, lossReason: 'gateway_lost', ended: ended('link_lost') });
    const orphan = endedCall(1, { ...unanswered, lossReason: 'gateway_lost', ended: ended('gateway_lost') });
    for (const call of [lost, cut, orphan]) {
      house.calls.set(call.id, call);
      await house.spool(call, wavBytes(1));
    }
    expect(await sweepOf(house)).toEqual([`${orphan.id} ready`]);
    expect(await readdir(house.config.recordings.spool)).toEqual([]);
    expect((await house.kept()).filter((name) => name.includes(lost.id))).toEqual([]);
  });

  it('clears away what a gateway was writing when it died, and nothing that is being written', async () => {
    const house = await openHouse();
    const { local } = house.vault;
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    async function* endless() {
      yield wavBytes(1);
      await finished;
    }
    const [died, lives] = [local.write('divan/2026/11/21/a.wav', endless()), local.write('b.wav', endless())];
    const drafts = () => readdir(local.pathOf('.drafts'));
    await until('both are begun', async () => (await drafts()).length === 2);
    const [old = ''] = await drafts();
    const longAgo = new Date(Date.now() - 7_200_000);
    await utimes(local.pathOf(`.drafts/${old}`), longAgo, longAgo);
    await sweepOf(house, { now: Date.now });
    expect(await drafts()).toHaveLength(1);
    expect(await drafts()).not.toContain(old);
    finish();
    expect((await Promise.allSettled([died, lives])).map(({ status }) => status).toSorted()).toEqual([
      'fulfilled',
      'rejected',
    ]);
    expect(await drafts()).toEqual([]);
  });

  it('clears away the copy of what was settled', async () => {
    const house = await openHouse();
    const call = endedCall(1);
    await house.record(call);
    await house.spool(call, wavBytes(1));
    expect(await sweepOf(house)).toEqual([]);
    expect(await readdir(house.config.recordings.spool)).toEqual([]);
  });
});
