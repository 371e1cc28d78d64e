import { describe, expect, it, onTestFinished } from 'vitest';
import type { Call } from '../../src/call/call.js';
import type { Command, Values } from '../../src/cli/command.js';
import { archive as archiveCommand } from '../../src/cli/commands/archive.js';
import { historyRebuild } from '../../src/cli/commands/history-rebuild.js';
import { CallArchive } from '../../src/history/archive.js';
import type { IndexState } from '../../src/history/rebuilder.js';
import { KeyRing } from '../../src/recordings/crypto/envelope.js';
import { SealedFiles } from '../../src/recordings/sealed-files.js';
import { DiskStore } from '../../src/recordings/storage/disk.js';
import { S3Store } from '../../src/recordings/storage/s3.js';
import { FakeS3 } from '../fakes/s3.js';
import { exampleCall } from '../redis/examples.js';
import { accessKey, serve } from '../support/http.js';
import { secretOf } from '../support/recording-house.js';
import { tempFolder } from '../support/temp-folder.js';
import { Screen } from '../support/terminal.js';

const ring = () => new KeyRing([{ id: 'k1', secret: secretOf('a') }]);
const CALLER = '+79160000001';

const callAt = (startedAt: string, number = CALLER, site = 'divan'): Call =>
  exampleCall({ startedAt, site, caller: { ...exampleCall().caller, number }, disposition: 'answered' });
const CALLS = [
  callAt('2026-10-20T23:59:59.000Z'),
  callAt('2026-10-21T10:00:00.000Z', '+79160000002'),
  callAt('2026-10-21T11:00:00.000Z', CALLER, 'shop'),
  callAt('2026-10-21T12:00:00.000Z'),
];

/** A gateway's interface on an archive. */
async function open(files: SealedFiles) {
  const archive = new CallArchive(files);
  await archive.write(
    CALLS.map((call, i) => ({ place: `1700000000000.${i}`, id: call.id, doc: JSON.stringify(call) })),
    () => Promise.resolve(true),
  );
  let index: IndexState = { state: 'ready', calls: null, left: 0, since: null };
  const url = await serve({
    archive,
    historyIndex: {
      state: () => {
        const now = index;
        index = now.left > 0 ? { ...now, left: now.left - 1 } : { state: 'ready', calls: null, left: 0, since: null };
        return Promise.resolve(now);
      },
      rebuild: () => {
        index = { state: 'rebuilding', calls: 2, left: 1, since: '2026-11-21T10:00:00.000Z' };
        return Promise.resolve();
      },
    },
    keys: () => [
      accessKey('ops', 'ops', ['calls:read', 'calls:write']),
      accessKey('shop', 'shop', ['calls:read'], ['shop']),
    ],
  });
  const get = async (path: string, key = 'ops') => {
    const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });
    return { status: answer.status, text: await answer.text() };
  };
  const run = async (command: Command, positionals: string[], values: Values = {}) => {
    const screen = new Screen({ CALLTRACK_KEY: 'ops' });
    const status = await command.run({ url, ...values }, positionals, screen);
    return { status, out: screen.lines.join('\n'), lines: screen.lines };
  };
  return { url, get, run };
}

const onDisk = async () => open(new SealedFiles(new DiskStore(await tempFolder()), ring()));
const idsIn = (text: string): string[] =>
  text.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as Call).id]));
const idsOf = (...which: number[]) => which.map((i) => CALLS[i]?.id);

