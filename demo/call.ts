/**
 * npx tsx demo/call.ts sip:+74951110009@127.0.0.1:5060 [--from +79160000009] [--seconds 5]: one call by our own phone,
 * with a tone of 440 Hz, for the demo that stays up or any other gateway that lets this machine in.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { CallEndedError, Phone } from '../src/sandbox/phone/index.js';
import { parseUri } from '../src/sandbox/sip/uri.js';
import { READER, TONES } from './cast.js';
import { hear } from './sound.js';
import { heardWords, say } from './story.js';

const ANSWER_TIMEOUT_MS = 60_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: 'string', default: READER.callerNumber },
    seconds: { type: 'string', default: '5' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const [target] = positionals;
const host = parseUri(target ?? '')?.host;
const seconds = Number(values.seconds);
if (values.help || target === undefined || !host || !(seconds > 0)) {
  say('npx tsx demo/call.ts <SIP URI> [--from <number>] [--seconds <length of the talk>]');
  process.exit(values.help ? 0 : 2);
}

/** Which of this machine's addresses packets to `host` leave from: SIP and SDP name it. Sends nothing. */
async function addressTowards(host: string): Promise<string> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    socket.connect(5060, host);
    await once(socket, 'connect');
    return socket.address().address;
  } finally {
    socket.close();
  }
}

const phone = await Phone.open({ host: await addressTowards(host) });
try {
  const call = await phone.call({ target, callerId: values.from, toneHz: TONES.caller });
  const first = await call.ringing(ANSWER_TIMEOUT_MS);
  // 183 brings sound and rings no phone: here the announcement of a route that nobody took.
  say(first?.status === 183 ? 'not answered yet, but something is played' : 'it rings');
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
