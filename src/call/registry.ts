import type { IncomingInvite } from './sip-ports.js';
import type { HeldChannel } from './call.js';
import type { CallSession } from './session.js';

/** The calls of this gateway, until Redis knows everything of them. */
export class CallRegistry {
  readonly #byId = new Map<string, CallSession>();
  readonly #over = new Set<CallSession>();
  readonly #byMediaKey = new Map<string, CallSession>();
  #emptied: (() => void)[] = [];

  get size(): number {
    return this.#byId.size;
  }

  /** Calls that SIP or FreeSWITCH still has: what the gateway's load is. */
  get inProgress(): number {
    return this.#byId.size - this.#over.size;
  }

  add(session: CallSession): void {
    this.#byId.set(session.id, session);
    this.#byMediaKey.set(session.mediaKey, session);
  }

  /** Neither SIP nor FreeSWITCH has anything of it any more. */
  over(session: CallSession): void {
    this.#over.add(session);
  }

  remove(session: CallSession): void {
    this.#over.delete(session);
    this.#byId.delete(session.id);
    this.#byMediaKey.delete(session.mediaKey);
    if (this.#byId.size === 0) for (const listener of this.#emptied.splice(0)) listener();
  }

  all(): CallSession[] {
    return [...this.#byId.values()];
  }

  find(id: string): CallSession | null {
    return this.#byId.get(id) ?? null;
  }

  /**
   * Hands FreeSWITCH's INVITE to the call whose key it carries; false where no call knows it, or the call has gone on to
   * another server meanwhile: it would wait for a caller who is not there.
   */
  dialBack(mediaKey: string, invite: IncomingInvite): boolean {
    const session = this.#byMediaKey.get(mediaKey);
    if (!session?.media.server?.owns(invite.source.address)) return false;
    return session.invites.acceptDialBack(invite);
  }

  /** Everything that living calls hold and somebody must renew. */
  heldChannels(): HeldChannel[] {
    return this.all().flatMap((session) => session.resources.channels);
  }

  /** Settles when the last call is gone; at once when there is none. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#byId.size === 0) resolve();
      else this.#emptied.push(resolve);
    });
  }
}
