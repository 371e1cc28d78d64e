import { BRIEF_MS } from './behaviour.js';
import { behaviourOf, BEHAVIOURS, KINDS, type Kind } from './behaviours.js';
import { drawWay, type Way } from './ways.js';

/** What the first step of a route does with a call before the second one takes it. */
export const FAILURES = ['busy', 'declined', 'unreachable', 'no_answer'] as const;

/** One call as it is meant to go, drawn before it is placed. */
export interface Plan {
  kind: Kind;
  /** E.164; no two calls of a soak have the same. */
  caller: string;
  /** Which gateway gets it, from 0. */
  machine: number;
  /** How the caller comes, and how the business is rung. */
  from: Way;
  to: Way;
  /** INVITE → 180 of the business, and from there to its answer. */
  ringAfterMs: number;
  answerMs: number;
  talkMs: number;
  /** How long a caller waits who gives up. */
  giveUpMs: number;
  /** Where either side may do it: the business does. */
  byBusiness: boolean;
  /** What is masked or paused: again undone before the end. */
  undone: boolean;
  /** What lies between two who do something at one time; either may be first. */
  apartMs: number;
  /** What each presses who presses keys. */
  keys: { caller: string; business: string };
  failure: (typeof FAILURES)[number];
}

/** One talk in ten is of a second or less: what begins and ends at once goes wrong in ways of its own. */
const BRIEF_SHARE = 0.1;
const SHORTEST_MS = 150;
const LONGEST_MS = 20_000;
/** Of what is masked or paused. */
const UNDONE_SHARE = 0.7;
const KEYS = '0123456789*#';
const MOST_KEYS = 8;
/** INVITEs and re-INVITEs of two sides that are to cross do so within some milliseconds. */
const MOST_APART_MS = 12;

export function drawPlan(n: number, machines: number, random: () => number): Plan {
  const between = (low: number, high: number): number => Math.round(low + random() * (high - low));
  const keys = (): string =>
    Array.from({ length: between(1, MOST_KEYS) }, () => KEYS[Math.floor(random() * KEYS.length)]).join('');
  const kind = drawKind(random);
  const from = drawWay(random);
  return {
    kind,
    // An INVITE without SDP brings no key.
    from: kind === 'late-offer' && from === 'srtp' ? 'tls' : from,
    to: drawWay(random),
    caller: `+7916${String(1_000_000 + n)}`,
    machine: Math.floor(random() * machines),
    ringAfterMs: between(20, 600),
    answerMs: between(50, 2_000),
    talkMs: random() < BRIEF_SHARE ? between(SHORTEST_MS, BRIEF_MS) : between(BRIEF_MS, LONGEST_MS),
    giveUpMs: between(0, 2_000),
    byBusiness: random() < 0.5,
    undone: random() < UNDONE_SHARE,
    apartMs: between(-MOST_APART_MS, MOST_APART_MS),
    keys: { caller: keys(), business: keys() },
    failure: FAILURES[Math.floor(random() * FAILURES.length)] ?? 'busy',
    ...waysOf(kind),
  };
}

/** Only datagrams are lost. */
function waysOf(kind: Kind): Partial<Pick<Plan, 'from' | 'to'>> {
  const lossy = behaviourOf(kind).lossy;
  if (lossy === undefined) return {};
  return lossy === 'caller' ? { from: 'udp' } : { to: 'udp' };
}

function drawKind(random: () => number): Kind {
  let at = random() * KINDS.reduce((sum, kind) => sum + BEHAVIOURS[kind].weight, 0);
  return KINDS.find((kind) => (at -= BEHAVIOURS[kind].weight) < 0) ?? 'talk';
}
