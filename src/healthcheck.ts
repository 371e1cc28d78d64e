import { ConfigError } from './config/errors.js';
import { loadConfig } from './config/load.js';
import { localUrl } from './config/local-url.js';
import { toError } from './lib/deadline.js';

/** HEALTHCHECK of the Dockerfile: whether the process answers where its configuration says. Status 1: it does not. */
const TIMEOUT_MS = 5000;

try {
  const { http } = await loadConfig(process.argv[2] ?? 'config/gateway.yaml');
  const { ok } = await fetch(`${localUrl(http)}/healthz`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  process.exitCode = ok ? 0 : 1;
} catch (error) {
  process.stderr.write(`${toError(error).message}\n`);
  // A file that is wrong at this moment says nothing of the process, which goes on by what it has read.
  process.exitCode = error instanceof ConfigError ? 0 : 1;
}
