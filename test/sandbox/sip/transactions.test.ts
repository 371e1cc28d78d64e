import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IncomingInvite, ServerTransaction, SipResponse } from '../../../src/sandbox/sip/index.js';
import { scaledTimers, SipRequest, SipStack } from '../../../src/sandbox/sip/index.js';
import { eventually } from '../../support/until.js';
import { header, TcpWire, UdpWire, wireRequest, wireResponse } from './support.js';

/** T1 10 ms: 64*T1 is 640 ms. */
const TIMERS = scaledTimers(0.02);

describe('transactions', () => {
  let stack: SipStack;
  let wire: UdpWire;

  beforeEach(async () => {
    stack = await SipStack.listen({ host: '127.0.0.1', timers: TIMERS });
    wire = await UdpWire.open();
  });

  afterEach(async () => {
    expect(stack.transport.counters.faults).toBe(0);
    await stack.close();
    wire.close();
  });

  const toWire = (): string => `sip:x@127.0.0.1:${wire.port}`;
  const gone = (): Promise<void> => eventually(() => expect(stack.transactions.size).toBe(0));

  describe('of a client', () => {
    it('repeats an INVITE and gives up with 408 after 64*T1', async () => {
      const call = stack.invite({ uri: toWire(), body: 'v=0' });
      const [response] = (await once(call, 'failed')) as [SipResponse];
      expect([response.status, response.local]).toEqual([408, true]);
      // Timer A: twice T1, doubled without end, makes six sendings in 64*T1, fewer when the machine is busy.
      await eventually(() => expect(wire.count('INVITE')).toBeGreaterThanOrEqual(2));
      expect(wire.count('INVITE')).toBeLessThanOrEqual(6);
    });

    it('repeats any other request at most every T2', async () => {
      const transaction = stack.request(new SipRequest({ method: 'OPTIONS', uri: toWire() }));
      const [response] = (await once(transaction, 'response')) as [SipResponse];
      expect(response.status).toBe(408);
      // Timer E: 20, 40, then every 80 ms: ten sendings in 640 ms, fewer when the machine is busy.
      await eventually(() => expect(wire.count('OPTIONS')).toBeGreaterThanOrEqual(2));
      expect(wire.count('OPTIONS')).toBeLessThanOrEqual(10);
    });

    it('stops repeating an INVITE at the first provisional response', async () => {
      const call = stack.invite({ uri: toWire(), body: 'v=0' });
      const heard = once(call, 'provisional');
      wire.send(wireResponse(await wire.next('INVITE'), '100 Trying'), stack.port);
      await heard;
      const before = wire.count('INVITE');
      // As long as it takes another request to be given up.
      await once(stack.request(new SipRequest({ method: 'OPTIONS', uri: toWire() })), 'response');
      // One may have been on its way.
      expect(wire.count('INVITE')).toBeLessThanOrEqual(before + 1);
    });

    it('acknowledges a refusal each time it comes', async () => {
      const call = stack.invite({ uri: toWire(), body: 'v=0' });
      const failed = once(call, 'failed');
      const invite = await wire.next('INVITE');
      wire.send(wireResponse(invite, '486 Busy Here'), stack.port);
      const ack = await wire.next('ACK');
      expect(header(ack, 'Via')).toBe(header(invite, 'Via'));
      expect([header(ack, 'CSeq').endsWith('ACK'), header(ack, 'To')]).toEqual([
        true,
        `${header(invite, 'To')};tag=peer`,
      ]);
      wire.send(wireResponse(invite, '486 Busy Here'), stack.port);
      await wire.next('ACK');
      await failed;
      await gone();
    });

    it('acknowledges a repeated 200 with the same ACK', async () => {
      const call = stack.invite({ uri: toWire(), body: 'v=0' });
      const answered = once(call, 'answered');
      const invite = await wire.next('INVITE');
      const ok = wireResponse(invite, '200 OK', [`Contact: <sip:x@127.0.0.1:${wire.port}>`]);
      wire.send(ok, stack.port);
      const first = await wire.next('ACK');
      await answered;
      wire.send(ok, stack.port);
      expect(await wire.next('ACK')).toBe(first);
      expect(header(first, 'Via')).not.toBe(header(invite, 'Via'));
    });

    it('hangs up the second fork that answers', async () => {
      stack.invite({ uri: toWire(), body: 'v=0' });
      const invite = await wire.next('INVITE');
      const contact = [`Contact: <sip:x@127.0.0.1:${wire.port}>`];
      wire.send(wireResponse(invite, '200 OK', contact), stack.port);
      wire.send(wireResponse(invite, '200 OK', contact).replace('tag=peer', 'tag=fork'), stack.port);
      const bye = await wire.next('BYE');
      expect(header(bye, 'To')).toContain('tag=fork');
      wire.send(wireResponse(bye, '200 OK'), stack.port);
    });

    it('keeps a CANCEL back until something has come', async () => {
      const call = stack.invite({ uri: toWire(), body: 'v=0' });
      const invite = await wire.next('INVITE');
      call.cancel();
      await wire.next('INVITE');
      expect(wire.count('CANCEL')).toBe(0);
      wire.send(wireResponse(invite, '180 Ringing'), stack.port);
      const cancel = await wire.next('CANCEL');
      expect(header(cancel, 'Via')).toBe(header(invite, 'Via'));
      wire.send(wireResponse(cancel, '200 OK'), stack.port);
      const [response] = (await once(call, 'failed')) as [SipResponse];
      // Nothing followed: 9.1 takes the INVITE for cancelled.
      expect([response.status, response.local]).toEqual([408, true]);
    });

    it('answers a challenge once', async () => {
      const call = stack.invite({ uri: toWire(), body: 'v=0', credentials: { username: 'u', password: 'p' } });
      const failed = once(call, 'failed');
      const challenge = ['Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"'];
      const first = await wire.next('INVITE');
      wire.send(wireResponse(first, '407 Proxy Authentication Required', challenge), stack.port);
      await wire.next('ACK');
      let second = await wire.next('INVITE');
      // On a machine that stood still the first one is repeated (timer A) before its answer is read.
      while (header(second, 'CSeq') === header(first, 'CSeq')) second = await wire.next('INVITE');
      expect(header(second, 'Proxy-Authorization')).toContain('username="u"');
      expect(Number.parseInt(header(second, 'CSeq'))).toBe(Number.parseInt(header(first, 'CSeq')) + 1);
      wire.send(wireResponse(second, '407 Proxy Authentication Required', challenge), stack.port);
      expect(((await failed) as [SipResponse])[0].status).toBe(407);
    });
  });

  describe('of a server', () => {
    it('absorb a repeated request and repeat the answer', async () => {
      const seen: ServerTransaction[] = [];
      stack.on('request', (transaction) => {
        seen.push(transaction);
        transaction.respond(200);
      });
      const request = wireRequest(wire.port);
      wire.send(request, stack.port);
      const first = await wire.next('SIP/2.0 200');
      wire.send(request, stack.port);
      expect(await wire.next('SIP/2.0 200')).toBe(first);
      expect(seen).toHaveLength(1);
    });

    it('say Trying at once, and repeat a refusal until its ACK', async () => {
      const request = wireRequest(wire.port, { method: 'INVITE' });
      const arriving = once(stack, 'invite');
      wire.send(request, stack.port);
      await wire.next('SIP/2.0 100');
      const [invite] = (await arriving) as [IncomingInvite];
      const acked = once(invite.transaction, 'ack');
      invite.reject(486);
      const first = await wire.next('SIP/2.0 486');
      expect(await wire.next('SIP/2.0 486')).toBe(first);
      wire.send(request.replaceAll('INVITE', 'ACK').replace(/^To: .*$/m, `To: ${header(first, 'To')}`), stack.port);
      await acked;
      await gone();
    });

    it('repeat a 200 until its ACK', async () => {
      const arriving = once(stack, 'invite');
      wire.send(wireRequest(wire.port, { method: 'INVITE', callId: 'two-hundred' }), stack.port);
      const [invite] = (await arriving) as [IncomingInvite];
      const dialog = invite.answer('v=0');
      const first = await wire.next('SIP/2.0 200');
      expect(await wire.next('SIP/2.0 200')).toBe(first);
      const acked = once(dialog, 'ack');
      wire.send(
        wireRequest(wire.port, { method: 'ACK', callId: 'two-hundred', to: `To: ${header(first, 'To')}` }),
        stack.port,
      );
      await acked;
      expect(dialog.awaitsAck).toBe(false);
    });

    it('answer a CANCEL of nothing with 481', async () => {
      wire.send(wireRequest(wire.port, { method: 'CANCEL' }), stack.port);
      await wire.next('SIP/2.0 481');
    });

    it('answer a CANCEL that comes too late', async () => {
      const arriving = once(stack, 'invite');
      const request = wireRequest(wire.port, { method: 'INVITE' });
      wire.send(request, stack.port);
      ((await arriving) as [IncomingInvite])[0].answer('v=0');
      await wire.next('SIP/2.0 200');
      wire.send(request.replaceAll('INVITE', 'CANCEL'), stack.port);
      await eventually(() => expect(wire.received.some((text) => /^CSeq: 1 CANCEL/m.test(text))).toBe(true));
    });

    it('refuse an INVITE that no dialog can come of', async () => {
      wire.send(wireRequest(wire.port, { method: 'INVITE' }).replace(/^Contact: .*\r\n/m, ''), stack.port);
      await wire.next('SIP/2.0 400');
    });

    it('say what was wrong with a message as far as it could be read', async () => {
      wire.send(wireRequest(wire.port, { cseq: -1 }), stack.port);
      await wire.next('SIP/2.0 400');
      wire.send(wireRequest(wire.port).replace('SIP/2.0\r\n', 'SIP/3.0\r\n'), stack.port);
      await wire.next('SIP/2.0 505');
      wire.send('utter nonsense', stack.port);
      await eventually(() => expect(stack.transport.counters.malformed).toBe(3));
    });

    it('go back to where the request came from when it asks for it (RFC 3581)', async () => {
      wire.send(wireRequest(0, { via: 'Via: SIP/2.0/UDP 192.0.2.9:9;branch=z9hG4bKnat;rport' }), stack.port);
      const response = await wire.next('SIP/2.0 200');
      expect(header(response, 'Via')).toBe(
        `SIP/2.0/UDP 192.0.2.9:9;branch=z9hG4bKnat;rport=${wire.port};received=127.0.0.1`,
      );
    });
  });

  describe('over TCP', () => {
    it('come back by the connection, in pieces or several at once', async () => {
      const tcp = await TcpWire.open(stack.port);
      const request = wireRequest(9, { via: 'Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKt1' });
      tcp.send(request.slice(0, 40));
      await new Promise((resolve) => setImmediate(resolve));
      tcp.send(request.slice(40) + request.replace('z9hG4bKt1', 'z9hG4bKt2'));
      await eventually(() => expect(tcp.received.join('').match(/SIP\/2.0 200/g)).toHaveLength(2));
      tcp.socket.destroy();
    });

    it('keep a connection alive', async () => {
      const tcp = await TcpWire.open(stack.port);
      tcp.send('\r\n\r\n');
      expect(await tcp.next('\r\n')).toBe('\r\n');
      tcp.socket.destroy();
    });

    it('end a connection that cannot be read on', async () => {
      const tcp = await TcpWire.open(stack.port);
      tcp.send(wireRequest(9).replace('Content-Length: 0', 'Content-Length: many'));
      await tcp.next('SIP/2.0 400');
      await eventually(() => expect(tcp.closed).toBe(true));
    });

    it('use one connection for all requests to one peer', async () => {
      const peer = await SipStack.listen({ host: '127.0.0.1' });
      for (let i = 0; i < 3; i++) {
        const transaction = stack.request(
          new SipRequest({ method: 'OPTIONS', uri: `sip:127.0.0.1:${peer.port};transport=tcp` }),
        );
        expect(((await once(transaction, 'response')) as [SipResponse])[0].status).toBe(200);
      }
      expect([stack.transport.connectionCount, peer.transport.connectionCount]).toEqual([1, 1]);
      await peer.close();
    });
  });

  it('leave a port free for both protocols when the stack is closed', async () => {
    const first = await SipStack.listen({ host: '127.0.0.1' });
    await expect(SipStack.listen({ host: '127.0.0.1', port: first.port })).rejects.toThrow('EADDRINUSE');
    await first.close();
    const second = await SipStack.listen({ host: '127.0.0.1', port: first.port });
    await second.close();
  });
});
