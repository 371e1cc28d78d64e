import { once } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DrachtioServer } from '../../../src/sandbox/drachtio/index.js';
import { WireError, WireFramer } from '../../../src/sandbox/drachtio/wire.js';
import { scaledTimers } from '../../../src/sandbox/sip/index.js';
import { eventually } from '../../support/until.js';
import { header, UdpWire, wireRequest, wireResponse } from '../sip/support.js';
import { connectApp, disconnectApps, RawApp, SDP } from './support.js';

/** What stands on the wire between application and server, token by token, and what the server does by itself. */
describe('drachtio wire protocol', () => {
  let server: DrachtioServer;
  let app: RawApp;
  let wire: UdpWire;
  const apps: RawApp[] = [];

  const connectRaw = async (): Promise<RawApp> => {
    const raw = await RawApp.connect(server.adminPort);
    apps.push(raw);
    return raw;
  };

  beforeEach(async () => {
    const address = { adminHost: '127.0.0.1', adminPort: 0, sipHost: '127.0.0.1', sipPort: 0 };
    server = await DrachtioServer.listen({ ...address, secret: 'cymru', timers: scaledTimers(0.01) });
    wire = await UdpWire.open();
    app = await connectRaw();
  });

  afterEach(async () => {
    disconnectApps();
    for (const raw of apps.splice(0)) raw.socket.destroy();
    expect(server.sipCounters.faults).toBe(0);
    await server.close();
    wire.close();
  });

  const sip = (text: string): string => text.slice(text.indexOf('\r\n') + 2);
  const tokens = (text: string): string[] => text.slice(0, text.indexOf('\r\n')).split('|');
  const isSip = (text: string): boolean => text.split('|')[1] === 'sip';
  const nextSip = (start: string, from = app): Promise<string> =>
    from.next((text) => isSip(text) && sip(text).startsWith(start));
  const settled = (): Promise<void> =>
    eventually(() =>
      expect(server.counts).toMatchObject({ dialogs: 0, pendingRequests: 0, outgoingInvites: 0, transactions: 0 }),
    );

  /** The caller's INVITE, answered 200 by the application; not acknowledged yet. */
  const answeredCall = async (
    callId: string,
    from = app,
  ): Promise<{ ok: string; dialogId: string; transactionId: string }> => {
    await from.ask('route|invite');
    wire.send(
      wireRequest(wire.port, { method: 'INVITE', callId, body: SDP, extra: ['Content-Type: application/sdp'] }),
      server.sipPort,
    );
    const [, , , , , , , , transactionId = ''] = tokens(await nextSip('INVITE', from));
    const reply = await from.ask(
      `sip|${transactionId}|\r\nSIP/2.0 200 OK\r\ncall-id: ${callId}\r\ncseq: 1 INVITE\r\n\r\n${SDP}`,
    );
    const ok = await wire.next('SIP/2.0 200');
    return { ok, dialogId: reply[11] ?? '', transactionId };
  };

  const inDialog = (ok: string, callId: string, method: string, cseq: number): string =>
    wireRequest(wire.port, { method, callId, cseq, to: `To: ${header(ok, 'To')}` });

  describe('link', () => {
    it('authenticates', async () => {
      const at = `udp/127.0.0.1:${server.sipPort},tcp/127.0.0.1:${server.sipPort}`;
      expect((await app.ask('authenticate|cymru|')).slice(1)).toEqual(['response', 'm1', 'OK', at, 'v0.9.10', at]);
      expect((await app.ask('ping')).slice(3)).toEqual(['OK', 'pong']);
      expect((await app.ask('route|invite')).slice(3)).toEqual(['OK']);
      expect((await app.ask('remove_route|invite')).slice(3)).toEqual(['OK']);
    });

    it('refuses a wrong secret and hangs up', async () => {
      const closed = once(app.socket, 'close');
      expect((await app.ask('authenticate|wrong|')).slice(3)).toEqual(['NO', 'incorrect secret']);
      await closed;
      await expect(connectApp(server.adminPort, 'wrong')).rejects.toThrow('failed to authenticate');
    });

    it.each([
      ['nonsense|x', 'Unknown message type'],
      ['', 'Invalid message format'],
      ['sip||\r\nSIP/2.0 200 OK\r\n\r\n', 'transaction id missing'],
    ])('refuses %j', async (message, reason) => {
      const closed = once(app.socket, 'close');
      expect((await app.ask(message)).slice(3)).toEqual(['NO', reason]);
      await closed;
    });

    it('drops a client that breaks the framing', async () => {
      const closed = once(app.socket, 'close');
      app.socket.write('123456#');
      await closed;
      expect(() => new WireFramer().push(Buffer.from('x#'))).toThrow(WireError);
    });

    it('cuts messages by bytes wherever the stream is broken', () => {
      const stream = Buffer.from('7#ж|ping9#m2|routes');
      fc.assert(
        fc.property(fc.nat(stream.length), (cut) => {
          const framer = new WireFramer();
          expect([...framer.push(stream.subarray(0, cut)), ...framer.push(stream.subarray(cut))]).toEqual([
            'ж|ping',
            'm2|routes',
          ]);
        }),
      );
    });
  });

  describe('requests from the network', () => {
    it('go to the applications in turn', async () => {
      const other = await connectRaw();
      for (const one of [app, other]) await one.ask('route|options');
      for (let i = 0; i < 4; i++) wire.send(wireRequest(wire.port), server.sipPort);
      await eventually(() => expect([app, other].map((one) => one.received.filter(isSip).length)).toEqual([2, 2]));
      const told = await nextSip('OPTIONS');
      const [, type, source, bytes, protocol, address, port, time, transactionId, dialogId, receivedIp, receivedPort] =
        tokens(told);
      expect([type, source, protocol, address, port, dialogId]).toEqual([
        'sip',
        'network',
        'udp',
        '127.0.0.1',
        String(wire.port),
        '',
      ]);
      expect([Number(bytes), receivedIp, receivedPort]).toEqual([
        Buffer.byteLength(sip(told)),
        '127.0.0.1',
        String(server.sipPort),
      ]);
      expect(time).toMatch(/^\d\d:\d\d:\d\d\.\d{6}$/);
      expect(transactionId).toMatch(/^[0-9a-f-]{36}$/);
    });

    it('are refused with what the server itself can say', async () => {
      const ask = async (method: string, to = 'To: <sip:b@127.0.0.1>'): Promise<string> => {
        wire.send(wireRequest(wire.port, { method, to }), server.sipPort);
        return (
          await wire.next('SIP/2.0 ').then((text) => (text.startsWith('SIP/2.0 100') ? wire.next('SIP/2.0 ') : text))
        ).slice(8, 11);
      };
      const tagged = 'To: <sip:b@127.0.0.1>;tag=unknown';
      expect(await ask('OPTIONS')).toBe('503');
      expect(await ask('BYE', tagged)).toBe('481');
      expect(await ask('REFER')).toBe('405');
      expect(await ask('FROBNICATE')).toBe('501');
      expect(await ask('INVITE', tagged)).toBe('481');
      wire.send(wireRequest(wire.port, { method: 'INVITE' }), server.sipPort);
      await wire.next('SIP/2.0 503');
    });

    it('are forgotten when the application does nothing for 128*T1', async () => {
      await app.ask('route|options');
      wire.send(wireRequest(wire.port), server.sipPort);
      const [, , , , , , , , transactionId = ''] = tokens(await nextSip('OPTIONS'));
      await eventually(() => expect(server.counts.pendingRequests).toBe(0));
      const reply = await app.ask(`sip|${transactionId}|\r\nSIP/2.0 200 OK\r\n\r\n`);
      expect(reply.slice(3)).toEqual(['NOK', 'Response not sent due to unknown transaction']);
    });

    it('are told of as cancelled, and the answer comes too late', async () => {
      await app.ask('route|invite');
      const invite = wireRequest(wire.port, { method: 'INVITE' });
      wire.send(invite, server.sipPort);
      const [, , , , , , , , transactionId = ''] = tokens(await nextSip('INVITE'));
      wire.send(invite.replaceAll('INVITE', 'CANCEL'), server.sipPort);
      await wire.next('SIP/2.0 487');
      expect(tokens(await nextSip('CANCEL')).slice(8)).toEqual([transactionId, '', '']);
      const reply = await app.ask(`sip|${transactionId}|\r\nSIP/2.0 200 OK\r\n\r\n`);
      expect(reply[3]).toBe('NOK');
    });
  });

  describe('answered calls', () => {
    it('give the ACK and what follows to their owner', async () => {
      const { ok, dialogId, transactionId } = await answeredCall('owned');
      expect(dialogId).toBe('owned;from-tag=from');
      wire.send(inDialog(ok, 'owned', 'ACK', 1), server.sipPort);
      expect(tokens(await nextSip('ACK')).slice(8, 10)).toEqual([transactionId, dialogId]);
      wire.send(inDialog(ok, 'owned', 'BYE', 2), server.sipPort);
      const [, , , , , , , , byeId = '', byeDialog] = tokens(await nextSip('BYE'));
      expect(byeDialog).toBe(dialogId);
      await app.ask(`sip|${byeId}|\r\nSIP/2.0 200 OK\r\n\r\n`);
      await wire.next('SIP/2.0 200');
      await settled();
    });

    it('are hung up when no ACK comes, and the application is told', async () => {
      await answeredCall('no-ack');
      const bye = await wire.next('BYE');
      expect(header(bye, 'Reason')).toBe('SIP ;cause=200 ;text="ACK timeout"');
      const told = await nextSip('BYE');
      expect([tokens(told)[2], ...tokens(told).slice(8, 10)]).toEqual([
        'application',
        'unsolicited',
        'no-ack;from-tag=from',
      ]);
      wire.send(wireResponse(bye, '200 OK'), server.sipPort);
    });

    it('answer a CANCEL that comes after the 200 with 481', async () => {
      await app.ask('route|invite');
      const invite = wireRequest(wire.port, { method: 'INVITE' });
      wire.send(invite, server.sipPort);
      const [, , , , , , , , id = ''] = tokens(await nextSip('INVITE'));
      await app.ask(`sip|${id}|\r\nSIP/2.0 200 OK\r\n\r\n${SDP}`);
      wire.send(invite.replaceAll('INVITE', 'CANCEL'), server.sipPort);
      await wire.next('SIP/2.0 481');
    });

    it('take requests of any application that knows their id', async () => {
      const { ok, dialogId } = await answeredCall('adopted');
      wire.send(inDialog(ok, 'adopted', 'ACK', 1), server.sipPort);
      await nextSip('ACK');
      app.socket.destroy();
      const heir = await connectRaw();
      const reply = await heir.ask(`sip||${dialogId}\r\nBYE sip:placeholder SIP/2.0\r\nReason: Q.850;cause=31\r\n\r\n`);
      expect(reply[3]).toBe('OK');
      const bye = await wire.next('BYE');
      expect([bye.split(' ')[1], header(bye, 'Reason'), header(bye, 'From')]).toEqual([
        `sip:a@127.0.0.1:${wire.port}`,
        'Q.850;cause=31',
        header(ok, 'To'),
      ]);
      wire.send(wireResponse(bye, '200 OK'), server.sipPort);
      expect(tokens(await nextSip('SIP/2.0 200', heir))[9]).toBe(dialogId);
      await settled();
    });

    it('go where the INVITE said, whatever a later one says', async () => {
      const { ok, dialogId } = await answeredCall('moved');
      wire.send(inDialog(ok, 'moved', 'ACK', 1), server.sipPort);
      const moves = inDialog(ok, 'moved', 'INVITE', 2).replace(/^Contact: .*$/m, 'Contact: <sip:a@127.0.0.1:1>');
      wire.send(moves, server.sipPort);
      const [, , , , , , , , transactionId = ''] = tokens(await nextSip('INVITE'));
      await app.ask(`sip|${transactionId}|\r\nSIP/2.0 200 OK\r\ncall-id: moved\r\ncseq: 2 INVITE\r\n\r\n`);
      await app.ask(`sip||${dialogId}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
      const bye = await wire.next('BYE');
      expect(bye.split(' ')[1]).toBe(`sip:a@127.0.0.1:${wire.port}`);
      wire.send(wireResponse(bye, '200 OK'), server.sipPort);
      await nextSip('SIP/2.0 200');
    });

    it('keep from the application an INVITE that comes while the first one rings', async () => {
      await app.ask('route|invite');
      wire.send(wireRequest(wire.port, { method: 'INVITE', callId: 'twice', body: SDP }), server.sipPort);
      const [, , , , , , , , transactionId = ''] = tokens(await nextSip('INVITE'));
      const answer = (status: string): Promise<string[]> =>
        app.ask(`sip|${transactionId}|\r\nSIP/2.0 ${status}\r\ncall-id: twice\r\ncseq: 1 INVITE\r\n\r\n`);
      await answer('180 Ringing');
      const ringing = await wire.next('SIP/2.0 180');
      wire.send(inDialog(ringing, 'twice', 'INVITE', 2), server.sipPort);
      await eventually(() => expect(server.counts.pendingRequests).toBe(2));
      await answer('200 OK');
      const ok = await wire.next('SIP/2.0 200');
      wire.send(inDialog(ok, 'twice', 'ACK', 1), server.sipPort);
      await nextSip('ACK');
      wire.send(inDialog(ok, 'twice', 'INFO', 3), server.sipPort);
      await nextSip('INFO');
      expect(app.received.filter((text) => isSip(text) && sip(text).startsWith('INVITE'))).toEqual([]);
    });

    it('are answered for by the server when their application has gone', async () => {
      const { ok } = await answeredCall('orphaned');
      wire.send(inDialog(ok, 'orphaned', 'ACK', 1), server.sipPort);
      await nextSip('ACK');
      app.socket.destroy();
      await eventually(() => expect(server.counts.apps).toBe(0));
      wire.send(inDialog(ok, 'orphaned', 'INFO', 2), server.sipPort);
      await wire.next('SIP/2.0 481');
      wire.send(inDialog(ok, 'orphaned', 'BYE', 3), server.sipPort);
      await wire.next('SIP/2.0 481');
      await settled();
    });

    it('refuse a session interval below 90 s', async () => {
      const { ok } = await answeredCall('short');
      wire.send(inDialog(ok, 'short', 'ACK', 1), server.sipPort);
      const update = inDialog(ok, 'short', 'UPDATE', 2).replace('Max-Forwards', 'Session-Expires: 30\r\nMax-Forwards');
      wire.send(update, server.sipPort);
      expect(header(await wire.next('SIP/2.0 422'), 'Min-SE')).toBe('90');
    });
  });

  describe('requests of applications', () => {
    const target = (): string => `sip:b@127.0.0.1:${wire.port}`;

    it('are completed, sent and echoed', async () => {
      const reply = await app.ask(
        `sip||\r\nINVITE ${target()} SIP/2.0\r\nx-call-key: k\r\nfrom: "G" <sip:g@localhost>\r\n\r\n${SDP}`,
      );
      const invite = await wire.next('INVITE');
      expect(reply.slice(3, 5)).toEqual(['OK', 'application']);
      expect([reply[6], reply[7], reply[8], reply[11]]).toEqual(['udp', '127.0.0.1', String(wire.port), 'Msg sent:']);
      expect(sip(reply.join('|'))).toBe(invite);
      expect(header(invite, 'From')).toMatch(new RegExp(`^"G" <sip:g@127.0.0.1:${server.sipPort}>;tag=`));
      expect([header(invite, 'Contact'), header(invite, 'x-call-key')]).toEqual([
        `<sip:127.0.0.1:${server.sipPort}>`,
        'k',
      ]);
      expect([header(invite, 'Content-Type'), header(invite, 'Max-Forwards')]).toEqual(['application/sdp', '70']);
      wire.send(wireResponse(invite, '100 Trying'), server.sipPort);
      const trying = tokens(await nextSip('SIP/2.0 100'));
      const fromTag = /tag=(.+)$/.exec(header(invite, 'From'))?.[1] ?? '';
      expect(trying.slice(8, 10)).toEqual([reply[10], `${header(invite, 'Call-ID')};from-tag=${fromTag}`]);
      wire.send(wireResponse(invite, '486 Busy Here'), server.sipPort);
      await nextSip('SIP/2.0 486');
      await settled();
    });

    it('take the first answer of several forks, and the others for that one repeated', async () => {
      await app.ask(`sip||\r\nINVITE ${target()} SIP/2.0\r\n\r\n${SDP}`);
      const invite = await wire.next('INVITE');
      const contact = [`Contact: <sip:x@127.0.0.1:${wire.port}>`];
      const fork = (status: string, tag: string): void =>
        wire.send(wireResponse(invite, status, contact).replace('tag=peer', `tag=${tag}`), server.sipPort);
      fork('180 Ringing', 'one');
      fork('180 Ringing', 'two');
      fork('200 OK', 'two');
      fork('200 OK', 'one');
      const dialogId = tokens(await nextSip('SIP/2.0 200'))[9] ?? '';
      expect(await app.ask(`sip||${dialogId}\r\nACK ${target()} SIP/2.0\r\n\r\n`)).toContain('OK');
      const ack = await wire.next('ACK');
      fork('200 OK', 'one');
      expect(await wire.next('ACK')).toBe(ack);
      expect(header(ack, 'To')).toMatch(/;tag=two$/);
      await app.ask(`sip||${dialogId}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
      const bye = await wire.next('BYE');
      expect(header(bye, 'To')).toMatch(/;tag=two$/);
      wire.send(wireResponse(bye, '200 OK'), server.sipPort);
      await settled();
    });

    it('go where `proxy` says', async () => {
      await app.ask(`sip|||${target()}\r\nOPTIONS sip:b@example.com SIP/2.0\r\n\r\n`);
      const options = await wire.next('OPTIONS sip:b@example.com');
      wire.send(wireResponse(options, '200 OK'), server.sipPort);
      await nextSip('SIP/2.0 200');
    });

    it('end with 408 when nobody answers, with 503 when nobody can', async () => {
      await app.ask(`sip||\r\nINVITE ${target()} SIP/2.0\r\n\r\n${SDP}`);
      await nextSip('SIP/2.0 408');
      await app.ask('sip||\r\nOPTIONS sip:b@unknown.invalid SIP/2.0\r\n\r\n');
      await nextSip('SIP/2.0 503');
    });

    it('are dropped in silence when nothing follows their CANCEL', async () => {
      const [, , , , , , , , , , id = ''] = await app.ask(`sip||\r\nINVITE ${target()} SIP/2.0\r\n\r\n${SDP}`);
      const invite = await wire.next('INVITE');
      const reply = await app.ask(`sip|${id}|\r\nCANCEL ${target()} SIP/2.0\r\nReason: SIP;cause=200\r\n\r\n`);
      expect(sip(reply.join('|'))).toMatch(/^CANCEL /);
      expect(wire.count('CANCEL')).toBe(0);
      wire.send(wireResponse(invite, '180 Ringing'), server.sipPort);
      const cancel = await wire.next('CANCEL');
      expect(header(cancel, 'Reason')).toBe('SIP;cause=200');
      wire.send(wireResponse(cancel, '200 OK'), server.sipPort);
      await settled();
      expect(app.received.some((text) => isSip(text) && /^SIP\/2\.0 [2-6]/.test(sip(text)))).toBe(false);
    });

    it.each([
      ['sip||\r\nINVITE nonsense', 'invalid request-uri: INVITE nonsense'],
      ['sip||\r\nINVITE sips:b@127.0.0.1 SIP/2.0\r\n\r\n', 'requested protocol/transport not available'],
      ['sip||\r\nMESSAGE sip:b@127.0.0.1 SIP/2.0\r\n\r\nhello', 'missing content-type'],
      [
        'sip||nobody\r\nBYE sip:placeholder SIP/2.0\r\n\r\n',
        'Server error: unable to find dialog for dialog id provided',
      ],
      [
        'sip||nobody\r\nACK sip:x SIP/2.0\r\n\r\n',
        'Server error: ACK for non-success final response is automatically generated by server',
      ],
      ['sip|nothing|\r\nCANCEL sip:x SIP/2.0\r\n\r\n', 'unable to cancel unknown transaction id: nothing'],
    ])('are refused: %j', async (message, reason) => {
      expect((await app.ask(message)).slice(3)).toEqual(['NOK', reason]);
    });

    it('are not sent to the server itself', async () => {
      const reply = await app.ask(`sip||\r\nOPTIONS sip:127.0.0.1:${server.sipPort} SIP/2.0\r\n\r\n`);
      expect(reply.slice(3)).toEqual(['NOK', 'can not send request to myself']);
    });
  });

  it('survives whatever comes in on either side', async () => {
    await app.ask('route|options');
    const words = wireRequest(wire.port, { to: 'To: <sip:b@x>;tag=1' }).split(/(\r\n|[ :;<>])/);
    const soup = fc
      .array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 8 })), { maxLength: 80 })
      .map((parts) => parts.join(''));
    // Its connection may be ended for what it says, which is right.
    const babbler = await connectRaw();
    for (const text of fc.sample(soup, 200)) {
      wire.send(`OPTIONS sip:x SIP/2.0\r\n${text}\r\n\r\n`, server.sipPort);
      wire.send(text, server.sipPort);
      babbler.send(`sip||\r\nOPTIONS ${text.slice(0, 20)} SIP/2.0\r\n${text}\r\n\r\n`);
      babbler.send(`sip|${text.replaceAll('|', '')}|x\r\n${text}`);
    }
    expect((await app.ask('ping'))[4]).toBe('pong');
    const last = wireRequest(wire.port, { callId: 'after-all' });
    await eventually(() => {
      wire.send(last, server.sipPort); // again: the burst may have filled the socket's buffer
      expect(app.received.some((text) => isSip(text) && text.includes('after-all'))).toBe(true);
    });
  });
});
