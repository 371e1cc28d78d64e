// Written by `npm run docs:generate`; do not edit it here.

/** The whole call as known at this moment. */
export interface Call {
  id: string;
  sipCallId: string;
  /** null for a number that is not known */
  site: string | null;
  gateway: string;
  trunk: string;
  route: string | null;
  trackingNumber: string;
  numberKind: 'dynamic' | 'static' | null;
  caller: {
    /** E.164; null where it was withheld or not a number */
    number: string | null;
    withheld: boolean;
    name: string | null;
    firstCall: boolean | null;
    previousCalls: number | null;
    lastCallAt: string | null;
    /** How the last call ended; null while it goes on */
    lastDisposition: 'answered' | 'missed' | 'rejected' | null;
    /** He was forgotten on request; only then it is there */
    erased?: true;
  };
  startedAt: string;
  ringingAt: string | null;
  /** When the caller began to pay: before `answeredAt` where he was asked something first */
  engagedAt: string | null;
  /** When the business answered */
  answeredAt: string | null;
  endedAt: string | null;
  durations: {
    ringSeconds: number;
    talkSeconds: number;
    totalSeconds: number;
    /** What the gateway itself added before it dialled */
    addedSetupMs: number | null;
  };
  disposition: 'answered' | 'missed' | 'rejected' | null;
  lossReason:
    | 'destination_capacity'
    | 'trunk_capacity'
    | 'lines_busy'
    | 'no_answer'
    | 'busy'
    | 'declined'
    | 'caller_hung_up'
    | 'unreachable'
    | 'not_registered'
    | 'media_failure'
    | 'gateway_lost'
    | 'unknown_number'
    | 'blocked'
    | 'schedule'
    | null;
  ended: {
    by: 'caller' | 'business' | 'gateway';
    reason:
      | 'normal'
      | 'ack_timeout'
      | 'session_expired'
      | 'media_timeout'
      | 'max_duration'
      | 'link_lost'
      | 'media_failure'
      | 'gateway_lost'
      | 'shutdown';
    sip: number | null;
  } | null;
  attribution: Attribution;
  /** The latest ten, the oldest first */
  corrections: Array<Correction>;
  legs: Array<Leg>;
  overflow: {
    from: string;
    reason: 'no_free_channel' | 'far_end_capacity';
  } | null;
  recording: Recording;
  tags: Array<{
    name: string;
    by: string;
    at: string;
  }>;
  /** Who has taken care of it */
  handled: Handled | null;
  notes: Array<{
    id: string;
    text: string;
    by: string;
    at: string;
  }>;
  /** null where no rule of the site was hit */
  screening: Screening | null;
}

/** Whose call it was, by which rule, and how sure that is. */
export interface Attribution {
  verdict: 'exact' | 'grace' | 'ambiguous' | 'static' | 'returning' | 'promo' | 'none' | 'deferred';
  confidence: number;
  rule: string;
  leaseId: string | null;
  leaseAgeSeconds: number | null;
  session: VisitorSession | null;
  /** What a static number was bound to */
  source: Record<string, string> | null;
  candidates: Array<{
    leaseId: string;
    sessionId: string;
    /** Probability that it was he */
    weight: number;
    leaseAgeSeconds: number;
    /** null while the lease goes on */
    leaseEndedSecondsAgo: number | null;
  }>;
}

/** Who the visitor is for the ad systems; what is not known is null. */
export interface VisitorSession {
  id: string;
  visitorId: string | null;
  landingPage: string | null;
  referrer: string | null;
  utm: {
    source: string | null;
    medium: string | null;
    campaign: string | null;
    content: string | null;
    term: string | null;
  };
  keyword: string | null;
  gclid: string | null;
  yclid: string | null;
  /** Client id of Google Analytics */
  gaClientId: string | null;
  /** Client id of Yandex.Metrica */
  ymClientId: string | null;
}

/** Somebody, or what was found later, put right whose call it was. */
export interface Correction {
  by: string;
  at: string;
  reason: string;
  old: Believed;
  new: Believed;
}

/** An attribution in outline. */
export interface Believed {
  verdict: 'exact' | 'grace' | 'ambiguous' | 'static' | 'returning' | 'promo' | 'none' | 'deferred';
  confidence: number;
  rule: string;
  leaseId: string | null;
  sessionId: string | null;
  /** Of the visit, or of the ad that the number was bound to */
  source: string | null;
  campaign: string | null;
}

