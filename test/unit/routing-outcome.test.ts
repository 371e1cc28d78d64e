import { describe, expect, it } from 'vitest';
import type { LegResult } from '../../src/call/call.js';
import { classifyFailure } from '../../src/routing/outcome.js';

type Row = [status: number | null, q850: number | null, reason: string, codes: string[], expected: LegResult];

const none: string[] = [];
const plain = ['503'];

const rows: Row[] = [
  // Nothing came back at all.
  [null, null, 'link lost', plain, 'unreachable'],
  [null, 34, '', plain, 'unreachable'],
  // The status alone.
  [486, null, 'Busy Here', none, 'busy'],
  [600, null, 'Busy Everywhere', none, 'busy'],
  [603, null, 'Decline', none, 'declined'],
  [403, null, 'Forbidden', none, 'declined'],
  [404, null, 'Not Found', none, 'unknown'],
  [410, null, 'Gone', none, 'unknown'],
  [484, null, 'Address Incomplete', none, 'unknown'],
  [604, null, 'Does Not Exist Anywhere', none, 'unknown'],
  [408, null, 'Request Timeout', none, 'no_answer'],
  [480, null, 'Temporarily Unavailable', none, 'no_answer'],
  [487, null, 'Request Terminated', none, 'no_answer'],
  [487, 34, 'Request Terminated', none, 'capacity'],
  [488, null, 'Not Acceptable Here', none, 'incompatible'],
  [606, null, 'Not Acceptable', none, 'incompatible'],
  [415, null, 'Unsupported Media Type', none, 'incompatible'],
  [300, null, 'Multiple Choices', none, 'redirected'],
  [301, null, 'Moved Permanently', none, 'redirected'],
  [302, null, 'Moved Temporarily', none, 'redirected'],
  [305, null, 'Use Proxy', none, 'redirected'],
  [500, null, 'Server Internal Error', none, 'unreachable'],
  [502, null, 'Bad Gateway', none, 'unreachable'],
  [503, null, 'Service Unavailable', none, 'unreachable'],
  [504, null, 'Server Time-out', none, 'unreachable'],
  [400, null, 'Bad Request', none, 'failed'],
  [401, null, 'Unauthorized', none, 'failed'],
  [407, null, 'Proxy Authentication Required', none, 'failed'],
  [420, null, 'Bad Extension', none, 'failed'],
  [699, null, 'Odd', none, 'failed'],
  // The trunk's own words for "full".
  [503, null, 'Service Unavailable', plain, 'capacity'],
  [503, 17, 'User busy', plain, 'busy'],
  [486, null, 'Busy Here', plain, 'busy'],
  [486, null, 'Busy Here', ['486'], 'capacity'],
  [486, 17, 'Busy Here', ['486'], 'busy'],
  [486, 34, 'Busy Here', ['486/34'], 'capacity'],
  [486, 17, 'Busy Here', ['486/34'], 'busy'],
  [480, null, 'overloaded', ['480'], 'capacity'],
  [480, null, 'nobody home', ['480/overloaded'], 'no_answer'],
  [403, null, 'User channel limit exceeded D1', ['403/User channel limit exceeded'], 'capacity'],
  [403, null, 'USER CHANNEL LIMIT EXCEEDED', ['403/User channel limit exceeded'], 'capacity'],
  [403, null, 'Forbidden', ['403/User channel limit exceeded'], 'declined'],
  [404, null, 'Not Found', ['503', '486/34'], 'unknown'],
  // "No circuit" behind any status.
  [503, 34, '', none, 'capacity'],
  [486, 34, '', none, 'capacity'],
  [480, 34, '', none, 'capacity'],
  [500, 34, '', none, 'capacity'],
  [503, 38, '', none, 'capacity'],
  [503, 41, '', none, 'capacity'],
  [503, 42, '', none, 'capacity'],
  [503, 44, '', none, 'capacity'],
  [503, 47, '', none, 'capacity'],
  [488, 34, '', none, 'capacity'],
  // The cause says more than the status.
  [503, 17, '', none, 'busy'],
  [480, 17, '', none, 'busy'],
  [603, 17, '', none, 'busy'],
  [500, 1, '', none, 'unknown'],
  [480, 28, '', none, 'unknown'],
  [480, 19, '', none, 'no_answer'],
  [503, 18, '', none, 'no_answer'],
  [480, 18, '', none, 'no_answer'],
  // Causes that say nothing leave the status to speak.
  [603, 21, '', none, 'declined'],
  [404, 3, '', none, 'unknown'],
  [502, 27, '', none, 'unreachable'],
  [480, 31, '', none, 'no_answer'],
  [486, 16, '', none, 'busy'],
];

describe('what a refusal means for routing', () => {
  it.each(rows)('%s with cause %s "%s", trunk says %j → %s', (status, q850, reason, codes, expected) => {
    expect(classifyFailure({ status, q850, reason, texts: [], retryAfterSeconds: null }, codes)).toBe(expected);
  });

  it.each([
    ['403/channel limit', 'capacity'],
    ['403/no such word', 'declined'],
    ['503/channel limit', 'declined'],
  ])('what is said beside the status line counts as what stands in it: %s → %s', (code, expected) => {
    const texts = ['Normal, unspecified', 'User Channel Limit exceeded'];
    const failure = { status: 403, q850: 31, reason: 'Forbidden', texts, retryAfterSeconds: null };
    expect(classifyFailure(failure, [code])).toBe(expected);
  });

  it('has a table worth the name', () => {
    expect(rows.length).toBeGreaterThanOrEqual(60);
  });
});
