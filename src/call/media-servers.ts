import type { CallDeps } from './deps.js';
import type { MediaServer } from './media-ports.js';
import type { CallSession } from './session.js';
import type { IncomingInvite, InviteOutcome, InviteRequest, OutgoingInvite } from './sip-ports.js';

/** A FreeSWITCH that is there says 100 within milliseconds. Waited for no longer where another one may take the call. */
const SILENCE_MS = 2000;

/** That is the caller's, whichever server he comes to; any other refusal is the server's own trouble. */
export const hasNoCodecOfOurs = (status: number | null): boolean => status === 488 || status === 415;

/** The FreeSWITCH servers that one call may go to: asked one after the other until one of them takes it. */
export class MediaServers {
  readonly #tried: MediaServer[] = [];
  /** The caller has heard of one that took the call: there is no other for him any more. */
  #heard = false;

  constructor(
    private readonly session: CallSession,
    private readonly invite: IncomingInvite,
    private readonly request: Omit<InviteRequest, 'uri'>,
    private readonly deps: CallDeps,
  ) {}

  ask(server: MediaServer): OutgoingInvite {
    const { session, deps } = this;
    this.#tried.push(server);
    session.media.use(server);
    const uri = `sip:${session.id}@${server.sipAddress}`;
    const silenceMs = Math.min(SILENCE_MS, deps.config().engines.setupTimeout / 2);
    const bound = deps.media.pick(this.#tried) ? { responseTimeoutMs: silenceMs } : {};
    const toMedia = session.invites.own(deps.sip.invite({ ...this.request, ...bound, uri }));
    toMedia.onProgress((status, sdp) => {
      this.#heard = true;
      this.invite.progress(status, sdp);
    });
    return toMedia;
  }

  /** For a call that the last one did not take, by silence or a trouble of its own; null where nobody else may have it. */
  askNext(outcome: InviteOutcome): OutgoingInvite | null {
    const { session, deps } = this;
    if (outcome.kind !== 'failed' || this.#heard || session.ended || session.invites.dialBack || !deps.sip.up)
      return null;
    const { status } = outcome.failure;
    if (hasNoCodecOfOurs(status)) return null;
    const next = deps.media.pick(this.#tried);
    session.logger.warn(
      { status, server: session.media.server?.id, next: next?.id },
      'FreeSWITCH did not take the call',
    );
    return next && this.ask(next);
  }
}
