import { expect, it } from 'vitest';
import { timerAskedFor } from '../../../src/sip/session-timer.js';

const refusal = (status: number, headers: Record<string, string> = {}) => ({
  status,
  get: (name: string) => headers[name],
});

const TIMER = { Supported: 'timer', 'Session-Expires': '1800;refresher=uas' };
const insists = refusal(421, { Require: '100rel, timer' });
const tooShort = (least: string) => refusal(422, { 'Min-SE': least });

it('offers a session timer to who insists, and as long a one as he wants', () => {
  expect(timerAskedFor(insists, { Via: 'here' })).toEqual(TIMER);
  const longer = { ...TIMER, 'Session-Expires': '7200;refresher=uas', 'Min-SE': '7200' };
  expect(timerAskedFor(tooShort('7200;x=1'), TIMER)).toEqual(longer);
  expect(timerAskedFor(tooShort('90'), TIMER)).toEqual({ ...TIMER, 'Min-SE': '90' });
});

it.each([
  ['insists once more', insists, TIMER],
  ['wants it longer once more', tooShort('9000'), { ...TIMER, 'Min-SE': '7200' }],
  ['wants it longer though there was none', tooShort('7200'), {}],
  ['does not say how long', refusal(422), TIMER],
  ['says no number', tooShort('a day'), TIMER],
  ['wants it longer than a day', tooShort('100000'), TIMER],
  ['insists on something else', refusal(421, { Require: '100rel' }), {}],
  ['refuses', refusal(486, { Require: 'timer', 'Min-SE': '7200' }), TIMER],
  ['did not answer', undefined, {}],
])('nothing to who %s', (_what, response, sent) => {
  expect(timerAskedFor(response, sent)).toBeNull();
});
