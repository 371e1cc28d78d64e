import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { Keys } from '../../src/redis/keys.js';

const PLACE = '<any>';

/** Names in the form of the document, whatever a place is called there. */
const plain = (name: string): string => name.replace(/^<c>/, '<p>v1:{calls}:').replace(/<[^>]*>/g, PLACE);

it('every key that Redis may hold is told of', async () => {
  const document = await readFile('docs/redis-keys.md', 'utf8');
  const rows = [...document.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => plain(name));
  const makers = Object.entries(new Keys('<p>')).filter(([, make]) => typeof make === 'function');
  expect(makers.length).toBeGreaterThan(50);
  for (const [maker, make] of makers as [string, (...parts: string[]) => string][]) {
    const name = plain(make(...Array.from({ length: make.length }, () => PLACE)));
    // Some are the beginning of names that a script finishes.
    const told = rows.some((row) => row === name || (name.endsWith(':') && row.startsWith(name)));
    expect(told, `${maker}: ${name}`).toBe(true);
  }
});
