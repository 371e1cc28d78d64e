import { parseArgs } from 'node:util';
import type { EngineKind } from './engines.js';
import { SYSTEMS, type System } from './world.js';

export const PARTS = ['latency', 'redis', 'concurrency', 'memory', 'recordings', 'rate'] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  /** null: the stand-ins, and the real ones where they are. */
  engines: EngineKind | null;
  parts: readonly Part[];
  /** Length of one measured piece. */
  seconds: number;
  rounds: number;
  /** Shorter than what the measures are about: figures are printed, those that need the full length are not judged. */
  short: boolean;
  /** Which systems take part; null: all that the engines allow. Ratios need all of them. */
  systems: readonly System[] | null;
  /** Takes a processor profile of the gateway in every latency run and writes it here. */
  profile: string | null;
}

const SECONDS = 30;
const ROUNDS = 3;

const USAGE = `npm run bench [-- options]
  --engines sandbox|real   one kind of engines only; otherwise both, the real ones where they are on the PATH
  --only PART[,PART]       ${PARTS.join(', ')}
  --systems A,P,ours       on the real engines: only these (ratios need all three)
  --seconds N              length of one measured piece (default ${SECONDS}; less makes a smoke test)
  --rounds N               rounds of which the medians are taken (default ${ROUNDS})
  --profile FILE           also writes a processor profile of the gateway at 10 calls a second`;

export function readOptions(args: string[]): BenchOptions {
  const { values } = parseArgs({
    args,
    options: {
      engines: { type: 'string' },
      only: { type: 'string' },
      systems: { type: 'string' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) throw new Error(USAGE);
  const seconds = positive('seconds', values.seconds, SECONDS);
  return {
    engines: values.engines === undefined ? null : oneOf('engines', values.engines, ['sandbox', 'real'] as const),
    parts: values.only === undefined ? PARTS : values.only.split(',').map((part) => oneOf('only', part, PARTS)),
    systems:
      values.systems === undefined ? null : values.systems.split(',').map((one) => oneOf('systems', one, SYSTEMS)),
    seconds,
    rounds: positive('rounds', values.rounds, ROUNDS),
    short: seconds < SECONDS,
    profile: values.profile ?? null,
  };
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: a whole number of 1 and more\n\n${USAGE}`);
  return value;
}

function oneOf<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  if (found === undefined) throw new Error(`--${name}: one of ${known.join(', ')}\n\n${USAGE}`);
  return found;
}
