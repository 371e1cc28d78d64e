import type { Logger } from 'pino';
import type { EngineSpan, MediaEvent, MediaServer, RecordingAction } from '../call/media-ports.js';
import type { IncomingInvite } from '../call/sip-ports.js';
import { inBackground } from '../lib/background.js';
import { toError } from '../lib/deadline.js';
import { lastingChild } from '../observability/logger.js';
import { Announcer } from './announcer.js';
import { callIdOf, SUBSCRIBED_EVENTS, toMediaEvents } from './events.js';
import { EslLink } from './esl-link.js';
import type { FreeSwitchEvent } from './event-text.js';
import { missedEvents } from './missed-events.js';
import { sipAddressOf } from './sofia-status.js';
import { spanOf, timed } from './timed-command.js';

export interface FreeSwitchOptions {
  host: string;
  port: number;
  secret: string;
  callbackAddress: string;
  /** Where its dial-back INVITEs come from. */
  sipAddress?: string | undefined;
  profile: string;
  logger: Logger;
  createUac: (...args: unknown[]) => unknown;
}

/** A restart takes some 5 s; a FreeSWITCH that is away for longer has lost its calls. */
const LOST_AFTER_MS = 15_000;
const INTRODUCTION_RETRY_MS = 1000;

const BEEP_MS = 200;

/** One FreeSWITCH: its health, its events by call, and the few commands we give it. */
export class FreeSwitch implements MediaServer {
  readonly id: string;
  readonly #link: EslLink;
  readonly #announcer: Announcer;
  readonly #logger: Logger;
  readonly #watchers = new Map<string, (event: MediaEvent) => void>();
  /** Empty until it has been known once. */
  #sipAddress = '';
  /** Whether what is known of itself is of this connection; whether what is known of its calls is. */
  #introduced = false;
  #caughtUp = false;
  #introduction: NodeJS.Timeout | undefined;
  /** Changes when FreeSWITCH starts anew: then every call it had is gone. */
  #coreUuid: string | null = null;
  #lostTimer: NodeJS.Timeout | undefined;
  #sessions = 0;
  #maxSessions = 0;

