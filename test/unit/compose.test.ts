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
  const demanded = new Set([...text.matchAll(/\$\{(\w+):\?/g)].map(([, name = '']) => name));
  expect(demanded.size).toBeGreaterThan(5);
  for (const name of demanded) expect(example).toMatch(new RegExp(`^${name}=$`, 'm'));
});

it('with TLS drachtio-server is started as without, and what TLS needs', () => {
  const read = (yaml: string) => parse(yaml, { merge: true }) as { services: { drachtio: { command: string[] } } };
  const [secure, plain] = [read(readFileSync('docker/compose.tls.yaml', 'utf8')), read(text)];
  const [secured, usual] = [secure, plain].map(({ services }) =>
    services.drachtio.command.map((word) => word.replace(/:\?[^}]*\}/, '}')),
  );
  const added = secured?.filter((word) => !usual?.includes(word));
  expect([...new Set(secured)].filter((word) => usual?.includes(word))).toEqual([...new Set(usual)]);
  expect(added).toEqual([
    'sips:${SIP_ADDRESS}:5061;transport=tls',
    ...['key', 'cert', 'chain'].flatMap((name) => [`--${name}-file`, `/etc/calltrack/tls/${name}.pem`]),
  ]);
});

it('only one service builds an image', () => {
  const built = Object.values(services).flatMap(({ image, build }) => (build === undefined ? [] : [image]));
  const uses = Object.values(services).filter(({ image }) => built.includes(image));
  expect([built.length, uses.length]).toEqual([1, 1]);
});
