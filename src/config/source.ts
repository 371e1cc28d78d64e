import { isUtf8 } from 'node:buffer';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { ConfigIssue, KeyPath } from './errors.js';

/** The configuration's files as one tree in which every value still knows where it was written. */

const MAX_FILE_BYTES = 8 * 1024 * 1024;
/** Aliases of aliases can blow ten lines up to billions of values; no honest configuration comes near this. */
const MAX_NODES = 300_000;
const MAX_ALIASES = 10_000;
const MAX_DEPTH = 50;
/** The library's own words are for who calls it. */
const SEVERAL = 'several documents; what stands behind "---" belongs into another file of a folder';

export interface Place {
  file: string;
  line: number | null;
  column: number | null;
}

export interface ScalarNode {
  kind: 'scalar';
  place: Place;
  value: unknown;
  /** Came from the environment, where everything is text: may be read as a number or a boolean. */
  fromEnvironment: boolean;
  /** An error was reported already; what else seems wrong with it only follows from that. */
  failed: boolean;
}
interface ListNode {
  kind: 'list';
  place: Place;
  items: SourceNode[];
}
export interface MapNode {
  kind: 'map';
  place: Place;
  entries: Map<string, { keyPlace: Place; node: SourceNode }>;
}
export type SourceNode = ScalarNode | ListNode | MapNode;

/** Reads one file, or every `*.yaml` and `*.yml` of a folder in the order of their names, into one tree. */
export async function readSources(path: string, issues: ConfigIssue[]): Promise<MapNode> {
  const root: MapNode = { kind: 'map', place: { file: path, line: null, column: null }, entries: new Map() };
  for (const file of await listFiles(path, issues)) {
    const text = await readText(file, issues);
    const node = text === null ? null : readYaml(file, text, issues);
    if (node) mergeInto(root, node, [], issues);
  }
  // `lines:` with nothing behind it means what leaving the key out means.
  for (const [key, { node }] of root.entries) {
    if (node.kind === 'scalar' && node.value === null) root.entries.delete(key);
  }
  return root;
}

export function scalar(value: unknown, place: Place, fromEnvironment = false): ScalarNode {
  return { kind: 'scalar', place, value, fromEnvironment, failed: false };
}

export function toPlain(node: SourceNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(toPlain);
  // fromEntries defines `__proto__` as an ordinary key, so that the schema sees and refuses it.
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, toPlain(entry.node)]));
}

/** The deepest node on the way to `path`, and whether the way led to its end. */
export function locate(root: SourceNode, path: KeyPath): { node: SourceNode; place: Place; found: boolean } {
  let node = root;
  let place = root.place;
  for (const part of path) {
    const next = child(node, part);
    if (!next) return { node, place, found: false };
    node = next.node;
    place = next.place;
  }
  return { node, place, found: true };
}

function child(node: SourceNode, part: string | number): { node: SourceNode; place: Place } | null {
  if (node.kind === 'map') {
    const entry = node.entries.get(String(part));
    return entry ? { node: entry.node, place: entry.keyPlace } : null;
  }
  const item = node.kind === 'list' ? node.items[Number(part)] : undefined;
  return item ? { node: item, place: item.place } : null;
}

/** Calls `visit` for every scalar with the path that leads to it. */
export function walkScalars(node: SourceNode, visit: (node: ScalarNode, path: KeyPath) => void, path: KeyPath = []) {
  if (node.kind === 'scalar') visit(node, path);
  else if (node.kind === 'list') node.items.forEach((item, index) => walkScalars(item, visit, [...path, index]));
  else for (const [key, entry] of node.entries) walkScalars(entry.node, visit, [...path, key]);
}

async function listFiles(path: string, issues: ConfigIssue[]): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path)).filter((name) => /^[^.].*\.ya?ml$/.test(name)).sort();
    if (names.length === 0) issues.push(fileIssue(path, 'the folder holds no *.yaml file'));
    return names.map((name) => join(path, name));
  } catch (error) {
    issues.push(fileIssue(path, `cannot be read (${errorCode(error)})`));
    return [];
  }
}

async function readText(file: string, issues: ConfigIssue[]): Promise<string | null> {
  try {
    if ((await stat(file)).size <= MAX_FILE_BYTES) {
      const bytes = await readFile(file);
      if (isUtf8(bytes)) return bytes.toString('utf8');
      issues.push(fileIssue(file, 'is not UTF-8: save it so'));
    } else
      issues.push(
        fileIssue(file, `is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB; large sets of numbers go by API`),
      );
  } catch (error) {
    issues.push(fileIssue(file, `cannot be read (${errorCode(error)})`));
  }
  return null;
}

