#!/usr/bin/env node
import { toError } from '../lib/deadline.js';
import { FAILED, OK } from './command.js';
import { main } from './main.js';
import { printable } from './printable.js';
import { readSecret } from './secret.js';

const CLEAR = '\u001b[H\u001b[2J';

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
// Whoever reads us (head, less) may have had enough.
process.stdout.on('error', () => process.exit(OK));

try {
  process.exitCode = await main(process.argv.slice(2), {
    out: (text) => console.log(printable(text)),
    err: (text) => console.error(printable(text)),
    tty: process.stdout.isTTY,
    clear: () => process.stdout.write(CLEAR),
    secret: readSecret,
    env: process.env,
    interrupted: interrupt.signal,
  });
} catch (error) {
  console.error(`calltrack failed: ${toError(error).message}`);
  process.exitCode = FAILED;
}
