import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { FreeSwitchEvent } from '../../../src/media/event-text.js';

describe("a FreeSWITCH event's headers", () => {
  it('are what JSON says they are, whatever stands in the others', () => {
    const name = fc.stringMatching(/^[A-Za-z_-]{1,12}$/);
    // Values may hold anything, other headers' text too.
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      name.map((other) => `x"${other}":"y`),
    );
    fc.assert(
      fc.property(
        fc.dictionary(name, value, { noNullPrototype: true }),
        name,
        fc.boolean(),
        (headers, absent, wide) => {
          const event = new FreeSwitchEvent(JSON.stringify(headers, null, wide ? 1 : 0));
          for (const [header, text] of Object.entries(headers)) expect(event.get(header)).toBe(text);
          if (!(absent in headers)) expect(event.get(absent)).toBeUndefined();
        },
      ),
      { numRuns: 500 },
    );
  });

  it('that are lists, cut off or no JSON at all are absent', () => {
    expect(new FreeSwitchEvent('{"a":["1","2"],"b":"2"}').get('a')).toBeUndefined();
    expect(new FreeSwitchEvent('{"a":"1').get('a')).toBeUndefined();
    expect(new FreeSwitchEvent('').get('a')).toBeUndefined();
  });
});
