import { z } from 'zod';
import {
  DISPOSITIONS,
  END_REASONS,
  LEG_OBSTACLES,
  LEG_RESULTS,
  LOSS_REASONS,
  SCREENING_ACTIONS,
  SCREENING_RULES,
  VERDICTS,
  type Call,
} from '../call/call.js';
import type { CallEvent, WrittenEvent } from '../call/ports.js';
import type { CallEventType, EventType, OperationalEventType } from '../call/event-types.js';
import { newEventId } from '../lib/ids.js';

/**
 * The event catalogue (contracts section 4): the shape of everything that webhooks and the feed carry. A test holds
 * the schemas and the types of `call/call.ts` against each other.
 */

const time = z.iso.datetime();
const count = z.int().min(0);
const seconds = z.number().min(0);
const words = z.string().nullable();

const sessionSchema = z
  .object({
    id: z.string(),
    visitorId: words,
    landingPage: words,
    referrer: words,
    utm: z.object({ source: words, medium: words, campaign: words, content: words, term: words }),
    keyword: words,
    gclid: words,
    yclid: words,
    gaClientId: words.describe('Client id of Google Analytics'),
    ymClientId: words.describe('Client id of Yandex.Metrica'),
  })
  .meta({ id: 'VisitorSession', description: 'Who the visitor is for the ad systems; what is not known is null.' });

const attributionSchema = z
  .object({
    verdict: z.enum(VERDICTS),
    confidence: z.number().min(0).max(1),
    rule: z.string(),
    leaseId: words,
    leaseAgeSeconds: z.number().nullable(),
    session: sessionSchema.nullable(),
    source: z.record(z.string(), z.string()).nullable().describe('What a static number was bound to'),
    candidates: z.array(
      z.object({
        leaseId: z.string(),
        sessionId: z.string(),
        weight: z.number().describe('Probability that it was he'),
        leaseAgeSeconds: z.number(),
        leaseEndedSecondsAgo: z.number().nullable().describe('null while the lease goes on'),
      }),
    ),
  })
  .meta({ id: 'Attribution', description: 'Whose call it was, by which rule, and how sure that is.' });

const believedSchema = z
  .object({
    ...attributionSchema.pick({ verdict: true, confidence: true, rule: true, leaseId: true }).shape,
    sessionId: words,
    source: words.describe('Of the visit, or of the ad that the number was bound to'),
    campaign: words,
  })
  .meta({ id: 'Believed', description: 'An attribution in outline.' });
const correctionSchema = z
  .object({ by: z.string(), at: time, reason: z.string(), old: believedSchema, new: believedSchema })
  .meta({ id: 'Correction', description: 'Somebody, or what was found later, put right whose call it was.' });

const legSchema = z
  .object({
    n: z.int().min(1),
    kind: z.enum(['destination', 'line']),
    target: z.string(),
    step: z.int().min(1),
    via: words,
    startedAt: time,
    ringingAt: time.nullable(),
    answeredAt: time.nullable(),
    endedAt: time.nullable(),
    result: z.enum(LEG_RESULTS).nullable(),
    obstacle: z
      .enum(LEG_OBSTACLES)
      .nullable()
      .describe(
        'Why it is `unreachable` without having been dialled: it does not answer OPTIONS, was drained, or would call us back',
      ),
    sip: z.int().nullable(),
    q850: z.int().nullable(),
    channelsInUse: count.nullable(),
    channelLimit: count.nullable(),
  })
  .meta({ id: 'Leg', description: 'One target that was tried, in the order of `n`.' });

const recordingSchema = z
  .object({
    status: z.enum(['none', 'recording', 'ready', 'absent', 'failed', 'deleted']),
    reason: words,
    file: words,
    bytes: count.nullable(),
    sha256: words,
    durationSeconds: seconds.nullable(),
    sampleRate: count.nullable(),
    channels: z.array(z.string()).nullable(),
    silentChannels: z.array(z.string()).nullable(),
    startedAt: time.nullable(),
    stoppedAt: time.nullable().describe('Where it was stopped before the call ended'),
    paused: z
      .array(z.object({ atSeconds: seconds, seconds: seconds.nullable() }))
      .describe('Times left out of the file: at which position, and how long'),
    masked: z
      .array(z.object({ fromSeconds: seconds, toSeconds: seconds.nullable() }))
      .describe('Positions in the file between which there is silence in place of what was said'),
    deletedAt: time.nullable(),
  })
  .meta({
    id: 'Recording',
    description: 'What became of the recording; the caller is on the left, the business on the right.',
  });

