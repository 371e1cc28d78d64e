import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { DiskStore } from '../../src/recordings/storage/disk.js';

async function openFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'calltrack-store-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

it('a folder has one name for all gateways that start at once, and for those that come later', async () => {
  const folder = await openFolder();
  const asked: Promise<string>[] = [];
  for (let n = 0; n < 40; n += 1) {
    asked.push(new DiskStore(folder).identity());
    await nextTurn();
  }
  const names = await Promise.all(asked);
  expect(new Set(names).size).toBe(1);
  expect(names[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(await new DiskStore(folder).identity()).toBe(names[0]);
  expect(await readdir(join(folder, '.drafts'))).toEqual([]);
});

it('a name that a full disk has left empty is given anew', async () => {
  const folder = await openFolder();
  await writeFile(join(folder, '.store-id'), '');
  const name = await new DiskStore(folder).identity();
  expect(name).toMatch(/^[0-9a-f-]{36}$/);
  expect(await new DiskStore(folder).identity()).toBe(name);
});

it('a disk of their own has folders that are no site’s, and that nobody but root may look into', async () => {
  const folder = await openFolder();
  for (const name of ['divan', 'Shop_2.example-1', '.work', 'lost+found', 'System Volume Information'])
    await mkdir(join(folder, name), { recursive: true });
  expect(await new DiskStore(folder).folders('')).toEqual(['Shop_2.example-1', 'divan']);
});