/** One target that was tried, in the order of `n`. */
export interface Leg {
  n: number;
  kind: 'destination' | 'line';
  target: string;
  step: number;
  via: string | null;
  startedAt: string;
  ringingAt: string | null;
  answeredAt: string | null;
  endedAt: string | null;
  result:
    | 'answered'
    | 'no_channel'
    | 'capacity'
    | 'busy'
    | 'declined'
    | 'no_answer'
    | 'unreachable'
    | 'unknown'
    | 'not_registered'
    | 'incompatible'
    | 'redirected'
    | 'cancelled'
    | 'failed'
    | null;
  /** Why it is `unreachable` without having been dialled: it does not answer OPTIONS, was drained, or would call us back */
  obstacle: 'down' | 'drained' | 'loop' | null;
  sip: number | null;
  q850: number | null;
  channelsInUse: number | null;
  channelLimit: number | null;
}

/** What became of the recording; the caller is on the left, the business on the right. */
export interface Recording {
  status: 'none' | 'recording' | 'ready' | 'absent' | 'failed' | 'deleted';
  reason: string | null;
  file: string | null;
  bytes: number | null;
  sha256: string | null;
  durationSeconds: number | null;
  sampleRate: number | null;
  channels: Array<string> | null;
  silentChannels: Array<string> | null;
  startedAt: string | null;
  /** Where it was stopped before the call ended */
  stoppedAt: string | null;
  /** Times left out of the file: at which position, and how long */
  paused: Array<{
    atSeconds: number;
    seconds: number | null;
  }>;
  /** Positions in the file between which there is silence in place of what was said */
  masked: Array<{
    fromSeconds: number;
    toSeconds: number | null;
  }>;
  deletedAt: string | null;
}

export interface Handled {
  by: string;
  at: string;
  /** null where somebody said that it is done */
  callback: Callback | null;
}

/** A talk in which the business called a lost caller back. */
export interface Callback {
  /** When it was dialled */
  at: string;
  talkSeconds: number;
  /** The phone or person of the business, as it was told */
  line: string | null;
  /** How often he had been called in vain before */
  tries: number;
}

/** Which of the site's rules against spam and fraud the call hit. */
export interface Screening {
  /** The strictest of those of its hits */
  action: 'tag' | 'announce' | 'reject';
  hits: Array<{
    rule: 'block' | 'rate' | 'range' | 'short' | 'hopping';
    action: 'tag' | 'announce' | 'reject';
    /** What was counted; null for the block list */
    count: number | null;
    limit: number | null;
  }>;
}

/** A call came in; whose it is has been decided already. */
export interface CallReceivedEvent {
  id: string;
  timestamp: string;
  type: 'call.received';
  sequence: number;
  data: {
    call: Call;
  };
}

/** A phone of the business has begun to ring. */
export interface CallRingingEvent {
  id: string;
  timestamp: string;
  type: 'call.ringing';
  sequence: number;
  data: {
    call: Call & {
      ringingAt: string;
    };
  };
}

/** A target had no free channel and the call went on to the next step. */
export interface CallOverflowedEvent {
  id: string;
  timestamp: string;
  type: 'call.overflowed';
  sequence: number;
  data: {
    call: Call & {
      overflow: {
        from: string;
        reason: 'no_free_channel' | 'far_end_capacity';
      };
    };
  };
}

/** Somebody of the business took the call. */
export interface CallAnsweredEvent {
  id: string;
  timestamp: string;
  type: 'call.answered';
  sequence: number;
  data: {
    call: Call & {
      answeredAt: string;
    };
  };
}

/** An answered call has ended. The call is over; a recording may still follow. */
export interface CallCompletedEvent {
  id: string;
  timestamp: string;
  type: 'call.completed';
  sequence: number;
  data: {
    call: Call & {
      answeredAt: string;
      endedAt: string;
      disposition: 'answered';
      ended: {
        by: 'caller' | 'business' | 'gateway';
        reason:
          | 'normal'
          | 'ack_timeout'
          | 'session_expired'
          | 'media_timeout'
          | 'max_duration'
          | 'link_lost'
          | 'media_failure'
          | 'gateway_lost'
          | 'shutdown';
        sip: number | null;
      };
    };
  };
}

/** The call ended without an answer; `lossReason` says why. The call is over. */
export interface CallMissedEvent {
  id: string;
  timestamp: string;
  type: 'call.missed';
  sequence: number;
  data: {
    call: Call & {
      endedAt: string;
      disposition: 'missed';
      lossReason:
        | 'destination_capacity'
        | 'trunk_capacity'
        | 'lines_busy'
        | 'no_answer'
        | 'busy'
        | 'declined'
        | 'caller_hung_up'
        | 'unreachable'
        | 'not_registered'
        | 'media_failure'
        | 'gateway_lost'
        | 'unknown_number'
        | 'blocked'
        | 'schedule';
      ended: {
        by: 'caller' | 'business' | 'gateway';
        reason:
          | 'normal'
          | 'ack_timeout'
          | 'session_expired'
          | 'media_timeout'
          | 'max_duration'
          | 'link_lost'
          | 'media_failure'
          | 'gateway_lost'
          | 'shutdown';
        sip: number | null;
      };
    };
  };
}

