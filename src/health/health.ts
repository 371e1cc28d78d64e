/** `unknown`: never answered and not yet silent for long enough; dialled like `up`. */
export const HEALTH_STATES = ['unknown', 'up', 'down'] as const;
export type HealthState = (typeof HEALTH_STATES)[number];

/** What people are told of it, as this process sees it. */
export interface SeenHealth {
  state: HealthState;
  /** Since when it is so, ISO 8601; null while unknown. */
  since: string | null;
  /** Status of the last answer to OPTIONS; null where there was none. */
  lastStatus: number | null;
}

/** How somebody who is asked by OPTIONS has answered so far: a carrier's gateway, a line. Times in ms of a monotonic clock. */
export interface Health {
  state: HealthState;
  /** Answers against `state` in a row: silences while it is up, answers while it is down. */
  against: number;
  /** When `state` was entered; null while unknown. */
  since: number | null;
  /** When it came back from `down`, for the ramp; null where it never was. */
  returnedAt: number | null;
}

export interface HealthPolicy {
  /** Silences in a row until it is down. */
  down: number;
  /** Answers in a row until it is up again. */
  up: number;
}

export const UNKNOWN_HEALTH: Health = { state: 'unknown', against: 0, since: null, returnedAt: null };

/** A gateway that has just come back is never left without any call. */
const LEAST_SHARE = 0.05;
/** 408 and 504: nobody behind it answered; 503: it takes no calls now. Any other answer shows that it lives. */
const DEAD_STATUSES = new Set([408, 503, 504]);

/** Whether an answer to OPTIONS (null: none in time) shows somebody who takes calls. 404, 405 and 500 do. */
export function isAlive(status: number | null): boolean {
  return status !== null && !DEAD_STATUSES.has(status);
}

/** One more answer (or silence). Down after K silences in a row, up after N answers in a row: a lost packet is neither. */
export function nextHealth(health: Health, alive: boolean, policy: HealthPolicy, now: number): Health {
  if (health.state === 'unknown' && alive) return { ...health, state: 'up', against: 0, since: now };
  const isAgainst = alive === (health.state === 'down');
  if (!isAgainst) return health.against === 0 ? health : { ...health, against: 0 };
  const against = health.against + 1;
  if (against < (health.state === 'down' ? policy.up : policy.down)) return { ...health, against };
  return health.state === 'down'
    ? { state: 'up', against: 0, since: now, returnedAt: now }
    : { state: 'down', against: 0, since: now, returnedAt: null };
}

/** Share of its calls (0 to 1) that a gateway gets now: growing over the ramp after its return. */
export function shareOf(health: Health, rampMs: number, now: number): number {
  if (health.state === 'down') return 0;
  if (health.returnedAt === null) return 1;
  return Math.min(1, Math.max(LEAST_SHARE, (now - health.returnedAt) / rampMs));
}
