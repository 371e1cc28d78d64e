import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { HangupCause } from './causes.js';
import type { FsEvent } from './event.js';
import { localStamp, type EventBus } from './event-bus.js';
import type { ChannelMedia } from './media.js';

const STATES = {
  CS_NEW: 0,
  CS_INIT: 1,
  CS_ROUTING: 2,
  CS_SOFT_EXECUTE: 3,
  CS_EXECUTE: 4,
  CS_EXCHANGE_MEDIA: 5,
  CS_CONSUME_MEDIA: 7,
  CS_HANGUP: 10,
  CS_REPORTING: 11,
} as const;
type ChannelState = keyof typeof STATES;

const CALL_STATES = { DOWN: 0, RINGING: 2, EARLY: 3, ACTIVE: 4, HELD: 5, HANGUP: 7 } as const;
type CallState = keyof typeof CALL_STATES;

interface CallerProfile {
  callerIdName: string;
  callerIdNumber: string;
  destination: string;
  networkAddress: string;
}

/** Microseconds since the epoch, 0 for what has not happened. */
interface ChannelTimes {
  created: number;
  progress: number;
  progressMedia: number;
  answered: number;
  bridged: number;
  hangup: number;
}

/** What a BYE, CANCEL or refusal shall carry when it is not simply what the cause says. */
export interface ReleaseDetails {
  status?: number | undefined;
  reason?: string | undefined;
  /** The peer itself has ended it: there is nothing to send. */
  byPeer?: boolean;
}

/** The SIP side of a channel, as the rest of the switch sees it. */
export interface SipSide {
  ring(): void;
  /** 183 with SDP; resolves to false when there is no codec in common. */
  earlyMedia(): Promise<boolean>;
  /** 200; resolves when the session stands, with late offer on the ACK. False: no codec in common, or gone. */
  answer(): Promise<boolean>;
  release(cause: HangupCause, details: ReleaseDetails): void;
}

const nowMicros = (): number => Date.now() * 1000;
let sessionCounter = 0;

/** One leg: its state, its variables and the events that tell of both. What happens to it is decided elsewhere. */
export class Channel {
  readonly uuid = randomUUID();
  readonly variables = new Map<string, string>();
  readonly times: ChannelTimes = {
    created: nowMicros(),
    progress: 0,
    progressMedia: 0,
    answered: 0,
    bridged: 0,
    hangup: 0,
  };
  state: ChannelState = 'CS_NEW';
  callState: CallState = 'DOWN';
  answerState: 'ringing' | 'early' | 'answered' | 'hangup' = 'ringing';
  hangupCause: HangupCause | undefined;
  callUuid = this.uuid;
  /** The leg it was made by or has made. */
  otherLeg: Channel | undefined;
  otherType: 'originator' | 'originatee' | undefined;
  /** The leg it is joined with now. */
  bridge: Channel | undefined;
  /** For the events: the joining was asked for by this leg. */
  bridgeOriginator = false;
  sip: SipSide | undefined;
  application = '';
  applicationData = '';
  /** Told of each key press while an application waits for one. */
  onDigit: ((digit: string) => void) | undefined;
  /** Takes the keys that the bridged leg presses, in place of this leg's far end. */
  fromPeer: ((digit: string) => void) | undefined;
  /** Resolves when all is over: files closed, last event sent. */
  readonly finished: Promise<void>;
  #finish: () => void = () => undefined;
  /** Aborted at hangup: whatever runs on the channel stops by it. */
  readonly gone = new AbortController();

