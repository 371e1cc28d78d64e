import { expect, it } from 'vitest';
import { sourceOf } from '../../../src/lib/source.js';

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['nonsense', 'invalid'],
])('%s counts as %s', (address, source) => {
  expect(sourceOf(address)).toBe(source);
});
