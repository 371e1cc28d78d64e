import type { Attribution, AttributionCandidate, Call } from '../call/call.js';
import type { Holder, KnownCaller, TrackingNumber } from '../call/ports.js';
import { AGE_EDGES, binOf, type CallRates, DEFAULT_RATES, DELAY_EDGES, endOf } from './call-rates.js';

/** `sites[].attribution` of the configuration. */
export interface AttributionRules {
  /** How long after the end of his lease a holder may still call. */
  graceSeconds: number;
  /** How long an attributed call speaks for later calls of the same caller; 0: not at all. */
  returningDays: number;
  /** Share of all that speaks for anybody at which the first candidate is taken for certain. */
  sureFrom: number;
}

/** What was known when the INVITE came: one admission's answer. */
export interface VerdictQuestion {
  number: TrackingNumber | null;
  /** The lease that covers the INVITE's arrival. */
  lease: Holder | null;
  /** Holders up to then, the most recent first. */
  holders: readonly Holder[];
  /** Whose this caller was at his last attributed call. */
  known?: KnownCaller | null;
}

/**
 * How often another visitor's phone is one that has called as this candidate: hardly anybody who has called comes back
 * under another visitor id and is lent the same number out of the whole pool.
 */
const STRANGER_WITH_KNOWN_PHONE = 0.001;
/** One caller of five calls again; half of them within an hour (Lomax distribution, shape 1). */
const CALLS_AGAIN = 0.2;
const CALLS_AGAIN_SCALE_SECONDS = 3600;
const DAY_MS = 86_400_000;
/** Below an even chance a booking would be wrong more often than right. */
const BOOKED_FROM = 0.5;

/**
 * Whose call is it: a pure function from what admission returned to the verdict. The answer is frozen into the call;
 * what becomes of the lease afterwards does not touch it. `docs/attribution.md` tells each rule and its confidence.
 *
 * @param at when the INVITE came, ms since the epoch
 */
export function attribute(
  question: VerdictQuestion,
  at: number,
  rules: AttributionRules,
  rates: CallRates = DEFAULT_RATES,
): Attribution {
  const { number, lease, known = null } = question;
  if (number === null) return NO_VERDICT;
  if (number.kind === 'static') {
    return { ...NO_VERDICT, verdict: 'static', confidence: 1, rule: 'static-number', source: number.source };
  }
  const { named, others, otherPhone } = weigh(question, at, rules, rates);
  const [first] = named;
  if (!first) return { ...returning(known, at, rules), source: number.source };
  // Nobody else has had the number for as long as anybody may still call: nothing to weigh.
  if (lease && named.length === 1 && others === 0) return verdictOf('exact', 1, 'active-lease', lease, at, number);
  const measured = rates.measured ? '-measured' : '';
  const told = named.length > 1 ? named.map((candidate) => publicCandidate(candidate, at)) : [];
  const share = first.weight / (named.reduce((total, { weight }) => total + weight, 0) + others + otherPhone);
  // One candidate is not ambiguous, however much earlier holders take from his confidence. Among several, where the
  // number is somebody's now, the earlier holder may be likelier but never certain.
  const sure = named.length === 1 || (share >= rules.sureFrom && (lease === null || first.endedAt === null));
  if (first.weight < BOOKED_FROM) {
    const candidates = named.map((candidate) => publicCandidate(candidate, at));
    return { ...NO_VERDICT, verdict: 'ambiguous', rule: `nobody-likely${measured}`, source: number.source, candidates };
  }
  const [verdict, rule] = !sure
    ? (['ambiguous', `re-lent-number${measured}`] as const)
    : lease
      ? (['exact', `active-lease${measured}`] as const)
      : first.late
        ? (['returning', 'earlier-call'] as const)
        : (['grace', `last-holder${measured}`] as const);
  return { ...verdictOf(verdict, rounded(first.weight), rule, first.holder, at, number), candidates: told };
}

/** The caller gave the code that this visitor was shown: whatever the number says. */
export function judgedByCode(holder: Holder, at: number): Attribution {
  return verdictOf('promo', 1, 'promo-code', holder, at);
}

interface Candidate {
  holder: Holder;
  /** ms since the epoch; null while the lease goes on. */
  endedAt: number | null;
  /** His grace time is over. */
  late: boolean;
  /** This phone has called as him before; he is named however late it is. */
  again: boolean;
  /** Probability that it was him; what is missing to 1 over all holders is a stranger's. */
  weight: number;
}

/**
 * Everybody who may be calling: who has the number now, who had it before, and the one as whom this phone has called the
 * number before. Each calls at his own rate, so given that somebody calls, he is it with his share of all rates
 * (competing risks). Named are those within their grace time; `others` is the weight of all that had it earlier,
 * `otherPhone` that of whoever called instead of the one as whom this phone is known. Nobody
 * is named where only the caller's past speaks.
 */
