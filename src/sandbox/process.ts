import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { withDeadline } from '../lib/deadline.js';
import type { SandboxAddresses, SandboxOptions } from './engines.js';

interface SandboxProcessOptions extends SandboxOptions {
  /** How long the engines may take to listen. Default two minutes: a machine may have other work. */
  startTimeoutMs?: number;
  /** Each line that the process writes. */
  onLine?: (line: string) => void;
}

export interface SandboxProcess extends SandboxAddresses {
  readonly pid: number;
  /** Settles when the process is gone, whoever ended it. */
  readonly exited: Promise<void>;
  /** Ends calls and recordings properly, then the process; never rejects, and calling it twice does no harm. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 8000;

/** Starts the stand-in engines in a process of their own; rejects when they do not listen in time. */
export async function startSandbox(options: SandboxProcessOptions): Promise<SandboxProcess> {
  const { startTimeoutMs = START_TIMEOUT_MS, onLine, ...engines } = options;
  const child = spawnEngines(engines);
  const exited = once(child, 'exit').then(() => undefined);
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface(stream).on('line', (line) => onLine?.(line));
  }
  const stop = (): Promise<void> => stopProcess(child, exited);
  try {
    const addresses = await withDeadline(firstReport(child), startTimeoutMs, 'starting the sandbox engines');
    return { ...addresses, pid: child.pid ?? 0, exited, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function spawnEngines(options: SandboxOptions): ChildProcess {
  const fromSource = import.meta.url.endsWith('.ts');
  const main = fileURLToPath(new URL(fromSource ? './main.ts' : './main.js', import.meta.url));
  return fork(main, [], {
    // From the sources it needs the loader, whatever the parent itself was started with.
    execArgv: fromSource ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, CALLTRACK_SANDBOX: JSON.stringify(options) },
  });
}

function firstReport(child: ChildProcess): Promise<SandboxAddresses> {
  return new Promise((resolve, reject) => {
    child.once('message', (message: { type?: string; message?: string } & SandboxAddresses) => {
      if (message.type === 'ready') resolve({ drachtio: message.drachtio, freeswitch: message.freeswitch });
      else reject(new Error(`the sandbox engines did not start: ${message.message ?? 'no reason given'}`));
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the sandbox engines ended with ${code ?? 'a signal'}`)));
  });
}

async function stopProcess(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  try {
    await withDeadline(exited, STOP_TIMEOUT_MS, 'stopping the sandbox engines');
  } catch {
    child.kill('SIGKILL');
    await exited;
  }
}
