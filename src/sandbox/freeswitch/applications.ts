import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseCause } from './causes.js';
import type { Channel } from './channel.js';
import { collectDigits } from './digits.js';
import { openSource, type FrameSource } from './frame-source.js';
import { Recording } from './recording.js';
import type { Switch } from './switch.js';

interface Run {
  fs: Switch;
  channel: Channel;
  data: string;
}

type Application = (run: Run) => Promise<string | undefined> | string | undefined;

/** Dialplan applications, run one after the other on each channel, with the events that tell of each. */
export class Applications {
  readonly #tails = new WeakMap<Channel, Promise<void>>();

  constructor(private readonly fs: Switch) {}

  /** Resolves when the application has run. `uuid` comes back as Application-UUID: clients know their command by it. */
  execute(channel: Channel, name: string, data: string, uuid: string = randomUUID()): Promise<void> {
    const run = (this.#tails.get(channel) ?? Promise.resolve()).then(() => this.#run(channel, name, data, uuid));
    this.#tails.set(
      channel,
      run.catch(() => undefined),
    );
    return run;
  }

  async #run(channel: Channel, name: string, data: string, uuid: string): Promise<void> {
    if (!channel.isUp()) return;
    const application = APPLICATIONS[name];
    if (application === undefined) {
      // FreeSWITCH gives the channel up when it is told to run what it does not have.
      this.fs.hangup(channel, 'DESTINATION_OUT_OF_ORDER');
      return;
    }
    channel.application = name;
    channel.applicationData = data;
    channel.set('current_application', name);
    channel.set('current_application_data', data);
    const what = { Application: name, 'Application-Data': data };
    channel.fire('CHANNEL_EXECUTE', { ...what, 'Application-UUID': uuid });
    const response = (await application({ fs: this.fs, channel, data })) ?? '_none_';
    channel.set('current_application_response', response === '_none_' ? undefined : response);
    channel.fire('CHANNEL_EXECUTE_COMPLETE', { ...what, 'Application-Response': response, 'Application-UUID': uuid });
  }
}

const APPLICATIONS: Readonly<Record<string, Application>> = {
  set: ({ channel, data }) => setVariable(channel, data),
  export: ({ channel, data }) => setVariable(channel, data.replace(/^nolocal:/, '')),
  unset: ({ channel, data }) => setVariable(channel, `${data}=`),
  multiset: ({ channel, data }) => {
    const separator = data.startsWith('^^') ? data.slice(2, 3) : ' ';
    const list = data.startsWith('^^') ? data.slice(3) : data;
    for (const one of list.split(separator)) setVariable(channel, one);
    return undefined;
  },
  answer: async ({ channel }) => {
    await channel.sip?.answer();
    return undefined;
  },
  pre_answer: async ({ channel }) => {
    await channel.sip?.earlyMedia();
    return undefined;
  },
  ring_ready: ({ channel }) => {
    channel.sip?.ring();
    return undefined;
  },
  hangup: ({ fs, channel, data }) => {
    fs.hangup(channel, parseCause(data) ?? 'NORMAL_CLEARING');
    return undefined;
  },
  sleep: async ({ channel, data }) => {
    await delay(Number(data), undefined, { signal: channel.gone.signal }).catch(() => undefined);
    return undefined;
  },
  park: ({ channel }) => {
    channel.fire('CHANNEL_PARK');
    return undefined;
  },
  playback: (run) => playback(run),
  record: (run) => record(run),
  record_session: async ({ fs, channel, data }) => {
    const [path = '', ...rest] = data.trim().split(/\s+/);
    const limit = rest.find((word) => word.startsWith('+'))?.slice(1) ?? '0';
    if (path !== '') await fs.startRecording(channel, path, Number(limit), readVariables(rest.at(-1)));
    return undefined;
  },
  stop_record_session: async ({ fs, channel, data }) => {
    const paths = data === 'all' ? [...channel.media.recordings.keys()] : [data];
    for (const path of paths) await fs.stopRecording(channel, path);
    return undefined;
  },
  play_and_get_digits: (run) => playAndGetDigits(run),
  set_mute: ({ channel, data }) => {
    const [direction = '', level = ''] = data.trim().split(/\s+/);
    const muted = /^(true|yes|on|[1-9]\d*)$/i.test(level);
    if (direction !== 'write') channel.media.readMuted = muted;
    if (direction !== 'read') channel.media.writeMuted = muted;
    return undefined;
  },
  sched_hangup: ({ fs, channel, data }) => {
    const [when = '', cause = ''] = data.trim().split(/\s+/);
    scheduleHangup(fs, channel, when, cause);
    return undefined;
  },
  send_dtmf: ({ channel, data }) => {
    channel.media.sendKeys(data.split('@')[0] ?? '');
    return undefined;
  },
  start_dtmf: () => undefined,
  log: () => undefined,
  info: () => undefined,
};

/** `{a=1,b=2}`, possibly escaped. */
export function readVariables(text: string | undefined): Map<string, string> {
  const inner = /^\{(.*)\}$/.exec(decodeSafely(text ?? ''))?.[1] ?? '';
  return new Map(
    inner
      .split(',')
      .filter((pair) => pair.includes('='))
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const),
  );
}

