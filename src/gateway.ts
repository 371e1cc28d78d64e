import { parseArgs } from 'node:util';
import { createApp, type App } from './app.js';
import { ConfigError, formatIssue } from './config/errors.js';
import { loadConfig, readConfig } from './config/load.js';
import { redact } from './config/redact.js';
import { inBackground } from './lib/background.js';
import { toError } from './lib/deadline.js';
import { logLibraryChatter } from './observability/library-chatter.js';
import { createLogger } from './observability/logger.js';
import { outliveTrouble } from './observability/process-trouble.js';

/** The gateway as a process: configuration, the app, signals. SIGTERM drains, SIGINT (or a second SIGTERM) stops at once. */
const EXIT_NOT_STARTED = 1;
const EXIT_BAD_CONFIG = 2;
/** Two SIGTERM within this are one: a supervisor tells the whole process group, and npm passes on what it was told itself. */
const ONE_SIGNAL_MS = 1000;

const USAGE =
  'usage: npm start -- [--config FILE]    one YAML file, or a folder of them; config/gateway.yaml when left out';

// Recordings, archives and what else is written here is nobody's but the service's, and its group's.
process.umask(0o027);
const values = readArguments();

const { config, variables } = await readConfig(values.config).catch((error: unknown) => {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.issues.map(formatIssue).join('\n')}\n`);
  process.exit(EXIT_BAD_CONFIG);
});
const logger = createLogger({ ...config.log, gateway: config.gateway.id });
logLibraryChatter(logger);
outliveTrouble(logger);
logger.info({ config: redact(config, variables) }, 'configuration');
const app = await startApp();

function readArguments(): { config: string } {
  try {
    return parseArgs({ options: { config: { type: 'string', default: 'config/gateway.yaml' } } }).values;
  } catch (error) {
    process.stderr.write(`${toError(error).message}\n${USAGE}\n`);
    process.exit(EXIT_BAD_CONFIG);
  }
}

async function startApp(): Promise<App> {
  try {
    const created = await createApp(config, logger, () => loadConfig(values.config));
    await created.start();
    return created;
  } catch (error) {
    // A port that is taken, a folder that is not ours: said in one line, not by a stack trace.
    logger.fatal({ err: error }, 'gateway did not start');
    process.exit(EXIT_NOT_STARTED);
  }
}

// Checked as a whole first: a wrong file changes nothing and says why.
process.on('SIGHUP', () => {
  inBackground(
    app.reloads.reload().catch((error: unknown) => {
      const issues = error instanceof ConfigError ? error.issues.map(formatIssue) : [String(error)];
      logger.error({ issues }, 'configuration not reloaded');
    }),
  );
});

let draining = false;
let lastTermAt = -Infinity;
async function endAfter(work: Promise<void>): Promise<void> {
  await work.then(
    () => logger.info({}, 'stopped'),
    (error: unknown) => logger.error({ err: toError(error) }, 'stopped, and not everything has ended as it should'),
  );
  process.exit();
}
process.on('SIGTERM', () => {
  const sinceLastMs = performance.now() - lastTermAt;
  lastTermAt = performance.now();
  if (sinceLastMs < ONE_SIGNAL_MS) return;
  logger.info({}, draining ? 'SIGTERM again: stopping' : 'SIGTERM: draining');
  inBackground(endAfter(draining ? app.stop() : app.drain()));
  draining = true;
});
process.on('SIGINT', () => {
  logger.info({}, 'SIGINT: stopping');
  inBackground(endAfter(app.stop()));
});
