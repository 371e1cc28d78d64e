import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StreamFramer } from '../../../src/sandbox/sip/framing.js';
import type { Malformed, SipMessage } from '../../../src/sandbox/sip/index.js';
import {
  canonicalName,
  formatNameAddr,
  formatUri,
  HeaderList,
  LIMITS,
  parseMessage,
  parseNameAddr,
  parseUri,
  parseVia,
  SipRequest,
  SipResponse,
} from '../../../src/sandbox/sip/index.js';

const VIA = 'SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKa';
const MINIMAL = { Via: VIA, From: '<sip:a@x>;tag=1', To: '<sip:b@x>', 'Call-ID': 'c', CSeq: '1 INVITE' };

const text = (startLine: string, headers: object = MINIMAL, body = ''): string =>
  [startLine, ...Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`), '', body].join('\r\n');

const parse = (message: string): SipMessage | Malformed => parseMessage(Buffer.from(message));

function parsed(message: string): SipRequest {
  const result = parse(message);
  if (result.kind !== 'request') throw new Error(`${result.kind}: ${JSON.stringify(result)}`);
  return result;
}

const invite = (headers: object, body = ''): string => text('INVITE sip:b@x SIP/2.0', { ...MINIMAL, ...headers }, body);

describe('parseMessage', () => {
  it('reads the torturous but valid INVITE of RFC 4475 3.1.1.1', () => {
    const request = parsed(
      [
        'INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0',
        'TO :',
        ' sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n',
        'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>',
        '  ;',
        '  tag = 98asjd8',
        'MaX-fOrWaRdS: 0068',
        'Call-ID: wsinv.ndaksdj@192.0.2.1',
        'Content-Length   : 150',
        'cseq: 0009',
        '  INVITE',
        'Via  : SIP  /   2.0',
        ' /UDP',
        '    192.0.2.2;branch=390skdjuw',
        's :',
        'NewFangledHeader:   newfangled value',
        ' continued newfangled value',
        'UnknownHeaderWithUnusualValue: ;;,,;;,;',
        'Content-Type: application/sdp',
        'Route:',
        ' <sip:services.example.com;lr;unknownwith=value;unknown-no-value>',
        'v:  SIP  / 2.0  / TCP     spindle.example.com   ;',
        '  branch  =   z9hG4bK9ikj8  ,',
        ' SIP  /    2.0   / UDP  192.168.255.111   ; branch=',
        ' z9hG4bK30239',
        'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =',
        '      newvalue ;',
        '  secondparam ; q = 0.33',
        '',
        'v=0'.padEnd(150, 'x'),
      ].join('\r\n'),
    );
    expect(request.toTag).toBe('1918181833n');
    expect([request.from?.displayName, request.fromTag]).toEqual(['J Rosenberg \\"', '98asjd8']);
    expect(request.cseq).toEqual({ seq: 9, method: 'INVITE' });
    expect(request.headers.values('Via').map((via) => parseVia(via)?.host)).toEqual([
      '192.0.2.2',
      'spindle.example.com',
      '192.168.255.111',
    ]);
    expect(request.headers.get('NewFangledHeader')).toBe('newfangled value continued newfangled value');
    expect(request.contact?.params.get('q')).toBe('0.33');
    expect(request.body).toHaveLength(150);
  });

  it.each([
    ['compact names', { v: VIA }, (r: SipRequest) => r.headers.getAll('Via').length, 2],
    [
      'an escaped user part',
      {},
      (r: SipRequest) => parseUri('sip:sips%3Auser%40example.com@example.net')?.user ?? r.uri,
      'sips%3Auser%40example.com',
    ],
    ['a name in UTF-8', { Subject: 'Звонок ☎' }, (r: SipRequest) => r.headers.get('subject'), 'Звонок ☎'],
    ['an unknown scheme in From', { From: '<nobody:x>;tag=9' }, (r: SipRequest) => r.fromTag, '9'],
  ])('reads %s', (_what, headers, read, expected) => {
    expect(read(parsed(invite(headers)))).toEqual(expected);
  });

  it.each([
    ['a Content-Length larger than the datagram (3.1.2.2)', invite({ 'Content-Length': 9999 }), 400],
    ['a negative Content-Length (3.1.2.3)', invite({ 'Content-Length': -999 }), 400],
    ['a CSeq beyond 31 bits (3.1.2.4)', invite({ CSeq: '36893488147419103232 INVITE' }), 400],
    ['a CSeq of another method (3.1.2.17)', invite({ CSeq: '8 OPTIONS' }), 400],
    ['an unquoted URI in brackets (3.1.2.7)', text('INVITE <sip:user@example.com> SIP/2.0'), 400],
    ['an unknown version (3.1.2.16)', text('INVITE sip:b@x SIP/7.0'), 505],
    ['two Call-IDs (3.3.8)', `${text('INVITE sip:b@x SIP/2.0').slice(0, -2)}Call-ID: d\r\n\r\n`, 400],
    ['a port that is none', text('INVITE sip:b@x:99999 SIP/2.0'), 400],
    [
      'a line that is no header',
      text('INVITE sip:b@x SIP/2.0').replace('Call-ID: c', 'Call-ID: c\r\nnonsense line'),
      400,
    ],
  ])('answers %s', (_what, message, status) => {
    expect(parse(message)).toMatchObject({ kind: 'malformed', status, request: { method: 'INVITE' } });
  });

  it.each([
    ['no header end', 'INVITE sip:b@x SIP/2.0\r\nVia: x\r\n'],
    ['two blanks in the request line (3.1.2.8)', text('INVITE  sip:b@x SIP/2.0')],
    ['a response whose status has four digits (3.1.2.19)', text('SIP/2.0 4294 OK')],
    ['no Via to answer to', invite({}).replace(/^Via:.*\r\n/m, '')],
    ['a response without CSeq', text('SIP/2.0 200 OK', { ...MINIMAL, CSeq: '' })],
  ])('drops %s', (_what, message) => {
    const result = parse(message);
    expect(result).toMatchObject({ kind: 'malformed' });
    expect(result).not.toHaveProperty('request');
  });

  it('holds its limits', () => {
    expect(parse(invite({ 'X-Long': 'x'.repeat(LIMITS.messageBytes) }))).toMatchObject({ status: 513 });
    const many = Object.fromEntries(Array.from({ length: LIMITS.headerFields + 1 }, (_, i) => [`X-${i}`, 'x']));
    expect(parse(invite(many))).toMatchObject({ kind: 'malformed', status: 400 });
  });

  it('skips empty lines in front and what stands behind the body', () => {
    const result = parsed(`\r\n\r\n${invite({ 'Content-Length': 2 }, 'ok and more')}`);
    expect(result.body).toBe('ok');
  });

  it('throws on nothing', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (data) => void parseMessage(Buffer.from(data))));
    const line = fc.oneof(fc.string({ maxLength: 60 }), fc.constantFrom(...invite({}).split('\r\n')));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const result = parse(`INVITE sip:b@x SIP/2.0\r\n${lines.join('\r\n')}\r\n\r\n`);
        if (result.kind !== 'malformed') expect([result.contact, result.callId, result.toString()]).toHaveLength(3);
      }),
    );
  });

  it('reads back what it writes', () => {
    const value = fc.string({ unit: 'binary', maxLength: 40 }).map((raw) => raw.replace(/[\r\n\0]/g, '').trim());
    fc.assert(
      fc.property(value, fc.string({ unit: 'binary', maxLength: 200 }), (header, body) => {
        const request = new SipRequest({
          method: 'INVITE',
          uri: 'sip:b@x',
          headers: { ...MINIMAL, 'X-Any': header },
          body,
        });
        const again = parsed(request.toString());
        expect([again.headers.get('X-Any'), again.body]).toEqual([header, Buffer.from(body).toString()]);
        expect(again.toString()).toBe(request.toString());
      }),
    );
  });
});

describe('headers', () => {
  it('keep their order and are found in any spelling', () => {
    const headers = new HeaderList([
      { name: 'v', value: 'one, two' },
      { name: 'X-Own', value: '1' },
      { name: 'VIA', value: 'three' },
    ]);
    expect(headers.values('via')).toEqual(['one', 'two', 'three']);
    headers.set('Via', ['four', 'five']);
    expect([...headers].map(({ name }) => name)).toEqual(['Via', 'Via', 'X-Own']);
  });

  it('let no line break through', () => {
    const request = new SipRequest({ method: 'OPTIONS', uri: 'sip:x', headers: { Subject: 'a\r\nEvil: 1\r\n\r\nb' } });
    expect(request.toString()).toContain('Subject: a Evil: 1 b\r\n');
  });

  it('have usual names', () => {
    expect(['i', 'CALL-ID', 'www-authenticate', 'x-own-thing'].map(canonicalName)).toEqual([
      'Call-ID',
      'Call-ID',
      'WWW-Authenticate',
      'X-Own-Thing',
    ]);
  });

  it('count a body in bytes', () => {
    expect(new SipResponse({ status: 200, body: 'ж' }).toString()).toContain('Content-Length: 2\r\n');
  });
});

describe('addresses', () => {
  it.each([
    ['sip:alice@example.com', { user: 'alice', host: 'example.com', port: undefined }],
    [
      'sip:+7(495)1234567;phone-context=x@example.com:5070;user=phone?a=b',
      { user: '+7(495)1234567;phone-context=x', port: 5070, headers: 'a=b' },
    ],
    ['sips:[2001:db8::1]:5061;transport=tcp', { scheme: 'sips', host: '2001:db8::1', port: 5061 }],
    ['tel:+7-495-123;phone-context=+7', { scheme: 'tel', user: '+7-495-123', host: '' }],
  ])('%s', (uri, expected) => {
    const read = parseUri(uri);
    expect(read).toMatchObject(expected);
    expect(read && formatUri(read)).toBe(uri);
  });

  it.each(['sip:', 'sip:@host', 'mailto:x', 'sip:a@ho st', 'sip:a@host:x'])('%s is none', (uri) => {
    expect(parseUri(uri)).toBeUndefined();
  });

  it("takes parameters of a bare address for the header's", () => {
    expect(parseNameAddr('sip:a@x;tag=1')).toMatchObject({ uri: 'sip:a@x', params: new Map([['tag', '1']]) });
    expect(parseNameAddr('<sip:a@x;lr>;tag=1')).toMatchObject({ uri: 'sip:a@x;lr' });
    expect(formatNameAddr({ displayName: 'a "b"', uri: 'sip:x', params: new Map([['tag', '1']]) })).toBe(
      '"a \\"b\\"" <sip:x>;tag=1',
    );
  });
});

describe('StreamFramer', () => {
  const message = invite({ 'Content-Length': 4 }, 'body');

  it('cuts a stream the same way wherever it is broken', () => {
    const stream = Buffer.from(`\r\n${message}\r\n\r\n${message}${message}`);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 8 }), (cuts) => {
        const framer = new StreamFramer();
        const edges = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const frames = edges.slice(1).flatMap((edge, i) => framer.push(stream.subarray(edges[i], edge)));
        expect(frames.map(({ kind }) => kind)).toEqual(['message', 'ping', 'message', 'message']);
      }),
    );
  });

  it('gives up a stream whose next message cannot be found', () => {
    const framer = new StreamFramer();
    expect(framer.push(Buffer.from(invite({ 'Content-Length': 'x' })))).toMatchObject([{ kind: 'broken' }]);
    expect(framer.push(Buffer.from(message))).toEqual([]);
    expect(new StreamFramer().push(Buffer.alloc(LIMITS.messageBytes + 1, 'x'))).toMatchObject([{ kind: 'broken' }]);
  });
});
