import { readFile } from 'node:fs/promises';
import { type ConfigIssue, formatPath, type KeyPath } from './errors.js';
import { errorCode, type MapNode, type Place, scalar, type ScalarNode, walkScalars } from './source.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that override a key of the file. Each may also be given as `<NAME>_FILE`, a file that holds the value. */
export const OVERRIDES = {
  GW_GATEWAY_ID: ['gateway', 'id'],
  GW_PUBLIC_URL: ['gateway', 'publicUrl'],
  GW_HTTP_HOST: ['http', 'host'],
  GW_HTTP_PORT: ['http', 'port'],
  GW_REDIS_URL: ['redis', 'url'],
  GW_REDIS_KEY_PREFIX: ['redis', 'keyPrefix'],
  GW_ENGINES_MODE: ['engines', 'mode'],
  GW_DRACHTIO_HOST: ['engines', 'drachtio', 'host'],
  GW_DRACHTIO_PORT: ['engines', 'drachtio', 'port'],
  GW_DRACHTIO_SECRET: ['engines', 'drachtio', 'secret'],
  GW_SANDBOX_SIP: ['engines', 'sandbox', 'sip'],
  GW_MAX_CALLS: ['engines', 'maxCalls'],
  GW_MAX_CALLS_PER_SECOND: ['engines', 'maxCallsPerSecond'],
  GW_RECORDINGS_DIRECTORY: ['recordings', 'directory'],
  GW_RECORDINGS_SPOOL: ['recordings', 'spool'],
  GW_LOG_LEVEL: ['log', 'level'],
} as const satisfies Record<string, KeyPath>;

type Resolved = { value: string } | { problem: string };

/** Puts the environment's overrides into the tree, over what the files say. */
export async function applyOverrides(root: MapNode, env: Environment, issues: ConfigIssue[]): Promise<void> {
  for (const [name, path] of Object.entries(OVERRIDES)) {
    // Compose files pass variables through empty when they are not set.
    if (!env[name] && !env[`${name}_FILE`]) continue;
    const place: Place = { file: `environment ${name}`, line: null, column: null };
    const resolved = await resolveVariable(name, env);
    if ('value' in resolved) setAt(root, path, scalar(resolved.value, place, true), issues);
    else issues.push({ ...place, key: formatPath(path), message: resolved.problem });
  }
}

/**
 * Replaces `${NAME}` in every text value by the variable, or by what the file named in `NAME_FILE` holds (as Docker
 * and Kubernetes hand secrets over). `$${` stands for `${`. What was put in is not looked through again.
 *
 * @returns the keys of these values: what came so is mostly secret
 */
export async function substituteVariables(root: MapNode, env: Environment, issues: ConfigIssue[]): Promise<KeyPath[]> {
  const texts: { node: ScalarNode; text: string; path: KeyPath }[] = [];
  walkScalars(root, (node, path) => {
    const { value } = node;
    if (!node.fromEnvironment && typeof value === 'string' && value.includes('${'))
      texts.push({ node, text: value, path });
  });
  const resolved = new Map<string, Resolved>();
  for (const name of new Set(texts.flatMap(({ text }) => variableNames(text)))) {
    resolved.set(name, await resolveVariable(name, env));
  }
  for (const { node, text, path } of texts) {
    node.fromEnvironment = true;
    node.value = text.replaceAll(VARIABLE, (all, name?: string) => {
      if (name === undefined) return '${';
      const found = resolved.get(name) ?? { problem: `"${name}" is no name of a variable` };
      if ('value' in found) return found.value;
      node.failed = true;
      issues.push({ ...node.place, key: formatPath(path), message: found.problem });
      return all;
    });
  }
  return texts.filter(({ text }) => variableNames(text).length > 0).map(({ path }) => path);
}

const VARIABLE = /\$\$\{|\$\{([^}]*)\}/g;

function variableNames(text: string): string[] {
  return [...text.matchAll(VARIABLE)].flatMap(([, name]) => name ?? []).filter((name) => name !== '');
}

async function resolveVariable(name: string, env: Environment): Promise<Resolved> {
  if (!/^[A-Za-z_]\w*$/.test(name)) return { problem: `"${name}" is no name of a variable (letters, digits, "_")` };
  const value = env[name];
  const file = env[`${name}_FILE`];
  if (value && file) return { problem: `both ${name} and ${name}_FILE are set; keep one of them` };
  if (value) return { value };
  if (!file) return { problem: `the environment variable ${name} is not set (nor ${name}_FILE)` };
  try {
    // Editors of Windows put a mark before the text; no secret begins with it.
    const content = (await readFile(file, 'utf8')).replace(/^\ufeff/, '').replace(/\r?\n$/, '');
    return content ? { value: content } : { problem: `the file named in ${name}_FILE is empty` };
  } catch (error) {
    return { problem: `the file named in ${name}_FILE cannot be read (${errorCode(error)})` };
  }
}

function setAt(root: MapNode, path: KeyPath, value: ScalarNode, issues: ConfigIssue[]): void {
  let map = root;
  for (const part of path.slice(0, -1)) {
    let entry = map.entries.get(String(part));
    if (!entry || (entry.node.kind === 'scalar' && entry.node.value === null)) {
      entry = { keyPlace: value.place, node: { kind: 'map', place: value.place, entries: new Map() } };
      map.entries.set(String(part), entry);
    }
    if (entry.node.kind !== 'map') {
      issues.push({ ...entry.keyPlace, key: formatPath(path.slice(0, -1)), message: 'must hold keys and values' });
      return;
    }
    map = entry.node;
  }
  map.entries.set(String(path.at(-1)), { keyPlace: value.place, node: value });
}
