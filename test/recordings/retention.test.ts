import { spawnSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { DiskWatch } from '../../src/recordings/disk-watch.js';
import { newCallId } from '../../src/lib/ids.js';
import { baseName } from '../../src/recordings/names.js';
import { isOver, RetentionSweeper } from '../../src/recordings/retention.js';
import { RedisCallers } from '../../src/redis/callers.js';
import { FakeS3 } from '../fakes/s3.js';
import { endedCall, openHouse, secretOf } from '../support/recording-house.js';
import { until } from '../support/until.js';
import { wavBytes } from '../support/wav-bytes.js';

const DAY_MS = 86_400_000;
const GB = 1_000_000_000;
const ffmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
type House = Awaited<ReturnType<typeof openHouse>>;

const stateOf = async (house: House, callId: string) => (await house.archive.find(callId, null))?.state;
const idle = (house: House) => until('the queue is empty', () => house.worker.backlog().recordings === 0);

function sweeperOf(
  house: House,
  days: Record<string, number> = {},
  archive: Pick<House['archive'], 'remove'> = house.archive,
) {
  return new RetentionSweeper({
    stores: house.vault.stores,
    archive,
    facts: house.facts,
    audit: house.audit,
    retentionOf: (site) => (days[site] ?? 30) * DAY_MS,
    logger: house.logger,
  });
}

async function recordAged(house: House, days: number, site = 'divan') {
  const call = endedCall(1, { site, startedAt: new Date(Date.now() - days * DAY_MS).toISOString() });
  await house.record(call);
  return call;
}

describe('retention', () => {
  it('ends with the whole day that is older', () => {
    const now = Date.parse('2026-11-21T12:00:00Z');
    expect(isOver('2026/11/19', DAY_MS, now)).toBe(true);
    expect(isOver('2026/11/20', DAY_MS, now)).toBe(false);
    expect(isOver('lost+found', DAY_MS, now)).toBe(false);
  });

  it.each(['disk', 's3'])(
    'deletes from the store (%s) what is over by its site, except under a legal hold',
    async (store) => {
      const s3 = store === 's3' ? { s3: (await FakeS3.start()).config() } : {};
      const house = await openHouse(s3);
      const [young, old, held] = [await recordAged(house, 5), await recordAged(house, 40), await recordAged(house, 40)];
      const shops = await recordAged(house, 5, 'shop');
      await idle(house);
      const found = await house.archive.find(held.id, null);
      if (found?.state !== 'here') throw new Error('not here');
      await house.archive.setHold(found, { by: 'lawyer', at: new Date().toISOString(), reason: 'case 1' });
      await sweeperOf(house, { shop: 2 }).sweepWhereDue();
      const states = [young, old, held, shops].map(({ id }) => stateOf(house, id));
      expect(await Promise.all(states)).toEqual(['here', 'deleted', 'here', 'deleted']);
      expect(house.told).toEqual(
        expect.arrayContaining([`deleted ${old.id} retention`, `deleted ${shops.id} retention`]),
      );
      const { lines } = await house.audit.read({ cursor: null, limit: 10, call: null, sites: null });
      expect(lines.map(({ who, detail }) => `${who.name} ${String(detail['recordings'])}`)).toEqual([
        'retention 1',
        'retention 1',
      ]);
    },
  );

  it('holds too for what lies on this disk since recordings are kept in a store, and so does a legal hold', async () => {
    const before = await openHouse();
    const [young, old, held] = [
      await recordAged(before, 5),
      await recordAged(before, 40),
      await recordAged(before, 40),
    ];
    const kept = await before.archive.find(held.id, null);
    if (kept?.state !== 'here') throw new Error('not here');
    const at = new Date().toISOString();
    await before.archive.setHold(kept, { by: 'lawyer', at, reason: 'case 1' });
    const house = await openHouse({ s3: (await FakeS3.start()).config(), folder: before.folder });
    for (const call of before.calls.values()) house.calls.set(call.id, call);
    expect(await house.archive.hold(kept)).toMatchObject({ by: 'lawyer' });
    await expect(house.archive.remove(kept, held.id, { at, reason: 'request' })).rejects.toThrow('legal hold');
    await sweeperOf(house).sweepWhereDue();
    const states = [young, old, held].map(({ id }) => stateOf(house, id));
    expect(await Promise.all(states)).toEqual(['here', 'deleted', 'here']);
    await house.archive.setHold(kept, null);
    expect(await house.archive.hold(kept)).toBeNull();
  });

  it('deletes nothing early where the clock of one gateway is far ahead', async () => {
    const house = await openHouse();
    const [young, old] = [await recordAged(house, 5), await recordAged(house, 40)];
    const wall = Date.now.bind(Date);
    const ahead = vi.spyOn(Date, 'now').mockImplementation(() => wall() + 400 * DAY_MS);
    onTestFinished(() => ahead.mockRestore());
    await sweeperOf(house).sweepWhereDue();
    ahead.mockRestore();
    expect([await stateOf(house, young.id), await stateOf(house, old.id)]).toEqual(['here', 'deleted']);
  });

  it('goes on behind a recording that cannot be deleted, and the log has all that were', async () => {
    const house = await openHouse();
    const [first, stuck, last] = [
      await recordAged(house, 40),
      await recordAged(house, 40),
      await recordAged(house, 40),
    ];
    const others = await recordAged(house, 40, 'shop');
    const remove: typeof house.archive.remove = (found, callId, deletion) =>
      callId === stuck.id ? Promise.reject(new Error('EIO')) : house.archive.remove(found, callId, deletion);
    await sweeperOf(house, {}, { remove }).sweepWhereDue();
    const states = [first, stuck, last, others].map(({ id }) => stateOf(house, id));
    expect(await Promise.all(states)).toEqual(['deleted', 'here', 'deleted', 'deleted']);
    const { lines } = await house.audit.read({ cursor: null, limit: 10, call: null, sites: null });
    expect(lines.map(({ site, detail }) => [site, detail['recordings']])).toEqual([
      ['shop', 1],
      ['divan', 2],
    ]);
  });

  it('counts nothing that is no part of a recording', async () => {
    const house = await openHouse();
    const { file } = (await recordAged(house, 40)).recording;
    const stray = newCallId();
    await house.vault.local.save(`${(file ?? '').slice(0, -40)}${stray}.wav.part`, Buffer.from('x'));
    await sweeperOf(house).sweepWhereDue();
    expect(house.told).toHaveLength(1);
    expect(house.told[0]).not.toContain(stray);
  });

  it('is one gateway’s work each hour, and not done again by another', async () => {
    const house = await openHouse();
    await sweeperOf(house).sweepWhereDue();
    const old = await recordAged(house, 40);
    await sweeperOf(house).sweepWhereDue();
    expect(await stateOf(house, old.id)).toBe('here');
  });
});

describe('a legal hold in the moment of a deletion', () => {
  const hold = { by: 'lawyer', at: new Date().toISOString(), reason: 'case 1' };
  const deletion = { at: new Date().toISOString(), reason: 'retention' } as const;

  async function recorded() {
    const house = await openHouse();
    const call = endedCall(1);
    await house.record(call);
    const found = await house.archive.find(call.id, null);
    if (found?.state !== 'here') throw new Error('not here');
    return { house, call, found };
  }

  it('stops it where it stands before anything is gone', async () => {
    const { house, call, found } = await recorded();
    const note = house.facts.noteDeletion.bind(house.facts);
    house.facts.noteDeletion = async (...what) => {
      await house.archive.setHold(found, hold);
      await note(...what);
    };
    await expect(house.archive.remove(found, call.id, deletion)).rejects.toMatchObject({ code: 'GW_ERR_LEGAL_HOLD' });
    expect(await stateOf(house, call.id)).toBe('here');
    expect(await house.archive.hold(found)).toEqual(hold);
    expect(house.told).toEqual([]);
  });

  it('is refused where it comes too late', async () => {
    const { house, call, found } = await recorded();
    await house.archive.remove(found, call.id, deletion);
    await expect(house.archive.setHold(found, hold)).rejects.toMatchObject({ code: 'GW_ERR_RECORDING_DELETED' });
    expect((await house.kept()).filter((name) => name.includes(call.id))).toEqual([]);
  });
});

describe('a caller’s recordings', () => {
  it('are deleted wherever they are; what is under a legal hold stays', async () => {
    const house = await openHouse();
    const callers = new RedisCallers(house.link, house.keys);
    const [his, held, deleted] = [endedCall(1), endedCall(1), endedCall(1)];
    const anothers = endedCall(1, { caller: { ...his.caller, number: '+79160000009' } });
    for (const call of [his, held, deleted, anothers]) {
      await house.record(call);
      await callers.note(call);
    }
    const at = new Date().toISOString();
    for (const [call, act] of [
      [held, 'hold'],
      [deleted, 'delete'],
    ] as const) {
      const found = await house.archive.find(call.id, null);
      if (found?.state !== 'here') throw new Error('not here');
      if (act === 'hold') await house.archive.setHold(found, { by: 'lawyer', at, reason: 'case 1' });
      else await house.archive.remove(found, call.id, { at, reason: 'request' });
    }
    const outcome = await house.archive.removeOfCaller(his.caller.number ?? '', [], {
      at,
      by: 'dpo',
      from: '192.0.2.9',
    });
    expect(outcome).toEqual({ deleted: [his.id], held: [held.id], away: [] });
    expect(await stateOf(house, his.id)).toBe('deleted');
    expect(await stateOf(house, anothers.id)).toBe('here');
    expect(house.told).toContain(`deleted ${his.id} caller_erased`);
    const { lines } = await house.audit.read({ cursor: null, limit: 10, call: his.id, sites: ['divan'] });
    expect(lines).toMatchObject([
      {
        action: 'recording.delete',
        who: { kind: 'key', name: 'dpo' },
        from: '192.0.2.9',
        detail: { reason: 'caller_erased' },
      },
    ]);
  });

  it('are found after his calls have left Redis, and their site the configuration', async () => {
    const house = await openHouse();
    const his = endedCall(1, { site: 'closed', startedAt: new Date().toISOString() });
    await house.record(his);
    await new RedisCallers(house.link, house.keys).note(his);
    house.calls.delete(his.id);
    const asked = { at: new Date().toISOString(), by: 'dpo', from: null };
    const { deleted } = await house.archive.removeOfCaller(his.caller.number ?? '', [], asked);
    expect(deleted).toEqual([his.id]);
    expect((await house.kept()).filter((name) => name.includes(his.id))).toEqual([]);
  });

  it('are finished where a deletion broke off, as by a store that was away', async () => {
    const house = await openHouse();
    const his = endedCall(1);
    await house.record(his);
    await new RedisCallers(house.link, house.keys).note(his);
    const at = new Date().toISOString();
    // Noted as deleted before its files go.
    await house.facts.noteDeletion(his.id, { at, reason: 'caller_erased' });
    const again = () => house.archive.removeOfCaller(his.caller.number ?? '', [], { at, by: 'dpo', from: null });
    expect((await again()).deleted).toEqual([his.id]);
    expect((await house.kept()).filter((name) => name.includes(his.id))).toEqual([]);
    expect((await again()).deleted).toEqual([]);
  });

  it('on a disk that only another gateway has are named, and the rest is done', async () => {
    const house = await openHouse();
    const callers = new RedisCallers(house.link, house.keys);
    const [his, away] = [endedCall(1), endedCall(1)];
    await house.record(his);
    house.calls.set(away.id, { ...away, gateway: 'gw-2', recording: { ...his.recording } });
    for (const call of [away, his]) await callers.note(call);
    const asked = { at: new Date().toISOString(), by: 'dpo', from: null };
    const outcome = await house.archive.removeOfCaller(his.caller.number ?? '', [], asked);
    expect(outcome).toEqual({ deleted: [his.id], held: [], away: [{ callId: away.id, gateway: 'gw-2' }] });
    expect(await stateOf(house, his.id)).toBe('deleted');
  });
});

describe('the disk', () => {
  it('is low below the limit, and has room again only with a tenth more', async () => {
    const house = await openHouse();
    let free = 2 * GB;
    const told: string[] = [];
    const watch = new DiskWatch({
      folders: ['spool', 'kept'],
      minFreeBytes: () => GB,
      onChange: (low, bytes) => told.push(`${low ? 'low' : 'room'} ${bytes / GB}`),
      logger: house.logger,
      // Another disk, with more room: the one with the least decides.
      freeBytes: (folder) => Promise.resolve(folder === 'spool' ? free : 9 * GB),
    });
    const looks: boolean[] = [];
    for (const gigabytes of [2, 0.9, 1.05, 1.2, 0.5]) {
      free = gigabytes * GB;
      await watch.look();
      looks.push(watch.low);
    }
    expect(looks).toEqual([false, true, true, false, true]);
    expect(told).toEqual(['low 0.9', 'room 1.2', 'low 0.5']);
  });

  it('that cannot be asked counts as it did', async () => {
    const house = await openHouse();
    const freeBytes = () => Promise.reject(new Error('EIO'));
    const watch = new DiskWatch({
      folders: ['x'],
      minFreeBytes: () => GB,
      onChange: () => undefined,
      logger: house.logger,
      freeBytes,
    });
    await watch.look();
    expect(watch).toMatchObject({ low: false, freeBytes: null });
  });
});

describe.skipIf(!ffmpeg)('a format made by ffmpeg (skipped where there is none)', () => {
  it.each([
    ['mp3', true, undefined],
    ['opus', false, undefined],
    ['opus', true, [{ id: 'k1', secret: secretOf('a') }]],
  ] as const)('%s, WAV kept: %s', async (format, keepWav, encryption) => {
    const house = await openHouse({
      recordings: { format, keepWav },
      ...(encryption && { encryption: [...encryption] }),
    });
    const call = endedCall(3);
    await house.record(call, wavBytes(3));
    await idle(house);
    expect(house.told).toEqual(['transcode done', ...(keepWav ? [] : [`now ${format}`])]);
    const found = await house.archive.find(call.id, null);
    if (found?.state !== 'here') throw new Error('not here');
    expect(found.manifest.files.map((file) => file.format).toSorted()).toEqual(keepWav ? [format, 'wav'] : [format]);
    const file = found.manifest.files.find((one) => one.format === format);
    const sound = await house.archive.sound(found, format, 0, (file?.bytes ?? 0) - 1);
    const decoded = spawnSync(
      'ffmpeg',
      ['-v', 'error', '-i', 'pipe:0', '-f', 's16le', '-ac', '2', '-ar', '8000', 'pipe:1'],
      {
        input: await buffer(sound ?? Readable.from([])),
      },
    );
    expect(decoded.stdout.length / 32_000).toBeCloseTo(3, 0);
    expect((await house.kept()).filter((name) => name.endsWith('.wav'))).toHaveLength(keepWav ? 1 : 0);
  });

  it.each([true, false])(
    'does not bring back what a gateway on the same disk deletes meanwhile, WAV kept: %s',
    async (keepWav) => {
      const house = await openHouse({ recordings: { format: 'mp3', keepWav } });
      const peer = await openHouse({ folder: house.folder });
      const call = endedCall(1);
      peer.calls.set(call.id, call);
      const keep = house.vault.keep.bind(house.vault);
      let removed = false;
      house.vault.keep = async (name, content) => {
        if (name.endsWith('.mp3')) {
          const deletion = { at: call.startedAt, reason: 'request' } as const;
          await house.facts.noteDeletion(call.id, deletion);
          await peer.archive.remove({ base: baseName(call) }, call.id, deletion);
          removed = true;
        }
        await keep(name, content);
      };
      await house.record(call);
      await idle(house);
      expect(removed).toBe(true);
      expect((await house.kept()).filter((name) => name.includes(call.id))).toEqual([]);
    },
  );

  it.each([
    ['and goes on', false],
    ['and finds it deleted', true],
  ])('leaves no WAV behind where it breaks off before that is removed, %s', async (_what, deleted) => {
    const house = await openHouse({ recordings: { format: 'mp3', keepWav: false } });
    const remove = house.vault.local.remove.bind(house.vault.local);
    const call = endedCall(1);
    let broken = false;
    house.vault.local.remove = async (name) => {
      if (broken || !name.endsWith('.wav')) return remove(name);
      broken = true;
      if (deleted) await house.facts.noteDeletion(call.id, { at: call.startedAt, reason: 'request' });
      throw new Error('EIO');
    };
    await house.record(call);
    await idle(house);
    expect(broken).toBe(true);
    const left = (await house.kept()).filter((name) => name.includes(call.id));
    expect(left.map((name) => name.slice(name.indexOf('.')))).toEqual(deleted ? [] : ['.json', '.mp3', '.peaks.json']);
  });
});

it('a format that cannot be made leaves the WAV where it is', async () => {
  const path = process.env['PATH'];
  process.env['PATH'] = '/nowhere';
  try {
    const house = await openHouse({ recordings: { format: 'mp3', keepWav: false } });
    const call = endedCall(1);
    await house.record(call);
    await idle(house);
    expect(house.told).toEqual(['transcode failed']);
    const found = await house.archive.find(call.id, null);
    expect(found).toMatchObject({ state: 'here', manifest: { files: [{ format: 'wav' }] } });
  } finally {
    process.env['PATH'] = path;
  }
});
