import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DrachtioServer } from '../../../src/sandbox/drachtio/index.js';
import type { Dialog, IncomingInvite, ServerTransaction, SipResponse } from '../../../src/sandbox/sip/index.js';
import { DigestVerifier, scaledTimers, SipRequest, SipStack } from '../../../src/sandbox/sip/index.js';
import { eventually } from '../../support/until.js';
import { selfSigned } from '../../support/tls.js';
import type { SrfDialog, SrfRequest, SrfResponse } from './support.js';
import { connectApp, disconnectApps, SDP } from './support.js';

const TIMERS = scaledTimers(0.02);
const noop = (): void => undefined;
/** What becomes of it shows on the wire. */
const settle = (work: Promise<unknown>): void => {
  work.catch(noop);
};

/** The stand-in driven by the real drachtio-srf on one side and a SIP user agent on the other. */
describe.each(['udp', 'tcp', 'tls'] as const)('drachtio-srf over %s', (protocol) => {
  let server: DrachtioServer;
  let phone: SipStack;

  beforeEach(async () => {
    const address = { adminHost: '127.0.0.1', adminPort: 0, sipHost: '127.0.0.1', sipPort: 0 };
    const tls = { ...selfSigned(), port: 0 };
    server = await DrachtioServer.listen({ ...address, secret: 'cymru', timers: TIMERS, tls });
    phone = await SipStack.listen({ host: '127.0.0.1', timers: TIMERS, tls });
  });

  afterEach(async () => {
    disconnectApps();
    expect([server.sipCounters.faults, phone.transport.counters.faults]).toEqual([0, 0]);
    await Promise.all([server.close(), phone.close()]);
  });

  const serverPort = (): number | undefined => (protocol === 'tls' ? server.tlsPort : server.sipPort);
  const toServer = (): string => `sip:+74951234567@127.0.0.1:${serverPort()};transport=${protocol}`;
  const toPhone = (): string => `sip:bob@127.0.0.1:${phone.transport.portOf(protocol)};transport=${protocol}`;
  const incoming = async (): Promise<IncomingInvite> => (await once(phone, 'invite'))[0] as IncomingInvite;
  const rest = (): Promise<void> =>
    eventually(() => expect(server.counts).toMatchObject({ dialogs: 0, pendingRequests: 0, outgoingInvites: 0 }));

  it('takes a call, talks and is hung up by the caller', async () => {
    const srf = await connectApp(server.adminPort);
    const dialogs: Promise<SrfDialog>[] = [];
    const seen: SrfRequest[] = [];
    srf.invite((req, res) => {
      seen.push(req);
      res.send(180);
      dialogs.push(srf.createUAS(req, res, { localSdp: SDP, headers: { 'X-Call': 'one' } }));
    });
    const call = phone.invite({
      uri: toServer(),
      body: SDP,
      from: '"Alice" <sip:alice@example.com>',
      contactUser: 'alice',
    });
    const [ok, leg] = (await once(call, 'answered')) as [SipResponse, Dialog];
    expect([ok.headers.get('x-call'), ok.headers.get('content-type'), ok.body]).toEqual([
      'one',
      'application/sdp',
      SDP,
    ]);
    const dialog = (await dialogs[0]) ?? expect.fail('no dialog');
    expect(dialog.id).toBe(`${leg.callId};from-tag=${leg.localTag}`);
    expect(dialog.sip).toEqual({ callId: leg.callId, localTag: leg.remoteTag, remoteTag: leg.localTag });
    const [req] = seen;
    expect([req?.protocol, req?.source_address, req?.receivedOn]).toEqual([
      protocol,
      '127.0.0.1',
      `127.0.0.1:${serverPort()}`,
    ]);
    const destroyed = once(dialog, 'destroy');
    const bye = leg.request('BYE', { headers: { Reason: 'Q.850;cause=16' } });
    const [answer] = (await once(bye, 'response')) as [SipResponse];
    expect(answer.status).toBe(200);
    const [told] = (await destroyed) as [SrfRequest];
    expect(told.get('Reason')).toBe('Q.850;cause=16');
    await rest();
  });

  it('calls out, modifies, asks and hangs up', async () => {
    const srf = await connectApp(server.adminPort);
    const progress: number[] = [];
    const dialing = srf.createUAC(
      toPhone(),
      { localSdp: SDP, headers: { from: 'sip:gateway@localhost', 'x-own': 'yes' } },
      { cbProvisional: (response: SrfResponse) => progress.push(response.status) },
    );
    const invite = await incoming();
    expect(invite.arrival.protocol).toBe(protocol);
    expect(invite.request.from?.uri).toBe(`sip:gateway@127.0.0.1:${serverPort()}`);
    expect(invite.request.headers.get('X-Own')).toBe('yes');
    expect(invite.request.contact).toBeDefined();
    invite.progress(183, { body: SDP });
    const leg = invite.answer(SDP);
    leg.on('request', (transaction) => {
      if (transaction.isInvite) leg.accept(transaction, { body: SDP });
      else transaction.respond(200);
    });
    const acked = once(leg, 'ack');
    const dialog = await dialing;
    await acked;
    expect(progress).toEqual([100, 183]);
    const reAcked = once(leg, 'ack');
    expect(await dialog.modify(SDP.replace('sendrecv', 'sendonly'))).toBe(SDP);
    await reAcked;
    const info = await dialog.request({
      method: 'INFO',
      headers: { 'Content-Type': 'application/dtmf-relay' },
      body: 'Signal=5',
    });
    expect(info.status).toBe(200);
    const ended = once(leg, 'ended');
    await dialog.destroy();
    await ended;
    await rest();
  });

  it('passes a re-INVITE of the other side to the dialog', async () => {
    const srf = await connectApp(server.adminPort);
    const dialing = srf.createUAC(toPhone(), { localSdp: SDP });
    const leg = (await incoming()).answer(SDP);
    const dialog = await dialing;
    dialog.on('modify', (_req: SrfRequest, res: SrfResponse) => res.send(200, { body: SDP.replace('4000', '4002') }));
    const reInvite = leg.request('INVITE', { body: SDP.replace('IP4 127.0.0.1', 'IP4 127.0.0.2') });
    const response = await new Promise<SipResponse>((resolve) => {
      reInvite.on('response', (one) => {
        if (one.status >= 200) resolve(one);
      });
    });
    expect([response.status, response.body.includes('4002')]).toEqual([200, true]);
    leg.ack(response);
    expect((await once(leg.request('BYE'), 'response'))[0]).toMatchObject({ status: 200 });
  });

  it('sends its 200 to a re-INVITE once, and waits for no ACK', async () => {
    const srf = await connectApp(server.adminPort);
    const dialing = srf.createUAC(toPhone(), { localSdp: SDP });
    const leg = (await incoming()).answer(SDP);
    const dialog = await dialing;
    dialog.on('modify', (_req: SrfRequest, res: SrfResponse) => res.send(200, { body: SDP }));
    let answers = 0;
    leg.request('INVITE', { body: SDP }).on('response', ({ status }) => (answers += status === 200 ? 1 : 0));
    await eventually(() => expect(answers).toBe(1));
    let ended = false;
    dialog.on('destroy', () => (ended = true));
    // As long as that of a call, which is repeated, lasts without its ACK.
    srf.invite((req, res) => settle(srf.createUAS(req, res, { localSdp: SDP })));
    const [, other] = (await once(phone.invite({ uri: toServer(), body: SDP, autoAck: false }), 'answered')) as [
      SipResponse,
      Dialog,
    ];
    await once(other, 'request');
    expect([answers, ended]).toEqual([1, false]);
    expect((await once(leg.request('BYE'), 'response'))[0]).toMatchObject({ status: 200 });
  });

  it('connects two legs as a back-to-back user agent', async () => {
    const srf = await connectApp(server.adminPort);
    srf.invite((req, res) => {
      srf.createB2BUA(req, res, toPhone()).then(({ uas, uac }) => {
        uas.on('destroy', () => settle(uac.destroy()));
        uac.on('destroy', () => settle(uas.destroy()));
      }, noop);
    });
    const callee = incoming();
    const call = phone.invite({ uri: toServer(), body: SDP, contactUser: 'alice' });
    const answered = once(call, 'answered');
    const far = (await callee).answer(SDP);
    const [, near] = (await answered) as [SipResponse, Dialog];
    const hungUp = once(near, 'request');
    far.request('BYE');
    const [bye] = (await hungUp) as [ServerTransaction];
    bye.respond(200);
    await rest();
  });

  it('tells the application of a CANCEL and answers for it', async () => {
    const srf = await connectApp(server.adminPort);
    const cancelled = new Promise((resolve) => {
      srf.invite((req, res) => {
        req.on('cancel', resolve);
        res.send(180);
      });
    });
    const call = phone.invite({ uri: toServer(), body: SDP });
    const failed = once(call, 'failed');
    call.on('provisional', (response) => {
      if (response.status === 180) call.cancel();
    });
    await cancelled;
    expect(((await failed) as [SipResponse])[0].status).toBe(487);
    await rest();
  });

  it('cancels an outgoing INVITE that rings', async () => {
    const srf = await connectApp(server.adminPort);
    let sent: SrfRequest | undefined;
    const dialing = srf.createUAC(
      toPhone(),
      { localSdp: SDP },
      { cbRequest: (_error: unknown, req: SrfRequest) => (sent = req) },
    );
    const invite = await incoming();
    const cancelled = once(invite, 'cancelled');
    invite.progress(180);
    await eventually(() => expect(sent).toBeDefined());
    sent?.cancel();
    await cancelled;
    await expect(dialing).rejects.toMatchObject({ status: 487 });
    await rest();
  });

  it("hangs up an answer that crossed the application's CANCEL", async () => {
    const srf = await connectApp(server.adminPort);
    let sent: SrfRequest | undefined;
    const dialing = srf.createUAC(
      toPhone(),
      { localSdp: SDP },
      { cbRequest: (_error: unknown, req: SrfRequest) => (sent = req) },
    );
    const invite = await incoming();
    const bye = new Promise<ServerTransaction>((resolve) => {
      // The answer leaves after the CANCEL has left the server, and before it is taken up here.
      invite.transaction.prependListener('cancel', () => invite.answer(SDP).on('request', resolve));
    });
    await eventually(() => expect(sent).toBeDefined());
    sent?.cancel();
    const transaction = await bye;
    expect(transaction.request.headers.get('Reason')).toContain('ACK-BYE due to cancel race condition');
    transaction.respond(200);
    await dialing.catch(() => undefined);
    await rest();
  });

  it('gives up a 200 that is never acknowledged', async () => {
    const srf = await connectApp(server.adminPort);
    srf.invite((req, res) => settle(srf.createUAS(req, res, { localSdp: SDP })));
    const call = phone.invite({ uri: toServer(), body: SDP, autoAck: false });
    const [, leg] = (await once(call, 'answered')) as [SipResponse, Dialog];
    const bye = once(leg, 'request');
    const [transaction] = (await bye) as [ServerTransaction];
    expect(transaction.request.headers.get('Reason')).toContain('ACK timeout');
    transaction.respond(200);
    await rest();
  });

  it('gives the application a final answer when the target is not there', async () => {
    const srf = await connectApp(server.adminPort);
    const port = phone.port;
    await phone.close();
    const target = `sip:bob@127.0.0.1:${port};transport=${protocol}`;
    await expect(srf.createUAC(target, { localSdp: SDP })).rejects.toMatchObject({ status: 503 });
    phone = await SipStack.listen({ host: '127.0.0.1', timers: TIMERS });
    await rest();
  });

  it("answers a challenge with the application's credentials", async () => {
    const srf = await connectApp(server.adminPort);
    const verifier = new DigestVerifier('trunk', (user) => (user === 'u' ? 'secret' : undefined));
    phone.on('invite', (invite) => {
      const credentials = invite.request.headers.get('Proxy-Authorization');
      if (credentials !== undefined && verifier.verify(credentials, 'INVITE') === 'ok') invite.answer(SDP);
      else invite.reject(407, { headers: { 'Proxy-Authenticate': verifier.challenge() } });
    });
    const dialog = await srf.createUAC(toPhone(), { localSdp: SDP, auth: { username: 'u', password: 'secret' } });
    await dialog.destroy();
    await rest();
  });

  it('sends and answers requests outside dialogs', async () => {
    const srf = await connectApp(server.adminPort);
    srf.options((_req, res) => res.send(200, { headers: { 'X-Load': '3' } }));
    await eventually(async () => {
      const probe = phone.request(new SipRequest({ method: 'OPTIONS', uri: toServer() }));
      const [response] = (await once(probe, 'response')) as [SipResponse];
      expect([response.status, response.headers.get('X-Load')]).toEqual([200, '3']);
    });
    const asked = once(phone, 'request');
    const request = await srf.request(toPhone(), { method: 'OPTIONS', headers: { 'user-agent': 'gateway' } });
    const [transaction] = (await asked) as [ServerTransaction];
    expect(transaction.request.headers.get('User-Agent')).toBe('gateway');
    const response = once(request, 'response');
    transaction.respond(200);
    expect(((await response) as [SrfResponse])[0].status).toBe(200);
  });
});
