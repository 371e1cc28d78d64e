/**
 * A call as everyone sees it: the same document stands in Redis, in every event (`data.call`) and in the API.
 * Times are ISO 8601 in UTC, durations seconds; `null` means "did not happen" or "not known".
 */

export const LOSS_REASONS = [
  'destination_capacity',
  'trunk_capacity',
  'lines_busy',
  'no_answer',
  'busy',
  'declined',
  'caller_hung_up',
  'unreachable',
  'not_registered',
  'media_failure',
  'gateway_lost',
  'unknown_number',
  'blocked',
  'schedule',
] as const;
export type LossReason = (typeof LOSS_REASONS)[number];

export const DISPOSITIONS = ['answered', 'missed', 'rejected'] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

export const VERDICTS = ['exact', 'grace', 'ambiguous', 'static', 'returning', 'promo', 'none', 'deferred'] as const;
export type Verdict = (typeof VERDICTS)[number];

export const LEG_RESULTS = [
  'answered',
  'no_channel',
  'capacity',
  'busy',
  'declined',
  'no_answer',
  'unreachable',
  'unknown',
  'not_registered',
  'incompatible',
  'redirected',
  'cancelled',
  'failed',
] as const;
/** `no_channel`: full by our own count, never dialled. `capacity`: the far end said that it is full. */
export type LegResult = (typeof LEG_RESULTS)[number];

export const LEG_OBSTACLES = ['down', 'drained', 'loop'] as const;
/**
 * Why a leg is `unreachable` without having been dialled. `down`: it does not answer our OPTIONS, or no gateway of its trunk
 * does; `drained`: taken out of service; `loop`: over a trunk the call would come back, since its number is a destination.
 */
export type LegObstacle = (typeof LEG_OBSTACLES)[number];

export const END_REASONS = [
  'normal',
  'ack_timeout',
  'session_expired',
  'media_timeout',
  'max_duration',
  'link_lost',
  'media_failure',
  'gateway_lost',
  'shutdown',
] as const;
export type EndReason = (typeof END_REASONS)[number];

/** Who the visitor is for the ad systems; every field but `id` may be absent. */
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
  gaClientId: string | null;
  ymClientId: string | null;
}

export interface AttributionCandidate {
  leaseId: string;
  sessionId: string;
  /** Probability that it was him; what the candidates' weights lack to 1 is a stranger's. */
  weight: number;
  leaseAgeSeconds: number;
  /** null while his lease goes on. */
  leaseEndedSecondsAgo: number | null;
}

export interface Attribution {
  verdict: Verdict;
  /** 0 to 1, by the rule named in `rule` (docs/attribution.md). */
  confidence: number;
  rule: string;
  leaseId: string | null;
  leaseAgeSeconds: number | null;
  session: VisitorSession | null;
  /** For static numbers: what the number was bound to (`utm_source`, `label` …). */
  source: Record<string, string> | null;
  candidates: AttributionCandidate[];
}

/** An attribution in outline. */
export interface Believed extends Pick<Attribution, 'verdict' | 'confidence' | 'rule' | 'leaseId'> {
  sessionId: string | null;
  /** Of the visit, or of the ad that the number was bound to. */
  source: string | null;
  campaign: string | null;
}

/** Somebody, or what was found later, put right whose call it was. */
interface Correction {
  /** Name of the key or of the console's user; `gateway`. */
  by: string;
  at: string;
  reason: string;
  old: Believed;
  new: Believed;
}

export interface Leg {
  n: number;
  kind: 'destination' | 'line';
  target: string;
  /** 1-based number of the route's step. */
  step: number;
  /** Host of the carrier's gateway or of the registered phone, where the target has several. */
  via: string | null;
  startedAt: string;
  ringingAt: string | null;
  answeredAt: string | null;
  endedAt: string | null;
  result: LegResult | null;
  /** null where it was dialled, or `result` says why not. */
  obstacle: LegObstacle | null;
  /** Final SIP status of this attempt; null where nothing was dialled or nobody answered the INVITE. */
  sip: number | null;
  q850: number | null;
  channelsInUse: number | null;
  channelLimit: number | null;
}

export interface Overflow {
  from: string;
  reason: 'no_free_channel' | 'far_end_capacity';
}

export type RecordingStatus = 'none' | 'recording' | 'ready' | 'absent' | 'failed' | 'deleted';

