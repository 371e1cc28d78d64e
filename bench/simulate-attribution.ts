// npm run simulate:attribution [-- --seed N --visitors N]: how many calls are booked on the wrong visitor, here and by the
// plain rules "whoever has the number now" and "whoever had it last", on the same calls, and whether the stated
// confidence is true. docs/attribution.md tells the rule. Numbers are lent by a port of take-number.lua and
// lend-number.lua in memory: free the longest first, lease, extension, quarantine, the session that comes back gets its
// number, none with a call on it. Left out: two steps, releases, crashes, and other writers.
import { parseArgs } from 'node:util';
import type { Holder, KnownCaller, TrackingNumber } from '../src/call/ports.js';
import { addCounts, DEFAULT_RATES, noCounts, observe, ratesFrom } from '../src/numbers/call-rates.js';
import { attribute, knownBy, type AttributionRules } from '../src/numbers/verdict.js';
import { MAX_HOLDERS } from '../src/redis/admissions.js';

const RULES: AttributionRules = { graceSeconds: 900, returningDays: 30, sureFrom: 0.95 };
const CALLING_SHARE = 0.05;
/** Of those who have called, so many call again, on the average after so long. */
const REDIAL = { share: 0.15, meanSeconds: 5400 };
/** Of all visitors, so many look at a page again, on the average after so long. */
const COMING_BACK = { share: 0.1, meanSeconds: 600 };
const MEAN_TALK_SECONDS = 150;
/** A refused number is tried again after so long at the latest. */
const TALKING_RETRY_MS = 60_000;
/** Calls of nobody, for each number and day. */
const STRAYS_PER_DAY = 0.02;
/** From this visitor on it counts: before, a site has no measured rates. */
const WARM_UP = 0.3;

interface Site {
  name: string;
  numbers: number;
  visitorsPerHour: number;
  /** After the last look at the page the number stays his for so long. */
  leaseSeconds: number;
  quarantineSeconds: number;
  meanVisitSeconds: number;
  lateShare: number;
  /** Seconds after the lease's end, for a random number in (0, 1). */
  lateDelay: (random: number) => number;
}

const lomax = (scale: number, shape: number) => (u: number) => scale * ((1 - u) ** (-1 / shape) - 1);
const ordinary = {
  numbers: 60,
  visitorsPerHour: 300,
  leaseSeconds: 180,
  quarantineSeconds: 120,
  meanVisitSeconds: 240,
  lateShare: 0.2,
  lateDelay: lomax(600, 1.5),
};
const SITES: Site[] = [
  { ...ordinary, name: 'as the defaults assume' },
  { ...ordinary, name: 'pool under pressure, no quarantine', numbers: 36, quarantineSeconds: 0 },
  { ...ordinary, name: 'visitors who call late', lateShare: 0.45, lateDelay: lomax(1500, 2) },
  { ...ordinary, name: 'visitors who call at once', lateShare: 0.05, lateDelay: lomax(120, 3) },
  { ...ordinary, name: 'roomy pool', numbers: 300 },
];

/** mulberry32: the same calls for the same seed, anywhere. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface PlannedCall {
  at: number;
  /** Index of the number. */
  number: number;
  /** The session that it really was; null for a stray. */
  session: string | null;
  phone: string;
  counts: boolean;
  talkMs: number;
}

interface World {
  /** By number, the first lease first. */
  holders: Holder[][];
  calls: PlannedCall[];
  withoutNumber: number;
}

/** The lending rules of src/redis/scripts/take-number.lua and lend-number.lua. */
class Pool {
  readonly holders: Holder[][];
  /** When each number may be lent again. */
  readonly #freeAt: number[];
  readonly #own = new Map<string, { number: number; freeAt: number }>();

  constructor(
    private readonly site: Site,
    private readonly isTalking: (number: number, at: number) => number | null,
  ) {
    this.holders = Array.from({ length: site.numbers }, () => []);
    this.#freeAt = new Array<number>(site.numbers).fill(0);
  }

