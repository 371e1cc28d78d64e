import type { Leg, LegResult, LossReason } from '../call/call.js';

/** What the legs of a call that nobody answered say about why. `fullResource` tells which limit a leg ran into. */
export interface LossInput {
  legs: readonly Pick<Leg, 'kind' | 'result'>[];
  /** For each leg, the resource whose limit it met (`trunk-out:carrier-a`), null where it met none. */
  fullResources: readonly (string | null)[];
  callerHungUp: boolean;
}

const REASON_OF: Readonly<Record<LegResult, LossReason>> = {
  no_channel: 'destination_capacity',
  capacity: 'destination_capacity',
  busy: 'busy',
  declined: 'declined',
  no_answer: 'no_answer',
  unreachable: 'unreachable',
  unknown: 'unreachable',
  not_registered: 'not_registered',
  incompatible: 'media_failure',
  redirected: 'unreachable',
  failed: 'unreachable',
  cancelled: 'no_answer',
  answered: 'media_failure',
};

/** What a person did outweighs what a line did: a phone that rang and was not answered is not a capacity loss. */
const RANK: readonly LegResult[] = [
  'answered',
  'declined',
  'no_answer',
  'cancelled',
  'busy',
  'no_channel',
  'capacity',
  'not_registered',
  'incompatible',
  'unknown',
  'redirected',
  'unreachable',
  'failed',
];

/** What shows best why nobody answered, out of several attempts; `unreachable` where there were none. */
export function mostTelling(results: readonly LegResult[]): LegResult {
  return RANK.find((result) => results.includes(result)) ?? 'unreachable';
}

/**
 * One reason for a lost call. A caller who gave up comes first; then whatever shows that somebody was reached; then
 * capacity, named after the first limit met on the route's way (that is the one to widen); then the rest.
 */
export function lossReason(input: LossInput): LossReason {
  if (input.callerHungUp) return 'caller_hung_up';
  let deciding = -1;
  let best = RANK.length;
  input.legs.forEach((leg, index) => {
    const rank = RANK.indexOf(leg.result ?? 'failed');
    if (rank < best) {
      best = rank;
      deciding = index;
    }
  });
  const leg = input.legs[deciding];
  if (!leg) return 'unreachable';
  if (leg.result === 'no_channel' || leg.result === 'capacity') return capacityReason(input);
  return REASON_OF[leg.result ?? 'failed'];
}

function capacityReason(input: LossInput): LossReason {
  const first = input.legs.findIndex(({ result }) => result === 'no_channel' || result === 'capacity');
  const resource = input.fullResources[first] ?? null;
  if (/^trunk(-out)?:/.test(resource ?? '')) return 'trunk_capacity';
  return input.legs[first]?.kind === 'line' ? 'lines_busy' : 'destination_capacity';
}

/** More channels would have saved the call. */
export const CAPACITY_LOSSES: ReadonlySet<LossReason> = new Set([
  'destination_capacity',
  'trunk_capacity',
  'lines_busy',
]);

/** Lost although somebody wanted to answer: these callers are to be called back first. */
export function isCapacityLoss(reason: LossReason): boolean {
  return CAPACITY_LOSSES.has(reason);
}

const STATUS_OF: Readonly<Record<LossReason, number>> = {
  destination_capacity: 486,
  trunk_capacity: 486,
  lines_busy: 486,
  busy: 486,
  no_answer: 480,
  declined: 603,
  caller_hung_up: 487,
  unreachable: 480,
  not_registered: 480,
  media_failure: 488,
  gateway_lost: 500,
  unknown_number: 404,
  blocked: 603,
  schedule: 480,
};

/**
 * What the caller's carrier is told. Not 503 for a full business number: carriers take that for a broken trunk and
 * send the same call again over the next one.
 */
export function statusForLoss(reason: LossReason): number {
  return STATUS_OF[reason];
}
