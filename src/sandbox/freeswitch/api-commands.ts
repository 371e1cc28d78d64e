import { sharedTicker } from '../rtp/ticker.js';
import { readVariables, scheduleHangup, type Applications } from './applications.js';
import { parseCause } from './causes.js';
import type { Channel } from './channel.js';
import { FREESWITCH_VERSION } from './event-bus.js';
import { expand } from './expansion.js';
import { openSource } from './frame-source.js';
import { bugList, callRows, channelDump, channelRows, showRows } from './show.js';
import type { Switch } from './switch.js';

type Command = (words: string[], rest: string) => string | Promise<string>;

const NO_CHANNEL = '-ERR No such channel!\n';
const RECORD_USAGE = '-USAGE: <uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]\n';

interface ApiOptions {
  sipHost: string;
  sipPort: number;
}

/** What `api` and `bgapi` can run, with the answers of FreeSWITCH 1.10.12. */
export class ApiCommands {
  readonly #table: Readonly<Record<string, Command>>;

  constructor(
    private readonly fs: Switch,
    private readonly applications: Applications,
    private readonly options: ApiOptions,
  ) {
    this.#table = { ...this.#serverCommands(), ...this.#channelCommands() };
  }

  async run(line: string): Promise<string> {
    const text = line.trim();
    const at = text.search(/\s/);
    const name = at < 0 ? text : text.slice(0, at);
    const rest = at < 0 ? '' : text.slice(at).trim();
    return (await this.#run(name, rest)) ?? `-ERR ${name} Command not found!\n`;
  }

  /** Undefined where there is no such command. */
  #run(name: string, rest: string): Promise<string> | undefined {
    const command = this.#table[name.toLowerCase()];
    if (command === undefined) return undefined;
    return Promise.resolve(command(rest === '' ? [] : rest.split(/\s+/), rest));
  }

