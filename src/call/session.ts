import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { inBackground } from '../lib/background.js';
import { steadyClock, type Clock } from '../lib/clock.js';
import { newSecretKey } from '../lib/ids.js';
import { lossReason, statusForLoss } from '../routing/loss.js';
import type { Call, CallResources, HeldChannel } from './call.js';
import type { CallEnd } from './call-end.js';
import { CallChannels } from './call-channels.js';
import { CallInvites } from './call-invites.js';
import { CallMedia } from './call-media.js';
import { amend, type Amendment } from './amendments.js';
import { CallRecording } from './call-recording.js';
import type { CallDeps } from './deps.js';
import { closeDocument, loseDocument, newCall, noResources, type NewCall } from './document.js';
import { Journal } from './journal.js';
import { LastWords } from './last-words.js';
import { hopsLeft } from './outgoing-request.js';
import type { DialogEnd, DialogLeg, IncomingInvite } from './sip-ports.js';
import { transition, type CallSignal, type CallState } from './state.js';

type DialogRole = CallResources['dialogs'][number]['role'];

/** RECORD_STOP follows the hang-up within half a second on a healthy server; disks stall longer. */
const RECORD_STOP_TIMEOUT_MS = 10_000;
const RECORD_FLUSH_MS = 2000;

/** Over another trunk the caller's carrier may do better; the reason of loss is for who was not answered. */
const LINK_LOST: CallEnd = { by: 'gateway', reason: 'link_lost', loss: 'gateway_lost', sip: 503 };

/** Who keeps the calls of this gateway, and hears from each how its end goes. */
interface CallKeeper {
  over(call: CallSession): void;
  remove(call: CallSession): void;
}

/**
 * The sole owner of one call: its document, its legs, its channels and its end.
 *
 * Everything that happens to the call comes here as a method; everything that leaves it goes out through the journal.
 * However a call ends, it ends in `close()`, once; `docs/teardown.md` says in which order things are let go.
 */
export class CallSession {
  readonly id: string;
  /** Known to FreeSWITCH and us alone: the INVITE that carries it may join this call's media. */
  readonly mediaKey = newSecretKey();
  readonly call: Call;
  /** Of every moment that is told of the call: the wall's may be set while it goes on, and a talk last for hours, or end before it began. */
  readonly clock: Clock;
  readonly resources: CallResources;
  readonly logger: Logger;
  readonly channels: CallChannels;
  readonly invites: CallInvites;
  readonly recording: CallRecording;
  readonly media: CallMedia;
  readonly #journal: Journal;
  readonly #lastWords: LastWords;
  readonly #abort = new AbortController();
  #state: CallState = 'received';
  /** Limits that legs ran into, by leg number: what the loss reason is named after. */
  readonly #fullResources: (string | null)[] = [];
  readonly #dialogs = new Map<DialogRole, DialogLeg>();
  /** His 200 is on its way, and whether he got it not yet known. */
  #callerAnswering: Promise<unknown> | null = null;
  #timers: NodeJS.Timeout[] = [];
  /** Settles when the caller's side is off the wire: he has had his final answer, or his dialog is over. */
  readonly #callerGone: Promise<void>;
  #markCallerGone: () => void = () => undefined;
  #introduced = false;
  #endBeforeIntroduction: CallEnd | null = null;

