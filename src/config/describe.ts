import { z } from 'zod';
import type { KeyPath } from './errors.js';
import { configSchema } from './schema.js';

/** The schema's findings in the operator's words. */
export interface Finding {
  path: KeyPath;
  message: string;
}

type Issue = z.core.$ZodIssue;

/**
 * @param valueAt the value that was checked, by its path: to tell a missing key from a wrong one
 */
export function describeIssue(issue: Issue, valueAt: (path: KeyPath) => unknown): Finding[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code === 'unrecognized_keys') {
    const allowed = keysAllowedAt(path);
    return issue.keys.map((key) => ({ path: [...path, key], message: `unknown key; allowed: ${allowed.join(', ')}` }));
  }
  const nested = issue.code === 'invalid_union' ? issuesInside(issue) : null;
  if (nested) return nested.flatMap((one) => describeIssue({ ...one, path: [...path, ...one.path] }, valueAt));
  const value = valueAt(path);
  const wanted = wantedBy(issue);
  if (value === undefined) return [{ path, message: `is missing; must be ${wanted}` }];
  const quotes = typeof value === 'number' && issue.code === 'invalid_type' && issue.expected === 'string';
  return [{ path, message: `must be ${wanted}${quotes ? '; put it in quotes' : ''}` }];
}

/** Where the value is of one branch's own kind (a list, a group), what is wrong inside it says more than "none of these". */
function issuesInside(issue: Extract<Issue, { code: 'invalid_union' }>): Issue[] | null {
  const ofThisKind = issue.errors.filter((branch) =>
    branch.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  );
  return (ofThisKind.length === 1 && ofThisKind[0]) || null;
}

function wantedBy(issue: Issue): string {
  const isOwn = !/^(Invalid|Too (small|big)|Unrecognized)/.test(issue.message);
  if (isOwn) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_WORDS[issue.expected] ?? `of type ${issue.expected}`;
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(String(value))).join(' or ');
    case 'invalid_union':
      return [...new Set(issue.errors.flatMap((branch) => branch.slice(0, 1).map(wantedBy)))].join(', or ');
    case 'too_small':
      return `${sizeOf(issue.origin, issue.inclusive === false ? 'more than' : 'at least')} ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `${sizeOf(issue.origin, 'at most')} ${issue.maximum}${unitOf(issue.origin)}`;
    case 'invalid_format':
      return issue.format === 'url' ? 'a URL with http:// or https://' : `of the form ${issue.format}`;
    case 'invalid_key':
      return issue.issues.map(wantedBy).join(', and ');
    default:
      return `otherwise (${issue.message})`;
  }
}

const TYPE_WORDS: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
  record: 'a group of keys',
};

function sizeOf(origin: string, bound: string): string {
  return origin === 'array' ? `a list of ${bound}` : bound;
}

function unitOf(origin: string): string {
  if (origin === 'array') return ' entries';
  return origin === 'string' ? ' characters long' : '';
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
}

let whole: JsonSchema | undefined;

/** JSON Schema of what an operator writes (before defaults and conversions). */
function inputSchema(): JsonSchema {
  whole ??= z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return whole;
}

/** Of a list, also where something shorter may stand in its place. */
function listItem(schema: JsonSchema | undefined): JsonSchema | undefined {
  return schema?.items ?? schema?.anyOf?.find((one) => one.items)?.items;
}

/** The keys of a group, also where something shorter may stand in its place. */
function keysOf(schema: JsonSchema | undefined): Record<string, JsonSchema> | undefined {
  return schema?.properties ?? schema?.anyOf?.find((one) => one.properties)?.properties;
}

function keysAllowedAt(path: KeyPath): string[] {
  let schema: JsonSchema | undefined = inputSchema();
  for (const part of path) schema = typeof part === 'number' ? listItem(schema) : keysOf(schema)?.[part];
  return Object.keys(keysOf(schema) ?? {});
}

/** Every key path of the configuration, lists written as `trunks[]`. Source of the checks on docs and example. */
export function allKeyPaths(schema: JsonSchema = inputSchema(), prefix = ''): string[] {
  const item = listItem(schema);
  if (item) return item.properties ? allKeyPaths(item, `${prefix}[]`) : [prefix];
  const keys = keysOf(schema);
  if (!keys) return [prefix];
  return Object.entries(keys).flatMap(([key, value]) => {
    return allKeyPaths(value, prefix ? `${prefix}.${key}` : key);
  });
}
