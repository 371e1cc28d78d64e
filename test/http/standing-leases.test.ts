import { describe, expect, it } from 'vitest';
import type { Values } from '../../src/cli/command.js';
import { leases as leasesCommand } from '../../src/cli/commands/leases.js';
import { LeaseDesk } from '../../src/leases/desk.js';
import type { PoolPolicy } from '../../src/leases/ports.js';
import { RedisInventory } from '../../src/redis/inventory.js';
import { RedisLeases } from '../../src/redis/leases.js';
import { lend, visitor } from '../support/lender.js';
import { accessKey, serve } from '../support/http.js';
import { openRedis } from '../support/redis.js';
import { Screen } from '../support/terminal.js';

const POLICY: PoolPolicy = { lease: 60_000, maxLease: 600_000, quarantine: 30_000, low: 0.1, holders: 86_400_000 };
const numbered = (i: number): string => `+7495${1_000_000 + i}`;

/** A gateway's interface on a pool of the site "divan", and the command in front of it. */
async function open(size: number) {
  const { link, keys, raw, prefix } = await openRedis();
  const rows = Array.from({ length: size }, (_, i) => ({
    number: numbered(i),
    site: 'divan',
    kind: 'dynamic' as const,
    route: null,
    source: null,
    enabled: true,
  }));
  await new RedisInventory(link, keys).create(rows);
  const desk = new LeaseDesk(new RedisLeases(link, keys), (site) => (site === 'divan' ? POLICY : null));
  const url = await serve({
    leases: desk,
    keys: () => [accessKey('ops', 'ops', ['leases:read', 'leases:write'])],
  });
  const run = async (positionals: string[], values: Values = {}) => {
    const screen = new Screen({ CALLTRACK_KEY: 'ops' });
    const status = await leasesCommand.run({ url, ...values }, positionals, screen);
    return { status, out: screen.lines.join('\n') };
  };
  const shown = async () => (await run([], { site: 'divan' })).out.split('\n').map((line) => line.split(/ +/)[0]);
  return { raw, prefix, desk, run, shown };
}

describe('calltrack leases', () => {
  it('shows what stands on a site’s numbers, whoever wrote it, over all pages', async () => {
    const { raw, prefix, desk, run, shown } = await open(450);
    expect(await run([], { site: 'divan' })).toEqual({ status: 0, out: 'no lease stands now' });
    const { number } = await desk.allocate({ site: 'divan', session: visitor('a') });
    await lend(raw, prefix, numbered(449), 'divan', visitor('of-another-service'));
    await lend(raw, prefix, numbered(448), 'shop', visitor('of-another-site'));
    expect(await shown()).toEqual(['NUMBER', number, numbered(449)]);
    const { out } = await run([], { site: 'divan', json: true });
    expect(JSON.parse(out)).toMatchObject({
      leases: [{ session: { id: 'a' } }, { session: { id: 'of-another-service' } }],
    });
    await expect(run([], { site: 'nowhere' })).rejects.toThrow('"site" names no site of the configuration');
    await expect(run([])).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('lends, shows and releases by hand', async () => {
    const { run, shown } = await open(1);
    const lent = await run(['lend', 'desk-1'], { site: 'divan', seconds: '120' });
    expect(lent.out).toMatch(/^\+74951000000 is lent until \d{4}-/);
    expect((await run(['lend', 'desk-1'], { site: 'divan' })).out).toContain('is his still until');
    expect((await run(['lend', 'desk-2'], { site: 'divan' })).out).toBe('no number is free: none in its place');
    expect((await run(['show', numbered(0)])).out).toContain('desk-1');
    expect((await run(['release', numbered(0)])).out).toMatch(
      /^\+74951000000 is released: session desk-1 had it since/,
    );
    expect(await shown()).toEqual(['no']);
    await expect(run(['show', numbered(0)])).rejects.toThrow('404 GW_ERR_NOT_FOUND');
    await expect(run(['release', numbered(0)])).rejects.toThrow('404 GW_ERR_NOT_FOUND');
    await expect(run(['lend', 'x'], { site: 'divan', seconds: '1h' })).rejects.toMatchObject({ name: 'UsageError' });
    await expect(run(['steal', 'x'])).rejects.toMatchObject({ name: 'UsageError' });
    await expect(run(['show'])).rejects.toMatchObject({ name: 'UsageError' });
  });
});
