import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';

/** A program started by a test. Its output is kept, and it is stopped by its own pid. */
export class Program {
  readonly #child: ChildProcess;
  readonly #output: string[] = [];
  readonly exited: Promise<number>;

  constructor(command: string, args: string[], options: SpawnOptions = {}) {
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.#keep(chunk.toString('utf8')));
    }
    this.exited = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('close', (code) => resolve(code ?? -1));
    });
    this.exited.catch(() => undefined);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the program did not start');
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The last part of what it printed on either stream. */
  get output(): string {
    return this.#output.join('');
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** TERM, and KILL when that was not enough. */
  async stop(graceMs = 5000): Promise<void> {
    if (!this.running) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await exit;
    clearTimeout(timer);
  }

  #keep(text: string): void {
    this.#output.push(text);
    if (this.#output.length > 500) this.#output.splice(0, 250);
  }
}
