import { isAbsolute, join } from 'node:path';
import { FRAME_SAMPLES, SAMPLE_RATE } from '../rtp/packet.js';
import { ToneGenerator } from '../rtp/tone.js';
import { readWav } from '../rtp/wav-reader.js';

/** An announcement: one frame a tick until it is over or stopped. */
export class FrameSource {
  frames = 0;
  completed = false;
  #stopped = false;
  #end: (completed: boolean) => void = () => undefined;
  /** Resolves to true when it was played to its end, false when it was stopped. */
  readonly ended = new Promise<boolean>((resolve) => (this.#end = resolve));

  /** `fill` gives false when there is nothing left. */
  constructor(private readonly fill: (frame: Int16Array) => boolean) {}

  read(frame: Int16Array): boolean {
    if (this.#stopped) return false;
    if (this.fill(frame)) {
      this.frames += 1;
      return true;
    }
    this.#stopped = true;
    this.completed = true;
    this.#end(true);
    return false;
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#end(false);
  }
}

/** What `path` names: silence_stream://, tone_stream:// or a WAV file; undefined when there is no such thing. */
export async function openSource(path: string, soundsDir: string | undefined): Promise<FrameSource | undefined> {
  if (path.startsWith('silence_stream://')) return silence(Number.parseInt(path.slice(17), 10));
  if (path.startsWith('tone_stream://')) return openTone(path.slice(14));
  if (path.includes('://')) return undefined;
  try {
    const wav = await readWav(isAbsolute(path) ? path : join(soundsDir ?? '.', path));
    return samples(resample(wav.channels[0] ?? new Int16Array(0), wav.sampleRate));
  } catch {
    return undefined;
  }
}

/** `silence_stream://1000,1400` (milliseconds, noise level left out); -1 never ends. */
function silence(durationMs: number): FrameSource {
  let left = durationMs < 0 ? Infinity : Math.ceil(durationMs / 20);
  return new FrameSource((frame) => {
    frame.fill(0);
    return left-- > 0;
  });
}

/** The subset `[L=n;][v=dB;]%(on,off,f1[,f2...])[;%(...)][;loops=n]`. */
export function openTone(text: string): FrameSource | undefined {
  const spec = text.replace(/^path=.*$/, '');
  const loops = Number(/(?:^|;)\s*(?:L|loops)=(-?\d+)/.exec(spec)?.[1] ?? 1);
  const parts = [...spec.matchAll(/%\((\d+),(\d+),([\d.,]+)\)/g)].map((match) => ({
    on: (Number(match[1]) * SAMPLE_RATE) / 1000,
    off: (Number(match[2]) * SAMPLE_RATE) / 1000,
    tone: new ToneGenerator((match[3] ?? '').split(',').map(Number), 0.3),
  }));
  const period = parts.reduce((sum, part) => sum + part.on + part.off, 0);
  if (parts.length === 0 || period === 0) return undefined;
  const total = loops < 0 ? Infinity : period * loops;
  let position = 0;
  const one = new Int16Array(1);
  const sampleAt = (at: number): number => {
    let offset = at % period;
    for (const { on, off, tone } of parts) {
      if (offset < on) {
        tone.fill(one);
        return one[0] ?? 0;
      }
      offset -= on + off;
      if (offset < 0) return 0;
    }
    return 0;
  };
  return new FrameSource((frame) => {
    if (position >= total) return false;
    for (let i = 0; i < FRAME_SAMPLES; i++) frame[i] = position + i < total ? sampleAt(position + i) : 0;
    position += FRAME_SAMPLES;
    return true;
  });
}

function samples(all: Int16Array): FrameSource {
  let position = 0;
  return new FrameSource((frame) => {
    if (position >= all.length) return false;
    frame.fill(0);
    frame.set(all.subarray(position, position + FRAME_SAMPLES));
    position += FRAME_SAMPLES;
    return true;
  });
}

/** Nearest sample: good enough to recognise an announcement. */
function resample(all: Int16Array, rate: number): Int16Array {
  if (rate === SAMPLE_RATE) return all;
  const length = Math.floor((all.length * SAMPLE_RATE) / rate);
  return Int16Array.from({ length }, (_, i) => all[Math.floor((i * rate) / SAMPLE_RATE)] ?? 0);
}
