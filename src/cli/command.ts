import type { ParseArgsConfig } from 'node:util';

/** Exit statuses: fit for scripts, and the same for every command. */
export const OK = 0;
/** The command could not do its work, or what it looked at is not healthy. */
export const FAILED = 1;
/** Wrong usage or a wrong configuration; the gateway itself ends with it on a wrong configuration. */
export const WRONG = 2;

/** Where a command reads and writes; a test gives its own. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether a person looks at it. */
  readonly tty: boolean;
  /** Takes away what was said; of what a person looks at only. */
  clear(): void;
  /** Something that must not be shown, typed or piped in. */
  secret(prompt: string): Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C: what runs for ever ends then. */
  readonly interrupted: AbortSignal;
}

export type Values = Readonly<Record<string, string | boolean | undefined>>;

export interface Command {
  /** `config check` */
  readonly name: string;
  /** What stands behind the name, as help has it. */
  readonly usage: string;
  readonly summary: string;
  /** Lines of help beside those of the common options. */
  readonly help: readonly string[];
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** Arguments beside the options. */
  readonly positionals: number;
  run(values: Values, positionals: readonly string[], terminal: Terminal): Promise<number>;
}

/** Called wrongly: the message and the usage are shown, status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** It could not be done: the message is shown, status 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

export const text = (value: string | boolean | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** Of the commands that read a configuration themselves. */
export const CONFIG_OPTIONS = { config: { type: 'string', short: 'c', default: 'config/gateway.yaml' } } as const;
export const CONFIG_HELP = `  -c, --config FILE   ${CONFIG_OPTIONS.config.default} when left out`;

/** Of the commands that ask a running gateway. */
export const GATEWAY_OPTIONS = { url: { type: 'string' }, key: { type: 'string' } } as const;
export const GATEWAY_HELP = [
  '      --url URL       of the gateway; CALLTRACK_URL, or http://127.0.0.1:8080',
  '      --key KEY       of access.keys; better in CALLTRACK_KEY, which no process list shows',
];
