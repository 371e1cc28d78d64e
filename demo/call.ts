/**
 * npx tsx demo/call.ts sip:+74951110009@127.0.0.1:5060 [--from +79160000009] [--seconds 5]: one call by our own phone,
 * with a tone of 440 Hz, for the demo that stays up or any other gateway that lets this machine in.
 */
import { parseArgs } from 'node:util';
import { CallEndedError, Phone } from '../src/sandbox/phone/index.js';
import { READER, TONES } from './cast.js';
import { hear } from './sound.js';
import { heardWords, say } from './story.js';

const ANSWER_TIMEOUT_MS = 60_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { from: { type: 'string', default: READER.callerNumber }, seconds: { type: 'string', default: '5' } },
});
const [target] = positionals;
const seconds = Number(values.seconds);
if (target === undefined || !(seconds > 0)) {
  say('npx tsx demo/call.ts <SIP URI> [--from <number>] [--seconds <length of the talk>]');
  process.exit(2);
}

const phone = await Phone.open();
try {
  const call = await phone.call({ target, callerId: values.from, toneHz: TONES.caller });
  await call.ringing(ANSWER_TIMEOUT_MS);
  say('it rings');
  await call.answered(ANSWER_TIMEOUT_MS);
  say(`answered after ${Math.round(call.setUpMs ?? 0)} ms; talking for ${seconds} s`);
  await Promise.race([
    call.ended(ANSWER_TIMEOUT_MS * 60),
    new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
  ]);
  say(call.isEnded ? 'the other side has hung up' : 'hanging up');
  await call.hangUp();
  say(`heard ${heardWords(hear(call.media.heard()))}`);
} catch (error) {
  if (!(error instanceof CallEndedError)) throw error;
  say(`not connected: SIP ${error.end.status}`);
  process.exitCode = 1;
} finally {
  await phone.close();
}
