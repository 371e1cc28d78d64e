import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  Dialog,
  IncomingInvite,
  OutgoingInvite,
  ServerTransaction,
  SipResponse,
} from '../../../src/sandbox/sip/index.js';
import { scaledTimers, SipRequest, SipStack } from '../../../src/sandbox/sip/index.js';
import { selfSigned } from '../../support/tls.js';

const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n';

describe.each(['udp', 'tcp', 'tls'] as const)('a call over %s', (protocol) => {
  let caller: SipStack;
  let callee: SipStack;

  beforeEach(async () => {
    const options = { host: '127.0.0.1', timers: scaledTimers(0.02), tls: selfSigned() };
    caller = await SipStack.listen(options);
    callee = await SipStack.listen(options);
  });

  afterEach(async () => {
    await Promise.all([caller.close(), callee.close()]);
    expect([caller, callee].map((stack) => stack.transport.counters.faults)).toEqual([0, 0]);
  });

  const target = (): string => `sip:+74951234567@127.0.0.1:${callee.transport.portOf(protocol)};transport=${protocol}`;

  const dial = (options: { autoAck?: boolean } = {}): OutgoingInvite =>
    caller.invite({ uri: target(), body: SDP, contactUser: 'alice', ...options });

  const incoming = async (): Promise<IncomingInvite> => (await once(callee, 'invite'))[0] as IncomingInvite;

  const establish = async (): Promise<{ local: Dialog; remote: Dialog }> => {
    const call = dial();
    const answered = once(call, 'answered');
    const invite = await incoming();
    const remote = invite.answer(SDP);
    const acked = once(remote, 'ack');
    const [, local] = (await answered) as [SipResponse, Dialog];
    await acked;
    return { local, remote };
  };

  it('rings, is answered, acknowledged and hung up', async () => {
    const call = dial();
    const rung = new Promise<SipResponse>((resolve) => {
      call.on('provisional', (response) => {
        if (response.status === 180) resolve(response);
      });
    });
    const answered = once(call, 'answered');
    const invite = await incoming();
    expect(invite.request.body).toBe(SDP);
    invite.progress(180);
    expect((await rung).toTag).toBe(invite.localTag);
    const remote = invite.answer(SDP);
    const acked = once(remote, 'ack');
    const [ok, local] = (await answered) as [SipResponse, Dialog];
    expect(ok.body).toBe(SDP);
    await acked;
    const ended = Promise.all([once(local, 'ended'), once(remote, 'ended')]);
    remote.on('request', (bye) => bye.respond(200));
    local.request('BYE');
    await ended;
    expect([caller.dialogCount, callee.dialogCount]).toEqual([0, 0]);
  });

  it('is hung up by the called side', async () => {
    const { local, remote } = await establish();
    const bye = once(local, 'request');
    const ended = once(remote, 'ended');
    remote.request('BYE');
    const [transaction] = (await bye) as [ServerTransaction];
    expect(transaction.request.method).toBe('BYE');
    transaction.respond(200);
    await ended;
  });

  it("is refused with the called side's headers", async () => {
    const call = dial();
    const failed = once(call, 'failed');
    const invite = await incoming();
    const terminated = once(invite.transaction, 'ack');
    invite.reject(486, { headers: { Reason: 'Q.850;cause=17' } });
    const [response] = (await failed) as [SipResponse];
    expect([response.status, response.headers.get('reason')]).toEqual([486, 'Q.850;cause=17']);
    await terminated;
  });

  it('is cancelled while it rings', async () => {
    const call = dial();
    const failed = once(call, 'failed');
    const invite = await incoming();
    invite.progress(180);
    const cancelled = once(invite, 'cancelled');
    call.cancel({ Reason: 'SIP;cause=200;text="Call completed elsewhere"' });
    const [cancel] = (await cancelled) as [SipRequest];
    expect(cancel.headers.get('Reason')).toContain('elsewhere');
    const [response] = (await failed) as [SipResponse];
    expect(response.status).toBe(487);
  });

  it('hangs up an answer that crossed its CANCEL', async () => {
    const call = dial();
    const failed = once(call, 'failed');
    const invite = await incoming();
    callee.on('lateCancel', (_invite, cancel) => cancel.respond(481));
    const remote = invite.answer(SDP);
    call.cancel();
    const bye = once(remote, 'request');
    const [transaction] = (await bye) as [ServerTransaction];
    transaction.respond(200);
    const [response] = (await failed) as [SipResponse];
    expect([response.status, response.local]).toEqual([487, true]);
  });

  it('carries requests both ways, re-INVITE with its own ACK included', async () => {
    const { local, remote } = await establish();
    remote.on('request', (transaction) => {
      if (transaction.isInvite) remote.accept(transaction, { body: SDP });
      else transaction.respond(200, { body: 'ok', contentType: 'text/plain' });
    });
    const info = local.request('INFO', { body: 'Signal=1', contentType: 'application/dtmf-relay' });
    const [reply] = (await once(info, 'response')) as [SipResponse];
    expect([reply.status, reply.body]).toEqual([200, 'ok']);
    const reInvite = local.request('INVITE', { body: SDP });
    const acked = once(remote, 'ack');
    reInvite.on('response', (response) => {
      if (response.status === 200) local.ack(response);
    });
    await acked;
  });

  it('refuses a sequence number that goes back and a dialog that nobody knows', async () => {
    const { local, remote } = await establish();
    remote.on('request', (transaction) => transaction.respond(200));
    await once(local.request('INFO'), 'response');
    const stale = new SipRequest({ method: 'INFO', uri: target() });
    stale.headers
      .append('From', `<sip:a@127.0.0.1>;tag=${local.localTag}`)
      .append('To', `<sip:b@127.0.0.1>;tag=${local.remoteTag}`);
    stale.headers.append('Call-ID', local.callId).append('CSeq', '1 INFO');
    const [refused] = (await once(caller.request(stale.clone()), 'response')) as [SipResponse];
    expect(refused.status).toBe(500);
    stale.headers.set('Call-ID', 'nobody');
    const [unknown] = (await once(caller.request(stale), 'response')) as [SipResponse];
    expect(unknown.status).toBe(481);
  });

  it('tells the called side when no ACK comes', async () => {
    const call = dial({ autoAck: false });
    const answered = once(call, 'answered');
    const remote = (await incoming()).answer(SDP);
    await answered;
    await once(remote, 'ackTimeout');
  });

  it('gives a local 503 when nobody listens there', async () => {
    const port = callee.port;
    await callee.close();
    callee = await SipStack.listen({ host: '127.0.0.1' });
    const call = caller.invite({ uri: `sip:x@127.0.0.1:${port};transport=${protocol}`, body: SDP });
    const [response] = (await once(call, 'failed')) as [SipResponse];
    expect([response.status, response.local]).toEqual([503, true]);
  });
});
