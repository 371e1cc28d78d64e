import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { CallChannels } from '../../../src/call/call-channels.js';
import type { HeldChannel } from '../../../src/call/call.js';
import { noResources } from '../../../src/call/document.js';

const channel = (resource: string): HeldChannel => ({ resource, token: `call:${resource}` });
const [inbound, first, second] = [[channel('trunk-in:a')], [channel('line:1')], [channel('line:2')]];

function open() {
  const resources = noResources('an edge');
  const released: string[] = [];
  let changes = 0;
  let asked = 0;
  const release = (held: HeldChannel[]) => {
    asked += 1;
    return Promise.resolve(void released.push(...held.map((one) => one.resource)));
  };
  const channels = new CallChannels(resources, { release }, () => (changes += 1));
  const held = () => resources.channels.map(({ resource }) => resource);
  return { channels, released, held, asked: () => asked, changes: () => changes };
}

/** Something on the wire, and how it goes. */
function leg() {
  let gone: () => void = () => undefined;
  const over = new Promise<void>((resolve) => (gone = resolve));
  return { over, gone: () => gone() };
}

describe('the channels of a call', () => {
  it('go back one by one, each behind its own leg', async () => {
    const { channels, released, held } = open();
    const [caller, phone] = [leg(), leg()];
    for (const one of [inbound, first, second]) channels.hold(one);
    channels.occupy(inbound, caller.over);
    channels.occupy(first, phone.over);
    let ended = false;
    const ending = channels.end().then(() => (ended = true));
    expect(released).toEqual(['line:2']); // nobody had dialled with it
    caller.gone();
    await nextTurn();
    expect(released).toEqual(['line:2', 'trunk-in:a']);
    expect(held()).toEqual(['line:1']);
    expect(ended).toBe(false);
    phone.gone();
    await ending;
    expect(released).toEqual(['line:2', 'trunk-in:a', 'line:1']);
    expect(held()).toEqual([]);
  });

  it('go back at once where they were granted after the end', async () => {
    const { channels, released, held, changes } = open();
    await channels.end();
    channels.hold(first);
    channels.occupy(first, Promise.resolve());
    await nextTurn();
    expect([released, held(), changes()]).toEqual([['line:1'], [], 0]);
  });

  it('go back once: where nothing is held any more, nobody is asked and nothing is noted', async () => {
    const { channels, asked, changes } = open();
    channels.hold(first);
    channels.occupy(first, Promise.resolve());
    channels.occupy(first, Promise.resolve());
    await nextTurn();
    expect([asked(), changes()]).toEqual([1, 2]);
  });

  it('go back where dialling failed by a fault of ours', async () => {
    const { channels, released } = open();
    channels.hold(first);
    channels.occupy(first, Promise.reject(new Error('a fault')));
    await nextTurn();
    expect(released).toEqual(['line:1']);
  });
});
