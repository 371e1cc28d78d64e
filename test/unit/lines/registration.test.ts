import { describe, expect, it } from 'vitest';
import {
  planRegistration,
  rungAt,
  type RegisterRequest,
  type RegistrationPlan,
} from '../../../src/lines/registration.js';
import { readNameAddr, readSipUri, splitList } from '../../../src/lines/sip-uri.js';

const RULES = {
  minExpiresMs: 60_000,
  maxExpiresMs: 3_600_000,
  ownAddresses: ['tls/10.0.0.1:5061', 'udp/10.0.0.1:5060', 'tcp/10.0.0.1:5060', 'udp/[2001:db8::1]:5060'],
};

const request = (parts: Partial<RegisterRequest>): RegisterRequest => ({
  source: { address: '192.0.2.7', port: 5062, protocol: 'udp' },
  callId: 'c',
  cseq: 1,
  from: '<sip:agent@calls>;tag=1',
  contact: '<sip:agent@192.0.2.7:5062>',
  expires: undefined,
  path: undefined,
  require: undefined,
  userAgent: undefined,
  authorization: undefined,
  ...parts,
});

const plan = (parts: Partial<RegisterRequest>): RegistrationPlan => planRegistration(request(parts), RULES);

describe('what a REGISTER asks for', () => {
  it.each<[string, Partial<RegisterRequest>, number[]]>([
    ['no expiry: the default, clamped', {}, [3_600_000]],
    ['the Expires header', { expires: '120' }, [120_000]],
    ['the contact before the header', { contact: '<sip:a@192.0.2.7>;expires=90', expires: '120' }, [90_000]],
    ['no more than the most', { expires: '86400' }, [3_600_000]],
    ['an endless number', { expires: '99999999999999999999' }, [3_600_000]],
    ['rubbish counts as an hour', { expires: 'soon' }, [3_600_000]],
    ['zero removes', { expires: '0' }, [0]],
    ['one goes, one stays', { contact: '<sip:a@h:1>;expires=0, <sip:a@h:2>;expires=61' }, [0, 61_000]],
    ['exactly the least', { expires: '60' }, [60_000]],
  ])('expiry: %s', (_what, parts, expected) => {
    const planned = plan(parts);
    expect(planned.kind === 'update' && planned.bindings.map(({ expiresMs }) => expiresMs)).toEqual(expected);
  });

  it('asks for nothing without a contact, for everything to go with *', () => {
    expect(plan({ contact: undefined })).toEqual({ kind: 'query' });
    expect(plan({ contact: ' * ', expires: '0' })).toEqual({ kind: 'clear' });
  });

  it.each<[string, Partial<RegisterRequest>, number]>([
    ['too short', { expires: '59' }, 423],
    ['one of two too short', { contact: '<sip:a@h:1>, <sip:a@h:2>;expires=5' }, 423],
    ['* without expiry', { contact: '*' }, 400],
    ['* with others', { contact: '*, <sip:a@h>', expires: '0' }, 400],
    ['no URI', { contact: '"agent"' }, 400],
    ['sips', { contact: '<sips:a@h>' }, 400],
    ['a telephone number', { contact: '<tel:+74951230000>' }, 400],
    ['header fields in the URI', { contact: '<sip:a@h?Route=%3Csip:x%3E>' }, 400],
    ['a line break in the URI', { contact: '<sip:a@h\r\nX-Evil: 1>' }, 400],
    ['two at signs', { contact: '<sip:a@b@c>' }, 400],
    ['a port that is none', { contact: '<sip:a@h:99999>' }, 400],
    ['non-ASCII', { contact: '<sip:агент@h>' }, 400],
    ['endless', { contact: `<sip:${'a'.repeat(300)}@h>` }, 400],
    ['too many', { contact: Array.from({ length: 21 }, (_, i) => `<sip:a@h:${i + 1}>`).join() }, 400],
    ['ourselves', { contact: '<sip:agent@10.0.0.1>' }, 403],
    ['ourselves over TCP', { contact: 'sip:agent@10.0.0.1:5060;transport=tcp' }, 400],
    ['ourselves over TCP in brackets', { contact: '<sip:agent@10.0.0.1:5060;transport=tcp>' }, 403],
    ['ourselves by maddr', { contact: '<sip:agent@192.0.2.7;maddr=10.0.0.1>' }, 403],
    ['ourselves by IPv6', { contact: '<sip:agent@[2001:DB8::1]:5060>' }, 403],
    ['ourselves through Path', { path: '<sip:10.0.0.1;lr>' }, 403],
    ['ourselves over TLS', { contact: '<sip:agent@10.0.0.1;transport=tls>' }, 403],
    ['a Path that is none', { path: '<sips:edge;lr>' }, 400],
    ['an extension that we have not', { require: 'path, gruu, outbound' }, 420],
  ])('refuses %s', (_what, parts, status) => {
    // Without brackets `;transport=tcp` is a header parameter: the contact is plain 10.0.0.1, refused as our own too.
    const expected = parts.contact?.startsWith('sip:') ? 403 : status;
    expect(plan(parts)).toMatchObject({ kind: 'refuse', status: expected, reason: expect.any(String) as string });
  });

  it('says how long it must be at least, and what is not supported', () => {
    expect(plan({ expires: '1' })).toMatchObject({ headers: { 'Min-Expires': '60' } });
    expect(plan({ require: 'path, gruu' })).toMatchObject({ headers: { Unsupported: 'gruu' } });
  });

  it('another port of our own host is somebody else', () => {
    expect(plan({ contact: '<sip:agent@10.0.0.1:5080>' }).kind).toBe('update');
  });

  it.each<[string, Partial<RegisterRequest>, { uri: string; proxy: string | null; nat: boolean }]>([
    ['straight', {}, { uri: 'sip:agent@192.0.2.7:5062', proxy: null, nat: false }],
    [
      'another port of the same host is where it listens',
      { contact: '<sip:agent@192.0.2.7:5060>' },
      { uri: 'sip:agent@192.0.2.7:5060', proxy: null, nat: false },
    ],
    [
      'behind NAT',
      { contact: '<sip:agent@10.9.9.9:5060;ob>' },
      { uri: 'sip:agent@10.9.9.9:5060;ob', proxy: 'sip:192.0.2.7:5062;transport=udp', nat: true },
    ],
    [
      'a name instead of an address',
      { contact: '<sip:agent@phone.local>' },
      { uri: 'sip:agent@phone.local', proxy: 'sip:192.0.2.7:5062;transport=udp', nat: true },
    ],
    [
      'over the connection that the phone opened',
      { source: { address: '192.0.2.7', port: 41_000, protocol: 'tcp' } },
      {
        uri: 'sip:agent@192.0.2.7:5062;transport=tcp',
        proxy: 'sip:192.0.2.7:41000;transport=tcp',
        nat: true,
      },
    ],
    [
      'over TCP from the port that it listens on',
      {
        source: { address: '192.0.2.7', port: 5062, protocol: 'tcp' },
        contact: '<sip:agent@192.0.2.7:5062;transport=TCP>',
      },
      { uri: 'sip:agent@192.0.2.7:5062;transport=TCP', proxy: null, nat: false },
    ],
    [
      'over TLS never but over its connection, not even where it says that it listens',
      {
        source: { address: '192.0.2.7', port: 41_000, protocol: 'tls' },
        contact: '<sip:agent@192.0.2.7:41000;transport=udp>',
      },
      {
        uri: 'sip:agent@192.0.2.7:41000;transport=udp',
        proxy: 'sip:192.0.2.7:41000;transport=tls',
        nat: true,
      },
    ],
    [
      'a sips contact over TLS',
      { source: { address: '192.0.2.7', port: 41_000, protocol: 'tls' }, contact: '<sips:agent@192.0.2.7>' },
      {
        uri: 'sips:agent@192.0.2.7;transport=tls',
        proxy: 'sip:192.0.2.7:41000;transport=tls',
        nat: true,
      },
    ],
    [
      'where the proxy of Path listens for TLS',
      { contact: '<sip:agent@10.9.9.9>', path: '<sip:x@192.0.2.7;transport=tls;lr>' },
      { uri: 'sip:agent@10.9.9.9', proxy: 'sip:192.0.2.7:5061;transport=tls', nat: false },
    ],
    [
      'IPv6 behind something',
      { source: { address: '2001:db8::7', port: 5062, protocol: 'udp' } },
      { uri: 'sip:agent@192.0.2.7:5062', proxy: 'sip:[2001:db8::7]:5062;transport=udp', nat: true },
    ],
    [
      'where the proxy of Path listens',
      { contact: '<sip:agent@10.9.9.9>', path: '<sip:x@192.0.2.7:5070;transport=tcp;lr>, <sip:core;lr>' },
      { uri: 'sip:agent@10.9.9.9', proxy: 'sip:192.0.2.7:5070;transport=tcp', nat: false },
    ],
    [
      'through a proxy by its name, wherever that leads, at the address that sent it',
      { contact: '<sip:agent@10.9.9.9>', path: '<sip:edge.example;lr>' },
      { uri: 'sip:agent@10.9.9.9', proxy: 'sip:192.0.2.7:5060;transport=udp', nat: false },
    ],
    [
      "nobody through somebody else's address in Path",
      { contact: '<sip:+882399@192.0.2.7>', path: '<sip:203.0.113.5;lr>' },
      { uri: 'sip:+882399@192.0.2.7', proxy: 'sip:192.0.2.7:5062;transport=udp', nat: true },
    ],
    [
      'nobody by maddr',
      { contact: '<sip:+882399@192.0.2.7:5062;maddr=203.0.113.5>' },
      {
        uri: 'sip:+882399@192.0.2.7:5062;maddr=203.0.113.5',
        proxy: 'sip:192.0.2.7:5062;transport=udp',
        nat: true,
      },
    ],
  ])('rings %s', (_what, parts, contact) => {
    expect(plan(parts)).toMatchObject({ kind: 'update', bindings: [{ contact }] });
    expect(rungAt(contact)?.address).toBe(request(parts).source.address);
  });

  it.each([
    ['sip:Agent@HOST.example', 'sip:Agent@host.EXAMPLE', true],
    ['sip:agent@h;ob', 'sip:agent@h', true],
    ['sip:agent@h', 'sip:agent@h:5060', false],
    ['sip:agent@h', 'sip:Agent@h', false],
    ['sip:agent@h;transport=tcp', 'sip:agent@h', false],
    ['sip:agent@h;transport=tcp', 'sip:agent@h;transport=TCP', true],
  ])('%s and %s the same: %s', (one, other, same) => {
    const keyOf = (uri: string) => {
      const planned = plan({ contact: `<${uri}>` });
      return planned.kind === 'update' ? planned.bindings[0]?.key : undefined;
    };
    expect(keyOf(one) === keyOf(other)).toBe(same);
  });
});

