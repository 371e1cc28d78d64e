import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A Lua script as Redis knows it: by its SHA-1, or by its text when the server has forgotten it. */
export interface Script {
  name: string;
  lua: string;
  sha: string;
}

/** One script with its keys and arguments, and how to read its reply. Built by the modules that own the keys. */
export interface ScriptCall<R> {
  script: Script;
  keys: string[];
  args: (string | number)[];
  /** The reply's strings come as Buffers: for what is passed on as bytes. Not in `runAll` and `runSettled`. */
  bytes?: true;
  read: (reply: unknown) => R;
}

const scripts = new Map<string, Script>();

/**
 * Loads `scripts/<name>.lua` beside this file (in `src` and, copied by the build, in `dist`).
 * A line `--- @include <file>` is replaced by `scripts/lib/<file>.lua`: Redis scripts cannot call one another.
 */
export function loadScript(name: string): Script {
  const known = scripts.get(name);
  if (known) return known;
  const text = readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8');
  const lua = text.replace(/^--- @include (\S+)$/gm, (_line, file: string) =>
    readFileSync(new URL(`./scripts/lib/${file}.lua`, import.meta.url), 'utf8'),
  );
  const script = { name, lua, sha: createHash('sha1').update(lua).digest('hex') };
  scripts.set(name, script);
  return script;
}

/** Every script loaded so far: a fresh connection teaches them to the server before it is called ready. */
export const loadedScripts = (): Script[] => [...scripts.values()];

// Readers of replies. A reply of another shape means that script and code do not belong together.

export function asArray(reply: unknown): unknown[] {
  if (!Array.isArray(reply)) throw new TypeError('the script did not return a list');
  return reply;
}

export function asStrings(reply: unknown): (string | null)[] {
  return asArray(reply).map((item) => {
    if (typeof item === 'string' || item === null) return item;
    if (typeof item === 'number') return String(item);
    throw new TypeError('the script returned something else than strings');
  });
}

/** The same, with "" in the place of nil. */
export const asTexts = (reply: unknown): string[] => asStrings(reply).map((item) => item ?? '');

/** A flat list as rows of `size`. */
export function inRows<T>(flat: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.floor(flat.length / size) }, (_, i) => flat.slice(size * i, size * (i + 1)));
}

/** Name, value, name, value …: a stream's entry, or a hash as a script reads it. */
export const fieldsOf = (flat: readonly (string | null)[]): Map<string, string> =>
  new Map(inRows(flat, 2).map(([name, value]) => [name ?? '', value ?? '']));

/** Of a reply that holds bytes. */
export function asBuffer(reply: unknown): Buffer {
  if (!Buffer.isBuffer(reply)) throw new TypeError('the script did not return bytes');
  return reply;
}

export function asNumber(reply: unknown): number {
  const value = typeof reply === 'string' ? Number(reply) : reply;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new TypeError('the script did not return a number');
  return value;
}