  /** The number; null: the pool is dry. */
  lend(session: string, now: number, until: number): number | null {
    const own = this.#own.get(session);
    if (own && own.freeAt > now) return this.#write(own.number, session, now, until);
    for (;;) {
      const number = this.#freeAt.reduce((best, at, i) => (at < (this.#freeAt[best] ?? Infinity) ? i : best), 0);
      if ((this.#freeAt[number] ?? Infinity) > now) return null;
      const talkingUntil = this.isTalking(number, now);
      if (talkingUntil === null) return this.#write(number, session, now, until);
      this.#freeAt[number] = Math.min(talkingUntil, now + TALKING_RETRY_MS) + 1;
    }
  }

  #write(number: number, session: string, now: number, until: number): number {
    const holders = this.holders[number] ?? [];
    const last = holders.at(-1);
    const extended = last?.sessionId === session && last.expiresAt > now;
    const expiresAt = extended ? Math.max(last.expiresAt, until) : until;
    if (extended) last.expiresAt = expiresAt;
    else holders.push(holderOf(session, now, expiresAt));
    const freeAt = expiresAt + this.site.quarantineSeconds * 1000;
    this.#freeAt[number] = freeAt;
    this.#own.set(session, { number, freeAt });
    return number;
  }
}

function play(site: Site, visitors: number, random: () => number): World {
  const exponential = (mean: number): number => -mean * Math.log(1 - random());
  const calls: PlannedCall[] = [];
  const byNumber = Array.from({ length: site.numbers }, (): PlannedCall[] => []);
  const pool = new Pool(site, (number, at) => {
    const talk = byNumber[number]?.find((call) => call.at <= at && at < call.at + call.talkMs);
    return talk ? talk.at + talk.talkMs : null;
  });
  const comingBack: { at: number; session: string }[] = [];
  let [now, withoutNumber] = [0, 0];
  const untilOf = (at: number) => at + exponential(site.meanVisitSeconds * 1000) + site.leaseSeconds * 1000;
  for (let n = 0; n < visitors; n += 1) {
    now += exponential(3_600_000 / site.visitorsPerHour);
    while (comingBack[0] && comingBack[0].at <= now) {
      const { at, session } = comingBack.shift() ?? { at: 0, session: '' };
      pool.lend(session, at, untilOf(at));
    }
    const expiresAt = untilOf(now);
    const number = pool.lend(`s${n}`, now, expiresAt);
    if (number === null) {
      withoutNumber += 1;
      continue;
    }
    if (random() < COMING_BACK.share) {
      comingBack.push({ at: now + exponential(COMING_BACK.meanSeconds * 1000), session: `s${n}` });
      comingBack.sort((a, b) => a.at - b.at);
    }
    if (random() >= CALLING_SHARE) continue;
    const planned: PlannedCall[] = [];
    planCalls(planned, site, { number, now, expiresAt, name: String(n) }, n / visitors, random);
    calls.push(...planned);
    byNumber[number] = [...(byNumber[number] ?? []).filter(({ at, talkMs }) => at + talkMs > now), ...planned];
  }
  const strays = (now / 86_400_000) * STRAYS_PER_DAY * site.numbers;
  for (let n = 0; n < strays; n += 1) {
    const at = random() * now;
    const number = Math.floor(random() * site.numbers);
    calls.push({ at, number, session: null, phone: `stray-${n}`, counts: at > now * WARM_UP, talkMs: 0 });
  }
  calls.sort((a, b) => a.at - b.at);
  return { holders: pool.holders, calls, withoutNumber };
}

function planCalls(
  calls: PlannedCall[],
  site: Site,
  { number, now, expiresAt, name }: { number: number; now: number; expiresAt: number; name: string },
  progress: number,
  random: () => number,
): void {
  const late = random() < site.lateShare;
  // Reading, dialling and the carrier take some seconds at least.
  const reading = 6000 + 8000 * random();
  const at = late
    ? expiresAt + site.lateDelay(random()) * 1000
    : now + reading + random() * Math.max(0, expiresAt - now - reading);
  const talkMs = -MEAN_TALK_SECONDS * 1000 * Math.log(1 - random());
  const call = { number, session: `s${name}`, phone: `p${name}`, counts: progress > WARM_UP, talkMs };
  calls.push({ ...call, at });
  if (random() < REDIAL.share) calls.push({ ...call, at: at - REDIAL.meanSeconds * 1000 * Math.log(1 - random()) });
}

function holderOf(id: string, leasedAt: number, expiresAt: number): Holder {
  const nothing = { source: null, medium: null, campaign: null, content: null, term: null };
  const ids = { keyword: null, gclid: null, yclid: null, gaClientId: null, ymClientId: null };
  const session = { id, visitorId: `v-${id}`, landingPage: null, referrer: null, utm: nothing, ...ids };
  return { leaseId: `l-${id}-${leasedAt}`, sessionId: id, site: 'shop', leasedAt, expiresAt, session };
}

const NUMBER: TrackingNumber = { number: '', site: 'shop', kind: 'dynamic', route: null, source: null, enabled: true };

/** Shares of all calls: booked on the right session, on a wrong one (a stray's on anybody), on nobody. */
interface Booked {
  right: number;
  wrong: number;
  unbooked: number;
}

function book(total: Booked, booked: string | null, truth: string | null): boolean {
  const isRight = booked !== null && booked === truth;
  if (booked === null) total.unbooked += 1;
  else if (isRight) total.right += 1;
  else total.wrong += 1;
  return isRight;
}

/** Beginnings of the bins of confidence. */
const CONFIDENCE_EDGES = [0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1] as const;

interface Judged extends Booked {
  measured: number;
  /** Named as `exact` or `grace`, and how many of them wrongly. */
  sure: number;
  sureWrong: number;
  ambiguous: number;
  /** Of what is booked: mean square of confidence minus truth. */
  brier: number;
  bins: { from: number; calls: number; right: number; confidence: number }[];
}

const nobody = (): Booked => ({ right: 0, wrong: 0, unbooked: 0 });

/** What the call's admission would have returned. */
function answerTo(holders: readonly Holder[], at: number) {
  let [low, high] = [0, holders.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((holders[middle]?.leasedAt ?? Infinity) <= at) low = middle + 1;
    else high = middle;
  }
  const before = holders.slice(Math.max(0, low - MAX_HOLDERS), low).reverse();
  const lease = before[0] && before[0].expiresAt > at ? before[0] : null;
  return { number: NUMBER, lease, holders: before };
}

/** The plain rules on the calls that count. */
function plain({ holders, calls }: World) {
  const [hasItNow, hadItLast] = [nobody(), nobody()];
  for (const { at, number, session, counts } of calls) {
    if (!counts) continue;
    const answer = answerTo(holders[number] ?? [], at);
    book(hasItNow, answer.lease?.sessionId ?? null, session);
    book(hadItLast, answer.holders[0]?.sessionId ?? null, session);
  }
  return { hasItNow, hadItLast };
}

function judgeAll({ holders, calls }: World, learning: boolean): Judged {
  const bins = CONFIDENCE_EDGES.map((from) => ({ from, calls: 0, right: 0, confidence: 0 }));
  const total = { ...nobody(), measured: 0, sure: 0, sureWrong: 0, ambiguous: 0, brier: 0, bins };
  const known = new Map<string, KnownCaller>();
  const sum = noCounts();
  let rates = DEFAULT_RATES;
  for (const [n, { at, number, session, phone, counts }] of calls.entries()) {
    const answer = { ...answerTo(holders[number] ?? [], at), known: known.get(phone) ?? null };
    const verdict = attribute(answer, at, RULES, rates);
    const remembered = knownBy({ attribution: verdict });
    if (remembered) known.set(phone, { ...remembered, at });
    if (learning) {
      const seen = answer.known ? null : observe(answer, at, MAX_HOLDERS);
      if (seen) addCounts(sum, seen);
      if (n % 100 === 0) rates = ratesFrom(sum);
    }
    if (!counts) continue;
    const booked = verdict.session?.id ?? null;
    const isRight = book(total, booked, session);
    total.measured += rates.measured ? 1 : 0;
    if (verdict.verdict === 'ambiguous') total.ambiguous += 1;
    if (verdict.verdict === 'exact' || verdict.verdict === 'grace') {
      total.sure += 1;
      total.sureWrong += isRight ? 0 : 1;
    }
    const bin = bins.findLast(({ from }) => verdict.confidence >= from);
    if (booked === null || !bin) continue;
    bin.calls += 1;
    bin.right += isRight ? 1 : 0;
    bin.confidence += verdict.confidence;
    total.brier += (verdict.confidence - (isRight ? 1 : 0)) ** 2;
  }
  return { ...total, brier: total.brier / Math.max(1, total.right + total.wrong) };
}

/** What is left for who takes only bookings of at least so much confidence. */
function bookedFrom({ right, wrong, unbooked, bins }: Judged, least: number): Booked {
  const taken = bins.filter(({ from }) => from >= least);
  const sumOf = (field: 'calls' | 'right') => taken.reduce((all, bin) => all + bin[field], 0);
  const rest = { right: sumOf('right'), wrong: sumOf('calls') - sumOf('right') };
  return { ...rest, unbooked: right + wrong + unbooked - rest.right - rest.wrong };
}

const percent = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;

function line(name: string, { right, wrong, unbooked }: Booked): string {
  const all = right + wrong + unbooked;
  const shares = [right, wrong, unbooked].map((part) => percent(part, all).padStart(8));
  return `  ${name.padEnd(22)}${shares.join(' ')}`;
}

function printJudged(name: string, judged: Judged): void {
  const { sure, sureWrong, ambiguous, brier, bins } = judged;
  const all = judged.right + judged.wrong + judged.unbooked;
  console.log(`  ${name}: exact or grace ${percent(sure, all)}, ${percent(sureWrong, sure)} of them wrong;`);
  console.log(`    ambiguous ${percent(ambiguous, all)}; Brier score ${brier.toFixed(4)}`);
  console.log('    confidence from   calls   mean told   right');
  for (const { from, calls, right, confidence } of bins.filter((bin) => bin.calls > 0))
    console.log(
      `    ${from.toFixed(2).padStart(15)} ${String(calls).padStart(7)} ${percent(confidence, calls).padStart(11)} ${percent(right, calls).padStart(7)}`,
    );
}

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, visitors: { type: 'string', default: '100000' } },
});
const [seed, visitors] = [Number(values.seed), Number(values.visitors)];
console.log(`Seed ${seed}, ${visitors} visitors for each site, ${CALLING_SHARE * 100} % of them call.`);
console.log('Shares of all calls: booked on the right session, on a wrong one, on nobody (right only for strays).');
const results = SITES.map((site) => {
  const world = play(site, visitors, randomOf(seed));
  const rules = plain(world);
  const [byDefault, measured] = [judgeAll(world, false), judgeAll(world, true)];
  const calls = byDefault.right + byDefault.wrong + byDefault.unbooked;
  console.log(`\n${site.name}: ${calls} calls, ${percent(world.withoutNumber, visitors)} of visitors without a number`);
  console.log(`  ${' '.repeat(22)}   right    wrong   nobody`);
  console.log(line('has it now', rules.hasItNow));
  console.log(line('had it last', rules.hadItLast));
  console.log(line('here, defaults', byDefault));
  console.log(line('here, measured rates', measured));
  console.log(line('measured, from 0.7', bookedFrom(measured, 0.7)));
  printJudged('defaults', byDefault);
  printJudged(`measured rates (${percent(measured.measured, calls)} of calls)`, measured);
  return { site: site.name, calls, ...rules, byDefault, measured };
});
console.log(JSON.stringify({ seed, visitors, results }));