  #serverCommands(): Record<string, Command> {
    const { fs } = this;
    return {
      status: () => this.#status(),
      version: () => `FreeSWITCH Version ${FREESWITCH_VERSION} ( 64bit)\n`,
      sofia: (words) => (words[0] === 'status' ? this.#sofiaStatus() : '-ERR Unknown command\n'),
      show: (words) => this.#show(words),
      global_getvar: (words) => fs.globals.get(words[0] ?? '') ?? '-ERR no reply\n',
      global_setvar: (_words, rest) => {
        const [name = '', value = ''] = rest.split('=', 2);
        fs.globals.set(name, value);
        return '+OK';
      },
      hupall: (words) => {
        const cause = parseCause(words[0] ?? '') ?? 'MANAGER_REQUEST';
        fs.hangupAll(cause);
        return `+OK hangup all channels with cause ${cause}\n`;
      },
      fsctl: (words) => this.#fsctl(words),
      reloadxml: () => '+OK [Success]\n',
      reloadacl: () => '+OK acl reloaded\n',
      echo: (_words, rest) => rest,
      strmicroepoch: () => String(Date.now() * 1000),
      expand: async (_words, rest) => {
        const variable = (name: string): string | undefined => fs.globals.get(name);
        return this.run(await expand(rest, { variable, command: (name, args) => this.#run(name, args) }));
      },
    };
  }

  #channelCommands(): Record<string, Command> {
    const { fs } = this;
    const on =
      (run: (channel: Channel, words: string[]) => string | Promise<string>): Command =>
      (words) => {
        const channel = this.#find(words[0]);
        return channel === undefined ? NO_CHANNEL : run(channel, words.slice(1));
      };
    return {
      uuid_exists: (words) => String(this.#find(words[0]) !== undefined),
      uuid_kill: on((channel, [cause]) => {
        fs.hangup(channel, parseCause(cause ?? '') ?? 'NORMAL_CLEARING');
        return '+OK\n';
      }),
      uuid_dump: on((channel, [format]) => channelDump(fs, channel, format?.toLowerCase() === 'json')),
      uuid_buglist: (words) => bugList(this.#find(words[0])),
      uuid_getvar: on((channel, [name]) => channel.get(name ?? '') ?? '_undef_'),
      uuid_setvar: on((channel, [name, ...value]) => {
        channel.set(name ?? '', value.join(' '));
        return '+OK\n';
      }),
      uuid_set_media_stats: (words) =>
        this.#find(words[0]) === undefined ? `-ERR No such channel ${words[0] ?? ''}!\n` : '+OK:\n',
      sched_hangup: (words) => {
        const channel = this.#find(words[1]);
        if (channel === undefined) return NO_CHANNEL;
        scheduleHangup(fs, channel, words[0] ?? '+0', words[2] ?? '');
        return '+OK\n';
      },
      uuid_bridge: (words) => this.#bridge(words),
      uuid_transfer: on((channel, words) => this.#transfer(channel, words)),
      uuid_park: on((channel) => this.#transfer(channel, ['park', 'inline'])),
      uuid_record: (words) => this.#record(words),
      uuid_displace: (words) => this.#displace(words),
      uuid_broadcast: (words) => this.#broadcast(words),
      uuid_break: on((channel) => {
        channel.media.source?.stop();
        return '+OK\n';
      }),
      uuid_send_dtmf: on((channel, [digits]) => {
        channel.media.sendKeys((digits ?? '').split('@')[0] ?? '');
        return '+OK\n';
      }),
      uuid_answer: on(async (channel) => {
        await this.applications.execute(channel, 'answer', '');
        return '+OK\n';
      }),
    };
  }

  #find(uuid: string | undefined): Channel | undefined {
    const channel = this.fs.channels.get(uuid ?? '');
    return channel?.isUp() === true ? channel : undefined;
  }

  #status(): string {
    const seconds = Math.floor((Date.now() - this.fs.startedAt) / 1000);
    const { size } = this.fs.channels;
    return (
      `UP 0 years, 0 days, ${Math.floor(seconds / 3600)} hours, ${Math.floor(seconds / 60) % 60} minutes, ` +
      `${seconds % 60} seconds, 0 milliseconds, 0 microseconds\n` +
      `FreeSWITCH (Version 1.10.12-release  64bit) is ready\n${this.fs.sessionsSinceStart} session(s) since startup\n` +
      `${size} session(s) - peak ${this.fs.sessionPeak}, last 5min ${this.fs.sessionPeak} \n` +
      `0 session(s) per Sec out of max 100, peak 0, last 5min 0 \n` +
      `${this.fs.options.maxSessions} session(s) max\nmin idle cpu 0.00/90.00\nCurrent Stack Size/Max 240K/8192K\n`
    );
  }

  #sofiaStatus(): string {
    const line = '='.repeat(97);
    const url = `sip:mod_sofia@${this.options.sipHost}:${this.options.sipPort}`;
    const profile = `${'calltrack'.padStart(25)}\tprofile\t${url.padStart(42)}\tRUNNING (${this.fs.channels.size})`;
    const head = `${'Name'.padStart(25)}\t   Type\t${'Data'.padStart(42)}\tState`;
    return `${head}\n${line}\n${profile}\n${line}\n1 profile 0 aliases\n`;
  }

  #show(words: string[]): string {
    const what = words[0]?.toLowerCase();
    const json = words.slice(-2).join(' ').toLowerCase() === 'as json';
    const count = words[1]?.toLowerCase() === 'count';
    const show = { as: json ? 'json' : 'csv', count } as const;
    if (what === 'channels') return showRows(channelRows(this.fs), show);
    if (what === 'calls') return showRows(callRows(this.fs), show);
    return '-USAGE: channels|calls [as json]\n';
  }

  #fsctl(words: string[]): string {
    if (words[0] === 'pause') this.fs.paused = true;
    else if (words[0] === 'resume') this.fs.paused = false;
    else return '-USAGE: [pause|resume]\n';
    return '+OK\n';
  }

  /** Answers before the legs are joined: the joining itself is told by CHANNEL_BRIDGE. */
  #bridge(words: string[]): string {
    const [first, second] = words;
    if (first === undefined || second === undefined) return '-USAGE: <uuid> <other_uuid>\n';
    const a = this.#find(first);
    const b = this.#find(second);
    if (a === undefined || b === undefined) return '-ERR Invalid uuid\n';
    setImmediate(() => {
      for (const leg of [a, b]) this.fs.unbridge(leg);
      if (a.isUp() && b.isUp()) this.fs.bridge(a, b);
    });
    return `+OK ${second}\n`;
  }