function weigh(
  { lease, holders, known: lastKnown = null }: VerdictQuestion,
  at: number,
  { graceSeconds, returningDays }: AttributionRules,
  rates: CallRates,
): { named: Candidate[]; others: number; otherPhone: number } {
  const again = lastKnown === null ? 0 : callsAgain(lastKnown, at, returningDays);
  const known = again > 0 ? lastKnown : null;
  const present = holders.map((holder, i): Candidate => {
    const own = known?.leaseId === holder.leaseId ? again : 0;
    if (holder.leaseId === lease?.leaseId) {
      const rate = rates.age[binOf(AGE_EDGES, (at - holder.leasedAt) / 1000)] ?? 0;
      return { holder, again: own > 0, endedAt: null, late: false, weight: own || rate };
    }
    // A lease that was taken back before its time ended when we looked, as far as we know.
    const endedAt = Math.min(endOf(holders, i), at);
    const delay = (at - endedAt) / 1000;
    const late = delay > graceSeconds || graceSeconds === 0;
    // Who has called already does not call for the first time.
    const weight = own || (rates.delay[binOf(DELAY_EDGES, delay)] ?? 0);
    return { holder, again: own > 0, endedAt, late, weight };
  });
  if (present.every(({ late }) => late)) return { named: [], others: 0, otherPhone: 0 };
  const isCaller = known !== null && present.some(({ holder }) => isHis(holder, known));
  const candidates = oneForEachSession(isCaller ? weighCaller(present, known) : present);
  // As far as that call was not certain, somebody else is calling again.
  const otherPhone = isCaller ? (1 - known.confidence) * again : 0;
  const stray = rates.stray * (isCaller ? STRANGER_WITH_KNOWN_PHONE : 1);
  const total = candidates.reduce((sum, { weight }) => sum + weight, stray + otherPhone);
  // Only who is named gets an object with his share: most of a busy number's holders are not.
  const isNamed = ({ late, again }: Candidate): boolean => !late || again;
  const named = candidates.filter(isNamed).map((one) => ({ ...one, weight: one.weight / total }));
  return {
    named: named.sort((a, b) => b.weight - a.weight),
    others: candidates.reduce((sum, one) => (isNamed(one) ? sum : sum + one.weight / total), 0),
    otherPhone: otherPhone / total,
  };
}

/** Whoever came back in his quarantine got the same number again: his leases speak for one person. */
function oneForEachSession(candidates: readonly Candidate[]): Candidate[] {
  const bySession = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const latest = bySession.get(candidate.holder.sessionId);
    const both = latest && {
      ...latest,
      weight: latest.weight + candidate.weight,
      again: latest.again || candidate.again,
    };
    bySession.set(candidate.holder.sessionId, both ?? candidate);
  }
  return [...bySession.values()];
}

/** How likely he is to call again now, in the unit of the call rates. */
function callsAgain({ at: lastAt }: KnownCaller, at: number, returningDays: number): number {
  const seconds = Math.max(0, at - lastAt) / 1000;
  if (seconds * 1000 > returningDays * DAY_MS) return 0;
  return (CALLS_AGAIN / CALLS_AGAIN_SCALE_SECONDS) * (1 + seconds / CALLS_AGAIN_SCALE_SECONDS) ** -2;
}

/** The phone has called before, as one of the candidates: the others hardly have the same one. */
function weighCaller(candidates: readonly Candidate[], known: KnownCaller): Candidate[] {
  return candidates.map((candidate) => {
    const factor = isHis(candidate.holder, known) ? known.confidence : STRANGER_WITH_KNOWN_PHONE;
    return { ...candidate, weight: candidate.weight * factor };
  });
}

function isHis({ sessionId, session }: Holder, known: KnownCaller): boolean {
  return (
    sessionId === known.session.id || (session.visitorId !== null && session.visitorId === known.session.visitorId)
  );
}

/** The person is certain; what fades is that no later visit brought him: by half until the time is over. */
function returning(known: KnownCaller | null, at: number, { returningDays }: AttributionRules): Attribution {
  const age = known === null ? Infinity : Math.max(0, at - known.at);
  if (known === null || age > returningDays * DAY_MS) return NO_VERDICT;
  return {
    ...NO_VERDICT,
    verdict: 'returning',
    confidence: rounded(known.confidence * (1 - age / (2 * returningDays * DAY_MS))),
    rule: 'earlier-call',
    leaseId: known.leaseId,
    session: known.session,
  };
}

function verdictOf(
  verdict: Attribution['verdict'],
  confidence: number,
  rule: string,
  holder: Holder,
  at: number,
  number?: TrackingNumber,
): Attribution {
  return {
    verdict,
    confidence,
    rule,
    leaseId: holder.leaseId,
    leaseAgeSeconds: seconds(at - holder.leasedAt),
    session: holder.session,
    source: number?.source ?? null,
    candidates: [],
  };
}

function publicCandidate({ holder, endedAt, weight }: Candidate, at: number): AttributionCandidate {
  return {
    leaseId: holder.leaseId,
    sessionId: holder.sessionId,
    weight: rounded(weight),
    leaseAgeSeconds: seconds(at - holder.leasedAt),
    leaseEndedSecondsAgo: endedAt === null ? null : seconds(at - endedAt),
  };
}

/** A writer's clock may be ahead of ours. */
const seconds = (ms: number): number => Math.max(0, Math.round(ms / 1000));
const rounded = (share: number): number => Math.round(share * 1000) / 1000;

/** Calls that are at least as likely his as not speak for the caller's later ones; a returning one does not renew itself. */
const REMEMBERED_FROM = 0.5;

/** What this call says of its caller; null where it says nothing. */
export function knownBy({ attribution }: Pick<Call, 'attribution'>): Omit<KnownCaller, 'at'> | null {
  const { verdict, session, leaseId, confidence } = attribution;
  if (session === null || verdict === 'returning' || confidence < REMEMBERED_FROM) return null;
  return { session, leaseId, confidence };
}

/** A person said whose call it was; null: nobody's. */
export function judgedByOperator(holder: Holder | null, at: number): Attribution {
  return holder ? verdictOf('exact', 1, 'operator', holder, at) : { ...NO_VERDICT, rule: 'operator' };
}

const NO_VERDICT: Attribution = {
  verdict: 'none',
  confidence: 0,
  rule: 'no-lease',
  leaseId: null,
  leaseAgeSeconds: null,
  session: null,
  source: null,
  candidates: [],
};

/** Redis did not answer in time: the call goes on, and a correction event follows once it does. */
export const DEFERRED: Attribution = { ...NO_VERDICT, verdict: 'deferred', rule: 'store-away' };