  constructor(
    private readonly bus: EventBus,
    readonly direction: 'inbound' | 'outbound',
    readonly name: string,
    readonly profile: CallerProfile,
    readonly media: ChannelMedia,
  ) {
    this.finished = new Promise((resolve) => (this.#finish = resolve));
    setMaxListeners(0, this.gone.signal);
    sessionCounter += 1;
    this.set('direction', direction);
    this.set('uuid', this.uuid);
    this.set('session_id', String(sessionCounter));
    this.set('channel_name', name);
  }

  get(name: string): string | undefined {
    return this.variables.get(name);
  }

  isTrue(name: string): boolean {
    return /^(true|yes|on|t|enabled|active|allow|[1-9]\d*)$/i.test(this.get(name) ?? '');
  }

  /** An empty or missing value removes the variable, as `set` and `uuid_setvar` do. */
  set(name: string, value: string | undefined): void {
    if (value === undefined || value === '') this.variables.delete(name);
    else this.variables.set(name, value);
  }

  isUp(): boolean {
    return this.hangupCause === undefined;
  }

  get answered(): boolean {
    return this.times.answered !== 0;
  }

  fire(name: string, extra: Record<string, string | number | undefined> = {}): void {
    this.bus.fire(name, (event) => {
      this.describe(event);
      for (const [key, value] of Object.entries(extra)) event.set(key, value);
    });
  }

  setState(state: ChannelState): void {
    this.state = state;
    this.fire('CHANNEL_STATE');
  }

  setCallState(callState: CallState): void {
    if (this.callState === callState) return;
    const original = this.callState;
    this.callState = callState;
    this.fire('CHANNEL_CALLSTATE', {
      'Original-Channel-Call-State': original,
      'Channel-Call-State-Number': CALL_STATES[callState],
    });
  }

  markRinging(): void {
    if (this.times.progress !== 0) return;
    this.times.progress = nowMicros();
    this.fire('CHANNEL_PROGRESS');
    this.setCallState('RINGING');
  }

  markEarly(): void {
    if (this.times.progressMedia !== 0) return;
    this.times.progressMedia = nowMicros();
    this.answerState = 'early';
    this.fire('CHANNEL_PROGRESS_MEDIA');
    this.setCallState('EARLY');
  }

  markAnswered(): void {
    this.times.answered = nowMicros();
    this.answerState = 'answered';
    this.set('endpoint_disposition', 'ANSWER');
    this.fire('CHANNEL_ANSWER');
  }

  markBridged(): void {
    this.times.bridged = nowMicros();
  }

  markHungUp(cause: HangupCause): void {
    this.hangupCause = cause;
    this.times.hangup = nowMicros();
    this.answerState = 'hangup';
    this.fire('CHANNEL_HANGUP');
    this.gone.abort();
  }

  markFinished(): void {
    this.#finish();
  }

  /** Everything that FreeSWITCH tells of a channel: state, caller profile, other leg, variables. */
  describe(event: FsEvent): void {
    if (this.hangupCause !== undefined) event.set('Hangup-Cause', this.hangupCause);
    this.describeState(event);
    this.#describeProfile(event, 'Caller');
    event.set('Caller-Profile-Index', 1);
    if (this.otherLeg !== undefined) {
      event.set('Other-Type', this.otherType);
      this.otherLeg.#describeProfile(event, 'Other-Leg');
    }
    for (const [name, value] of this.variables) event.set(`variable_${name}`, value);
  }

  describeState(event: FsEvent): void {
    event
      .set('Channel-State', this.state)
      .set('Channel-Call-State', this.callState)
      .set('Channel-State-Number', STATES[this.state])
      .set('Channel-Name', this.name)
      .set('Unique-ID', this.uuid)
      .set('Call-Direction', this.direction)
      .set('Presence-Call-Direction', this.direction)
      .set('Channel-HIT-Dialplan', String(this.direction === 'inbound'))
      .set('Channel-Call-UUID', this.callUuid)
      .set('Answer-State', this.answerState);
    const codec = this.media.codecName;
    if (codec === undefined) return;
    for (const way of ['Read', 'Write']) {
      event.set(`Channel-${way}-Codec-Name`, codec);
      event.set(`Channel-${way}-Codec-Rate`, 8000).set(`Channel-${way}-Codec-Bit-Rate`, 64000);
    }
  }

  /** The outbound socket's CHANNEL_DATA has the profile twice, the second time with the prefix `Channel`. */
  describeAsChannelData(event: FsEvent): void {
    this.#describeProfile(event, 'Channel');
    this.describe(event);
  }

  /** The variables that sum a finished call up. */
  summarise(): void {
    const { created, answered, bridged, hangup } = this.times;
    const seconds = (micros: number): string => String(Math.round(micros / 1e6));
    this.set('start_stamp', localStamp(new Date(created / 1000)));
    this.set('start_epoch', String(Math.floor(created / 1e6)));
    this.set('start_uepoch', String(created));
    if (answered !== 0) this.set('answer_stamp', localStamp(new Date(answered / 1000)));
    this.set('answer_epoch', String(Math.floor(answered / 1e6)));
    this.set('answer_uepoch', String(answered));
    this.set('bridge_epoch', String(Math.floor(bridged / 1e6)));
    this.set('bridge_uepoch', String(bridged));
    this.set('end_stamp', localStamp(new Date(hangup / 1000)));
    this.set('end_epoch', String(Math.floor(hangup / 1e6)));
    this.set('end_uepoch', String(hangup));
    this.set('duration', seconds(hangup - created));
    this.set('mduration', String(Math.round((hangup - created) / 1000)));
    this.set('billsec', answered === 0 ? '0' : seconds(hangup - answered));
    this.set('billmsec', answered === 0 ? '0' : String(Math.round((hangup - answered) / 1000)));
  }

  #describeProfile(event: FsEvent, prefix: string): void {
    const { profile, times } = this;
    event
      .set(`${prefix}-Direction`, this.direction)
      .set(`${prefix}-Logical-Direction`, this.direction)
      .set(`${prefix}-Username`, profile.callerIdNumber)
      .set(`${prefix}-Dialplan`, 'XML')
      .set(`${prefix}-Caller-ID-Name`, profile.callerIdName)
      .set(`${prefix}-Caller-ID-Number`, profile.callerIdNumber)
      .set(`${prefix}-Orig-Caller-ID-Name`, profile.callerIdName)
      .set(`${prefix}-Orig-Caller-ID-Number`, profile.callerIdNumber)
      .set(`${prefix}-Network-Addr`, profile.networkAddress)
      .set(`${prefix}-ANI`, profile.callerIdNumber)
      .set(`${prefix}-Destination-Number`, profile.destination)
      .set(`${prefix}-Unique-ID`, this.uuid)
      .set(`${prefix}-Source`, 'mod_sofia')
      .set(`${prefix}-Context`, 'calltrack')
      .set(`${prefix}-Channel-Name`, this.name)
      .set(`${prefix}-Profile-Created-Time`, times.created)
      .set(`${prefix}-Channel-Created-Time`, times.created)
      .set(`${prefix}-Channel-Answered-Time`, times.answered)
      .set(`${prefix}-Channel-Progress-Time`, times.progress)
      .set(`${prefix}-Channel-Progress-Media-Time`, times.progressMedia)
      .set(`${prefix}-Channel-Hangup-Time`, times.hangup)
      .set(`${prefix}-Channel-Transfer-Time`, 0)
      .set(`${prefix}-Channel-Resurrect-Time`, 0)
      .set(`${prefix}-Channel-Bridged-Time`, times.bridged)
      .set(`${prefix}-Channel-Last-Hold`, 0)
      .set(`${prefix}-Channel-Hold-Accum`, 0)
      .set(`${prefix}-Screen-Bit`, 'true')
      .set(`${prefix}-Privacy-Hide-Name`, 'false')
      .set(`${prefix}-Privacy-Hide-Number`, 'false');
  }
}