  #transfer(channel: Channel, words: string[]): string {
    const side = /^-(both|bleg)$/i.exec(words[0] ?? '')?.[1]?.toLowerCase();
    const [destination, dialplan = 'XML'] = splitQuoted((side === undefined ? words : words.slice(1)).join(' '));
    if (destination === undefined) return '-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n';
    const other = channel.bridge;
    // FreeSWITCH moves the one side that there is, whichever was meant.
    const moved = side === 'bleg' && other !== undefined ? other : channel;
    const legs = side === 'both' ? [channel, other] : [moved];
    this.fs.unbridge(channel);
    for (const leg of legs) {
      if (leg?.isUp() === true) void this.#moveTo(leg, destination, dialplan).catch(() => undefined);
    }
    // hangup_after_bridge: a leg that is left alone does not stay.
    const left = side === 'both' ? undefined : moved === channel ? other : channel;
    if (left !== undefined) this.fs.hangup(left, 'NORMAL_CLEARING');
    return '+OK\n';
  }

  /** There is no extension but the gateway's own, which a transferred leg does not match. */
  async #moveTo(leg: Channel, destination: string, dialplan: string): Promise<void> {
    leg.media.source?.stop();
    const inline = dialplan.toLowerCase() === 'inline' || destination === 'park';
    const steps = inline ? inlineSteps(destination) : [];
    if (steps.length === 0) this.fs.hangup(leg, 'NO_ROUTE_DESTINATION');
    for (const { name, data } of steps) await this.applications.execute(leg, name, data);
    // Where the dialplan ends, so does the call.
    if (leg.isUp() && steps.at(-1)?.name !== 'park') this.fs.hangup(leg, 'NORMAL_CLEARING');
  }

  async #record(words: string[]): Promise<string> {
    const [uuid, action = '', path = '', limit = '0', variables] = words;
    if (uuid === undefined || !/^(start|stop|mask|unmask|pause|resume)$/.test(action) || path === '') {
      return uuid !== undefined && this.#find(uuid) === undefined ? '-ERR Cannot locate session!\n' : RECORD_USAGE;
    }
    const channel = this.#find(uuid);
    if (channel === undefined) return '-ERR Cannot locate session!\n';
    if (action === 'start') {
      const started = await this.fs.startRecording(channel, path, Number(limit), readVariables(variables));
      return started ? '+OK Success\n' : '-ERR Cannot record session!\n';
    }
    if (action === 'stop') return this.#stopRecording(channel, path);
    const recording = channel.media.recordings.get(path);
    if (recording === undefined) return `-ERR Cannot ${action} recording session!\n`;
    // FreeSWITCH's media has a thread of its own: what was due before the command is written before it.
    sharedTicker.catchUp();
    if (action === 'mask' || action === 'unmask') recording.masked = action === 'mask';
    else recording.paused = action === 'pause';
    return '+OK Success\n';
  }

  async #stopRecording(channel: Channel, path: string): Promise<string> {
    const paths = path === 'all' ? [...channel.media.recordings.keys()] : [path];
    let stopped = path === 'all';
    for (const one of paths) stopped = (await this.fs.stopRecording(channel, one)) || stopped;
    return stopped ? '+OK Success\n' : '-ERR Cannot stop record session!\n';
  }

  async #displace(words: string[]): Promise<string> {
    const [uuid, action, path = '', , flags = ''] = words;
    const channel = this.#find(uuid);
    if (channel === undefined) return '-ERR Cannot locate session!\n';
    const { overlays } = channel.media;
    if (action === 'stop') return overlays.delete(path) ? '+OK Success\n' : '-ERR Cannot stop displace session!\n';
    const source = flags.includes('m') ? await openSource(path, this.fs.options.soundsDir) : undefined;
    if (source === undefined) return '-ERR Cannot displace session!\n';
    overlays.set(path, source);
    return '+OK Success\n';
  }

  async #broadcast(words: string[]): Promise<string> {
    const [uuid, path, legs = 'aleg'] = words;
    if (uuid === undefined || path === undefined) return '-USAGE: <uuid> <path> [aleg|bleg|holdb|both]\n';
    const channel = this.#find(uuid);
    if (channel === undefined) return '-ERR invalid uuid\n';
    const targets = legs === 'bleg' ? [channel.bridge] : legs === 'both' ? [channel, channel.bridge] : [channel];
    for (const target of targets) {
      const source = await openSource(path, this.fs.options.soundsDir);
      if (target === undefined || source === undefined) continue;
      target.media.source?.stop();
      target.media.source = source;
    }
    return '+OK Message sent\n';
  }
}

/** Words, of which those in single quotes may hold blanks. */
function splitQuoted(text: string): string[] {
  return Array.from(text.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, plain]) => quoted ?? plain ?? '');
}

/** `app:data,app:data` of the inline dialplan; `m:^:` before it says what stands between them in the comma's place. */
function inlineSteps(text: string): { name: string; data: string }[] {
  const [, separator = ',', list = text] = /^m:(.):(.*)$/s.exec(text) ?? [];
  const steps = list.split(separator).filter((step) => step !== '');
  return steps.map((step) => {
    const [name = '', ...data] = step.split(':');
    return { name: name.trim(), data: data.join(':') };
  });
}
