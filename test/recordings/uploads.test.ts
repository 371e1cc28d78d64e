import { rm } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { GatewayError } from '../../src/lib/errors.js';
import type { Call } from '../../src/call/call.js';
import type { Found } from '../../src/recordings/archive.js';
import { baseName } from '../../src/recordings/names.js';
import { WorkJournal } from '../../src/recordings/jobs/journal.js';
import { Vault } from '../../src/recordings/vault.js';
import { FakeS3 } from '../fakes/s3.js';
import { endedCall, openHouse, secretOf, type HouseOptions } from '../support/recording-house.js';
import { until } from '../support/until.js';
import { wavBytes } from '../support/wav-bytes.js';

const ENCRYPTION = [{ id: 'k1', secret: secretOf('a') }];
const wav = wavBytes(8);

async function open(options: HouseOptions & { fault?: FakeS3['fault'] } = {}) {
  const s3 = await FakeS3.start();
  if (options.fault) s3.fault = options.fault;
  const house = await openHouse({ s3: s3.config(), ...options });
  return { s3, house };
}
type House = Awaited<ReturnType<typeof openHouse>>;

const idle = (house: House) => until('the queue is empty', () => house.worker.backlog().recordings === 0);
const failedOnce = (house: House) => until('an upload has failed', () => house.told.includes('upload failed'));

async function soundOf(house: House, call: Call, start = 0, end = wav.length - 1): Promise<Buffer> {
  const found: Found | null = await house.archive.find(call.id, null);
  if (found?.state !== 'here') throw new Error(`is ${String(found?.state)}`);
  const sound = await house.archive.sound(found, 'wav', start, end);
  if (!sound) throw new Error('no sound');
  return await buffer(sound);
}

describe.each([
  ['in the clear', undefined],
  ['encrypted', ENCRYPTION],
])('a recording uploaded %s', (_how, encryption) => {
  const options = encryption ? { encryption } : {};

  it('leaves this disk when the store has confirmed it, and is read there by everybody', async () => {
    const { s3, house } = await open(options);
    const call = endedCall(8);
    await house.record(call, wav);
    await idle(house);
    expect(await house.kept()).toEqual(expect.not.arrayContaining([expect.stringContaining(call.id)]));
    const names = [...s3.objects.keys()];
    expect(names.map((name) => name.slice(name.indexOf('.')))).toEqual(['.wav', '.peaks.json', '.json']);
    expect(s3.objects.get(names[0] ?? '')?.bytes.equals(wav)).toBe(encryption === undefined);
    const elsewhere = await openHouse({ s3: s3.config(), ...options });
    elsewhere.calls.set(call.id, call);
    for (const each of [house, elsewhere]) {
      expect((await soundOf(each, call)).equals(wav)).toBe(true);
      expect((await soundOf(each, call, 70_000, 140_001)).equals(wav.subarray(70_000, 140_002))).toBe(true);
    }
    const here = await elsewhere.archive.find(call.id, null);
    expect(here?.state === 'here' && (await elsewhere.archive.peaks(here))?.peaks[0]).toHaveLength(80);
  });

  it('is served from this disk for as long as the store is away', async () => {
    const { house } = await open({ ...options, fault: () => 'unavailable' });
    const call = endedCall(8);
    await house.record(call, wav);
    await failedOnce(house);
    expect((await soundOf(house, call)).equals(wav)).toBe(true);
    expect(house.worker.backlog()).toMatchObject({ recordings: 1, reason: 'SlowDown' });
  });
});

