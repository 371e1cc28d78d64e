import type { Call } from '../call/call.js';
import { numberPatterns } from '../history/numbers.js';
import type {
  CallHistory,
  CallPage,
  CallQuery,
  MissedPage,
  MissedQuery,
  OperatorQuery,
  OperatorRow,
} from '../history/query.js';
import { fits, planOf, type SearchPlan } from '../history/slots.js';
import { GatewayError } from '../lib/errors.js';
import { operatorsReport } from '../reports/operators.js';
import type { UseReader } from '../reports/ports.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { readMissed, type MissedReply } from './missed.js';
import { asArray, loadScript } from './scripts.js';

const searchScript = loadScript('search-calls');
const missedScript = loadScript('list-missed');

/** What one run of a script may spend: some 4 ms of Redis, which serves nobody else meanwhile. */
const BUDGET = 4_000;
/** Runs of one search: then the page goes out as it is, with a cursor to go on. */
const RUNS = 4;
const FOR_EVER = 1e15;

interface Found {
  /** Place from below which to go on; null where nothing follows. */
  next: number | null;
  total: number | null;
  docs: string[];
}

interface HistoryOptions {
  /** ISO 3166 codes by whose habits people type numbers. */
  countries: () => readonly string[];
  use: Pick<UseReader, 'callCounts'>;
  now?: () => number;
}

/** The history of calls, found by bitmaps (docs/history.md). */
export class RedisHistory implements CallHistory {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
    private readonly options: HistoryOptions,
  ) {}

  async search(query: CallQuery): Promise<CallPage> {
    const number = query.number === undefined ? null : numberPatterns(query.number, this.options.countries());
    if (query.number !== undefined && number === null) return { calls: [], next: null, approximateTotal: 0 };
    const plan = planOf(query, number);
    const cursor = readCursor(query.cursor ?? null);
    const calls: Call[] = [];
    let { place, total } = cursor;
    for (let run = 0; run < RUNS; run += 1) {
      const counting = run === 0 && cursor.place === null;
      const found = await this.#find(plan, query, place, query.limit - calls.length, counting);
      if (counting) total = found.total;
      for (const doc of found.docs) {
        const call = JSON.parse(doc) as Call;
        if (fits(call, query)) calls.push(call);
      }
      place = found.next;
      if (place === null || calls.length >= query.limit) break;
    }
    calls.sort((a, b) => b.startedAt.localeCompare(a.startedAt));
    return { calls, next: place === null ? null : `${place}.${total ?? ''}`, approximateTotal: total };
  }

  async generation(): Promise<string | null> {
    const [generation, ...rebuilding] = await this.link.send((client) =>
      client.hmget(this.keys.historyState(), 'generation', 'rebuild', 'asked'),
    );
    return rebuilding.some((field) => field !== null) ? null : (generation ?? '');
  }

  async missedQueue(query: MissedQuery): Promise<MissedPage> {
    const now = (this.options.now ?? Date.now)();
    const reply = await this.link.run({
      script: missedScript,
      keys: [this.keys.missed()],
      args: [
        this.keys.history(),
        this.keys.callPrefix(),
        query.view,
        query.sites === null ? '' : JSON.stringify(query.sites),
        readOffset(query.cursor ?? null),
        query.limit,
      ],
      read: (raw) => asArray(raw) as MissedReply,
    });
    return readMissed(reply, query.view, now);
  }

  async operators({ sites, from, to }: OperatorQuery): Promise<OperatorRow[]> {
    return operatorsReport(await this.options.use.callCounts(from, to), sites);
  }

  async #find(
    plan: SearchPlan,
    { from = 0, to = FOR_EVER }: CallQuery,
    place: number | null,
    most: number,
    counting: boolean,
  ): Promise<Found> {
    return this.link.run({
      script: searchScript,
      keys: [this.keys.historyState()],
      args: [
        this.keys.history(),
        this.keys.callPrefix(),
        JSON.stringify(plan),
        place ?? '',
        most,
        from,
        to,
        BUDGET,
        counting ? 1 : 0,
      ],
      read: (reply) => {
        const [next, total, ...docs] = asArray(reply).map(String);
        return { next: next === '-1' ? null : Number(next), total: total === '' ? null : Number(total), docs };
      },
    });
  }
}

/** `<place>.<total>`: a page after the first does not count again. */
function readCursor(cursor: string | null): { place: number | null; total: number | null } {
  if (cursor === null) return { place: null, total: null };
  const [, place, total] = /^(\d{1,12})\.(\d{0,12})$/.exec(cursor) ?? [];
  if (place === undefined) throw foreignCursor();
  return { place: Number(place), total: total === '' ? null : Number(total) };
}

function readOffset(cursor: string | null): number {
  if (cursor === null) return 0;
  if (!/^\d{1,6}$/.test(cursor)) throw foreignCursor();
  return Number(cursor);
}

const foreignCursor = (): GatewayError =>
  new GatewayError('GW_ERR_BAD_REQUEST', 'the cursor is not one that this search gave out');
