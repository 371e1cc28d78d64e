import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

interface Package {
  engines?: { node?: string };
}

const read = async (file: string): Promise<unknown> => JSON.parse(await readFile(file, 'utf8'));

/** One part of npm's ranges, as the lock file's packages write them: `^20.19.0`, `>= 18`, `18`, `20.x`, `*`. */
function allows(range: string, version: readonly number[]): boolean {
  const [, sign, ...digits] = /^(\^|>=)?\s*(\d+|\*)(?:\.(\d+))?(?:\.(\d+))?/.exec(range.trim()) ?? [];
  if (digits[0] === '*') return true;
  const floor = digits.map((digit) => Number(digit || 0));
  const differs = version.findIndex((number, at) => number !== floor[at]);
  const above = differs < 0 || (version[differs] ?? 0) > (floor[differs] ?? 0);
  return above && (sign === '>=' || version[0] === floor[0]);
}

it('every package of the lock file runs on each version of Node that we claim to', async () => {
  const { engines } = (await read('package.json')) as Package;
  const { packages } = (await read('package-lock.json')) as { packages: Record<string, Package> };
  const floors = [...(engines?.node ?? '').matchAll(/(\d+)\.(\d+)\.(\d+)/g)].map((found) => found.slice(1).map(Number));
  expect(floors.length).toBeGreaterThan(1);
  expect(packages['']?.engines).toEqual(engines);
  for (const [name, { engines: theirs }] of Object.entries(packages)) {
    const ranges = theirs?.node?.split('||') ?? ['*'];
    for (const floor of floors) {
      const runs = ranges.some((range) => allows(range, floor));
      expect(runs, `${name} wants ${ranges.join('||')}, we claim ${floor.join('.')}`).toBe(true);
    }
  }
});
