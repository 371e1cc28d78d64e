// npm run simulate:attribution [-- --seed N --visitors N]: how many calls are booked on the wrong visitor, here and by the
// plain rule "whoever has the number now, or had it last", on the same calls. docs/attribution.md tells the rule.
import { parseArgs } from 'node:util';
import type { Holder, KnownCaller, TrackingNumber } from '../src/call/ports.js';
import { addCounts, DEFAULT_RATES, noCounts, observe, ratesFrom, type CallRates } from '../src/numbers/call-rates.js';
import { attribute, knownBy, type AttributionRules } from '../src/numbers/verdict.js';
import { MAX_HOLDERS } from '../src/redis/admissions.js';

const RULES: AttributionRules = { graceSeconds: 900, returningDays: 30, sureFrom: 0.95 };
const CALLING_SHARE = 0.05;
/** Of those who have called, so many call again, on the average after so long. */
const REDIAL = { share: 0.15, meanSeconds: 5400 };
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
}

interface World {
  holders: Holder[][];
  calls: PlannedCall[];
  withoutNumber: number;
}

function play(site: Site, visitors: number, random: () => number): World {
  const exponential = (mean: number): number => -mean * Math.log(1 - random());
  const holders: Holder[][] = Array.from({ length: site.numbers }, () => []);
  /** When each number may be lent again. */
  const freeAt = new Array<number>(site.numbers).fill(0);
  const world: World = { holders, calls: [], withoutNumber: 0 };
  let now = 0;
  for (let n = 0; n < visitors; n += 1) {
    now += exponential(3_600_000 / site.visitorsPerHour);
    // The number that was free for the longest.
    const number = freeAt.reduce((best, at, i) => (at < (freeAt[best] ?? Infinity) ? i : best), 0);
    if ((freeAt[number] ?? Infinity) > now) {
      world.withoutNumber += 1;
      continue;
    }
    const visitMs = exponential(site.meanVisitSeconds * 1000);
    const expiresAt = now + visitMs + site.leaseSeconds * 1000;
    freeAt[number] = expiresAt + site.quarantineSeconds * 1000;
    holders[number]?.unshift(holderOf(`s${n}`, now, expiresAt));
    if (random() < CALLING_SHARE)
      planCalls(world, site, { number, now, expiresAt, name: String(n) }, n / visitors, random);
  }
  const strays = (now / 86_400_000) * STRAYS_PER_DAY * site.numbers;
  for (let n = 0; n < strays; n += 1) {
    const at = random() * now;
    const number = Math.floor(random() * site.numbers);
    world.calls.push({ at, number, session: null, phone: `stray-${n}`, counts: at > now * WARM_UP });
  }
  world.calls.sort((a, b) => a.at - b.at);
  return world;
}

function planCalls(
  world: World,
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
  const call = { number, session: `s${name}`, phone: `p${name}`, counts: progress > WARM_UP };
  world.calls.push({ ...call, at });
  if (random() < REDIAL.share)
    world.calls.push({ ...call, at: at - REDIAL.meanSeconds * 1000 * Math.log(1 - random()) });
}

function holderOf(id: string, leasedAt: number, expiresAt: number): Holder {
  const nothing = { source: null, medium: null, campaign: null, content: null, term: null };
  const ids = { keyword: null, gclid: null, yclid: null, gaClientId: null, ymClientId: null };
  const session = { id, visitorId: `v-${id}`, landingPage: null, referrer: null, utm: nothing, ...ids };
  return { leaseId: `l-${id}`, sessionId: id, site: 'shop', leasedAt, expiresAt, session };
}

const NUMBER: TrackingNumber = { number: '', site: 'shop', kind: 'dynamic', route: null, source: null, enabled: true };

interface Score {
  calls: number;
  /** Booked on somebody else, or on somebody where it was a stray. */
  plainNow: number;
  plainNowOrLast: number;
  wrong: number;
  unbooked: number;
  sure: number;
  sureWrong: number;
  ambiguous: number;
  unmeasured: number;
}

function score({ holders, calls }: World): Score {
  const total: Score = {
    calls: 0,
    plainNow: 0,
    plainNowOrLast: 0,
    wrong: 0,
    unbooked: 0,
    sure: 0,
    sureWrong: 0,
    ambiguous: 0,
    unmeasured: 0,
  };
  const known = new Map<string, KnownCaller>();
  const counts = noCounts();
  let rates: CallRates = DEFAULT_RATES;
  for (const [n, { at, number, session, phone, counts: counted }] of calls.entries()) {
    const before = (holders[number] ?? []).filter(({ leasedAt }) => leasedAt <= at).slice(0, MAX_HOLDERS);
    const lease = before[0] && before[0].expiresAt > at ? before[0] : null;
    const answer = { number: NUMBER, lease, holders: before };
    const verdict = attribute({ ...answer, known: known.get(phone) ?? null }, at, RULES, rates);
    const remembered = knownBy({ attribution: verdict });
    if (remembered) known.set(phone, { ...remembered, at });
    const seen = observe(answer, at, RULES.graceSeconds * 1000, MAX_HOLDERS);
    if (seen) addCounts(counts, seen);
    if (n % 100 === 0) rates = ratesFrom(counts);
    if (!counted) continue;
    const booked = verdict.session?.id ?? null;
    const isWrong = booked !== null && booked !== session;
    total.calls += 1;
    total.plainNow += lease !== null && lease.sessionId !== session ? 1 : 0;
    total.plainNowOrLast += before[0] && before[0].sessionId !== session ? 1 : 0;
    total.wrong += isWrong ? 1 : 0;
    total.unbooked += booked === null && session !== null ? 1 : 0;
    total.unmeasured += rates.measured ? 0 : 1;
    if (verdict.verdict === 'ambiguous') total.ambiguous += 1;
    else if (booked !== null) {
      total.sure += 1;
      total.sureWrong += isWrong ? 1 : 0;
    }
  }
  return total;
}

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, visitors: { type: 'string', default: '100000' } },
});
const [seed, visitors] = [Number(values.seed), Number(values.visitors)];
console.log(`Seed ${seed}, ${visitors} visitors for each site, ${CALLING_SHARE * 100} % of them call.`);
console.log('wrong: share of all calls booked on a session that it was not.\n');
const percent = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(2)} %`;
const results = SITES.map((site) => {
  const world = play(site, visitors, randomOf(seed));
  const found = score(world);
  console.log(
    `${site.name}: ${found.calls} calls, ${percent(world.withoutNumber, visitors)} of visitors without a number`,
  );
  console.log(`  whoever has it now:             ${percent(found.plainNow, found.calls)} wrong`);
  console.log(`  whoever has it now or had last: ${percent(found.plainNowOrLast, found.calls)} wrong`);
  console.log(
    `  here, first candidate:          ${percent(found.wrong, found.calls)} wrong, ${percent(found.unbooked, found.calls)} booked on nobody`,
  );
  console.log(
    `  here, what is called sure:      ${percent(found.sureWrong, found.sure)} wrong of ${percent(found.sure, found.calls)}; ${percent(found.ambiguous, found.calls)} ambiguous`,
  );
  return { site: site.name, ...found };
});
console.log(JSON.stringify({ seed, visitors, results }));
