import { inBackground } from '../lib/background.js';
import type { CallResources, OpenInvite } from './call.js';
import type { IncomingInvite, InviteOutcome, OutgoingInvite } from './sip-ports.js';

interface CallInvitesDeps {
  /** Those of the call; `invites` in it, which a peer would have to end, is kept up to date here. */
  resources: CallResources;
  /** Aborted when the call ends. */
  ended: AbortSignal;
  /** `resources` have changed; not told any more once the call has ended. */
  changed: () => void;
  /** The link to drachtio broke under an INVITE of ours. */
  linkLost: () => void;
}

/**
 * The INVITEs of one call: the caller's, ours to FreeSWITCH and to the business, and FreeSWITCH's dial-back. As long as the
 * caller's or one of ours has no final answer, a peer is told of it: somebody waits, or somebody's phone rings.
 */
export class CallInvites {
  readonly #attempts = new Set<OutgoingInvite>();
  readonly #dialBackWaiters: ((invite: IncomingInvite) => void)[] = [];
  #dialBack: IncomingInvite | null = null;

  constructor(
    private readonly caller: IncomingInvite,
    private readonly deps: CallInvitesDeps,
  ) {
    deps.resources.invites.push(caller.open);
  }

  /** An INVITE of ours: cancelled when the call ends first. */
  own(attempt: OutgoingInvite): OutgoingInvite {
    if (this.deps.ended.aborted) attempt.cancel();
    else {
      this.#attempts.add(attempt);
      attempt.onSent((invite) => {
        this.deps.resources.invites.push(invite);
        this.deps.changed();
        inBackground(attempt.outcome.then(() => this.#over(invite)));
      });
      inBackground(attempt.outcome.then((outcome) => this.#attemptOver(attempt, outcome)));
    }
    return attempt;
  }

  /** Cancels our INVITEs: no phone rings any longer. */
  cancel(): void {
    for (const attempt of this.#attempts) attempt.cancel();
  }

  /** The caller has a dialog from here on. */
  callerAnswered(): void {
    this.#over(this.caller.open);
  }

  /** FreeSWITCH's INVITE for the business's side; null until it comes. */
  get dialBack(): IncomingInvite | null {
    return this.#dialBack;
  }

  /** Settles when it has come; rejects nothing, never settles after the end. */
  awaitDialBack(): Promise<IncomingInvite> {
    return new Promise((resolve) => {
      if (this.#dialBack) resolve(this.#dialBack);
      else this.#dialBackWaiters.push(resolve);
    });
  }

  /** False where the call does not expect one (any more). */
  acceptDialBack(invite: IncomingInvite): boolean {
    if (this.deps.ended.aborted || this.#dialBack) return false;
    this.#dialBack = invite;
    for (const waiter of this.#dialBackWaiters.splice(0)) waiter(invite);
    return true;
  }

  #attemptOver(attempt: OutgoingInvite, { kind }: InviteOutcome): void {
    this.#attempts.delete(attempt);
    if (kind === 'link-lost') this.deps.linkLost();
  }

  #over(over: OpenInvite): void {
    const { resources, ended, changed } = this.deps;
    resources.invites = resources.invites.filter((invite) => invite !== over);
    if (!ended.aborted) changed();
  }
}