/** The call was refused before anything was dialled. The call is over. */
export interface CallRejectedEvent {
  id: string;
  timestamp: string;
  type: 'call.rejected';
  sequence: number;
  data: {
    call: Call & {
      endedAt: string;
      disposition: 'rejected';
    };
  };
}

/** The recording is whole and stored. May follow `recording.failed` where a gateway died and its disk is back; comes once more, with the other `file`, where the WAV is not kept beside the format that was made of it. */
export interface RecordingReadyEvent {
  id: string;
  timestamp: string;
  type: 'recording.ready';
  sequence: number;
  data: {
    call: Call & {
      recording: {
        status: 'ready';
      };
    };
  };
}

/** There is nothing to listen to, and `recording.reason` says why. */
export interface RecordingAbsentEvent {
  id: string;
  timestamp: string;
  type: 'recording.absent';
  sequence: number;
  data: {
    call: Call & {
      recording: {
        status: 'absent';
      };
    };
  };
}

/** A recording should be there and is not; `recording.reason` says why. */
export interface RecordingFailedEvent {
  id: string;
  timestamp: string;
  type: 'recording.failed';
  sequence: number;
  data: {
    call: Call & {
      recording: {
        status: 'failed';
      };
    };
  };
}

/** The recording was deleted: by `retention`, `request` or `caller_erased` (`recording.reason`). */
export interface RecordingDeletedEvent {
  id: string;
  timestamp: string;
  type: 'recording.deleted';
  sequence: number;
  data: {
    call: Call & {
      recording: {
        status: 'deleted';
      };
    };
  };
}

/** The verdict that the call began with has been put right. */
export interface CallAttributionCorrectedEvent {
  id: string;
  timestamp: string;
  type: 'call.attribution.corrected';
  sequence: number;
  data: {
    call: Call;
    old: Attribution;
    new: Attribution;
    reason: string;
  };
}

/** Somebody put a tag on the call, took one off, or wrote a note; `change` says which. */
export interface CallTaggedEvent {
  id: string;
  timestamp: string;
  type: 'call.tagged';
  sequence: number;
  data: {
    call: Call;
    change:
      | {
          name: string;
          by: string;
          at: string;
          kind: 'tag';
        }
      | {
          name: string;
          by: string;
          at: string;
          kind: 'untag';
        }
      | {
          id: string;
          text: string;
          by: string;
          at: string;
          kind: 'note';
        };
  };
}

/** Somebody has taken care of a lost call, the business has called back (`handled.callback`), or somebody takes that back (`handled` null). */
export interface CallHandledEvent {
  id: string;
  timestamp: string;
  type: 'call.handled';
  sequence: number;
  data: {
    call: Call;
  };
}

/** A carrier's trunk is out of service for the reason given. */
export interface TrunkDownEvent {
  id: string;
  timestamp: string;
  type: 'trunk.down';
  data: {
    trunk: string;
    reason: string | null;
  };
}

/** That reason is gone. */
export interface TrunkUpEvent {
  id: string;
  timestamp: string;
  type: 'trunk.up';
  data: {
    trunk: string;
    reason: string | null;
  };
}

/** A line with a fixed address is out of service for the reason given: `options`, it does not answer. */
export interface LineDownEvent {
  id: string;
  timestamp: string;
  type: 'line.down';
  data: {
    line: string;
    reason: string | null;
  };
}

/** That reason is gone. */
export interface LineUpEvent {
  id: string;
  timestamp: string;
  type: 'line.up';
  data: {
    line: string;
    reason: string | null;
  };
}

/** Most channels of a limit are in use. */
export interface CapacityHighEvent {
  id: string;
  timestamp: string;
  type: 'capacity.high';
  data: {
    kind: 'trunk' | 'destination' | 'line';
    id: string;
    direction: 'inbound' | 'outbound' | null;
    inUse: number;
    limit: number;
  };
}

/** The last channel of a limit has been taken: the next call overflows or is lost. */
export interface CapacityExhaustedEvent {
  id: string;
  timestamp: string;
  type: 'capacity.exhausted';
  data: {
    kind: 'trunk' | 'destination' | 'line';
    id: string;
    direction: 'inbound' | 'outbound' | null;
    inUse: number;
    limit: number;
  };
}

/** A limit has channels to spare again. */
export interface CapacityRecoveredEvent {
  id: string;
  timestamp: string;
  type: 'capacity.recovered';
  data: {
    kind: 'trunk' | 'destination' | 'line';
    id: string;
    direction: 'inbound' | 'outbound' | null;
    inUse: number;
    limit: number;
  };
}

/** A site has few tracking numbers left to lend. */
export interface PoolLowEvent {
  id: string;
  timestamp: string;
  type: 'pool.low';
  data: {
    site: string;
    free: number;
    total: number;
  };
}