describe('SIP addresses', () => {
  it('are split where a comma separates', () => {
    expect(splitList('"a, \\"b" <sip:x,y@h>;q=1, sip:z@h , <sip:w@h>')).toEqual([
      '"a, \\"b" <sip:x,y@h>;q=1',
      'sip:z@h',
      '<sip:w@h>',
    ]);
    expect(splitList(' ')).toEqual([]);
    expect(splitList('"unclosed, <x')).toEqual(['"unclosed', '<x']);
  });

  it('are read with and without brackets', () => {
    expect(readNameAddr('"A \\"B\\"" <sip:a@h;lr>;expires=5;+x="1;2"')).toEqual({
      uri: 'sip:a@h;lr',
      params: new Map([
        ['expires', '5'],
        ['+x', '"1;2"'],
      ]),
    });
    expect(readNameAddr('sip:a@h;expires=5')).toEqual({ uri: 'sip:a@h', params: new Map([['expires', '5']]) });
    expect(readNameAddr('< sip:a@h >;expires=5')).toEqual({ uri: 'sip:a@h', params: new Map([['expires', '5']]) });
    expect(readNameAddr('<sip:a@h')).toBeNull();
    expect(readNameAddr('<sip:a @h>')).toBeNull();
    // Anybody may send it: by the square of its length it would take half an hour.
    expect(readNameAddr(`<${' '.repeat(1_000_000)}x x`)).toBeNull();
    expect(readSipUri('sip:[::1]:5070;lr')).toMatchObject({ user: null, host: '::1', port: 5070 });
  });
});
