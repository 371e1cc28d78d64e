// One gateway as far as events go, to be killed at any moment: it writes calls and delivers what is queued.
import { pino } from 'pino';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisLink } from '../../src/redis/connection.js';
import { Keys } from '../../src/redis/keys.js';
import { RedisOutbox } from '../../src/redis/outbox.js';
import { Dispatcher } from '../../src/webhooks/dispatcher.js';
import { exampleCall, exampleChange } from '../redis/examples.js';

const [, , redisUrl = '', receiverUrl = '', secret = ''] = process.argv;
/** Calls that are written side by side. */
const WRITERS = 8;
const TYPES = ['call.received', 'call.ringing', 'call.answered', 'call.completed', 'recording.ready'] as const;
const PAUSE_MS = 10;

const link = new RedisLink({ url: redisUrl });
const keys = new Keys('chaos:');
const outbox = new RedisOutbox(link, keys, { limits: { probeFirstMs: 50 } });
// An attempt may take a second here, so that what a killed gateway held is free after two.
const dispatcher = new Dispatcher(
  outbox,
  pino({ level: 'silent' }),
  {},
  { timeouts: { connectMs: 500, totalMs: 1_000 } },
);
const store = new RedisCallStore(link, keys, {}, { onQueued: (endpoints) => dispatcher.poke(endpoints) });
let writing = true;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Until it is written: as the journal of a call does, an outage is waited for. */
async function writeEvent(call: ReturnType<typeof exampleCall>, n: number): Promise<void> {
  const change = exampleChange(call, [TYPES[n - 1] ?? 'call.tagged'], { endpoints: ['crm'], first: n });
  for (;;) {
    try {
      await store.commit({ ...change, call: { ...call, tags: [{ name: `change-${n}`, by: 'chaos', at: '' }] } });
      return;
    } catch {
      await pause(50);
    }
  }
}

async function write(): Promise<void> {
  while (writing) {
    const call = exampleCall();
    for (let n = 1; n <= TYPES.length; n += 1) {
      await writeEvent(call, n);
      await pause(PAUSE_MS);
    }
  }
}

process.on('message', () => (writing = false));
process.on('disconnect', () => process.exit());
dispatcher.start([{ id: 'crm', url: receiverUrl, secret, allowPrivate: true }]);
await Promise.all(Array.from({ length: WRITERS }, write));
process.send?.('quiet');
