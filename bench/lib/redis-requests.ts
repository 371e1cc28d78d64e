import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadScript } from '../../src/redis/scripts.js';
import { ROOT } from './places.js';

/** Counts writes to Redis and the commands in them (RESP arrays of bulk strings). */
export class RequestCounter {
  requests = 0;
  readonly byName = new Map<string, number>();
  readonly #names = scriptNames();
  #rest = Buffer.alloc(0);

  reset(): void {
    this.requests = 0;
    this.byName.clear();
  }

  add(chunk: Buffer): void {
    // What is too long for one segment comes in several: it counts where it ends.
    const whole = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const { commands, end } = readCommands(whole);
    this.#rest = Buffer.from(whole.subarray(end));
    if (commands.length === 0) return;
    this.requests += 1;
    for (const command of commands) {
      const name = this.#nameOf(command);
      this.byName.set(name, (this.byName.get(name) ?? 0) + 1);
    }
  }

  #nameOf([command = '', first = '']: string[]): string {
    const name = command.toLowerCase();
    return name === 'evalsha' ? (this.#names.get(first) ?? 'an unknown script') : name;
  }
}

function readCommands(data: Buffer): { commands: string[][]; end: number } {
  const commands: string[][] = [];
  let end = 0;
  for (;;) {
    const command = readCommand(data, end);
    if (command === null) return { commands, end };
    commands.push(command.words);
    end = command.end;
  }
}

/** The first two words are enough to name it. */
function readCommand(data: Buffer, from: number): { words: string[]; end: number } | null {
  const head = readNumber(data, from, '*');
  if (head === null) return null;
  const words: string[] = [];
  let at = head.end;
  for (let n = 0; n < head.value; n += 1) {
    const size = readNumber(data, at, '$');
    if (size === null || size.end + size.value + 2 > data.length) return null;
    if (n < 2) words.push(data.toString('latin1', size.end, size.end + size.value));
    at = size.end + size.value + 2;
  }
  return { words, end: at };
}

function readNumber(data: Buffer, from: number, sign: string): { value: number; end: number } | null {
  const lineEnd = data.indexOf('\r\n', from);
  if (lineEnd < 0 || data[from] !== sign.charCodeAt(0)) return null;
  return { value: Number(data.toString('latin1', from + 1, lineEnd)), end: lineEnd + 2 };
}

function scriptNames(): Map<string, string> {
  const files = readdirSync(join(ROOT, 'src/redis/scripts')).filter((file) => file.endsWith('.lua'));
  return new Map(files.map((file) => file.slice(0, -'.lua'.length)).map((name) => [loadScript(name).sha, name]));
}
