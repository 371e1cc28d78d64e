import type { Call, Disposition } from '../call/call.js';
import type { AdmissionQuery, CallerHistory, KnownCaller, RecentCall } from '../call/ports.js';
import { knownBy } from '../numbers/verdict.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asArray, asNumber, asStrings, fieldsOf, inRows, loadScript, type ScriptCall } from './scripts.js';

/** How far "has called before" looks back, and how many calls of one caller are kept one by one. */
const HISTORY_AGE_MS = 400 * 86_400_000;
const HISTORY_CALLS = 500;
const MOST_SITES = 50;
/** Calls of one range of numbers that are counted: as many as a rule may let in, and the one that is too many. */
const RANGE_CALLS = 1001;
/** A range is a block of a thousand numbers, as carriers get them. */
const RANGE_DIGITS = 3;

const historyScript = loadScript('caller-history');
const pastScript = loadScript('caller-past');
const noteScript = loadScript('note-call');
const rangeScript = loadScript('range-calls');

/** What a caller's hash tag knows: of every site, until the number says which one counts. */
export interface CallerReply {
  ofSite(site: string): CallerHistory;
}

/** All of it, to be asked of a moment that has passed. */
export interface CallerPast {
  /** What was known when that call of his came: the call itself, and what has come since, left out. */
  before(call: { callId: string; at: number }, site: string): CallerHistory;
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

/** Of one caller, whole; nothing is written. */
export function pastCall(keys: Keys, caller: string): ScriptCall<CallerPast> {
  return { script: pastScript, keys: keysOf(keys, caller), args: [], read: readPast };
}

function readHistory(reply: unknown): CallerReply {
  const [flat, recentFlat] = asArray(reply).map(asStrings);
  const bySite = fieldsOf(flat ?? []);
  const recent = inRows(recentFlat ?? [], 2).map(([at, facts]) => ({ at: asNumber(at), ...readFacts(facts) }));
  return {
    ofSite: (site) => {
      const [lastAt, disposition] = split(bySite.get(`last:${site}`));
      const answeredAt = bySite.get(`answered:${site}`);
      return {
        previousCalls: Number(bySite.get(`n:${site}`) ?? 0),
        lastCallAt: lastAt,
        lastDisposition: readDisposition(disposition),
        lastAnsweredAt: answeredAt === undefined ? null : Number(answeredAt),
        known: readKnown(bySite.get(`who:${site}`)),
        recent: recent.filter((call) => call.site === site),
      };
    },
  };
}

function readPast(reply: unknown): CallerPast {
  const [flat, callsFlat] = asArray(reply).map(asStrings);
  const bySite = fieldsOf(flat ?? []);
  const calls = inRows(callsFlat ?? [], 3).map(([id, at, facts]) => ({ id, at: asNumber(at), ...readFacts(facts) }));
  return {
    before: ({ callId, at }, site) => {
      const ofSite = calls.filter((call) => call.site === site);
      const earlier = ofSite.filter((call) => call.id !== callId && call.at < at);
      const [last] = earlier;
      const known = readKnown(bySite.get(`who:${site}`));
      return {
        // There may have been more than are kept one by one.
        previousCalls: Math.max(0, Number(bySite.get(`n:${site}`) ?? 0) - (ofSite.length - earlier.length)),
        lastCallAt: last?.at ?? null,
        lastDisposition: last?.disposition ?? null,
        lastAnsweredAt: earlier.find(({ disposition }) => disposition === 'answered')?.at ?? null,
        known: known && known.at < at ? known : null,
        recent: [],
      };
    },
  };
}

/** `site|number|talk seconds|disposition` */
function readFacts(text: string | null | undefined): Omit<RecentCall, 'at'> & {
  site: string;
  disposition: Disposition | null;
} {
  const [site = '', trackingNumber = '', talk = '', disposition = ''] = (text ?? '').split('|');
  return {
    site,
    trackingNumber,
    talkSeconds: talk === '' ? null : Number(talk),
    disposition: readDisposition(disposition),
  };
}

const readDisposition = (text: string): Disposition | null => (text === '' ? null : (text as Disposition));

function readKnown(text: string | undefined): KnownCaller | null {
  const [at, who] = split(text);
  return at === null ? null : { ...(JSON.parse(who) as Omit<KnownCaller, 'at'>), at };
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

  /** Of ended calls that have waited for longer than `olderThanMs` for their caller's history to know them. */
  async due(olderThanMs: number, most: number): Promise<string[]> {
    const until = Date.now() - olderThanMs;
    return this.link.send((client) => client.zrangebyscore(this.keys.historyDue(), '-inf', until, 'LIMIT', 0, most));
  }

  async noted(marks: readonly string[]): Promise<void> {
    await this.link.send((client) => client.zrem(this.keys.historyDue(), ...marks));
  }

  /** Forgets a caller's history; how many calls it knew. */
  async forget(caller: string): Promise<number> {
    const known = await this.link.send((client) => client.zcard(this.keys.caller(caller)));
    await this.link.send((client) => client.del(...keysOf(this.keys, caller)));
    return known;
  }
}
