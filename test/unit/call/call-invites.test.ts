import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { CallInvites } from '../../../src/call/call-invites.js';
import type { OpenInvite } from '../../../src/call/call.js';
import { noResources } from '../../../src/call/document.js';
import type { IncomingInvite, InviteOutcome, OutgoingInvite } from '../../../src/call/sip-ports.js';

const named = (direction: OpenInvite['direction'], id: string): OpenInvite => ({ direction, id, dialog: `${id};d` });

function open() {
  const resources = noResources('an edge');
  const end = new AbortController();
  const seen = { changes: 0, lost: 0 };
  const invites = new CallInvites({ open: named('in', 'caller') } as IncomingInvite, {
    resources,
    ended: end.signal,
    changed: () => (seen.changes += 1),
    linkLost: () => (seen.lost += 1),
  });
  return { invites, seen, end: () => end.abort(), kept: () => resources.invites.map(({ id }) => id) };
}

/** An INVITE of ours, sent as soon as somebody owns it, and how it ends. */
function attempt(id: string) {
  const cancelled: string[] = [];
  let settle: (outcome: InviteOutcome) => void = () => undefined;
  const invite = {
    onSent: (listener: (sent: OpenInvite) => void) => listener(named('out', id)),
    outcome: new Promise<InviteOutcome>((resolve) => (settle = resolve)),
    cancel: () => cancelled.push(id),
  } as unknown as OutgoingInvite;
  return { invite, cancelled, over: (outcome: InviteOutcome) => settle(outcome) };
}

describe('the INVITEs of a call', () => {
  it('are kept for peers until each has its final answer', async () => {
    const { invites, seen, kept } = open();
    const [phone, other] = [attempt('phone'), attempt('other')];
    for (const { invite } of [phone, other]) invites.own(invite);
    expect(kept()).toEqual(['caller', 'phone', 'other']);
    phone.over({ kind: 'unanswered' });
    await nextTurn();
    expect(kept()).toEqual(['caller', 'other']);
    invites.callerAnswered();
    expect([kept(), seen]).toEqual([['other'], { changes: 4, lost: 0 }]);
    invites.cancel();
    expect([phone.cancelled, other.cancelled]).toEqual([[], ['other']]);
  });

  it('say nothing of a change behind the end, and let nobody ring who is dialled then', async () => {
    const { invites, seen, end, kept } = open();
    const [phone, late] = [attempt('phone'), attempt('late')];
    invites.own(phone.invite);
    end();
    invites.own(late.invite);
    phone.over({ kind: 'cancelled' });
    await nextTurn();
    expect([late.cancelled, kept(), seen.changes]).toEqual([['late'], ['caller'], 1]);
  });

  it('tell of one that went with the link', async () => {
    const { invites, seen } = open();
    const phone = attempt('phone');
    invites.own(phone.invite);
    phone.over({ kind: 'link-lost' });
    await nextTurn();
    expect(seen.lost).toBe(1);
  });
});

describe('the dial-back of a call', () => {
  const dialBack = { sipCallId: 'back' } as IncomingInvite;

  it('comes once, before anybody waits for it or behind', async () => {
    const { invites } = open();
    const waiting = invites.awaitDialBack();
    expect(invites.dialBack).toBeNull();
    expect([invites.acceptDialBack(dialBack), invites.acceptDialBack(dialBack)]).toEqual([true, false]);
    expect([await waiting, await invites.awaitDialBack(), invites.dialBack]).toEqual([dialBack, dialBack, dialBack]);
  });

  it('is not taken by a call that has ended', () => {
    const { invites, end } = open();
    end();
    expect(invites.acceptDialBack(dialBack)).toBe(false);
  });
});
