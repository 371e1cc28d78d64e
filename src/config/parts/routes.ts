import { z } from 'zod';
import { channels, credentials, durationOf, e164, health, id, sipUri } from '../words.js';
import { routeRecording } from './recordings.js';

/** `lines`, `destinations`, `routes`, `schedules`: who is rung, when and in which order. */

/** What a header of ours may tell the agent's phone or PBX. */
export const HEADER_FIELDS = [
  'call.id',
  'session.id',
  'visitor.id',
  'source',
  'campaign',
  'keyword',
  'landingPage',
  'trackingNumber',
  'site',
] as const;

export const line = z.strictObject({
  id,
  /** A fixed address; or `register`, for a phone that registers with us. */
  uri: sipUri.optional(),
  register: credentials.optional(),
  channels,
  auth: credentials.optional(),
  /** Asks the fixed address. */
  health: health.optional(),
  /** Sound by SRTP, with keys in SDP (RFC 4568). */
  srtp: z.enum(['off', 'required']).default('off'),
  /** What the phone shows beside the number: the caller's own name, or where he comes from ("yandex / sofas"). */
  display: z.enum(['name', 'source']).default('name'),
  /** Headers for pop-ups: name → what it says. */
  headers: z
    .record(z.string().regex(/^X-[A-Za-z0-9-]{1,40}$/, 'a header name that begins with "X-"'), z.enum(HEADER_FIELDS))
    .default({}),
});

export const destination = z.strictObject({ id, trunk: id, number: e164, channels });

export const STEP_CONDITIONS = ['always', 'overflow', 'no-answer', 'busy', 'unreachable'] as const;

const condition = z.enum(STEP_CONDITIONS);

export const STRATEGIES = ['in-order', 'all-at-once', 'round-robin', 'least-recent'] as const;

const step = z.strictObject({
  /** Lines and destinations; or `announce`, which ends the route. */
  dial: z.array(id).min(1).optional(),
  /** Sound file or tone_stream for who has come this far, unbilled; then he is refused. */
  announce: z.string().min(1).optional(),
  strategy: z.enum(STRATEGIES).default('in-order'),
  /** Only while this schedule is open. */
  during: id.optional(),
  /** When a later step is tried: why the steps before it failed. The first step is always tried. */
  when: z.union([condition.transform((one) => [one]), z.array(condition).min(1)]).prefault('always'),
  for: durationOf('30s', 600_000, '10m'),
});

export const route = z.strictObject({
  id,
  steps: z.array(step).min(1).max(20),
  /** How long the caller may hear ringing over all steps. */
  for: durationOf('3m', 1_800_000, '30m'),
  /** Ring again in a later step what answered busy, declined or unknown. */
  retryRefused: z.boolean().default(false),
  recording: routeRecording.prefault({}),
  /** Sound file or tone_stream that a lost caller hears, unbilled, before the refusal. */
  announcement: z.string().min(1).optional(),
  /** Ask callers of this route for a promo code, or do not, whatever the site's `promo.ask` says. */
  askPromo: z.boolean().optional(),
  /** After this the call is ended, whoever still talks. */
  maxDuration: durationOf('2h', 86_400_000, '24h'),
});

const HOURS =
  'like "09:00-18:00", the earlier time first; past midnight as "22:00-24:00" and "00:00-06:00" of the next day';

const dayTime = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$/, { error: HOURS, abort: true })
  // It would never be open. Times of two digits each sort as texts.
  .refine((range) => range.slice(0, 5) < range.slice(6), HOURS);

const isoDay = z.iso.date('a day like "2027-01-01"');

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** Opening hours in the site's time zone. */
export const schedule = z.strictObject({
  id,
  weekly: z
    .strictObject(
      Object.fromEntries(WEEKDAYS.map((day) => [day, z.array(dayTime).default([])])) as Record<
        (typeof WEEKDAYS)[number],
        z.ZodDefault<z.ZodArray<typeof dayTime>>
      >,
    )
    .prefault({}),
  /** Days that are closed whatever the week says. */
  holidays: z.array(isoDay).default([]),
  /** Days with hours of their own. */
  exceptions: z.record(isoDay, z.array(dayTime)).default({}),
});
