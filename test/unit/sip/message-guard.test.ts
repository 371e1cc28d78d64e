import parser from 'drachtio-srf/lib/sip-parser/parser.js';
import { expect, it } from 'vitest';
import { guardSipParser } from '../../../src/sip/message-guard.js';

const headersOf = (...lines: string[]): Record<string, unknown> => {
  const text = ['INVITE sip:+74951111111@127.0.0.1 SIP/2.0', ...lines, 'Content-Length: 0', '', ''].join('\r\n');
  return parser.parseSipMessage(text, true)?.headers ?? {};
};

it('srf sees no fold of a header, so that its answers have none', () => {
  guardSipParser();
  guardSipParser(); // each new link asks for it
  expect(
    headersOf(
      'CSeq:\r\n 1\r\n\tINVITE',
      'f: "Ivan\r\n  Petrov" <sip:+79160000001@x>\r\n ;tag=1',
      'Call-ID: \r\n a@b',
      'X-Whole: a  b',
    ),
  ).toMatchObject({
    cseq: '1 INVITE',
    from: '"Ivan Petrov" <sip:+79160000001@x> ;tag=1',
    'call-id': 'a@b',
    'X-Whole': 'a  b',
  });
});

it('a name of many kilobytes does not travel with each answer', () => {
  guardSipParser();
  const long = headersOf(`From: "${'<x>'.repeat(3000)}" <sip:+79160000001@x>;tag=1`, `To: <sip:${'9'.repeat(600)}@x>`);
  expect(long['from']).toBe('<sip:+79160000001@x>;tag=1');
  expect(long['to']).toBe(`<sip:${'9'.repeat(600)}@x>`);
});
