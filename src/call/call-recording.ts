import { inBackground } from '../lib/background.js';
import type { Clock } from '../lib/clock.js';
import { toError } from '../lib/deadline.js';
import { GatewayError, type RefusalReason } from '../lib/errors.js';
import type { Call } from './call.js';
import type { CallDeps } from './deps.js';
import { iso, NO_RECORDING } from './document.js';
import { recordingEvent, type CallEventType } from './event-types.js';
import type { EngineSpan, MediaEvent, MediaServer, RecordingAction, Told } from './media-ports.js';
import { actionFor, controlsPattern, NEVER, type RecordingPolicy } from './recording-policy.js';
import { RECORDING_PHASES, type RecordingPhase } from './recording-phase.js';
import { closeRanges, positionAt, secondsFrom, type Moment } from './recording-times.js';

/** Who begins: FreeSWITCH's dialplan when the business answers, we when the two talk, somebody who asks for it, nobody. */
type RecordingStart = 'on-answer' | 'in-talk' | 'on-demand' | 'never';

interface RecordingDeps extends Pick<CallDeps, 'recordings' | 'metrics' | 'logger'> {
  clock: Clock;
  media: () => MediaServer | null;
  record: (type: CallEventType) => void;
  /** The document has changed without an event. */
  changed: () => void;
  /** The document has changed, but nobody is waiting to read it. */
  changedQuietly: () => void;
  /** Settles when `condition` holds or FreeSWITCH has had the time for it. */
  untilStopped: (condition: () => boolean) => Promise<void>;
}

/** One call's recording while the call is up: who started it, what is left out of it, and how it is settled. */
export class CallRecording {
  #start: RecordingStart = 'never';
  #phase: RecordingPhase = 'off';
  #policy: RecordingPolicy = NEVER;
  #channel: string | null = null;
  #otherChannel: string | null = null;
  #beeping = false;
  #bridged = false;
  /** FreeSWITCH was asked to write a file, by its dialplan or by us. */
  #begun = false;
  /** When we asked for it; null where the dialplan did. */
  #asked: Moment | null = null;
  /** FreeSWITCH has said that it writes. */
  #written = false;
  /** When the file's first sound was written; shown as `startedAt`. */
  #firstSound: Moment | null = null;
  /** When it was stopped by a command, and when, by FreeSWITCH's clock, the channel's end stopped it. */
  #stop: Moment | null = null;
  #hungUpEngineMs: number | null = null;
  /** The server that will say nothing more of the file. */
  #stoppedAt: MediaServer | null = null;
  /** One action after the other: FreeSWITCH's answer decides what the next one finds. */
  #tail: Promise<void> = Promise.resolve();

  constructor(
    private readonly call: Call,
    private readonly deps: RecordingDeps,
  ) {}

  /** Whether FreeSWITCH's dialplan starts the recording by itself. */
  get onAnswer(): boolean {
    return this.#start === 'on-answer';
  }

  /** @param engaged the caller is answered before anybody talks, which is when the dialplan would begin */
  plan(policy: RecordingPolicy, engaged: boolean): void {
    this.#policy = policy;
    const { mode } = policy;
    const refusal = this.deps.recordings.refusal(mode);
    this.#start = refusal ? 'never' : mode === 'always' ? (engaged ? 'in-talk' : 'on-answer') : mode;
    this.call.recording = { ...NO_RECORDING, reason: refusal ?? (mode === 'on-demand' ? 'not_started' : null) };
  }