function readYaml(file: string, text: string, issues: ConfigIssue[]): MapNode | null {
  const lines = new LineCounter();
  // Pretty errors would quote the line, and the line may hold a secret.
  const document = parseDocument(hideVariables(text), { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  for (const error of document.errors) {
    const reason = error.code === 'MULTIPLE_DOCS' ? SEVERAL : (error.message.split('\n')[0] ?? error.code);
    issues.push({ ...placeAt(error.pos[0]), key: '', message: `not YAML: ${reason}` });
  }
  if (document.errors.length > 0 || document.contents === null) return null;
  const convert = new Converter(document, placeAt, issues);
  const node = convert.node(document.contents, 0);
  if (node.kind === 'map') return node;
  if (node.kind === 'scalar' && node.value === null) return null;
  issues.push({ ...node.place, key: '', message: 'must hold keys and values like "trunks:" at its top' });
  return null;
}

/**
 * In `{ secret: ${NAME} }` YAML takes the braces for its own. While it reads, variables stand in characters that mean
 * nothing to it, as many as before, so that places stay true.
 */
function hideVariables(text: string): string {
  return text.replaceAll(/\$\{([^{}\n]*)\}/g, '\ue000\ue001$1\ue002');
}

function showVariables(value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll(/\ue000\ue001([^\ue002]*)\ue002/g, '${$1}') : value;
}

class Converter {
  private count = 0;
  private aliases = 0;

  constructor(
    private readonly document: Document,
    private readonly placeAt: (offset: number) => Place,
    private readonly issues: ConfigIssue[],
  ) {}

  node(node: unknown, depth: number, at: Place = this.placeAt(0)): SourceNode {
    const place = (node as Node | null)?.range ? this.placeAt((node as Node).range?.[0] ?? 0) : at;
    this.count += 1;
    if (isAlias(node)) this.aliases += 1;
    if (this.count > MAX_NODES || this.aliases > MAX_ALIASES || depth > MAX_DEPTH) return this.tooMuch(place);
    if (isAlias(node)) {
      const target = node.resolve(this.document);
      if (target) return this.node(target, depth + 1, place);
      // Not by its name: somebody may have meant a secret that begins with an asterisk.
      const message = 'the alias (*) names no anchor; a value that begins with * needs quotes';
      this.issues.push({ ...place, key: '', message: `not YAML: ${message}` });
      return scalar(null, place);
    }
    if (isSeq(node)) {
      return { kind: 'list', place, items: node.items.map((item) => this.node(item, depth + 1, place)) };
    }
    if (isMap(node)) {
      const entries: MapNode['entries'] = new Map();
      for (const { key, value } of node.items) {
        const keyPlace = this.placeAt((key as Node).range?.[0] ?? 0);
        entries.set(String(showVariables(isScalar(key) ? key.value : key)), {
          keyPlace,
          node: this.node(value, depth + 1, keyPlace),
        });
      }
      return { kind: 'map', place, entries };
    }
    return scalar(isScalar(node) ? showVariables(node.value) : null, place);
  }

  private tooMuch(place: Place): SourceNode {
    if (!this.issues.some((issue) => issue.message.startsWith('holds more than'))) {
      const message = `holds more than ${MAX_NODES} values, ${MAX_ALIASES} aliases or ${MAX_DEPTH} levels`;
      this.issues.push({ ...place, key: '', message });
    }
    return scalar(null, place);
  }
}

/** Lists are put one behind the other, maps are joined; a single value may be given once only. */
function mergeInto(target: MapNode, added: MapNode, path: KeyPath, issues: ConfigIssue[]): void {
  for (const [key, entry] of added.entries) {
    const present = target.entries.get(key);
    if (!present || (present.node.kind === 'scalar' && present.node.value === null)) target.entries.set(key, entry);
    else if (present.node.kind === 'list' && entry.node.kind === 'list') present.node.items.push(...entry.node.items);
    else if (present.node.kind === 'map' && entry.node.kind === 'map')
      mergeInto(present.node, entry.node, [...path, key], issues);
    else if (entry.node.kind !== 'scalar' || entry.node.value !== null) {
      const { file, line } = present.keyPlace;
      const message = `is given twice, first at ${file}:${line ?? 0}; keep one of them`;
      issues.push({ ...entry.keyPlace, key: [...path, key].join('.'), message });
    }
  }
}

function fileIssue(file: string, message: string): ConfigIssue {
  return { file, line: null, column: null, key: '', message };
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
