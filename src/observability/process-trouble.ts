import type { Logger } from 'pino';
import { toError } from '../lib/deadline.js';

/**
 * Logs the process's warnings (what `inBackground` caught is one), and goes on behind a rejection that nobody handled. We
 * leave none, the linter sees to that; the SIP and media libraries do, and by default each would end everybody's calls.
 */
export function outliveTrouble(logger: Logger): void {
  process.on('warning', ({ name, message, stack }) => {
    logger.warn({ warning: name, message, stack }, 'process warning');
  });
  process.on('unhandledRejection', (reason) => {
    logger.error({ err: toError(reason) }, 'a rejection that nobody handled');
  });
}
