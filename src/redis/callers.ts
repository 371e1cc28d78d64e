import type { Call, Disposition } from '../call/call.js';
import type { AdmissionQuery, CallerHistory, KnownCaller, RecentCall } from '../call/ports.js';
import { knownBy } from '../numbers/verdict.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asArray, asNumber, asStrings, loadScript, type ScriptCall } from './scripts.js';

/** How far "has called before" looks back, and how many calls of one caller are kept one by one. */
const HISTORY_AGE_MS = 400 * 86_400_000;
const HISTORY_CALLS = 500;
const MOST_SITES = 50;
/** Calls of one range of numbers that are counted. */
const RANGE_CALLS = 1000;
/** A range is a block of a thousand numbers, as carriers get them. */
const RANGE_DIGITS = 3;

const historyScript = loadScript('caller-history');
const noteScript = loadScript('note-call');
const rangeScript = loadScript('range-calls');

/** What a caller's hash tag knows: of every site, until the number says which one counts. */
export interface CallerReply {
  ofSite(site: string): CallerHistory;
}

/** @param recent how many of his last calls to each site are wanted one by one */
export function historyCall(
  keys: Keys,
  query: AdmissionQuery,
  caller: string,
  recent: number,
): ScriptCall<CallerReply> {
  return {
    script: historyScript,
    keys: keysOf(keys, caller),
    args: [query.callId, query.at, HISTORY_AGE_MS, HISTORY_CALLS, query.trackingNumber, recent],
    read: readHistory,
  };
}

/** @param windowsMs the longest first */
export function rangeCall(
  keys: Keys,
  query: AdmissionQuery,
  caller: string,
  windowsMs: number[],
): ScriptCall<number[]> {
  return {
    script: rangeScript,
    keys: [keys.callerRange(caller.slice(0, -RANGE_DIGITS))],
    args: [query.callId, query.at, RANGE_CALLS, ...windowsMs],
    read: (reply) => asArray(reply).map(asNumber),
  };
}

function readHistory(reply: unknown): CallerReply {
  const [flat, recentFlat] = asArray(reply).map(asStrings);
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < (flat?.length ?? 0); i += 2) fields.set(flat?.[i] ?? '', flat?.[i + 1] ?? '');
  const recent: (RecentCall & { site: string })[] = [];
  for (let i = 0; i + 1 < (recentFlat?.length ?? 0); i += 2) {
    const [site = '', trackingNumber = '', talk = ''] = (recentFlat?.[i + 1] ?? '').split('|');
    recent.push({
      at: asNumber(recentFlat?.[i]),
      site,
      trackingNumber,
      talkSeconds: talk === '' ? null : Number(talk),
    });
  }
  return {
    ofSite: (site) => {
      const [lastAt, disposition] = split(fields.get(`last:${site}`));
      const [knownAt, who] = split(fields.get(`who:${site}`));
      const answeredAt = fields.get(`answered:${site}`);
      return {
        previousCalls: Number(fields.get(`n:${site}`) ?? 0),
        lastCallAt: lastAt,
        lastDisposition: disposition === '' ? null : (disposition as Disposition),
        lastAnsweredAt: answeredAt === undefined ? null : Number(answeredAt),
        known: knownAt === null ? null : { ...(JSON.parse(who) as Omit<KnownCaller, 'at'>), at: knownAt },
        recent: recent.filter((call) => call.site === site),
      };
    },
  };
}

/** `<ms>|<text>` */
function split(value: string | undefined): [number | null, string] {
  if (value === undefined) return [null, ''];
  const bar = value.indexOf('|');
  return [Number(value.slice(0, bar)), value.slice(bar + 1)];
}

const keysOf = (keys: Keys, caller: string): string[] => [
  keys.caller(caller),
  keys.callerCalls(caller),
  keys.callerSites(caller),
];

/** What is kept of callers. All reject with GW_ERR_REDIS_AWAY. */
export class RedisCallers {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  /** Has the caller's history know this call as it is now; repeating it changes nothing. */
  async note(call: Call): Promise<void> {
    const { number } = call.caller;
    if (number === null || call.site === null) return;
    const known = knownBy(call);
    await this.link.run({
      script: noteScript,
      keys: keysOf(this.keys, number),
      args: [
        call.id,
        Date.parse(call.startedAt),
        call.site,
        call.trackingNumber,
        call.disposition ?? '',
        call.disposition === null ? '' : call.durations.talkSeconds,
        known ? JSON.stringify(known) : '',
        HISTORY_AGE_MS,
        MOST_SITES,
      ],
      read: asNumber,
    });
  }

  /** Ended calls that have waited for longer than `olderThanMs` for their caller's history to know them. */
  async due(olderThanMs: number, most: number): Promise<string[]> {
    const until = Date.now() - olderThanMs;
    return this.link.send((client) => client.zrangebyscore(this.keys.historyDue(), '-inf', until, 'LIMIT', 0, most));
  }

  async noted(callIds: readonly string[]): Promise<void> {
    await this.link.send((client) => client.zrem(this.keys.historyDue(), ...callIds));
  }

  /** Forgets a caller's history; how many calls it knew. */
  async forget(caller: string): Promise<number> {
    const known = await this.link.send((client) => client.zcard(this.keys.caller(caller)));
    await this.link.send((client) => client.del(...keysOf(this.keys, caller)));
    return known;
  }
}
