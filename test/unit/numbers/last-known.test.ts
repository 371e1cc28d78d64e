import { expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.js';
import { RememberedNumbers } from '../../../src/numbers/last-known.js';

const NUMBER = '+74951111111';

function configOf(numberRoute: string) {
  return configSchema.parse({
    engines: { mode: 'sandbox' },
    trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
    routes: ['day', 'night'].map((id) => ({ id, steps: [{ announce: 'silence_stream://1000' }] })),
    sites: ['divan', 'shop'].map((id) => ({ id, defaultRoute: 'day' })),
    numbers: [{ number: NUMBER, site: 'divan', kind: 'static', route: numberRoute }],
  });
}

it('leads a number of the file where the file leads it now, whatever its last call saw', () => {
  let config = configOf('day');
  const known = new RememberedNumbers(() => config);
  const seen = known.find(NUMBER);
  if (!seen) throw new Error('not known');
  known.remember(seen);
  config = configOf('night');
  expect(known.find(NUMBER)).toMatchObject({ site: 'divan', kind: 'static', route: 'night' });
});

it('leads others where their last call went, and of several sites none to what nobody knows', () => {
  const known = new RememberedNumbers(() => configOf('day'));
  const other = { number: '+74952222222', site: 'shop', kind: 'dynamic', route: 'night', source: null } as const;
  known.remember({ ...other, enabled: true });
  expect(known.find(other.number)).toMatchObject({ site: 'shop', route: 'night' });
  expect(known.find('+74953333333')).toBeNull();
});
