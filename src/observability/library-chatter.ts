import type { Logger } from 'pino';
import { toError } from '../lib/deadline.js';

const MAX_CHARACTERS = 200;

/**
 * drachtio-srf and drachtio-fsmrf write to the console, sometimes a whole SIP message with everybody's numbers in it.
 * What they say goes into our log, short and with digits masked; warnings of the process go there too. So do rejections
 * that they leave to nobody (we leave none: the linter sees to that): by default each would end the process, and everybody's calls.
 */
export function logLibraryChatter(logger: Logger): void {
  const say = (...words: unknown[]): void => {
    const text = words
      .map(String)
      .join(' ')
      .replaceAll(/\d{6,}/g, '***');
    logger.warn({ text: text.slice(0, MAX_CHARACTERS) }, 'said by a library');
  };
  Object.assign(console, { log: say, info: say, warn: say, error: say });
  process.on('warning', ({ name, message, stack }) => {
    logger.warn({ warning: name, message, stack }, 'process warning');
  });
  process.on('unhandledRejection', (reason) => {
    logger.error({ err: toError(reason) }, 'a rejection that nobody handled');
  });
}