  /** The caller does not want it, or was not told of it, which a law may demand: nobody can start it any more. */
  forbid(reason: 'caller_declined' | 'not_announced'): void {
    if (this.#start === 'never') return;
    this.#start = 'never';
    this.call.recording = { ...NO_RECORDING, reason };
  }

  /** The business has answered; early media may have joined the two before. */
  answered(): void {
    this.#startInTalk();
  }

  /** The call ended and nobody had answered: of such a call there is no recording, whatever FreeSWITCH began meanwhile. */
  lost(): void {
    this.call.recording = { ...NO_RECORDING, reason: this.call.recording.reason };
  }

  /** What FreeSWITCH has to listen for; null: for nothing. */
  get controls(): string | null {
    return controlsPattern(this.#policy);
  }

  /** Called for every event of the call, before anybody else is. */
  mediaEvent(event: MediaEvent): void {
    switch (event.type) {
      case 'channel':
        if (event.leg === 'caller') this.#channel = event.channelId;
        else this.#otherChannel = event.channelId;
        break;
      case 'control':
        this.#control(event.keys);
        break;
      case 'bridged':
        this.#joined(this.#momentOf(event));
        break;
      case 'recording-started':
        this.#written = true;
        // Heard late (its link was lost), a start that we asked for is dated by our own request: that is nearer than
        // the time it was told.
        this.#began(event.agoMs !== undefined && this.#asked ? this.#asked : this.#momentOf(event));
        break;
      case 'recording-stopped':
        this.#hungUpEngineMs = event.hungUpEngineMs ?? null;
        this.#stoppedAt = this.deps.media();
        break;
      case 'lost':
        this.#stoppedAt = this.deps.media();
        break;
      case 'hangup':
        // RECORD_STOP comes before the channel's end: after that there is none to wait for.
        if (event.leg === 'caller') this.#stoppedAt = this.deps.media();
        break;
    }
  }

  /**
   * Doing again what is done already changes nothing.
   * @throws GatewayError GW_ERR_CONFLICT where this cannot be done now, GW_ERR_MEDIA_COMMAND, GW_ERR_LINK_LOST
   */
  async act(action: RecordingAction): Promise<void> {
    const acting = this.#tail.then(() => this.#act(action));
    this.#tail = acting.catch(() => undefined);
    await acting;
  }

  /** Once the call has ended: exactly one of ready, absent and failed. */
  async settle(): Promise<void> {
    const { call, deps } = this;
    if (call.answeredAt === null) return;
    await this.#tail;
    const wanted = this.#begun || this.#start === 'on-answer';
    // By the server that has the call: one that hung up before another took it has nothing to say of the file.
    if (wanted) await deps.untilStopped(() => this.#stoppedAt === deps.media());
    else if (this.#start === 'in-talk') call.recording = { ...call.recording, reason: 'too_short' };
    call.recording = await deps.recordings.settle(call, wanted, this.#close());
    deps.metrics.recording(call.recording.status);
    deps.record(recordingEvent(call.recording.status));
  }

  /** Once its channels are gone: of a call that was lost in the moment of its answer FreeSWITCH may have written some. */
  async clear(): Promise<void> {
    if (this.call.answeredAt === null && this.#written) await this.deps.recordings.discard(this.call.id);
  }

  get #talking(): boolean {
    return this.#bridged && this.call.answeredAt !== null;
  }

  async #act(action: RecordingAction): Promise<void> {
    const { from, to } = RECORDING_PHASES[action];
    if (this.#phase === to) return;
    const media = this.deps.media();
    // Its session is still about to close.
    if (this.call.endedAt !== null) throw refused('the call has ended', 'call_over');
    if (this.#start === 'never') throw refused(`"${action}": ${whyNever(this.call)}`, 'never_recorded');
    if (!from.includes(this.#phase) || !this.#talking || this.#channel === null || media === null)
      throw refused(whyNot(action, this.#phase, this.#talking), this.#talking ? 'other_state' : 'not_talking');
    const refusal = action === 'start' ? this.deps.recordings.refusal('on-demand') : null;
    if (refusal !== null) throw refused(`"${action}": ${refusal}`, 'disk_low');
    const sentMs = this.deps.clock();
    if (action === 'start') this.#begun = true;
    const done = await media.record(this.#channel, this.call.id, action);
    this.#phase = to;
    this.#note(action, sentMs, done);
    this.#beep();
    this.deps.changed();
  }

  #control(keys: string): void {
    const action = actionFor(this.#policy, keys);
    if (action === null) return;
    inBackground(
      this.act(action).catch((error: unknown) => this.deps.logger.info({ err: toError(error), action }, 'not done')),
    );
  }

  /** Heard while it is recorded, and only then. */
  #beep(): void {
    const { beep } = this.#policy;
    const on = this.#phase === 'recording' && this.#bridged;
    if (beep === undefined || on === this.#beeping) return;
    this.#beeping = on;
    const channels = [this.#channel, this.#otherChannel].filter((channel) => channel !== null);
    const media = this.deps.media();
    if (media) inBackground(media.beep(channels, beep, on));
  }

  /** What is left out or masked lies within what is told: from before it was done to after it was undone. */
  #note(action: RecordingAction, sentMs: number, done: EngineSpan | null): void {
    const before: Moment = { oursMs: sentMs, engineMs: done?.fromMs ?? null };
    const after: Moment = { oursMs: this.deps.clock(), engineMs: done?.toMs ?? null };
    const { recording } = this.call;
    const { paused, masked } = recording;
    const position = positionAt(recording, this.#secondsAt(before));
    switch (action) {
      case 'pause':
        this.call.recording = { ...recording, paused: [...paused, { atSeconds: position, seconds: null }] };
        break;
      case 'mask':
        this.call.recording = { ...recording, masked: [...masked, { fromSeconds: position, toSeconds: null }] };
        break;
      case 'resume':
      case 'unmask':
        this.call.recording = closeRanges(recording, this.#secondsAt(after));
        break;
      case 'stop':
        this.#stop = before;
        this.call.recording = { ...closeRanges(recording, this.#secondsAt(before)), stoppedAt: iso(sentMs) };
        break;
      case 'start':
        this.#asked = after;
        break;
    }
  }

  #secondsAt(moment: Moment): number {
    return this.#firstSound ? secondsFrom(this.#firstSound, moment) : 0;
  }

  /**
   * Ends what is still paused or masked at the end of the call. Returns how long the file is by FreeSWITCH's clock,
   * null where that is not known.
   */
  #close(): number | null {
    const { call } = this;
    const hangUp: Moment = { oursMs: Date.parse(call.endedAt ?? call.startedAt), engineMs: this.#hungUpEngineMs };
    const end = this.#stop ?? hangUp;
    const seconds = this.#secondsAt(end);
    call.recording = closeRanges(call.recording, seconds);
    const byEngine = end.engineMs !== null && typeof this.#firstSound?.engineMs === 'number';
    return byEngine ? positionAt(call.recording, seconds) : null;
  }

  /** The file has begun. Its first sound is written once the two sides are bridged as well. */
  #began(moment: Moment): void {
    // The caller gave up in the moment in which the business answered: the call is told as missed, and has no
    // recording.
    if (this.call.endedAt !== null && this.call.answeredAt === null) return;
    if (this.#phase !== 'off' && this.call.recording.startedAt !== null) return;
    // It may be masked already: FreeSWITCH answers a command before it says that the file has begun.
    if (this.#phase === 'off') this.#phase = 'recording';
    const { paused, masked } = this.call.recording;
    this.call.recording = { ...NO_RECORDING, status: 'recording', paused, masked };
    if (this.#bridged) this.#sounds(moment);
    this.#noted();
    this.#beep();
  }

  #joined(moment: Moment): void {
    if (this.#bridged) return;
    this.#bridged = true;
    if (this.call.recording.status === 'recording') {
      this.#sounds(moment);
      this.#noted();
    }
    this.#beep();
    this.#startInTalk();
  }

  #sounds(moment: Moment): void {
    this.#firstSound = moment;
    this.call.recording = { ...this.call.recording, startedAt: iso(moment.oursMs) };
  }

  /** Keeps the document in Redis current while the call goes on, for whoever looks at it there. */
  #noted(): void {
    if (this.call.endedAt === null) this.deps.changedQuietly();
  }

  #momentOf({ engineMs, agoMs = 0 }: Told): Moment {
    return { oursMs: this.deps.clock() - agoMs, engineMs: engineMs ?? null };
  }

  #startInTalk(): void {
    if (this.#start !== 'in-talk' || !this.#talking) return;
    inBackground(
      this.act('start').catch((error: unknown) => this.deps.logger.error({ err: error }, 'recording did not start')),
    );
  }
}

const refused = (message: string, reason: RefusalReason): GatewayError =>
  new GatewayError('GW_ERR_CONFLICT', message, { refusal: { reason } });

function whyNever({ recording }: Call): string {
  if (recording.reason === 'caller_declined') return 'the caller declined it';
  if (recording.reason === 'not_announced') return 'the caller was not told of it';
  return recording.reason === 'not_wanted' ? 'its route says that it is never recorded' : String(recording.reason);
}

function whyNot(action: RecordingAction, phase: RecordingPhase, talking: boolean): string {
  if (!talking) return `"${action}": nobody talks yet`;
  const states = { off: 'not recorded', recording: 'recorded', paused: 'paused', masked: 'masked', stopped: 'stopped' };
  return `"${action}": the recording of this call is ${states[phase]}`;
}
