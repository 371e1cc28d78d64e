import type { Attribution, Call } from '../call/call.js';
import { isCapacityLoss } from '../routing/loss.js';
import { hasName, nameSlots } from './caller-names.js';
import { digitsOf, type NumberPatterns } from './numbers.js';
import type { CallQuery } from './query.js';

/**
 * How calls are found. Each call has a place in the history, and what it can be found by are **slots**: `d:missed` for a
 * disposition, `cb3=7` for "the third digit of the caller's number from its beginning is a 7". For each slot Redis keeps
 * a bitmap over the places, and a search is an AND of some of them (docs/history.md). This file says which slots a call
 * has and which a query asks for; `fits` says it exactly, since some slots stand for more than one thing. Whoever changes
 * which slots a call has raises VERSION in redis/scripts/lib/history.lua: then gateways rebuild the index.
 */

/** Words and tags share this many slots, two for each: their number is not bounded, slots must be. */
const HASHED = 512;
const MAX_WORDS = 24;
const MAX_TAGS = 50;
/** Talk times fall into classes that begin at these seconds; the first holds calls without a talk. */
const TALK_CLASSES = [
  0, 1, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 2700, 3600, 7200,
];

/**
 * What a call is found by: `<caller's digits>|<tracking number's digits>|<slots>`. Numbers are left whole, because Redis
 * cuts them into slots itself.
 */
export function indexEntry(call: Call): string {
  const { attribution, disposition, lossReason } = call;
  const slots = new Set([`v:${attribution.verdict}`, `t:${call.trunk}`]);
  if (call.site !== null) slots.add(`s:${call.site}`);
  if (disposition !== null) slots.add(`d:${disposition}`).add(`k${talkClass(call.durations.talkSeconds)}`);
  if (lossReason !== null) slots.add(`l:${lossReason}`);
  if (lossReason !== null && isCapacityLoss(lossReason)) slots.add('capacity');
  if (call.handled) slots.add('handled');
  if (call.handled?.callback) slots.add('calledback');
  for (const { target } of call.legs) slots.add(`g:${target}`);
  for (const { name } of call.tags.slice(0, MAX_TAGS)) for (const slot of tagSlots(name)) slots.add(slot);
  for (const slot of sourceSlots(call.attribution)) slots.add(slot);
  for (const slot of nameSlots(call.caller.name ?? '')) slots.add(slot);
  return `${digitsOf(call.caller.number)}|${digitsOf(call.trackingNumber)}|${[...slots].join(' ')}`;
}

/** Slots that must all be set. */
type All = string[];
/** What must hold: in each part, all slots of one alternative at least. */
export type SearchPlan = All[][];

/** @param number the query's number, read; null where it asks for none */
export function planOf(query: CallQuery, number: NumberPatterns | null): SearchPlan {
  const plan: SearchPlan = [];
  const all: All = [];
  if (query.sites !== null) plan.push(query.sites.map((site) => [`s:${site}`]));
  if (number) plan.push(numberAlternatives(number));
  if (query.disposition !== undefined) all.push(`d:${query.disposition}`);
  if (query.lossReason !== undefined) all.push(`l:${query.lossReason}`);
  if (query.verdict !== undefined) all.push(`v:${query.verdict}`);
  if (query.trunk !== undefined) all.push(`t:${query.trunk}`);
  if (query.target !== undefined) all.push(`g:${query.target}`);
  if (query.tag !== undefined) all.push(...tagSlots(query.tag));
  if (query.source !== undefined) all.push(...wordsOf(query.source).flatMap(hashed));
  if (query.callerName !== undefined) all.push(...nameSlots(query.callerName));
  if (query.minTalkSeconds !== undefined || query.maxTalkSeconds !== undefined) plan.push(talkAlternatives(query));
  // Every call has this one.
  if (all.length > 0 || plan.length === 0) plan.push([all.length > 0 ? [...new Set(all)] : ['all']]);
  return plan;
}

/** Whether a call found by its slots is one that was asked for. Times are looked at where the call was found. */
export function fits(call: Call, query: CallQuery): boolean {
  const { minTalkSeconds: least = 0, maxTalkSeconds: most = Infinity } = query;
  const talk = call.durations.talkSeconds;
  if ((query.minTalkSeconds ?? query.maxTalkSeconds) !== undefined && (talk < least || talk > most)) return false;
  if (query.callerName !== undefined && !hasName(call.caller.name, query.callerName)) return false;
  const tag = query.tag?.toLowerCase();
  if (tag !== undefined && !call.tags.some(({ name }) => name.toLowerCase() === tag)) return false;
  if (query.source === undefined) return true;
  const has = sourceWords(call.attribution);
  return wordsOf(query.source).every((word) => has.has(word));
}

/** Letters and digits, lower case; "sofas_summer-2026" has three. */
export function wordsOf(text: string): string[] {
  const words =
    text
      .normalize('NFKC')
      .slice(0, 1024)
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return [...new Set(words.map((word) => word.slice(0, 64)))];
}

/** A call is indexed with each of its changes, of which one in a hundred changes where it came from. */
const sourceSlotsOf = new WeakMap<Attribution, string[]>();

function sourceSlots(attribution: Attribution): string[] {
  const known = sourceSlotsOf.get(attribution);
  if (known) return known;
  const slots = [...sourceWords(attribution)].slice(0, MAX_WORDS).flatMap(hashed);
  sourceSlotsOf.set(attribution, slots);
  return slots;
}

function sourceWords({ session, source }: Attribution): Set<string> {
  const texts = session ? [...Object.values(session.utm), session.keyword] : [];
  return new Set([...texts, ...Object.values(source ?? {})].flatMap((text) => wordsOf(text ?? '')));
}

const tagSlots = (name: string): string[] => hashed(`tag ${name.toLowerCase()}`);

/** FNV-1a, the lower and the upper half of it: two words that share a slot seldom share both. */
function hashed(text: string): string[] {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return [`h${hash % HASHED}`, `h${(hash >>> 16) % HASHED}`];
}

function talkClass(seconds: number): number {
  return TALK_CLASSES.findLastIndex((from) => seconds >= from);
}

/** Calls that still go on have no talk time and are in no class. */
function talkAlternatives({ minTalkSeconds: least = 0, maxTalkSeconds: most = Infinity }: CallQuery): All[] {
  const [first, last] = [talkClass(least), talkClass(most)];
  return TALK_CLASSES.flatMap((_, n) => (n >= first && n <= last ? [[`k${n}`]] : []));
}

function numberAlternatives({ beginnings, endings }: NumberPatterns): All[] {
  const slots = (digits: string, side: string): All => Array.from(digits, (digit, i) => `${side}${i + 1}=${digit}`);
  return ['c', 'n'].flatMap((whose) => [
    ...beginnings.map((digits) => slots(digits, `${whose}b`)),
    ...endings
      .filter((digits) => digits.length <= 15)
      .map((digits) => slots(Array.from(digits).reverse().join(''), `${whose}e`)),
  ]);
}