describe('calltrack archive', () => {
  it.each(['disk', 's3'])('lists, exports and searches what is encrypted there (%s)', async (where) => {
    const s3 = where === 's3' ? new S3Store((await FakeS3.start()).config()) : null;
    if (s3) onTestFinished(() => s3.close());
    const { run } = await open(new SealedFiles(s3 ?? new DiskStore(await tempFolder()), ring()));
    expect(await run(archiveCommand, [])).toMatchObject({ status: 0, out: '2026-10-20\n2026-10-21' });
    expect((await run(archiveCommand, [], { from: '2026-10-21', json: true })).out).toBe('{"days":["2026-10-21"]}');

    const range = { from: '2026-10-20T23:00:00Z', to: '2026-10-21T12:00:00Z' };
    const { lines } = await run(archiveCommand, ['export'], range);
    expect(lines.flatMap(idsIn).toSorted()).toEqual(idsOf(0, 1, 2).toSorted());
    expect(JSON.parse(lines[0] ?? '')).toEqual(CALLS[0]);

    const found = await run(archiveCommand, ['find', CALLER], { from: '2026-10-21' });
    expect(found.lines[0]?.split('\n').map((line) => line.split(/ +/)[1])).toEqual(['CALL', ...idsOf(2, 3)]);
    const json = await run(archiveCommand, ['find', CALLER], { json: true });
    expect(json.lines.flatMap(idsIn).toSorted()).toEqual(idsOf(0, 2, 3).toSorted());
    expect((await run(archiveCommand, ['find', '+79169999999'])).out).toBe('no archived call of this number');
  });

  it('says what is wrong', async () => {
    const { run } = await onDisk();
    await expect(run(archiveCommand, ['export'], { from: '2026-10-21' })).rejects.toThrow('from when to when?');
    await expect(run(archiveCommand, ['export'], { from: 'noon' })).rejects.toThrow('--from: "noon" is no time');
    await expect(run(archiveCommand, ['find'])).rejects.toMatchObject({ name: 'UsageError' });
    await expect(run(archiveCommand, ['find', '8916'])).rejects.toThrow('400 GW_ERR_BAD_REQUEST');
  });
});

describe('/v1/calls', () => {
  it('says of a call whose day is in the archive that it may be there, and nothing of others', async () => {
    const { get } = await onDisk();
    const idAt = (at: string) => {
      const hex = Date.parse(at).toString(16).padStart(12, '0');
      return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
    };
    const there = await get(`/v1/calls/${idAt('2026-10-21T12:00:00Z')}`);
    expect(there.status).toBe(410);
    expect(JSON.parse(there.text)).toMatchObject({
      code: 'GW_ERR_CALL_ARCHIVED',
      detail: expect.stringContaining('/v1/calls/archive?day=2026-10-21') as string,
    });
    // The INVITE came just before the id was made.
    expect((await get(`/v1/calls/${idAt('2026-10-22T00:00:30Z')}`)).status).toBe(410);
    for (const id of [idAt('2026-10-23T12:00:00Z'), 'x', '0-7', '..', 'zzzzzzzz-zzzz-7zzz'])
      expect((await get(`/v1/calls/${id}`)).status).toBe(404);
  });

  it('gives archived calls of the sites that a key may see', async () => {
    const { get } = await onDisk();
    expect(idsIn((await get('/v1/calls/archive?day=2026-10-21', 'shop')).text)).toEqual(idsOf(2));
    expect(idsIn((await get(`/v1/calls/archive?day=2026-10-21&caller=%2B79160000002`)).text)).toEqual(idsOf(1));
    expect((await get('/v1/calls/archive?day=2026-10-21&caller=7916')).status).toBe(400);
    expect((await get('/v1/calls/archive/days', 'nobody')).status).toBe(401);
  });

  it('says of archived calls that cannot be read that they cannot, before anything of them is sent', async () => {
    const store = new DiskStore(await tempFolder());
    await open(new SealedFiles(store, ring()));
    const url = await serve({
      // The key has left the configuration.
      archive: new CallArchive(new SealedFiles(store, null)),
      keys: () => [accessKey('ops', 'ops', ['calls:read'])],
    });
    const answer = await fetch(`${url}/v1/calls/archive?day=2026-10-21`, { headers: { authorization: 'Bearer ops' } });
    expect([answer.status, await answer.json()]).toMatchObject([500, { code: 'GW_ERR_INTERNAL' }]);
    const none = await fetch(`${url}/v1/calls/archive?day=2026-10-19`, { headers: { authorization: 'Bearer ops' } });
    expect([none.status, await none.text()]).toEqual([200, '']);
  });

  it('tells how the index stands, and rebuilds it for who may', async () => {
    const { get, run, url } = await onDisk();
    expect(JSON.parse((await get('/v1/calls/index')).text)).toMatchObject({ state: 'ready' });
    expect(await run(historyRebuild, [], { status: true })).toMatchObject({ status: 0, out: 'the index is whole' });
    expect(await run(historyRebuild, [])).toMatchObject({ status: 0, out: 'the index is whole' });
    const post = (key: string) =>
      fetch(`${url}/v1/calls/index/rebuild`, { method: 'POST', headers: { authorization: `Bearer ${key}` } });
    expect((await post('shop')).status).toBe(403);
    const begun = await post('ops');
    expect({ status: begun.status, body: await begun.json() }).toMatchObject({ status: 202, body: { left: 1 } });
  });
});
