import { GatewayError } from '../lib/errors.js';

/** One thing wrong with the configuration, and where. */
export interface ConfigIssue {
  /** File as given, or `environment`. */
  file: string;
  /** 1-based; null where the whole file (or the environment) is meant. */
  line: number | null;
  column: number | null;
  /** `trunks[0].outbound.to`; empty for the file as a whole. */
  key: string;
  /** What is wrong and what is allowed; never holds a value that may be secret. */
  message: string;
}

/** Raised with every error of the configuration at once (GW_ERR_CONFIG). The process ends with status 2 on it. */
export class ConfigError extends GatewayError {
  constructor(readonly issues: readonly ConfigIssue[]) {
    const count = issues.length === 1 ? 'an error' : `${issues.length} errors`;
    super('GW_ERR_CONFIG', `the configuration has ${count}:\n${issues.map(formatIssue).join('\n')}`);
  }
}

/** `file:line:column key.path: what is wrong, what is allowed` */
export function formatIssue(issue: ConfigIssue): string {
  const place = [issue.file, issue.line, issue.column].filter((part) => part !== null).join(':');
  return `${place}${issue.key && ` ${issue.key}`}: ${issue.message}`;
}

export type KeyPath = readonly (string | number)[];

export function formatPath(path: KeyPath): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${part}`))
    .join('');
}