/** `+30 cause` or an absolute time in seconds. */
export function scheduleHangup(fs: Switch, channel: Channel, when: string, cause: string): void {
  const seconds = when.startsWith('+') ? Number(when.slice(1)) : Number(when) - Date.now() / 1000;
  const timer = setTimeout(
    () => fs.hangup(channel, parseCause(cause) ?? 'ALLOTTED_TIMEOUT'),
    Math.max(0, seconds * 1000),
  );
  channel.gone.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

function decodeSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function setVariable(channel: Channel, assignment: string): undefined {
  const at = assignment.indexOf('=');
  if (at <= 0) return;
  const name = assignment.slice(0, at);
  channel.set(name, assignment.slice(at + 1));
  if (name === 'send_silence_when_idle') channel.media.silenceWhenIdle = assignment.slice(at + 1) !== '0';
}

/** Plays one source to its end, its stop or the hangup; gives the samples played. */
async function play(channel: Channel, source: FrameSource, path: string): Promise<number> {
  channel.media.source?.stop();
  channel.media.source = source;
  const stop = (): void => source.stop();
  channel.gone.signal.addEventListener('abort', stop, { once: true });
  channel.fire('PLAYBACK_START', { 'Playback-File-Path': path });
  const completed = await source.ended;
  channel.gone.signal.removeEventListener('abort', stop);
  if (channel.media.source === source) channel.media.source = undefined;
  channel.fire('PLAYBACK_STOP', { 'Playback-File-Path': path, 'Playback-Status': completed ? 'done' : 'break' });
  return source.frames * 160;
}

async function playback({ fs, channel, data }: Run): Promise<string> {
  if (!channel.answered && !(await (channel.sip?.earlyMedia() ?? false))) return 'PLAYBACK ERROR';
  const delimiter = channel.get('playback_delimiter');
  const paths = delimiter === undefined ? data.replace(/^file_string:\/\//, '').split('!') : data.split(delimiter);
  const limitSeconds = Number(channel.get('playback_timeout_sec') ?? 0);
  const timer = limitSeconds > 0 ? setTimeout(() => channel.media.source?.stop(), limitSeconds * 1000) : undefined;
  const terminators = channel.get('playback_terminators') ?? '*';
  channel.set('playback_terminator_used', undefined);
  channel.onDigit = (digit) => {
    if (terminators === 'none' || !(terminators === 'any' || terminators.includes(digit))) return;
    channel.set('playback_terminator_used', digit);
    channel.media.source?.stop();
  };
  let samples = 0;
  let missing = false;
  for (const path of paths) {
    const source = await openSource(path, fs.options.soundsDir);
    if (source === undefined || !channel.isUp()) {
      missing = true;
      continue;
    }
    samples += await play(channel, source, path);
    if (!source.completed) break;
  }
  clearTimeout(timer);
  channel.onDigit = undefined;
  if (samples === 0 && missing) return 'FILE NOT FOUND';
  channel.set('playback_samples', String(samples));
  channel.set('playback_ms', String(samples / 8));
  channel.set('playback_seconds', String(Math.floor(samples / 8000)));
  return 'FILE PLAYED';
}

/** `record <path> [<limit s>] [<threshold>] [<silence hits>]`: only what the far end says; a key or the limit ends it. */
async function record({ channel, data }: Run): Promise<string | undefined> {
  const [path = '', limit = '0'] = data.trim().split(/\s+/);
  let stop: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (stop = resolve));
  let recording: Recording;
  try {
    recording = await Recording.start(path, {
      stereo: false,
      bridgeRequired: false,
      minSeconds: 0,
      preBufferFrames: 0,
      limitSeconds: Number(limit),
      isBridged: () => false,
      onLimit: stop,
    });
  } catch {
    return undefined;
  }
  channel.gone.signal.addEventListener('abort', stop, { once: true });
  const terminators = channel.get('playback_terminators') ?? '*';
  channel.onDigit = (digit) => {
    if (terminators === 'none' || !(terminators === 'any' || terminators.includes(digit))) return;
    channel.set('playback_terminator_used', digit);
    stop();
  };
  channel.media.recordings.set(path, recording);
  await ended;
  channel.media.recordings.delete(path);
  channel.onDigit = undefined;
  const result = await recording.stop('success-maxtime');
  channel.set('record_file_size', String(result.bytes));
  channel.set('record_samples', String(result.samples));
  channel.set('record_seconds', String(Math.floor(result.samples / 8000)));
  channel.set('record_ms', String(Math.floor(result.samples / 8)));
  return undefined;
}

/** One file or, as `file_string://a!b`, several, until the first that is stopped. */
async function playAll(fs: Switch, channel: Channel, files: string): Promise<void> {
  for (const path of files.replace(/^file_string:\/\//, '').split('!')) {
    const source = await openSource(path, fs.options.soundsDir);
    if (source === undefined || !channel.isUp()) continue;
    await play(channel, source, path);
    if (!source.completed) return;
  }
}

/** `<min> <max> <tries> <timeout ms> <terminators> <file> <invalid file> <variable> <regexp> [<digit timeout ms>]` */
async function playAndGetDigits({ fs, channel, data }: Run): Promise<undefined> {
  const [min, max, tries, timeout, terminators = '#', file = '', invalid = '', name = '', pattern = '', between] = data
    .trim()
    .split(/\s+/);
  const timeoutMs = Number(timeout ?? 5000);
  channel.set('read_result', 'failure');
  for (let attempt = 0; attempt < Number(tries ?? 1) && channel.isUp(); attempt++) {
    const digits = await collectDigits({
      channel,
      min: Number(min ?? 1),
      max: Number(max ?? 128),
      timeoutMs,
      betweenMs: Number(between ?? timeoutMs),
      terminators,
      prompt: async () => {
        await playAll(fs, channel, file);
      },
    });
    // "#" alone, where no digit is demanded, is an answer.
    if (digits === '' && channel.get('read_terminator_used') !== undefined) return;
    if (digits !== undefined && digits !== '' && (pattern === '' || new RegExp(`^(?:${pattern})$`).test(digits))) {
      channel.set(name, digits);
      channel.set('read_result', 'success');
      return;
    }
    if (channel.isUp()) await playAll(fs, channel, invalid);
  }
}
