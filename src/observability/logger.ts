import { type DestinationStream, type Level, type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino';

interface LoggerOptions {
  level: Level | 'silent';
  /** `gateway.id`; stands in every line. */
  gateway: string;
  /** Where lines go; standard output when left out. */
  destination?: DestinationStream;
}

const SECRETS = ['secret', 'password', 'authorization', 'proxyAuthorization', 'token', 'callKey', 'apiKey', 'hash'];
/** Fields that hold whole telephone numbers: masked even where somebody forgot to; in a `reason` receivers repeat what they were told. */
const NUMBERS = [
  'number',
  'caller',
  'callerNumber',
  'called',
  'calledNumber',
  'trackingNumber',
  'from',
  'to',
  'reason',
];

/**
 * The log: one JSON object a line, static messages with values in fields. Fields named like secrets are removed, on
 * the top and up to two levels below; numbers are masked. Parts take `logger.child({ component })`.
 */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: { gateway: options.gateway, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '[redacted]',
    },
    serializers: { ...Object.fromEntries(NUMBERS.map((name) => [name, maskField])), err: maskError },
  };
  const logger = options.destination ? pino(settings, options.destination) : pino(settings);
  return logger.setMaxListeners(0); // one for each lasting child
}

/** A child that lives as long as the process: it follows where the log's level is changed, as a plain one does not. */
export function lastingChild(logger: Logger, fields: Record<string, unknown>): Logger {
  const child = logger.child(fields);
  logger.on('level-change', (level, _value, _former, _formerValue, changed) => {
    if (changed === logger) child.level = level;
  });
  return child;
}

/** `+79160000001` → `+7916***0001`: enough to recognise a caller one knows, not enough to call him. */
export function maskNumber(number: string): string;
export function maskNumber(number: string | null): string | null;
export function maskNumber(number: string | null): string | null {
  if (number === null) return null;
  if (number.length < 10) return `${number.slice(0, 2)}***`;
  return `${number.slice(0, 5)}***${number.slice(-4)}`;
}

/** Masks every run of digits that may be a number, in SIP URIs too; leaves names, addresses and ids alone. */
function maskField(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(/\+?\d{8,}/g, (digits) => maskNumber(digits));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  // A whole `caller`, as in the call document.
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, typeof inner === 'string' ? maskField(inner) : inner]),
  );
}

/** The libraries quote SIP URIs in their errors. */
function maskError(error: Error): unknown {
  if (!(error instanceof Error)) return error;
  const shown = stdSerializers.err(error);
  const mask = (text: string) => text.replaceAll(/(?<=sips?:|tel:|\+)\+?\d{8,}/gi, (digits) => maskNumber(digits));
  // A copy with keys of its own: the standard one hides the error itself behind a symbol. Without the SIP message that srf hangs on
  // it as `res`: numbers stand in it, and keys for the sound.
  return { ...shown, res: undefined, message: mask(shown.message), stack: mask(shown.stack) };
}
