import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';

/** USER_HZ: fixed at 100 in what Linux shows to programs. */
const TICK_MS = 10;

/** Processor time that a process has used so far, user and system, ms; 0 when it is gone. */
export async function cpuMs(pid: number): Promise<number> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return 0;
  }
}

/** Resident memory of a process, bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

export interface HostTime {
  busyMs: number;
  totalMs: number;
  stealMs: number;
}

export async function hostTime(): Promise<HostTime> {
  const [line = ''] = (await readFile('/proc/stat', 'latin1')).split('\n', 1);
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) * TICK_MS);
  const busyMs = user + nice + system + irq + softirq;
  return { busyMs, totalMs: busyMs + idle + iowait + steal, stealMs: steal };
}

/** Processes that wanted a core during the last minute: other work on this machine shows here before we begin. */
export const loadBefore = (): number => loadavg()[0] ?? 0;

/** Median; NaN of nothing. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] ?? Number.NaN;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** Nearest-rank percentile; NaN of nothing. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
