#!/usr/bin/env node
import { toError } from '../lib/deadline.js';
import { FAILED, OK } from './command.js';
import { main } from './main.js';
import { printable } from './printable.js';
import { readSecret } from './secret.js';

const CLEAR = '\u001b[H\u001b[2J';

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever reads us (head, less) may have had enough. A disk that is full has lost what it was to keep.
  if (error.code !== 'EPIPE') console.error(`calltrack failed: what it says cannot be written: ${error.message}`);
  process.exit(error.code === 'EPIPE' ? OK : FAILED);
});

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
