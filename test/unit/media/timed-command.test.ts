import { expect, it } from 'vitest';
import { spanOf, timed } from '../../../src/media/timed-command.js';

it('asks for the clock before and after the command, in this order', () => {
  expect(timed('uuid_record', 'a mask ${calltrack_spool}/b.wav')).toBe(
    'expand echo ${strmicroepoch()} ${uuid_record(a mask ${calltrack_spool}/b.wav)} ${strmicroepoch()}',
  );
});

it('reads when it was done, in milliseconds', () => {
  const reply = '1795423213777523 +OK Success\n 1795423213797523';
  expect(spanOf(reply)).toEqual({ fromMs: 1795423213777.523, toMs: 1795423213797.523 });
});

it.each([' +OK Success\n ', '+OK Success\n', '1795423213777523 +OK Success\n '])(
  'does not know when, and that it was done, by %j',
  (reply) => {
    expect(spanOf(reply)).toBeNull();
  },
);

it.each([
  ['1795423681964052 -ERR Cannot mask recording session!\n 1795423681964052', '-ERR Cannot mask recording session!'],
  ['1795423681964052  1795423681964052', ''],
  ['<API execute Permission Denied>', '<API execute Permission Denied>'],
])('was not done by %j', (reply, message) => {
  expect(() => spanOf(reply)).toThrow(expect.objectContaining({ code: 'GW_ERR_MEDIA_COMMAND', message }) as Error);
});
