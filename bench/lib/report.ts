import type { Measured } from './measure.js';

export type Verdict = 'met' | 'missed' | 'not judged';

/** One measure of the project, held against what was found. */
export interface Judged {
  engines: string;
  measure: string;
  target: string;
  found: string;
  verdict: Verdict;
}

/** Collects figures and verdicts, prints them as they come, and the whole as one line of JSON at the end. */
export class Report {
  readonly judged: Judged[] = [];
  readonly #figures: Record<string, unknown> = {};

  figure(engines: string, name: string, value: unknown): void {
    const group = (this.#figures[engines] ??= {}) as Record<string, unknown>;
    group[name] = value;
  }

  judge(engines: string, measure: string, target: string, found: string, met: boolean | null): void {
    const verdict = met === null ? 'not judged' : met ? 'met' : 'missed';
    this.judged.push({ engines, measure, target, found, verdict });
    console.log(`  ${verdict.padEnd(10)} ${measure}: ${found} (target: ${target})`);
  }

  get missed(): Judged[] {
    return this.judged.filter(({ verdict }) => verdict === 'missed');
  }

  finish(about: Record<string, unknown>): void {
    console.log('\nMeasures');
    for (const { engines, measure, target, found, verdict } of this.judged)
      console.log(`  ${verdict.padEnd(10)} ${engines.padEnd(7)} ${measure}: ${found} (target: ${target})`);
    console.log(this.missed.length === 0 ? '\nNo measure missed.' : `\n${this.missed.length} measures missed.`);
    console.log(JSON.stringify({ ...about, figures: this.#figures, measures: this.judged }, rounded));
  }
}

const rounded = (_key: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toFixed(3)) : value;

export const ms = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(1)} ms` : '-');
export const ratio = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(2)} x` : '-');

const HEAD = [
  'system',
  'calls/s',
  'calls',
  'failed',
  'p50',
  'p95',
  'p99',
  'max',
  'CPU ms a call',
  'recordings',
  'host',
];
const WIDTHS = [7, 8, 7, 8, 8, 8, 8, 8, 44, 34, 10];

export function printHead(title: string): void {
  console.log(`\n${title}`);
  console.log(row(HEAD));
}

/** One run as a line of the table. */
export function printRun(run: Measured): void {
  const { setup, recordings, outcomes } = run;
  const cpu = Object.entries(run.cpuPerCall).map(([name, value]) => `${name} ${value.toFixed(1)}`);
  const kept = `${recordings.files}/${recordings.expected}, worst ${(100 * recordings.worst).toFixed(1)} %`;
  const cells = [run.system, String(run.callsPerSecond), String(run.calls), `${run.failedPercent.toFixed(2)} %`];
  for (const value of [setup.p50, setup.p95, setup.p99, setup.max]) cells.push(value.toFixed(1));
  cells.push(cpu.join(', '), kept, `${run.hostBusyPercent.toFixed(0)} % busy`);
  console.log(row(cells));
  const others = Object.entries(outcomes).filter(([outcome]) => outcome !== 'ok');
  if (others.length > 0) console.log(`          ${JSON.stringify(Object.fromEntries(others))}`);
  if (run.events.missing + run.events.unverified > 0) console.log(`          events ${JSON.stringify(run.events)}`);
}

function row(cells: string[]): string {
  return `  ${cells.map((cell, n) => cell.padEnd(WIDTHS[n] ?? 0)).join(' ')}`.trimEnd();
}
