import type Srf from 'drachtio-srf';
import type { OpenInvite } from '../call/call.js';
import { tagOf } from './tag.js';

/** What began over a link that is lost is ended over the next one: drachtio-server asks nobody whose it was. Never rejects. */
export interface OverNewLink {
  bye(dialogId: string): Promise<void>;
  endInvite(invite: OpenInvite, status: number): void;
  /** Runs `again` if the link is lost before the returned function is called: what was said over it may never have come. */
  unlessConfirmed(again: () => void): () => void;
}

/** drachtio calls a dialog by its Call-ID and the tag of who called (sip-dialog.hpp): known before it is answered. */
export function openInvite(direction: OpenInvite['direction'], invite: Srf.SrfRequest): OpenInvite {
  return {
    direction,
    id: invite.stackTxnId,
    dialog: `${invite.get('Call-ID') ?? ''};from-tag=${tagOf(invite.get('From'))}`,
  };
}
