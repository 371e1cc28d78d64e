import { checkConfig } from './check.js';
import { describeIssue, type Finding } from './describe.js';
import { applyOverrides, type Environment, substituteVariables } from './environment.js';
import { ConfigError, type ConfigIssue, formatPath, type KeyPath } from './errors.js';
import { configSchema, type GatewayConfig } from './schema.js';
import { locate, type MapNode, readSources, toPlain } from './source.js';

export interface LoadedConfig {
  config: GatewayConfig;
  /** Keys whose values were put in from variables: not to be shown. */
  variables: KeyPath[];
}

/** The configuration alone, for who shows nothing of it. */
export async function loadConfig(path: string, env: Environment = process.env): Promise<GatewayConfig> {
  return (await readConfig(path, env)).config;
}

/**
 * Reads, completes and checks the configuration; a reload is the same call once more.
 *
 * @param path a YAML file, or a folder whose `*.yaml` files are put together
 * @param env where `${NAME}`, `NAME_FILE` and the `GW_*` overrides are taken from
 * @throws ConfigError with every error at once; nothing of a wrong configuration is ever returned
 */
export async function readConfig(path: string, env: Environment = process.env): Promise<LoadedConfig> {
  const issues: ConfigIssue[] = [];
  const root = await readSources(path, issues);
  // Of a file that is not YAML half is missing: whatever else seemed wrong would only mislead.
  if (issues.length > 0) throw new ConfigError(sorted(issues));
  const variables = await substituteVariables(root, env, issues);
  await applyOverrides(root, env, issues);

  const result = validate(root);
  const findings = [...result.findings, ...checkConfig(toPlain(root))];
  const reported = new Set<string>();
  for (const finding of findings) {
    const key = formatPath(finding.path);
    const { node, place } = locate(root, finding.path);
    const failed = node.kind === 'scalar' && node.failed;
    // One line for one value: what follows from an error that is reported already is left out.
    if (!failed && !reported.has(key)) issues.push({ ...place, key, message: finding.message });
    reported.add(key);
  }
  if (issues.length > 0 || !result.config) throw new ConfigError(sorted(issues));
  return { config: result.config, variables };
}

function validate(root: MapNode): { config: GatewayConfig | null; findings: Finding[] } {
  let parsed = configSchema.safeParse(toPlain(root));
  if (!parsed.success && readAsNumbers(root, parsed.error.issues)) parsed = configSchema.safeParse(toPlain(root));
  if (parsed.success) return { config: parsed.data, findings: [] };
  const plain = toPlain(root);
  return { config: null, findings: parsed.error.issues.flatMap((issue) => describeIssue(issue, valueIn(plain))) };
}

type SchemaIssues = NonNullable<ReturnType<typeof configSchema.safeParse>['error']>['issues'];

/** The environment knows only text. Where the schema wants a number or a boolean, its text is read as one. */
function readAsNumbers(root: MapNode, issues: SchemaIssues): boolean {
  let changed = false;
  for (const issue of issues) {
    if (issue.code !== 'invalid_type') continue;
    const { node, found } = locate(root, issue.path as KeyPath);
    if (!found || node.kind !== 'scalar' || !node.fromEnvironment || typeof node.value !== 'string') continue;
    const text = node.value;
    if (issue.expected === 'number' && /^-?\d+(\.\d+)?$/.test(text)) node.value = Number(text);
    else if (issue.expected === 'boolean' && /^(true|false)$/.test(text)) node.value = text === 'true';
    else continue;
    changed = true;
  }
  return changed;
}

function valueIn(plain: unknown): (path: KeyPath) => unknown {
  return (path) =>
    path.reduce<unknown>((value, part) => {
      return typeof value === 'object' && value !== null
        ? (value as Record<string | number, unknown>)[part]
        : undefined;
    }, plain);
}

function sorted(issues: ConfigIssue[]): ConfigIssue[] {
  const byPlace = (a: ConfigIssue, b: ConfigIssue) =>
    a.file.localeCompare(b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
  return issues.toSorted(byPlace);
}
