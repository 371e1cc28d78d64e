import { encodeG711 } from '../../src/sandbox/rtp/g711.js';
import { ToneGenerator } from '../../src/sandbox/rtp/tone.js';

/** One second of a tone in A-law, as SIPp's rtp_stream plays it in a loop. Frequencies of whole Hz join without a click. */
export function toneFile(frequencyHz: number): Buffer {
  const samples = new Int16Array(8000);
  new ToneGenerator([frequencyHz]).fill(samples);
  const octets = Buffer.alloc(samples.length);
  encodeG711('alaw', samples, octets, 0, samples.length);
  return octets;
}
