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

/** Where a page begins: below a place, which is one of a generation of the index; null: at the newest call. */
interface Position {
  generation: string;
  place: number;
}

interface Found {
  /** From where to go on; null where nothing follows. */
  next: Position | null;
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
    let { position, total } = cursor;
    for (let run = 0; run < RUNS; run += 1) {
      const counting = run === 0 && cursor.position === null;
      const found = await this.#find(plan, query, position, query.limit - calls.length, counting);
      if (counting) total = found.total;
      for (const doc of found.docs) {
        const call = JSON.parse(doc) as Call;
        if (fits(call, query)) calls.push(call);
      }
      position = found.next;
      if (position === null || calls.length >= query.limit) break;
    }
    calls.sort((a, b) => b.startedAt.localeCompare(a.startedAt));
    const next = position && `${position.generation}.${position.place}.${total ?? ''}`;
    return { calls, next, approximateTotal: total };
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
    position: Position | null,
    most: number,
    counting: boolean,
  ): Promise<Found> {
    const found = await this.link.run({
      script: searchScript,
      keys: [this.keys.historyState()],
      args: [
        this.keys.history(),
        this.keys.callPrefix(),
        JSON.stringify(plan),
        position?.place ?? '',
        most,
        from,
        to,
        BUDGET,
        counting ? 1 : 0,
        position?.generation ?? '',
      ],
      read: (reply): Found | null => {
        const [place, total, generation = '', ...docs] = asArray(reply).map(String);
        if (place === '-2') return null;
        const next = place === '-1' ? null : { generation, place: Number(place) };
        return { next, total: total === '' ? null : Number(total), docs };
      },
    });
    if (!found) throw staleCursor();
    return found;
  }
}

/** `<generation>.<place>.<total>`: a page after the first does not count again. */
function readCursor(cursor: string | null): { position: Position | null; total: number | null } {
  if (cursor === null) return { position: null, total: null };
  const [, generation, place, total] = /^(\d{1,15})\.(\d{1,12})\.(\d{0,12})$/.exec(cursor) ?? [];
  if (generation === undefined) throw foreignCursor();
  return { position: { generation, place: Number(place) }, total: total === '' ? null : Number(total) };
}

function readOffset(cursor: string | null): number {
  if (cursor === null) return 0;
  if (!/^\d{1,6}$/.test(cursor)) throw foreignCursor();
  return Number(cursor);
}

/** Its places are other calls' now: who went on would miss some, or see them twice. */
const staleCursor = (): GatewayError =>
  new GatewayError(
    'GW_ERR_BAD_REQUEST',
    'the index of the history was made anew since this cursor was given out: begin with the first page',
    { refusal: { reason: 'list_anew' } },
  );
const foreignCursor = (): GatewayError =>
  new GatewayError('GW_ERR_BAD_REQUEST', 'the cursor is not one that this search gave out');
