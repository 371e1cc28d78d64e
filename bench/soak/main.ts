// npm run soak: see docs/benchmarks.md, "Soak". Exit status 1 when a measure was missed or the run broke off.
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { randomOf } from '../../test/support/random.js';
import { until } from '../../test/support/until.js';
import { closeOnInterrupt } from '../lib/interrupt.js';
import { Report } from '../lib/report.js';
import { Faults } from './faults.js';
import { House } from './house.js';
import { Ledger, type Findings, type Judgement } from './ledger.js';
import { Phones } from './phones.js';
import { drawPlan } from './plan.js';
import { judgeGrowth, settle, WARM_CALLS, weigh, type Holdings } from './remains.js';

const { values } = parseArgs({
  options: {
    engines: { type: 'string', default: 'sandbox' },
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '2' },
    faults: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    older: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const USAGE =
  'npm run soak -- [--engines sandbox|real] [--minutes N] [--rate CALLS_PER_SECOND] [--faults] [--seed N] [--older CHECKOUT]';
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const kind = values.engines === 'real' ? 'real' : 'sandbox';
const [minutes, rate, seed] = [Number(values.minutes), Number(values.rate), Number(values.seed)];
if (
  ![minutes, rate].every((value) => value > 0) ||
  !Number.isInteger(seed) ||
  !['real', 'sandbox'].includes(values.engines)
)
  throw new Error(USAGE);

/** After the last call: what a fault delayed, deliveries that are tried again, recordings. */
const SETTLE_MS = 240_000;
const MOST_PRINTED = 10;
const REPORT_MS = 60_000;
const MEASURES: [keyof Findings, string, keyof Judgement][] = [
  ['ends', 'exactly one last event of each call', 'accepted'],
  ['order', 'events in order, none missing', 'accepted'],
  ['outcomes', 'disposition and reason as the caller saw it (untouched calls)', 'accepted'],
  ['ways', 'each side by TLS and SRTP where its trunk or line says so (untouched calls)', 'secured'],
  ['deaf', 'both heard each other (untouched calls)', 'answered'],
  ['lines', 'line.down and line.up told once for each time', 'absences'],
  ['stories', 'phones that met what no end explains (untouched calls)', 'accepted'],
  ['unplaced', 'events of calls that nobody placed', 'accepted'],
  ['strays', 'recordings that belong to no call', 'answered'],
  ['recordings', 'the recording told once, and there (untouched calls)', 'answered'],
  ['lengths', 'recordings within 2 % and 0.1 s of the talk', 'measured'],
  ['marks', 'what was masked or paused told, and silent (untouched calls)', 'marked'],
];

const startedAt = Date.now();
const log = (line: string): void =>
  console.log(`${((Date.now() - startedAt) / 1000).toFixed(0).padStart(6)} s  ${line}`);

/** One soak from the first call to the last look. */
class Soak {
  readonly #random = randomOf(seed);
  readonly #running = new Set<Promise<void>>();
  readonly #faults: Faults;
  #placed = 0;
  #warm = false;

  constructor(
    private readonly house: House,
    private readonly phones: Phones,
    private readonly ledger: Ledger,
    private readonly report: Report,
  ) {
    this.#faults = new Faults(house, phones.pbx, randomOf(seed + 1), log);
    house.receiver.onEvent = (event) => ledger.take(event);
    house.receiver.onOther = (event) => ledger.takeOther(event);
  }

  async run(): Promise<void> {
    const [first, rest] = [minutes * 12_000, minutes * 48_000];
    const progress = setInterval(() => this.#progress(), REPORT_MS);
    try {
      await this.#place(first);
      await this.#quiet(/spool/);
      this.#warm = this.#placed >= WARM_CALLS * this.house.machines.length;
      const before = await weigh(this.house);
      log(`after the first fifth: ${JSON.stringify(before)}`);
      const endMs = Date.now() + rest;
      await Promise.all([this.#place(rest), ...(values.faults ? [this.#faults.run(endMs)] : [])]);
      const left = await this.#quiet();
      const after = await weigh(this.house);
      log(`at the end: ${JSON.stringify(after)}`);
      await this.#judge(left, before, after);
    } finally {
      clearInterval(progress);
    }
  }

  /** By the clock: a late timer makes up for itself. Gaps between calls are as random as those of people. */
  async #place(ms: number): Promise<void> {
    const endMs = Date.now() + ms;
    for (let nextMs = Date.now(); nextMs < endMs; nextMs -= (Math.log(1 - this.#random()) * 1000) / rate) {
      await pause(Math.max(0, nextMs - Date.now()));
      const call = this.phones.run(drawPlan(this.#placed, this.house.machines.length, this.#random));
      this.#placed += 1;
      const done = call.then((story) => {
        this.ledger.stories.push(story);
        this.#running.delete(done);
      });
      // Told by who waits for all of them.
      done.catch(() => undefined);
      this.#running.add(done);
    }
  }

  /** Until every caller is done, everything is told, and nothing of the calls is left: what is left all the same. */
  async #quiet(but?: RegExp): Promise<Record<string, number>> {
    await Promise.all(this.#running);
    const told = until('every call is told', () => this.ledger.unsettled === 0, SETTLE_MS);
    await told.catch(() => undefined); // what is missing is judged
    return await settle(this.house, but);
  }

  #progress(): void {
    const { callers, business } = this.phones.inCalls;
    const { unsettled, told } = this.ledger;
    log(
      `${this.#placed} calls placed, ${told} told, ${callers} in a call (${business} at the business), ${unsettled} to settle`,
    );
  }

  async #judge(left: Record<string, number>, before: Holdings[], after: Holdings[]): Promise<void> {
    const { report, house } = this;
    const { pbx } = this.phones;
    const judgement = await this.ledger.judge(house.recordings, {
      touched: (story) => this.#faults.touched(story),
      line: (story) => this.phones.lineFor(story),
      absences: pbx.absences.length,
    });
    const { findings, ...counts } = judgement;
    const { requests, unverified } = house.receiver;
    report.figure(kind, 'soak', { seed, minutes, rate, faults: this.#faults.counts(), ...counts, requests });
    log(`placed ${this.#placed}: ${JSON.stringify({ ...counts, ...this.ledger.outcomes() })}`);
    log(`faults: ${JSON.stringify(this.#faults.counts())}`);
    for (const [name, measure, of] of MEASURES) this.#none(measure, findings[name], judgement[of] as number);
    report.judge(kind, 'requests without a good signature', '0', `${unverified} of ${requests}`, unverified === 0);
    this.#none('left when all is over', Object.entries(left).map(String), this.#placed);
    const { callers, business } = this.phones.inCalls;
    report.judge(
      kind,
      'phones still in a call',
      '0',
      `${callers} callers, ${business} of the business`,
      callers + business === 0,
    );
    for (const [at, { id, starts }] of house.machines.entries()) {
      const [was, is] = [before[at], after[at]];
      if (was === undefined || is === undefined) continue;
      const objects = [`${is.sessions} sessions, ${is.dialogs} dialogs`, ...is.calls].join(', ');
      report.judge(kind, `${id}: objects of calls`, '0', objects, is.sessions + is.dialogs === 0);
      // Who was killed has begun anew.
      if (starts === 1) judgeGrowth(report, { kind, id, warm: this.#warm }, [was, is]);
    }
    await this.#judgeLogs();
  }

  async #judgeLogs(): Promise<void> {
    const unexplained: string[] = [];
    const explained: Record<string, number> = {};
    for (const machine of this.house.machines)
      for (const line of await machine.errors()) {
        const { time, msg = '' } = line;
        if (this.#faults.explains(Date.parse(time))) explained[msg] = (explained[msg] ?? 0) + 1;
        else unexplained.push(`${machine.id} ${JSON.stringify(line)}`);
      }
    if (Object.keys(explained).length > 0) log(`errors logged in faults: ${JSON.stringify(explained)}`);
    this.#none('errors in the logs that no fault explains', unexplained, this.#placed);
  }

  #none(measure: string, found: string[], of: number): void {
    for (const line of found.slice(0, MOST_PRINTED)) console.log(`             ${line}`);
    if (found.length > MOST_PRINTED) console.log(`             and ${found.length - MOST_PRINTED} more`);
    this.report.judge(kind, measure, 'no exception', `${found.length} in ${of}`, found.length === 0);
  }
}

const report = new Report();
let broken = false;
log(
  `${kind} engines, ${minutes} min, ${rate} calls/s, ${values.faults ? 'with' : 'without'} faults, seed ${seed}${values.older === undefined ? '' : `, the second gateway of ${values.older} at first`}`,
);
const house = await House.open(kind, values.older);
closeOnInterrupt(() => house.close());
const ledger = new Ledger();
const phones = await Phones.open(house, (sipCallId) => ledger.idOf(sipCallId), log, randomOf(seed + 2));
try {
  await new Soak(house, phones, ledger, report).run();
} catch (error) {
  broken = true;
  console.error(error);
}
await phones.close();
await house.close();
report.finish({ date: new Date().toISOString(), seed });
process.exit(broken || report.missed.length > 0 ? 1 : 0);
