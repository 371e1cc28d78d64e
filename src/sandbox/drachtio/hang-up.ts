import type { DialogRecord } from './dialog-book.js';
import { sipToApp } from './wire.js';

/** The server ends a dialog on its own account. */
export type HangUp = (record: DialogRecord, text: string) => void;

/** BYE to the other side, and the same BYE to the application as an `unsolicited` request (sip-dialog-controller.cpp). */
export const hangUp: HangUp = (record, text) => {
  const { dialog, owner, id } = record;
  const headers = { Reason: `SIP ;cause=200 ;text="${text}"` };
  const { request, hop } = dialog.request('BYE', { headers });
  owner.send(sipToApp({ ...hop, source: 'application' }, request, { transactionId: 'unsolicited', dialogId: id }));
  dialog.terminate();
};
