import type { CallDeps } from './deps.js';
import type { MediaServer } from './media-ports.js';
import type { CallSession } from './session.js';
import type { IncomingInvite, InviteOutcome, InviteRequest, OutgoingInvite } from './sip-ports.js';

/**
 * How long a FreeSWITCH may be silent where another one could take the call. A healthy one says 100 within
 * milliseconds.
 */
const SILENCE_MS = 2000;

/**
 * These statuses speak of the caller's offer, and every server would give them. Any other refusal is the server's own
 * trouble.
 */
export const hasNoCodecOfOurs = (status: number | null): boolean => status === 488 || status === 415;

/** The FreeSWITCH servers that one call may go to: asked one after the other until one of them takes it. */
export class MediaServers {
  readonly #tried: MediaServer[] = [];
  /** Something of a server has reached the caller: he cannot be moved to another one any more. */
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

  /**
   * The next server for a call that the last one did not take, by silence or for a trouble of its own; null where none
   * is left.
   */
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
