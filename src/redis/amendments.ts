import type { AmendmentStore, StoredCall, WaitingAmendment } from '../call/amender.js';
import type { Amendment } from '../call/amendments.js';
import type { Call } from '../call/call.js';
import type { WrittenEvent } from '../call/ports.js';
import { indexEntry } from '../history/slots.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asNumber, asTexts, inRows, loadScript } from './scripts.js';

const amendScript = loadScript('amend-call');
const dropScript = loadScript('drop-amendment');
const queueScript = loadScript('queue-amendment');
const listScript = loadScript('list-amendments');

/** As long as the calls themselves. */
const LIFE_MS = 30 * 86_400_000;
const MOST_WAITING = 100;
const CALLS_AT_ONCE = 20;

/** Changes of calls from outside (`AmendmentStore` of call/amender.ts). */
export class RedisAmendments implements AmendmentStore {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
    /** As the call store's. */
    private readonly owner: string,
    /** Deliveries were queued for these endpoints. */
    private readonly onQueued: (endpoints: string[]) => void,
  ) {}

  async read(callId: string): Promise<StoredCall | null> {
    const [doc, sequence, closed] = await this.link.send((client) =>
      client.hmget(this.keys.call(callId), 'doc', 'seq', 'closed'),
    );
    if (typeof doc !== 'string') return null;
    return { call: JSON.parse(doc) as Call, sequence: asNumber(sequence), closed: closed === '1' };
  }

  async write(
    { call, sequence }: StoredCall,
    event: WrittenEvent,
    endpoints: string[],
    amendment: Amendment,
  ): Promise<'written' | 'changed'> {
    const outcome = await this.link.run({
      script: amendScript,
      keys: [
        this.keys.call(call.id),
        this.keys.events(),
        this.keys.endpoints(),
        this.keys.amendedCalls(),
        this.keys.amendments(call.id),
        this.keys.historyDue(),
      ],
      args: [
        call.id,
        sequence,
        JSON.stringify(call),
        this.keys.outboxPrefix(),
        JSON.stringify(amendment),
        event.id,
        event.type,
        event.timestamp,
        event.body,
        this.keys.history(),
        indexEntry(call),
        Date.parse(call.startedAt),
        call.caller.erased ? 1 : 0,
        ...endpoints,
      ],
      read: String,
    });
    if (outcome !== 'written') return 'changed';
    if (endpoints.length > 0) this.onQueued(endpoints);
    return 'written';
  }

  async queue(callId: string, amendment: Amendment): Promise<'queued' | 'closed' | 'full'> {
    return this.link.run({
      script: queueScript,
      keys: [this.keys.call(callId), this.keys.amendedCalls(), this.keys.amendments(callId)],
      args: [callId, JSON.stringify(amendment), MOST_WAITING, LIFE_MS],
      read: (reply) => (reply === 'queued' || reply === 'full' ? reply : 'closed'),
    });
  }

  async waiting(): Promise<WaitingAmendment[]> {
    return this.link.run({
      script: listScript,
      keys: [this.keys.amendedCalls()],
      args: [this.owner, this.keys.callPrefix(), this.keys.amendments(''), CALLS_AT_ONCE],
      read: (reply) =>
        inRows(asTexts(reply), 3).map(([callId = '', state, amendment = '']) => ({
          callId,
          living: state === 'living',
          amendment: JSON.parse(amendment) as Amendment,
        })),
    });
  }

  async drop(callId: string, amendment: Amendment): Promise<void> {
    await this.link.run({
      script: dropScript,
      keys: [this.keys.amendedCalls(), this.keys.amendments(callId)],
      args: [callId, JSON.stringify(amendment)],
      read: asNumber,
    });
  }
}