const tagSchema = z.object({ name: z.string(), by: z.string(), at: time });
const noteSchema = z.object({ id: z.string(), text: z.string(), by: z.string(), at: time });
const callbackSchema = z
  .object({
    at: time.describe('When it was dialled'),
    talkSeconds: seconds,
    line: words.describe('The phone or person of the business, as it was told'),
    tries: count.describe('How often he had been called in vain before'),
  })
  .meta({ id: 'Callback', description: 'A talk in which the business called a lost caller back.' });
const handledSchema = z
  .object({
    by: z.string(),
    at: time,
    callback: callbackSchema.nullable().describe('null where somebody said that it is done'),
  })
  .meta({ id: 'Handled' });
const screeningSchema = z
  .object({
    action: z.enum(SCREENING_ACTIONS).describe('The strictest of those of its hits'),
    hits: z.array(
      z.object({
        rule: z.enum(SCREENING_RULES),
        action: z.enum(SCREENING_ACTIONS),
        count: count.nullable().describe('What was counted; null for the block list'),
        limit: count.nullable(),
      }),
    ),
  })
  .meta({ id: 'Screening', description: "Which of the site's rules against spam and fraud the call hit." });

export const callSchema = z
  .object({
    id: z.string(),
    sipCallId: z.string(),
    site: words.describe('null for a number that is not known'),
    gateway: z.string(),
    trunk: z.string(),
    route: words,
    trackingNumber: z.string(),
    numberKind: z.enum(['dynamic', 'static']).nullable(),
    caller: z.object({
      number: words.describe('E.164; null where it was withheld or not a number'),
      withheld: z.boolean(),
      name: words,
      firstCall: z.boolean().nullable(),
      previousCalls: count.nullable(),
      lastCallAt: time.nullable(),
      lastDisposition: z.enum(DISPOSITIONS).nullable().describe('How the last call ended; null while it goes on'),
      erased: z.literal(true).optional().describe('He was forgotten on request; only then it is there'),
    }),
    startedAt: time,
    ringingAt: time.nullable(),
    engagedAt: time
      .nullable()
      .describe('When the caller began to pay: before `answeredAt` where he was asked something first'),
    answeredAt: time.nullable().describe('When the business answered'),
    endedAt: time.nullable(),
    durations: z.object({
      ringSeconds: seconds,
      talkSeconds: seconds,
      totalSeconds: seconds,
      addedSetupMs: z.number().nullable().describe('What the gateway itself added before it dialled'),
    }),
    disposition: z.enum(DISPOSITIONS).nullable(),
    lossReason: z.enum(LOSS_REASONS).nullable(),
    ended: z
      .object({
        by: z.enum(['caller', 'business', 'gateway']),
        reason: z.enum(END_REASONS),
        sip: z.int().nullable(),
      })
      .nullable(),
    attribution: attributionSchema,
    corrections: z.array(correctionSchema).describe('The latest ten, the oldest first'),
    legs: z.array(legSchema),
    overflow: z.object({ from: z.string(), reason: z.enum(['no_free_channel', 'far_end_capacity']) }).nullable(),
    recording: recordingSchema,
    tags: z.array(tagSchema),
    handled: handledSchema.nullable().describe('Who has taken care of it'),
    notes: z.array(noteSchema),
    screening: screeningSchema.nullable().describe('null where no rule of the site was hit'),
  })
  .meta({ id: 'Call', description: 'The whole call as known at this moment.' });

const envelope = { id: z.string().regex(/^evt_[0-9a-f]{32}$/), timestamp: time };

/** What each type promises beyond the call document as such. */
const ended = { endedAt: time, ended: callSchema.shape.ended.unwrap() };
const recordingIs = <S extends 'ready' | 'absent' | 'failed' | 'deleted'>(status: S) => ({
  recording: recordingSchema.extend({ status: z.literal(status) }),
});
const callSchemas = {
  'call.received': callSchema,
  'call.ringing': callSchema.extend({ ringingAt: time }),
  'call.overflowed': callSchema.extend({ overflow: callSchema.shape.overflow.unwrap() }),
  'call.answered': callSchema.extend({ answeredAt: time }),
  'call.completed': callSchema.extend({ ...ended, answeredAt: time, disposition: z.literal('answered') }),
  'call.missed': callSchema.extend({ ...ended, disposition: z.literal('missed'), lossReason: z.enum(LOSS_REASONS) }),
  'call.rejected': callSchema.extend({ endedAt: time, disposition: z.literal('rejected') }),
  'recording.ready': callSchema.extend(recordingIs('ready')),
  'recording.absent': callSchema.extend(recordingIs('absent')),
  'recording.failed': callSchema.extend(recordingIs('failed')),
  'recording.deleted': callSchema.extend(recordingIs('deleted')),
  'call.attribution.corrected': callSchema,
  'call.tagged': callSchema,
  'call.handled': callSchema,
} as const satisfies Record<CallEventType, z.ZodType<Call>>;

