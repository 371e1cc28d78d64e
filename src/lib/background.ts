import { toError } from './deadline.js';

/**
 * Lets `work` run by itself. What it may fail with is handled inside it; should something slip out all the same, it
 * becomes a process warning (logged by observability/process-trouble.ts) instead of the end of the process and of everybody's calls.
 */
export function inBackground(work: Promise<unknown>): void {
  work.catch((error: unknown) => {
    process.emitWarning(toError(error).message, { type: 'BackgroundFailure', detail: toError(error).stack ?? '' });
  });
}
