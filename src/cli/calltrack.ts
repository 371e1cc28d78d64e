#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { ConfigError, formatIssue } from '../config/errors.js';
import { loadConfig } from '../config/load.js';
import { toError } from '../lib/deadline.js';

const USAGE = `calltrack config check [--config FILE] [--json]

Checks a configuration file, or a folder of *.yaml files, without starting anything.

  -c, --config FILE   config/gateway.yaml when left out
      --json          the result as one JSON object
  -h, --help          this text

Status 0 where all is right, 2 where something is wrong.`;

/** 2, as sysexits and shells use it for wrong usage, and as the gateway itself ends with on a wrong configuration. */
const STATUS_WRONG = 2;

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      config: { type: 'string', short: 'c', default: 'config/gateway.yaml' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (positionals.join(' ') === 'config check') return checkConfigFile(values.config, values.json);
  console.error(USAGE);
  return STATUS_WRONG;
}

async function checkConfigFile(file: string, json: boolean): Promise<number> {
  try {
    const config = await loadConfig(file);
    const counts = Object.entries(config).flatMap(([key, value]) =>
      Array.isArray(value) ? `${key} ${value.length}` : [],
    );
    console.log(json ? JSON.stringify({ ok: true, file, errors: [] }) : `${file}: right (${counts.join(', ')})`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (json) console.log(JSON.stringify({ ok: false, file, errors: error.issues }));
    else console.error([...error.issues.map(formatIssue), `${error.issues.length} wrong in ${file}`].join('\n'));
    return STATUS_WRONG;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`${toError(error).message}\n\n${USAGE}`);
  process.exitCode = STATUS_WRONG;
}