/** What stands beside `call` in the data. */
const besideCall: Partial<Record<CallEventType, Record<string, z.ZodType>>> = {
  'call.attribution.corrected': { old: attributionSchema, new: attributionSchema, reason: z.string() },
  'call.tagged': {
    change: z.discriminatedUnion('kind', [
      tagSchema.extend({ kind: z.literal('tag') }),
      tagSchema.extend({ kind: z.literal('untag') }),
      noteSchema.extend({ kind: z.literal('note') }),
    ]),
  },
};

const trunkState = z.object({ trunk: z.string(), reason: words });
const lineState = z.object({ line: z.string(), reason: words });
const capacity = z.object({
  kind: z.enum(['trunk', 'destination', 'line']),
  id: z.string(),
  /** Which of a trunk's limits; null for that of both directions together, and for what is no trunk. */
  direction: z.enum(['inbound', 'outbound']).nullable(),
  inUse: count,
  limit: count,
});
const pool = z.object({ site: z.string(), free: count, total: count });
const endpointSwitch = { endpoint: z.string(), /** Events that wait for it. */ undelivered: count };
/** Free space where recordings are written. */
const storage = z.object({ gateway: z.string(), freeBytes: count, minFreeBytes: count });
/** Recordings that wait for the store. */
const uploads = z.object({ gateway: z.string(), recordings: count, oldestSeconds: seconds, reason: words });
const operationalData = {
  'trunk.down': trunkState,
  'trunk.up': trunkState,
  'line.down': lineState,
  'line.up': lineState,
  'capacity.high': capacity,
  'capacity.exhausted': capacity,
  'capacity.recovered': capacity,
  'pool.low': pool,
  'pool.exhausted': pool,
  'webhook.disabled': z.object({
    ...endpointSwitch,
    /** `gone`: it answered 410; `failing`: for days without one success; `request`: by API or command line. */
    reason: z.enum(['gone', 'failing', 'request']),
    failingSeconds: count,
  }),
  'webhook.enabled': z.object({ ...endpointSwitch, reason: z.enum(['request', 'configuration']) }),
  'webhook.dead_letter': z.object({
    endpoint: z.string(),
    /** How many have been given up since the last time this was told. */
    events: z.int().min(1),
    lastEventId: words,
    /** Of the last one, without what the receiver said: that stands in the log of its deliveries. */
    reason: z.string(),
  }),
  'events.dropped': z.object({
    /** For whom they were undelivered. */
    endpoint: z.string(),
    events: z.int().min(1),
    /** `age`, `count`: beyond what is kept; `unserved`: its endpoint left the configuration; `missing`: Redis has lost them. */
    reason: z.enum(['age', 'count', 'unserved', 'missing']),
    oldestSeconds: count.nullable(),
  }),
  'storage.low': storage,
  'storage.recovered': storage,
  'uploads.failing': uploads,
  'uploads.recovered': uploads,
} as const satisfies Record<OperationalEventType, z.ZodType>;

export type OperationalData = { [T in OperationalEventType]: z.output<(typeof operationalData)[T]> };

/** An event that belongs to no call; it has no `sequence`. */
export interface OperationalEvent<T extends OperationalEventType = OperationalEventType> {
  id: string;
  type: T;
  timestamp: string;
  data: OperationalData[T];
}

/** The schema of one type's body as sent. Unknown fields pass: receivers must expect additions. */
export function eventSchema(type: EventType): z.ZodType {
  if (type in callSchemas)
    return z.looseObject({
      ...envelope,
      type: z.literal(type),
      sequence: z.int().min(1),
      data: z.looseObject({ call: callSchemas[type as CallEventType], ...besideCall[type as CallEventType] }),
    });
  return z.looseObject({
    ...envelope,
    type: z.literal(type),
    data: operationalData[type as OperationalEventType],
  });
}

/**
 * An event of a call. It holds `call` itself; `writeDown` makes it last.
 * @param now ms since the epoch
 * @param extra beside `call` in `data`
 */
export function buildCallEvent(
  type: CallEventType,
  call: Call,
  sequence: number,
  now: number,
  extra: Record<string, unknown> = {},
  id: string = newEventId(),
): CallEvent {
  return { id, type, timestamp: new Date(now).toISOString(), sequence, data: { ...extra, call } };
}

/** The event as of this moment, in the text that is signed and sent. */
export function writeDown(event: CallEvent): WrittenEvent {
  const { id, type, timestamp, sequence } = event;
  return { id, type, timestamp, sequence, body: JSON.stringify(event) };
}

export function buildOperationalEvent<T extends OperationalEventType>(
  type: T,
  data: OperationalData[T],
  now: number,
  id: string = newEventId(),
): OperationalEvent<T> {
  return { id, type, timestamp: new Date(now).toISOString(), data };
}
