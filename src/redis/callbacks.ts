import type { CallbackBook, CallbackReport, WaitingCaller } from '../history/query.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asTexts, inRows, loadScript } from './scripts.js';

const noteScript = loadScript('note-callback');

/** Calls back to those who wait in the queue of missed calls. */
export class RedisCallbacks implements CallbackBook {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  async note({ numbers, sites, at, talkSeconds }: CallbackReport): Promise<WaitingCaller[]> {
    return this.link.run({
      script: noteScript,
      keys: [this.keys.missed()],
      args: [
        this.keys.history(),
        sites === null ? '' : JSON.stringify(sites),
        at,
        Math.round(talkSeconds * 1000),
        ...numbers,
      ],
      read: (reply) =>
        inRows(asTexts(reply), 4).map(([site, callId = '', firstAt, tries]) => {
          return { site: site || null, callId, firstAt: Number(firstAt), tries: Number(tries) };
        }),
    });
  }
}
