import type { Channel } from './channel.js';

interface DigitCollection {
  channel: Channel;
  min: number;
  max: number;
  /** For the first digit, counted from the end of the prompt. */
  timeoutMs: number;
  /** For each further digit. */
  betweenMs: number;
  terminators: string;
  /** Plays until it is over or its source is stopped. */
  prompt: () => Promise<void>;
}

/** The keys pressed, the first of which ends the prompt; undefined when there are too few of them. */
export async function collectDigits(options: DigitCollection): Promise<string | undefined> {
  const { channel, min, max, terminators } = options;
  let digits = '';
  let timer: NodeJS.Timeout | undefined;
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const wait = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(finish, ms);
  };
  channel.gone.signal.addEventListener('abort', finish, { once: true });
  channel.onDigit = (digit) => {
    channel.media.source?.stop();
    if (terminators !== 'none' && terminators.includes(digit)) {
      channel.set('read_terminator_used', digit);
      finish();
      return;
    }
    digits += digit;
    if (digits.length >= max) finish();
    else wait(options.betweenMs);
  };
  await options.prompt();
  if (digits === '') wait(options.timeoutMs);
  await finished;
  clearTimeout(timer);
  channel.onDigit = undefined;
  return digits.length >= min ? digits : undefined;
}
