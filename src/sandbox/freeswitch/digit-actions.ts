import type { Channel } from './channel.js';

/** How long FreeSWITCH waits for the rest of a code before it passes on what there is. */
const DIGIT_TIMEOUT_MS = 1500;

/**
 * `bind_digit_action` for what the bridged leg presses: a code that `pattern` knows is told by an event and not passed
 * on; keys that cannot become one are passed on at once, the beginning of one when its time is over.
 */
export function bindControls(channel: Channel, pattern: string): void {
  if (!/^[\d*#[\]|]{1,100}$/.test(pattern)) return;
  const codes = pattern.split('|').map((code) => code.replace(/[[\]]/g, ''));
  let buffer = '';
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    channel.media.sendKeys(buffer);
    buffer = '';
  };
  channel.fromPeer = (digit) => {
    clearTimeout(timer);
    buffer += digit;
    if (codes.includes(buffer)) {
      channel.set('last_matching_digits', buffer);
      buffer = '';
      channel.fire('CUSTOM', { 'Event-Subclass': 'calltrack::control' });
    } else if (codes.some((code) => code.startsWith(buffer))) {
      timer = setTimeout(flush, DIGIT_TIMEOUT_MS);
    } else flush();
  };
  channel.gone.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
