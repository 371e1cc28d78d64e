import type { Logger } from 'pino';

const MAX_CHARACTERS = 200;

/**
 * drachtio-srf and drachtio-fsmrf write to the console, sometimes a whole SIP message with everybody's numbers in it.
 * What they say goes into our log, short and with digits masked.
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
}