  constructor(private readonly options: FreeSwitchOptions) {
    this.id = `${options.host}:${options.port}`;
    this.#logger = lastingChild(options.logger, { mediaServer: this.id });
    this.#announcer = new Announcer({ ...options, logger: this.#logger });
    this.#link = new EslLink(
      { ...options, logger: this.#logger, events: SUBSCRIBED_EVENTS },
      {
        onEvent: (event) => this.#event(event),
        onUp: () => inBackground(this.#introduce()),
        onDown: () => this.#disconnected(),
      },
    );
  }

  get sipAddress(): string {
    return this.#sipAddress;
  }

  get eventsUp(): boolean {
    return this.#link.up && this.#caughtUp;
  }

  /** Whether it can be sent a call now. Not by its load: the heartbeat is old news, and who is full says 503 himself. */
  get healthy(): boolean {
    return this.#link.up && this.#introduced;
  }

  /** Share of its sessions in use, by its last heartbeat. */
  get load(): number {
    return this.#maxSessions === 0 ? 0 : this.#sessions / this.#maxSessions;
  }

  owns(address: string): boolean {
    const host = this.options.sipAddress ?? (this.#sipAddress.replace(/:\d+$/, '') || this.options.host);
    return address === host;
  }

  start(): void {
    this.#link.start();
  }

  stop(): void {
    clearTimeout(this.#lostTimer);
    clearTimeout(this.#introduction);
    this.#announcer.reset();
    this.#link.stop();
  }

  watch(callId: string, listener: (event: MediaEvent) => void): () => void {
    this.#watchers.set(callId, listener);
    return () => this.#watchers.delete(callId);
  }

  async kill(channelIds: string[]): Promise<void> {
    await Promise.all(
      channelIds.map((channelId) =>
        this.#link.api(`uuid_kill ${channelId}`).catch((error: unknown) => {
          // "No such channel" is what we wanted; anything else is for the operator to see.
          this.#logger.info({ err: toError(error) }, 'channel not killed');
        }),
      ),
    );
  }

  async killCall(callId: string): Promise<void> {
    try {
      const channels = await this.#channels();
      await this.kill(channels.filter((channel) => channel.initial_dest === callId).map(({ uuid }) => uuid));
    } catch (error) {
      this.#logger.warn({ err: toError(error), callId }, 'channels of a call not found');
    }
  }

  async record(channelId: string, callId: string, action: RecordingAction): Promise<EngineSpan | null> {
    // The spool is FreeSWITCH's folder, which only it knows.
    const file = `\${calltrack_spool}/${callId}.wav`;
    const own = action === 'start' ? ' 0 {RECORD_STEREO=true,RECORD_BRIDGE_REQ=true,RECORD_PRE_BUFFER_FRAMES=0}' : '';
    return spanOf(await this.#link.api(timed('uuid_record', `${channelId} ${action} ${file}${own}`)));
  }

  async beep(channelIds: string[], everyMs: number, on: boolean): Promise<void> {
    const tone = `tone_stream://v=-20;%(${BEEP_MS},${everyMs - BEEP_MS},1400);loops=-1`;
    const command = (channelId: string) =>
      on ? `uuid_displace ${channelId} start ${tone} 0 mux` : `uuid_displace ${channelId} stop ${tone}`;
    await Promise.all(
      channelIds.map((channelId) =>
        this.#link.api(command(channelId)).catch((error: unknown) => {
          this.#logger.info({ err: toError(error), on }, 'recording tone not changed');
        }),
      ),
    );
  }

  async allowSilence(channelId: string, allowed: boolean): Promise<boolean> {
    // Read by FreeSWITCH with the next re-INVITE; without a value the variable goes, and the leg's usual timeout holds.
    const silence = allowed ? '${calltrack_media_hold_timeout}' : '';
    try {
      await this.#link.api(`expand uuid_setvar ${channelId} media_timeout_audio ${silence}`);
      return true;
    } catch (error) {
      this.#logger.info({ err: toError(error) }, 'media timeout not changed');
      return false;
    }
  }

  async setLastWords(channelId: string, sound: string): Promise<void> {
    try {
      await this.#link.api(`uuid_setvar ${channelId} calltrack_last_words ${sound}`);
    } catch (error) {
      this.#logger.warn({ err: toError(error) }, 'announcement not set');
    }
  }

  async announce(invite: IncomingInvite, sound: string): Promise<void> {
    // A late offer has no place to send sound to before the answer.
    if (!invite.sdp) return;
    await this.#announcer.play(invite, sound).catch((error: unknown) => {
      this.#logger.warn({ err: toError(error) }, 'announcement not played');
    });
  }

  /** Its event socket listens before its SIP profile does: it is asked until it has one. */
  async #introduce(): Promise<void> {
    try {
      const core = (await this.#link.api('global_getvar core_uuid')).trim();
      clearTimeout(this.#lostTimer);
      this.#lostTimer = undefined;
      if (this.#coreUuid !== null && this.#coreUuid !== core) this.#loseCalls('FreeSWITCH was restarted');
      this.#coreUuid = core;
      this.#sipAddress = sipAddressOf(await this.#link.api('sofia status'), this.options.profile);
      this.#introduced = true;
      await this.#catchUp();
      this.#caughtUp = true;
    } catch (error) {
      this.#logger.warn({ err: toError(error), profile: this.options.profile }, 'FreeSWITCH is not ready yet');
      if (this.#link.up) this.#introduction = setTimeout(() => inBackground(this.#introduce()), INTRODUCTION_RETRY_MS);
    }
  }

  /** Its events do not wait for who is away: a call that was answered meanwhile could be neither masked nor held. */
  async #catchUp(): Promise<void> {
    if (this.#watchers.size === 0) return;
    for (const { initial_dest: callId, uuid, direction } of await this.#channels()) {
      const listener = direction === 'outbound' ? this.#watchers.get(callId) : undefined;
      if (!listener) continue;
      const events = await missedEvents(this.#link, callId, uuid);
      if (this.#watchers.get(callId) === listener) events.forEach(listener);
    }
  }

  async #channels(): Promise<ChannelRow[]> {
    const { rows = [] } = JSON.parse(await this.#link.api('show channels as json')) as { rows?: ChannelRow[] };
    return rows;
  }

  /** Talks go on without us: sound and SIP do not need this connection. Only a FreeSWITCH that stays away is dead. */
  #disconnected(): void {
    clearTimeout(this.#introduction);
    this.#introduced = this.#caughtUp = false;
    this.#announcer.reset();
    // From the first loss on: a link that comes and goes before it says anything is none.
    this.#lostTimer ??= setTimeout(() => {
      this.#lostTimer = undefined;
      this.#loseCalls('FreeSWITCH stayed away');
    }, LOST_AFTER_MS);
  }

  #loseCalls(why: string): void {
    if (this.#watchers.size > 0) this.#logger.error({ why, calls: this.#watchers.size }, 'calls lost with FreeSWITCH');
    for (const listener of [...this.#watchers.values()]) listener({ type: 'lost' });
  }

  #event(event: FreeSwitchEvent): void {
    if (event.get('Event-Name') === 'HEARTBEAT') {
      this.#sessions = Number(event.get('Session-Count') ?? 0);
      this.#maxSessions = Number(event.get('Max-Sessions') ?? 0);
      return;
    }
    const callId = callIdOf(event);
    const listener = callId === null ? undefined : this.#watchers.get(callId);
    if (!listener) return;
    for (const mediaEvent of toMediaEvents(event)) listener(mediaEvent);
  }
}

/** Of `show channels as json`. */
interface ChannelRow {
  uuid: string;
  /** `outbound`: the business's. */
  direction: 'inbound' | 'outbound';
  /** The call's id: the number that was dialled on both its channels. */
  initial_dest: string;
}