describe('uploads', () => {
  it('are tried again until the store takes them, and everybody is told of long failure and its end', async () => {
    const { s3, house } = await open({ fault: () => 'unavailable', worker: { failingAfterMs: 0 } });
    await house.record(endedCall(8), wav);
    await until('it is told', () => house.told.includes('failing'));
    s3.fault = () => null;
    await idle(house);
    expect(house.told.filter((what) => what !== 'upload failed')).toEqual(['failing', 'upload done', 'recovered']);
    expect(house.worker.backlog()).toEqual({ recordings: 0, oldestSeconds: 0, reason: null });
  });

  it('outlive a restart: what is to be done stands on the disk', async () => {
    const { s3, house } = await open({ fault: () => 'unavailable' });
    const call = endedCall(8);
    await house.record(call, wav);
    await failedOnce(house);
    await house.worker.stop();
    s3.fault = () => null;
    const next = await openHouse({ s3: s3.config(), folder: house.folder });
    await next.worker.start();
    await idle(next);
    expect([...s3.objects.values()].some(({ bytes }) => bytes.equals(wav))).toBe(true);
    expect(await next.kept()).toEqual(expect.not.arrayContaining([expect.stringContaining(call.id)]));
  });

  it('may wait by the hundred thousand, as after a night without the store', async () => {
    const jobs = Array.from({ length: 150_000 }, (_, n) => {
      return { callId: `call-${n}`, base: `divan/call-${n}`, make: null, keepWav: true, since: Date.now() - 7_200_000 };
    });
    const { house } = await open();
    let release = (): void => undefined;
    const held = new Promise<null>((resolve) => (release = () => resolve(null)));
    const { worker } = await openHouse({
      worker: {
        journal: Object.assign(new WorkJournal(house.vault.local), { all: () => Promise.resolve(jobs) }),
        vault: Object.assign(new Vault(house.vault), { manifest: () => held }),
      },
    });
    await worker.start();
    expect(worker.backlog().recordings).toBe(jobs.length);
    expect(worker.backlog().oldestSeconds).toBeGreaterThanOrEqual(7_200);
    const stopped = worker.stop();
    release();
    await stopped;
  });

  it('that broke off after the last file only clear the disk', async () => {
    const { s3, house } = await open();
    const call = endedCall(8);
    await house.record(call, wav);
    await idle(house);
    const [base = ''] = [...s3.objects.keys()].map((name) => name.slice('kept/'.length, name.indexOf('.')));
    await house.vault.local.save(`${base}.wav`, wav);
    const asked = s3.asked.length;
    await house.worker.add({ callId: call.id, base, make: null, keepWav: true, since: Date.now() });
    await idle(house);
    expect(await house.vault.local.load(`${base}.wav`)).toBeNull();
    expect(s3.verbs.slice(asked)).not.toContain('PUT');
  });

  it('that broke off after the last file leave nothing here of what another gateway deleted meanwhile', async () => {
    const { house } = await open();
    const call = endedCall(8);
    const base = baseName(call);
    await house.vault.local.save(`${base}.wav`, wav);
    await house.facts.noteDeletion(call.id, { at: new Date().toISOString(), reason: 'caller_erased' });
    await house.worker.add({ callId: call.id, base, make: null, keepWav: true, since: Date.now() });
    await idle(house);
    expect(await house.vault.local.load(`${base}.wav`)).toBeNull();
  });

  it.each(['corrupt', 'stall'] as const)(
    'keep the local copy where the store does %s, and go on later',
    async (fault) => {
      const { s3, house } = await open({ fault: ({ what }) => (what === 'PUT' ? fault : null) });
      const call = endedCall(8);
      const slow = await openHouse({ s3: s3.config({ timeout: 1_000 }), folder: house.folder });
      await slow.record(call, wav);
      await failedOnce(slow);
      expect((await soundOf(slow, call)).equals(wav)).toBe(true);
      s3.fault = () => null;
      await idle(slow);
      expect((await soundOf(slow, call)).equals(wav)).toBe(true);
    },
  );

  it('do not happen for what was deleted meanwhile, here or by another gateway', async () => {
    const { s3, house } = await open({ fault: () => 'unavailable', worker: { lateMs: 20 } });
    const [mine, theirs] = [endedCall(8), endedCall(8)];
    const deletion = { at: new Date().toISOString(), reason: 'request' } as const;
    for (const call of [mine, theirs]) await house.record(call, wav);
    await until('both have failed', () => house.told.filter((what) => what === 'upload failed').length >= 2);
    await house.facts.noteDeletion(theirs.id, deletion);
    const found = await house.archive.find(mine.id, null);
    if (found?.state !== 'here') throw new Error('not here');
    // The store is away: nothing is removed there, and the request is to be repeated.
    await expect(house.archive.remove(found, mine.id, deletion)).rejects.toThrow();
    s3.fault = () => null;
    await house.archive.remove(found, mine.id, deletion);
    await idle(house);
    const left = async () => (await house.kept()).filter((name) => name.includes('.json') || name.includes('.wav'));
    await until('nothing is left here', async () => (await left()).length === 0);
    expect([...s3.objects.keys()]).toEqual([]);
  });

  it('that the store carries out after the recording was deleted are removed again', async () => {
    const s3 = await FakeS3.start();
    s3.fault = ({ what }) => (what === 'PUT' ? 'late' : null);
    const house = await openHouse({ s3: s3.config({ timeout: 500 }), worker: { lateMs: 1000 } });
    const call = endedCall(8);
    await house.record(call, wav);
    await failedOnce(house);
    const found = await house.archive.find(call.id, null);
    if (found?.state !== 'here') throw new Error('not here');
    await house.archive.remove(found, call.id, { at: new Date().toISOString(), reason: 'caller_erased' });
    expect(house.worker.backlog().recordings).toBe(0);
    s3.carryOut();
    await until('the store has it after all', () => s3.objects.size > 0);
    await until('it has gone again', () => s3.objects.size === 0);
    await until('nothing is left to do', async () => (await new WorkJournal(house.vault.local).all()).length === 0);
  });

  it('go on though the clock of the machine is set back', async () => {
    const { s3, house } = await open({ fault: () => 'unavailable' });
    await house.record(endedCall(8), wav);
    await failedOnce(house);
    const wall = Date.now.bind(Date);
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => wall() - 86_400_000);
    onTestFinished(() => clock.mockRestore());
    s3.fault = () => null;
    await until('it is uploaded', () => house.worker.backlog().recordings === 0, 10_000);
  });

  it('leave nothing of a first attempt there when another gateway deletes before the second', async () => {
    let refused = false;
    const { s3, house } = await open({
      fault: ({ what, key }) => {
        if (what !== 'PUT' || !key.endsWith('.peaks.json')) return null;
        refused = true;
        return 'unavailable';
      },
    });
    const call = endedCall(8);
    await house.record(call, wav);
    await until('half of it is there', () => refused && s3.objects.size === 1);
    await house.facts.noteDeletion(call.id, { at: new Date().toISOString(), reason: 'request' });
    await idle(house);
    expect([...s3.objects.keys()]).toEqual([]);
  });

  it('are given up where Redis cannot say that it was not deleted: later again', async () => {
    let away = true;
    const isDeleted = () =>
      away ? Promise.reject(new GatewayError('GW_ERR_REDIS_AWAY', 'away')) : Promise.resolve(false);
    const { s3, house } = await open({ worker: { isDeleted } });
    await house.record(endedCall(8), wav);
    await failedOnce(house);
    expect(s3.objects.size).toBe(0);
    away = false;
    await idle(house);
    expect(s3.objects.size).toBe(3);
  });

  it('whose file somebody took away fail by themselves and hold up nobody', async () => {
    const { s3, house } = await open({ fault: () => 'unavailable' });
    const [lost, other] = [endedCall(8), endedCall(8)];
    const info = await house.record(lost, wav);
    await failedOnce(house);
    await rm(house.vault.local.pathOf(info.file ?? ''));
    s3.fault = () => null;
    await house.record(other, wav);
    await until('the other one is there', () => [...s3.objects.keys()].some((name) => name.includes(other.id)));
    await until('one is left', () => house.worker.backlog().recordings === 1);
    await expect(soundOf(house, lost)).rejects.toThrow('no sound');
  });
});
