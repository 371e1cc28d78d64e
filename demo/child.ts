import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { withDeadline } from '../src/lib/deadline.js';

const running = new Set<ChildProcess>();
// The last resort, should the demo itself fail: nothing that it started outlives it.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface ChildOptions {
  env?: NodeJS.ProcessEnv;
  /** A channel for messages (`process.send`). */
  ipc?: boolean;
  onLine?: (line: string) => void;
}

/** A program that the demo started, and stops by its own pid. */
export class Child {
  readonly exited: Promise<string>;
  /** What it printed last. */
  readonly lastLines: string[] = [];

  private constructor(readonly process: ChildProcess) {
    running.add(process);
    this.exited = new Promise((resolve) => {
      process.once('exit', (code, signal) => {
        running.delete(process);
        resolve(`ended with ${String(code ?? signal)}`);
      });
    });
  }

  static async start(command: string, args: string[], options: ChildOptions = {}): Promise<Child> {
    const { env = process.env, ipc = false, onLine } = options;
    const started = spawn(command, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
      // A process group of its own: Ctrl-C is for us, who end things in their order.
      detached: true,
    });
    const child = new Child(started);
    for (const stream of [started.stdout, started.stderr]) {
      if (stream === null) continue;
      createInterface(stream).on('line', (line) => {
        child.lastLines.push(line);
        if (child.lastLines.length > 20) child.lastLines.shift();
        onLine?.(line);
      });
    }
    try {
      await once(started, 'spawn');
    } catch (error) {
      running.delete(started);
      throw new Error(`${command} cannot be started`, { cause: error });
    }
    return child;
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Asks it to end with `signal`, and kills it where it has not ended after `graceMs`. Never rejects. */
  async stop(signal: NodeJS.Signals, graceMs: number): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill(signal);
    try {
      await withDeadline(this.exited, graceMs, 'the end of a process');
    } catch {
      this.process.kill('SIGKILL');
      await this.exited;
    }
  }
}
