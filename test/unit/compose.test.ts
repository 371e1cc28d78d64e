import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const text = readFileSync('docker/compose.yaml', 'utf8');
const { services } = parse(text, { merge: true }) as {
  services: Record<string, { volumes?: string[]; image: string; build?: object }>;
};

it('what the compose stack mounts from here is here', () => {
  const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes);
  const ours = mounted.flatMap((mount) => /^(?:\$\{\w+:-)?(\.[^:}]*)/.exec(mount)?.[1] ?? []);
  expect(ours.length).toBeGreaterThan(4);
  for (const source of ours) expect(existsSync(join('docker', source)), source).toBe(true);
});

it('every variable that it demands stands in the example', () => {
  const example = readFileSync('docker/.env.example', 'utf8');
  for (const [, name = ''] of text.matchAll(/\$\{(\w+):\?/g)) expect(example).toMatch(new RegExp(`^${name}=$`, 'm'));
});

it('only one service builds an image', () => {
  const built = Object.values(services).flatMap(({ image, build }) => (build === undefined ? [] : [image]));
  const uses = Object.values(services).filter(({ image }) => built.includes(image));
  expect([built.length, uses.length]).toEqual([1, 1]);
});
