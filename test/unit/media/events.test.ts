import { expect, it } from 'vitest';
import { FreeSwitchEvent } from '../../../src/media/event-text.js';
import { toMediaEvents } from '../../../src/media/events.js';

const told = (headers: Record<string, string>) => toMediaEvents(new FreeSwitchEvent(JSON.stringify(headers)));

it.each([
  ['CHANNEL_BRIDGE', 'bridged'],
  ['RECORD_START', 'recording-started'],
])('%s says when by the clock of FreeSWITCH', (name, type) => {
  const headers = { 'Event-Name': name, 'Event-Date-Timestamp': '1795423213777523' };
  expect(told(headers)).toEqual([{ type, engineMs: 1795423213777.523 }]);
  expect(told({ 'Event-Name': name })).toEqual([{ type, engineMs: undefined }]);
});

it('RECORD_STOP says when the channel ended, not when the file was closed; 0 where it goes on', () => {
  const headers = { 'Event-Name': 'RECORD_STOP', 'Event-Date-Timestamp': '1795423215000000' };
  expect(told({ ...headers, 'Caller-Channel-Hangup-Time': '1795423213777523' })).toMatchObject([
    { hungUpEngineMs: 1795423213777.523 },
  ]);
  expect(told({ ...headers, 'Caller-Channel-Hangup-Time': '0' })).toMatchObject([{ hungUpEngineMs: undefined }]);
});
