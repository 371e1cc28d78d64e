import { EventEmitter } from 'node:events';
import type Srf from 'drachtio-srf';
import { expect, it, onTestFinished, vi } from 'vitest';
import { SrfDialogLeg } from '../../../src/sip/dialog-leg.js';
import type { OverNewLink } from '../../../src/sip/open-invite.js';

/** A message without SDP. */
const UNSAID = { get: () => undefined, body: '' };

/** srf's, while nothing of the dialog's waits for an answer. */
const NO_REQUESTS = { mapServer: new Map() };

it.each([
  ['normal release', 'peer'],
  [undefined, 'peer'],
  ['CANCEL after 200 OK', 'peer'],
  ['ACK-BYE due to cancel race condition', 'peer'],
  ['ACK timeout', 'ack-timeout'],
  ['Session timer expired', 'session-timer'],
])('a dialog that ends by "%s" is ended by: %s', (reason, by) => {
  const dialog = Object.assign(new EventEmitter(), { res: UNSAID, agent: NO_REQUESTS });
  const leg = new SrfDialogLeg(dialog as unknown as Srf.Dialog, {} as OverNewLink);
  const ends: unknown[] = [];
  leg.onEnd((end) => ends.push(end));
  dialog.emit('destroy', { get: () => undefined }, reason);
  expect(ends).toEqual([{ by, cause: null }]);
});

it('waits for the answer to a BYE that crossed another one, but not for long', async () => {
  vi.useFakeTimers();
  onTestFinished(() => vi.useRealTimers() as unknown as undefined);
  const dialog = Object.assign(new EventEmitter(), {
    res: UNSAID,
    agent: NO_REQUESTS,
    socket: { destroyed: false },
    request: () => undefined,
  });
  const overNewLink = {
    bye: () => Promise.resolve(),
    endInvite: () => undefined,
    unlessConfirmed: () => () => undefined,
  };
  const leg = new SrfDialogLeg(dialog as unknown as Srf.Dialog, overNewLink);
  let gone = false;
  const over = leg.bye().then(() => (gone = true));
  dialog.emit('destroy', { get: () => undefined }, 'normal release');
  await vi.advanceTimersByTimeAsync(4999);
  expect(gone).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await over;
});
