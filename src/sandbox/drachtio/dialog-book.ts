import type { Dialog, SipRequest, SipResponse } from '../sip/index.js';
import type { AppConnection } from './app-connection.js';

/** A dialog as applications know it. */
export interface DialogRecord {
  readonly id: string;
  readonly dialog: Dialog;
  /** Gets the other side's requests; when it is gone the server answers them itself. */
  readonly owner: AppConnection;
  /** Of the INVITE, so that the first ACK carries it. */
  readonly inviteTransactionId: string;
  /** Our INVITE's 2xx that the application has not acknowledged yet. */
  unacknowledged: SipResponse | undefined;
  /** The other side's requests are told to nobody. */
  forgotten: boolean;
  /** Answered after the application's CANCEL: its ACK is to be followed by a BYE. */
  hangUpAfterAck: boolean;
  /** The application has sent BYE. */
  hungUp: boolean;
}

/** `Call-ID;from-tag=tag`, the tag always the calling side's (sip-dialog.hpp). */
export const dialogIdOf = (request: SipRequest): string => `${request.callId};from-tag=${request.fromTag ?? ''}`;

/** Of a dialog that `invite` has just made. */
export const newRecord = (
  invite: SipRequest,
  { dialog, owner, inviteTransactionId }: Pick<DialogRecord, 'dialog' | 'owner' | 'inviteTransactionId'>,
): DialogRecord => ({
  ...{ id: dialogIdOf(invite), dialog, owner, inviteTransactionId },
  ...{ unacknowledged: undefined, forgotten: false, hangUpAfterAck: false, hungUp: false },
});

/** All dialogs by their id; any connected application may send in any of them. */
export class DialogBook {
  readonly #records = new Map<string, DialogRecord>();

  get size(): number {
    return this.#records.size;
  }

  add(record: DialogRecord): void {
    this.#records.set(record.id, record);
    record.dialog.once('ended', () => {
      if (this.#records.get(record.id) === record) this.#records.delete(record.id);
    });
  }

  find(id: string): DialogRecord | undefined {
    return this.#records.get(id);
  }

  /** Of answered calls only: two legs of one call may share a Call-ID while they are being set up. */
  findByCallId(callId: string): DialogRecord | undefined {
    for (const record of this.#records.values()) {
      if (record.dialog.callId === callId && record.dialog.state === 'confirmed') return record;
    }
    return undefined;
  }
}