export interface RecordingInfo {
  status: RecordingStatus;
  /** Why there is none: set with `absent`, `failed` and `deleted`. */
  reason: string | null;
  file: string | null;
  bytes: number | null;
  sha256: string | null;
  durationSeconds: number | null;
  sampleRate: number | null;
  /** What each channel holds, in the file's order. */
  channels: string[] | null;
  /** Channels on which nothing was heard for the whole call. */
  silentChannels: string[] | null;
  /** When its first sound was written, and when it was stopped before the call ended. */
  startedAt: string | null;
  stoppedAt: string | null;
  /** Times left out: by position in the file and how long; `null` while it lasts. */
  paused: { atSeconds: number; seconds: number | null }[];
  /** Positions in the file between which silence stands in place of what was said; `null` while it lasts. */
  masked: { fromSeconds: number; toSeconds: number | null }[];
  /** Set with `deleted`; what is known of the recording stays, but for its file. */
  deletedAt: string | null;
}

export interface Tag {
  name: string;
  by: string;
  at: string;
}

export interface Note {
  id: string;
  text: string;
  by: string;
  at: string;
}

/** A talk in which the business called a lost caller back. */
export interface Callback {
  /** When it was dialled. */
  at: string;
  talkSeconds: number;
  /** The phone or the person of the business, in the words of whoever told us. */
  line: string | null;
  /** How often he had been called in vain before. */
  tries: number;
}

interface Handled {
  by: string;
  at: string;
  /** null where somebody said that it is done. */
  callback: Callback | null;
}

export const SCREENING_RULES = ['block', 'rate', 'range', 'short', 'hopping'] as const;
export type ScreeningRule = (typeof SCREENING_RULES)[number];
/** From the mildest to the strictest. */
export const SCREENING_ACTIONS = ['tag', 'announce', 'reject'] as const;
export type ScreeningAction = (typeof SCREENING_ACTIONS)[number];

/** Which of its site's rules against spam and fraud a call hit. */
export interface Screening {
  action: ScreeningAction;
  hits: { rule: ScreeningRule; action: ScreeningAction; count: number | null; limit: number | null }[];
}

export interface Call {
  id: string;
  sipCallId: string;
  site: string | null;
  gateway: string;
  trunk: string;
  route: string | null;
  trackingNumber: string;
  numberKind: 'dynamic' | 'static' | null;
  caller: {
    /** E.164, or null where it was withheld or not a number. */
    number: string | null;
    withheld: boolean;
    name: string | null;
    firstCall: boolean | null;
    previousCalls: number | null;
    lastCallAt: string | null;
    /** null while it goes on. */
    lastDisposition: Disposition | null;
    /** Set where he was forgotten on request; missing otherwise. */
    erased?: true;
  };
  startedAt: string;
  ringingAt: string | null;
  /** When the caller was answered and began to pay: before `answeredAt` where he was asked something first. */
  engagedAt: string | null;
  /** When the business answered. */
  answeredAt: string | null;
  endedAt: string | null;
  durations: {
    ringSeconds: number;
    talkSeconds: number;
    totalSeconds: number;
    /** What the gateway itself added between the INVITE coming in and its first INVITE going out. */
    addedSetupMs: number | null;
  };
  disposition: Disposition | null;
  lossReason: LossReason | null;
  ended: { by: 'caller' | 'business' | 'gateway'; reason: EndReason; sip: number | null } | null;
  attribution: Attribution;
  /** The latest ones, the oldest first; those that came before `call.received` are none. */
  corrections: Correction[];
  legs: Leg[];
  overflow: Overflow | null;
  recording: RecordingInfo;
  tags: Tag[];
  /** Who has taken care of it, and when: for lost calls. */
  handled: Handled | null;
  notes: Note[];
  screening: Screening | null;
}

/**
 * An INVITE without a final answer, by drachtio's id of its transaction: the caller's (`in`), who waits for one from us, or
 * one of ours (`out`), by which somebody's phone may be ringing.
 */
export interface OpenInvite {
  direction: 'in' | 'out';
  id: string;
  /** The id of its dialog, in case it has just been answered. */
  dialog: string;
}

/**
 * What a peer needs to end a call whose gateway died: kept beside the call in Redis, never published.
 * Dialog ids are drachtio's (`callId;from-tag=tag`): any connected application may send BYE in them.
 */
export interface CallResources {
  /** The drachtio-server that has the dialogs (`SipSide.edge`): BYE is sent in them through that one only. */
  edge: string;
  dialogs: { role: 'caller' | 'media-caller' | 'media-business' | 'business'; id: string }[];
  invites: OpenInvite[];
  mediaServer: string | null;
  mediaChannels: string[];
  channels: HeldChannel[];
}

/** One unit of a limit, held by a token that frees itself when nobody renews it. */
export interface HeldChannel {
  /** `trunk-in:carrier-a`, `trunk-out:carrier-a`, `trunk:carrier-a` (both together), `destination:main-office`, `line:sales-1`. */
  resource: string;
  token: string;
}