/** A site has none left: visitors see the fallback number. */
export interface PoolExhaustedEvent {
  id: string;
  timestamp: string;
  type: 'pool.exhausted';
  data: {
    site: string;
    free: number;
    total: number;
  };
}

/** Nothing is sent to an endpoint any more: it answered 410, took nothing for days, or somebody asked so. Told to the others. */
export interface WebhookDisabledEvent {
  id: string;
  timestamp: string;
  type: 'webhook.disabled';
  data: {
    endpoint: string;
    undelivered: number;
    reason: 'gone' | 'failing' | 'request';
    failingSeconds: number;
  };
}

/** An endpoint that was disabled gets its events again, those that waited first. Told to the others. */
export interface WebhookEnabledEvent {
  id: string;
  timestamp: string;
  type: 'webhook.enabled';
  data: {
    endpoint: string;
    undelivered: number;
    reason: 'request' | 'configuration';
  };
}

/** Deliveries to an endpoint were given up: after 76 hours, or at once where its answer to a template or sink was final. They can be replayed. Told to the others. */
export interface WebhookDead_letterEvent {
  id: string;
  timestamp: string;
  type: 'webhook.dead_letter';
  data: {
    endpoint: string;
    events: number;
    lastEventId: string | null;
    reason: string;
  };
}

/** Undelivered events of an endpoint are gone: beyond what is kept, or lost by Redis. Told to the others. */
export interface EventsDroppedEvent {
  id: string;
  timestamp: string;
  type: 'events.dropped';
  data: {
    endpoint: string;
    events: number;
    reason: 'age' | 'count' | 'unserved' | 'missing';
    oldestSeconds: number | null;
  };
}

/** A gateway's disk has too little room: its new calls are not recorded. */
export interface StorageLowEvent {
  id: string;
  timestamp: string;
  type: 'storage.low';
  data: {
    gateway: string;
    freeBytes: number;
    minFreeBytes: number;
  };
}

/** There is room again: calls are recorded. */
export interface StorageRecoveredEvent {
  id: string;
  timestamp: string;
  type: 'storage.recovered';
  data: {
    gateway: string;
    freeBytes: number;
    minFreeBytes: number;
  };
}

/** A gateway's recordings have not reached their store for long; they wait on its disk. */
export interface UploadsFailingEvent {
  id: string;
  timestamp: string;
  type: 'uploads.failing';
  data: {
    gateway: string;
    recordings: number;
    oldestSeconds: number;
    reason: string | null;
  };
}

/** They reach it again. */
export interface UploadsRecoveredEvent {
  id: string;
  timestamp: string;
  type: 'uploads.recovered';
  data: {
    gateway: string;
    recordings: number;
    oldestSeconds: number;
    reason: string | null;
  };
}

export type CallEvent =
  | CallReceivedEvent
  | CallRingingEvent
  | CallOverflowedEvent
  | CallAnsweredEvent
  | CallCompletedEvent
  | CallMissedEvent
  | CallRejectedEvent
  | RecordingReadyEvent
  | RecordingAbsentEvent
  | RecordingFailedEvent
  | RecordingDeletedEvent
  | CallAttributionCorrectedEvent
  | CallTaggedEvent
  | CallHandledEvent;

export type OperationalEvent =
  | TrunkDownEvent
  | TrunkUpEvent
  | LineDownEvent
  | LineUpEvent
  | CapacityHighEvent
  | CapacityExhaustedEvent
  | CapacityRecoveredEvent
  | PoolLowEvent
  | PoolExhaustedEvent
  | WebhookDisabledEvent
  | WebhookEnabledEvent
  | WebhookDead_letterEvent
  | EventsDroppedEvent
  | StorageLowEvent
  | StorageRecoveredEvent
  | UploadsFailingEvent
  | UploadsRecoveredEvent;

/** Tell them apart by `type`; types that you do not know may come with a later version. */

export type GatewayEvent = CallEvent | OperationalEvent;

export declare const CALL_EVENT_TYPES: readonly [
  'call.received',
  'call.ringing',
  'call.overflowed',
  'call.answered',
  'call.completed',
  'call.missed',
  'call.rejected',
  'recording.ready',
  'recording.absent',
  'recording.failed',
  'recording.deleted',
  'call.attribution.corrected',
  'call.tagged',
  'call.handled',
];

export declare const OPERATIONAL_EVENT_TYPES: readonly [
  'trunk.down',
  'trunk.up',
  'line.down',
  'line.up',
  'capacity.high',
  'capacity.exhausted',
  'capacity.recovered',
  'pool.low',
  'pool.exhausted',
  'webhook.disabled',
  'webhook.enabled',
  'webhook.dead_letter',
  'events.dropped',
  'storage.low',
  'storage.recovered',
  'uploads.failing',
  'uploads.recovered',
];