  constructor(
    private readonly invite: IncomingInvite,
    from: NewCall,
    private readonly deps: CallDeps,
    private readonly keeper: CallKeeper,
  ) {
    this.id = from.id;
    this.call = newCall(from);
    this.clock = steadyClock(from.receivedAt);
    this.resources = noResources(deps.sip.edge);
    this.logger = deps.logger.child({ callId: this.id, sipCallId: invite.sipCallId, trunk: from.trunk });
    this.#journal = new Journal(this.call, this.resources, { ...deps, logger: this.logger });
    const resourcesChanged = () => this.#journal.resourcesChanged();
    this.channels = new CallChannels(this.resources, deps.channels, resourcesChanged);
    this.invites = new CallInvites(invite, {
      resources: this.resources,
      ended: this.signal,
      changed: resourcesChanged,
      linkLost: () => this.#attemptLost(),
    });
    this.#callerGone = new Promise((resolve) => {
      this.#markCallerGone = resolve;
    });
    this.recording = new CallRecording(this.call, {
      ...deps,
      logger: this.logger,
      clock: this.clock,
      media: () => this.media.server,
      record: this.record,
      changed: () => this.#journal.changed(),
      changedQuietly: resourcesChanged,
      // FreeSWITCH closes the file before it says so; without its word we can only give it the time that it needs.
      untilStopped: (stopped) =>
        this.media.until(stopped, this.media.server?.eventsUp ? RECORD_STOP_TIMEOUT_MS : RECORD_FLUSH_MS),
    });
    this.media = new CallMedia({
      callId: this.id,
      resources: this.resources,
      logger: this.logger,
      changed: resourcesChanged,
      first: (event) => this.recording.mediaEvent(event),
      end: (end) => this.end(end),
      lost: () => this.#lastWords.cutShort(),
      after: (ms, action) => this.after(ms, action),
    });
    const { invites, media } = this;
    this.#lastWords = new LastWords({ invite, invites, media, leg: (role) => this.leg(role) });
    invite.onCancel(() => this.end({ by: 'caller', reason: 'normal' }));
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** It has ended, or will as soon as it is introduced. */
  get ending(): boolean {
    return this.ended || this.#endBeforeIntroduction !== null;
  }

  /** Aborted when the call ends: whoever waits for something on its behalf stops waiting. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** An event with the call as it is now. */
  record: Journal['record'] = (type, extra) => this.#journal.record(type, extra);

  /**
   * Tells the world of the call, once admission has said whose it is. A caller who gave up meanwhile ends here: his
   * call belongs to a site like any other, and its first event comes before its last.
   */
  introduce(): void {
    if (this.#introduced) return;
    this.#introduced = true;
    this.record('call.received');
    if (this.call.attribution.verdict === 'deferred') this.#deferVerdict();
    if (this.#endBeforeIntroduction) this.end(this.#endBeforeIntroduction);
  }

  /** A change from outside; settles when it is in Redis. Throws GW_ERR_BAD_REQUEST where the call is full. */
  async amend(amendment: Amendment): Promise<void> {
    const amended = amend(this.call, amendment);
    if (amended) this.record(amended.type, amended.extra);
    await this.#journal.written();
  }

  /** Settles when what was told so far is in Redis. */
  written(): Promise<void> {
    return this.#journal.written();
  }

  /** The caller has been answered, at `at` (ISO 8601); where the call has ended meanwhile its end is told without it. */
  engaged(at: string): void {
    if (!this.ended) this.call.engagedAt = at;
  }

  /** The business has answered, at `at` (ISO 8601); false where the call has ended meanwhile. */
  answered(at: string): boolean {
    if (!this.signalState('answer')) return false;
    this.call.answeredAt = at;
    this.record('call.answered');
    this.recording.answered();
    return true;
  }

  abandonJournal(): void {
    this.#journal.abandon();
  }

  /** Moves on if the state knows the signal; tells whether it did. */
  signalState(signal: CallSignal): boolean {
    const next = transition(this.#state, signal);
    if (next === null) return false;
    this.#state = next;
    return true;
  }

  // --- Legs -----------------------------------------------------------------------------------------------------

  /** A dialog of ours: hung up when the call ends, and known to peers by its id. */
  adopt(role: DialogRole, leg: DialogLeg): DialogLeg {
    if (this.ended) {
      inBackground(leg.bye());
      return leg;
    }
    this.#dialogs.set(role, leg);
    this.resources.dialogs.push({ role, id: leg.id });
    if (role === 'caller') this.invites.callerAnswered();
    this.#journal.resourcesChanged();
    leg.onEnd(({ by, cause }) => this.#dialogEnded(role, by, cause));
    return leg;
  }

  leg(role: DialogRole): DialogLeg | null {
    return this.#dialogs.get(role) ?? null;
  }

  #dialogEnded(role: DialogRole, by: DialogEnd['by'], cause: string | null): void {
    if (by === 'ack-timeout') this.end({ by: 'gateway', reason: 'ack_timeout' });
    else if (by === 'session-timer') this.end({ by: 'gateway', reason: 'session_expired' });
    else if (role === 'caller') this.end({ by: 'caller', reason: 'normal' });
    else if (role === 'business') this.#businessGone();
    else this.media.hungUp(cause);
  }

  /** He may have let the call go again before the caller was answered: then nobody will talk to him. */
  #businessGone(): void {
    const end = (): void => this.end({ by: 'business', reason: 'normal', loss: 'declined' });
    // Told as lost the caller would have been answered, and pay, all the same.
    if (this.#callerAnswering) inBackground(this.#callerAnswering.then(end, end));
    else end();
  }

  /** While this lasts it is not known whether the caller was answered; settles within the deadline of the answer. */
  async answering<T>(outcome: Promise<T>): Promise<T> {
    this.#callerAnswering = outcome;
    try {
      return await outcome;
    } finally {
      this.#callerAnswering = null;
    }
  }

  /**
   * A talk goes on without drachtio's link, and its silence tells when it is over. A caller who holds may be silent for as
   * long as he likes, and his taking up the talk again would be refused: it could only be waited out. Who has not been
   * answered cannot be any more: what would be answered, his INVITE or FreeSWITCH's dial-back, came over that link.
   */
  linkLost(): void {
    const greeted = this.call.engagedAt !== null && this.invites.dialBack === null;
    if (this.media.held || (this.call.answeredAt === null && !greeted)) this.end(LINK_LOST);
  }

  /** Nobody would tell us of an answer; over another trunk the caller's carrier may do better. */
  #attemptLost(): void {
    if (this.call.answeredAt === null) this.end(LINK_LOST);
  }

  /** Channels of the trunk that the caller came by, and of the number that he dialled. */
  holdForCaller(channels: HeldChannel[]): void {
    this.channels.hold(channels);
    this.channels.occupy(channels, this.#callerGone);
  }

  /** The limit that leg number `n` ran into. */
  metLimit(n: number, resource: string): void {
    this.#fullResources[n - 1] = resource;
  }

  /** A caller without an offer has told nobody yet where sound is to go. */
  get hearsEarlyMedia(): boolean {
    return this.invite.sdp !== '';
  }

  get hopsLeft(): number {
    return hopsLeft(this.invite);
  }

  /** Somebody's phone rings: to a caller without an offer FreeSWITCH cannot say so by itself. */
  ring(): void {
    if (!this.hearsEarlyMedia) this.invite.progress(180);
  }

  // --- Attribution ----------------------------------------------------------------------------------------------

  /** Facts could not be found at the time: find them as of then once Redis is back, and tell them as a correction. */
  #deferVerdict(): void {
    inBackground(this.#journal.written().then(() => this.deps.callers.deferred(this.call)));
  }

  // --- The end --------------------------------------------------------------------------------------------------

  /** Runs `action` after `ms` unless the call has ended by then. */
  after(ms: number, action: () => void): void {
    this.#timers.push(setTimeout(action, ms));
  }

  /** The one door: idempotent, and whoever comes second finds it closed. */
  end(end: CallEnd): void {
    if (!this.#introduced) {
      this.#endBeforeIntroduction ??= end;
      return;
    }
    if (end.reason === 'shutdown') this.#lastWords.cutShort();
    if (!this.signalState('end')) return;
    const closing = this.#close(end).catch((error: unknown) => {
      this.logger.error({ err: error }, 'closing a call failed half-way');
    });
    inBackground(closing);
  }

  async #close(end: CallEnd): Promise<void> {
    const { call } = this;
    for (const timer of this.#timers) clearTimeout(timer);
    // A reason of our own: node's is an error with a stack, written down for every call and read by nobody.
    this.#abort.abort('the call has ended');
    this.#settleDocument(end);
    // Whoever waits for an answer in this turn of the event loop, to set up a call, has it first.
    await nextTurn();
    this.#recordEnd();
    const hungUp = this.#releaseSignalling(end).finally(() => this.#markCallerGone());
    const signalled = Promise.all([hungUp, this.channels.end()]);
    const gone = Promise.all([signalled, this.media.gone()]).then(() => this.keeper.over(this));
    await Promise.all([gone, this.recording.settle()]);
    await this.recording.clear();
    this.media.leave();
    await this.#journal.close();
    this.keeper.remove(this);
    this.logger.info(closingLine(call), 'call ended');
  }

  /** The document says how it ended before anything is let go: the events must not wait for the far ends. */
  #settleDocument(end: CallEnd): void {
    const { call } = this;
    const now = this.clock();
    if (call.answeredAt !== null) {
      closeDocument(call, now, { by: end.by, reason: end.reason, sip: 200 });
      call.disposition = 'answered';
      return;
    }
    closeDocument(call, now, { by: end.by, reason: end.reason, sip: null });
    this.recording.lost();
    const loss =
      end.loss ??
      lossReason({ legs: call.legs, fullResources: this.#fullResources, callerHungUp: end.by === 'caller' });
    loseDocument(call, end.rejected ? 'rejected' : 'missed', loss, now);
    // An engaged caller has had his final answer.
    const sip = call.engagedAt === null ? (end.sip ?? statusForLoss(loss)) : 200;
    call.ended = { by: end.by, reason: end.reason, sip };
  }

  #recordEnd(): void {
    const { call } = this;
    if (call.disposition === 'answered') this.record('call.completed');
    else this.record(call.disposition === 'rejected' ? 'call.rejected' : 'call.missed');
    this.deps.metrics.ended(call);
  }

  /** Both sides learn at once; nobody waits for the other's answer. */
  async #releaseSignalling(end: CallEnd): Promise<void> {
    const { engagedAt, lossReason: lost } = this.call;
    const engaged = engagedAt !== null;
    const status = engaged ? statusForLoss(lost ?? 'no_answer') : (this.call.ended?.sip ?? 480);
    this.invites.cancel();
    if (engaged && end.announcement) await this.#lastWords.tell(end.announcement, status);
    this.invites.dialBack?.refuse(status);
    const legs = [...this.#dialogs.values()].map((leg) => leg.bye());
    if (!engaged) {
      if (end.announcement) await this.#lastWords.announce(end.announcement);
      this.invite.refuse(status, end.headers);
    }
    await this.leg('caller')?.gone;
    this.#markCallerGone();
    await Promise.all(legs);
  }
}

/** One line a call, with every interval; numbers stay out of it. */
function closingLine(call: Call): Record<string, unknown> {
  return {
    site: call.site,
    route: call.route,
    disposition: call.disposition,
    lossReason: call.lossReason,
    ended: call.ended,
    verdict: call.attribution.verdict,
    durations: call.durations,
    legs: call.legs.map(({ target, result, sip, q850 }) => ({ target, result, sip, q850 })),
    recording: call.recording.status,
  };
}
