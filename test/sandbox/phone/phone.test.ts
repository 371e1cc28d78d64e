import { afterEach, describe, expect, it } from 'vitest';
import type { PhoneOptions } from '../../../src/sandbox/phone/index.js';
import { CallEndedError, Phone } from '../../../src/sandbox/phone/index.js';
import { dominantTone } from '../../../src/sandbox/rtp/tone.js';
import { scaledTimers } from '../../../src/sandbox/sip/index.js';
import { selfSigned } from '../../support/tls.js';
import { eventually } from '../../support/until.js';

const ALICE_HZ = 440;
const BOB_HZ = 700;
const EARLY_HZ = 1000;
const TONES = [ALICE_HZ, BOB_HZ, EARLY_HZ];

const phones: Phone[] = [];
const open = async (options: PhoneOptions = {}): Promise<Phone> => {
  const phone = await Phone.open(options);
  phones.push(phone);
  return phone;
};

afterEach(async () => {
  expect(phones.map((phone) => phone.stack.transport.counters.faults).filter((faults) => faults > 0)).toEqual([]);
  await Promise.all(phones.splice(0).map((phone) => phone.close()));
});

/** The last quarter second that was heard. */
const hears = (media: { heard: () => Int16Array }): number | undefined =>
  dominantTone(media.heard().subarray(-2000), TONES);

describe('phone', () => {
  it.each(['udp', 'tcp', 'tls'] as const)('talks to another over %s', async (protocol) => {
    const tls = selfSigned();
    const alice = await open({ user: '+79161234567', tls });
    const bob = await open({ tls, answers: { toneHz: BOB_HZ } });
    const call = await alice.call({
      target: bob.uri(protocol),
      displayName: 'Alice',
      toneHz: ALICE_HZ,
      headers: { 'X-Ad': '7' },
    });
    await call.ringing();
    await call.answered();
    const other = await bob.nextCall();
    await other.acknowledged();
    expect(other.invite.from).toMatchObject({ displayName: 'Alice', uri: `sip:+79161234567@127.0.0.1:${alice.port}` });
    expect(other.invite.headers.get('x-ad')).toBe('7');
    await eventually(() => expect([hears(call.media), hears(other.media)]).toEqual([BOB_HZ, ALICE_HZ]));
    await call.hangUp({ Reason: 'Q.850;cause=16' });
    expect(await other.ended()).toMatchObject({ by: 'remote', how: 'bye', reason: 'Q.850;cause=16' });
    expect(await call.ended()).toMatchObject({ by: 'local', how: 'bye' });
    expect(call.setUpMs).toBeGreaterThan(0);
  });

  it('agrees on µ-law where that is all one side speaks', async () => {
    const alice = await open();
    const bob = await open({ laws: ['ulaw'], answers: { toneHz: BOB_HZ } });
    const call = await alice.call({ target: bob.uri() });
    await call.answered();
    expect(call.remoteSdp).toContain('RTP/AVP 0 101');
    await eventually(() => expect(hears(call.media)).toBe(BOB_HZ));
  });

  it('hears early media before the answer', async () => {
    const alice = await open();
    const bob = await open({
      answers: { ring: { status: 183, earlyToneHz: EARLY_HZ }, answerAfterMs: 'never', toneHz: BOB_HZ },
    });
    const call = await alice.call({ target: bob.uri() });
    expect((await call.ringing())?.status).toBe(183);
    await eventually(() => expect(hears(call.media)).toBe(EARLY_HZ));
    (await bob.nextCall()).pickUp();
    await call.answered();
    await eventually(() => expect(hears(call.media)).toBe(BOB_HZ));
  });

  it('offers late and answers with the ACK', async () => {
    const alice = await open();
    const bob = await open();
    const call = await alice.call({ target: bob.uri(), lateOffer: true, toneHz: ALICE_HZ });
    await call.answered();
    const other = await bob.nextCall();
    expect((await other.acknowledged()).body).toContain('m=audio');
    await eventually(() => expect(hears(other.media)).toBe(ALICE_HZ));
  });

  it('sends keys in the audio stream and as INFO', async () => {
    const alice = await open();
    const bob = await open();
    const call = await alice.call({ target: bob.uri() });
    await call.answered();
    const other = await bob.nextCall();
    await call.press('12#', 'rtp', 60);
    await eventually(() => expect(other.digits).toBe('12#'));
    await call.press('4*', 'info');
    expect(other.digits).toBe('12#4*');
  });

  it('holds, resumes and refreshes', async () => {
    const alice = await open();
    const bob = await open({ answers: { toneHz: BOB_HZ } });
    const call = await alice.call({ target: bob.uri() });
    await call.answered();
    expect((await call.hold()).body).toContain('a=recvonly');
    expect((await call.resume()).body).toContain('a=sendrecv');
    expect((await call.refresh('INVITE')).status).toBe(200);
    expect((await call.refresh('UPDATE')).status).toBe(200);
    const other = await bob.nextCall();
    other.refuseNextOffer(488);
    expect((await call.hold()).status).toBe(488);
    expect((await other.refresh()).status).toBe(200);
    await other.hangUp();
    expect(await call.ended()).toMatchObject({ by: 'remote', how: 'bye' });
  });

  it('is refused, with the reason', async () => {
    const alice = await open();
    const refuse = { status: 503, reason: 'Full', headers: { Reason: 'Q.850;cause=34;text="no circuit"' } };
    const bob = await open({ answers: { ring: false, refuse } });
    const call = await alice.call({ target: bob.uri(), media: false });
    expect(await call.ended()).toMatchObject({
      by: 'remote',
      how: 'refused',
      status: 503,
      reason: refuse.headers.Reason,
    });
    await expect(call.answered()).rejects.toThrow(CallEndedError);
  });

  it('gives up while the other rings', async () => {
    const alice = await open();
    const bob = await open({ answers: { answerAfterMs: 'never' } });
    const call = await alice.call({ target: bob.uri() });
    await call.ringing();
    call.cancel({ Reason: 'SIP;cause=487' });
    expect(await call.ended()).toMatchObject({ by: 'local', how: 'cancel', status: 487 });
    expect(await (await bob.nextCall()).ended()).toMatchObject({
      by: 'remote',
      how: 'cancel',
      reason: 'SIP;cause=487',
    });
  });

  it('hangs up when its answer is never acknowledged', async () => {
    const timers = scaledTimers(0.01);
    const alice = await open({ timers });
    const bob = await open({ timers });
    const call = await alice.call({ target: bob.uri(), acknowledges: false });
    expect(await call.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    expect(await (await bob.nextCall()).ended()).toMatchObject({ by: 'local', how: 'ack-timeout' });
  });

  it('waits no longer than it is told', async () => {
    const alice = await open();
    const bob = await open({ answers: { ring: false, answerAfterMs: 'never' } });
    const call = await alice.call({ target: bob.uri(), media: false });
    await expect(call.ringing(50)).rejects.toThrow('ringing took longer than 50 ms');
  });
});
