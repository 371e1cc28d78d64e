import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { ApiCommands } from './api-commands.js';
import type { Applications } from './applications.js';
import { parseCause } from './causes.js';
import type { Channel } from './channel.js';
import type { FsEvent } from './event.js';
import { Subscription } from './subscription.js';
import type { Switch } from './switch.js';

/** What a control connection works on. */
export interface EslServices {
  fs: Switch;
  api: ApiCommands;
  applications: Applications;
}

export interface EslCommand {
  verb: string;
  args: string;
  headers: ReadonlyMap<string, string>;
}

const GOODBYE = 'Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n';
const MAX_COMMAND_BYTES = 1024 * 1024;
/** A client that reads so slowly would take the memory of the calls. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;

/** One control connection, whoever opened it: commands in, replies and events out. */
export abstract class EslSession {
  protected readonly subscription = new Subscription();
  #buffer = '';
  /** Commands are answered strictly in their order: clients match replies by counting. */
  #tail: Promise<void> = Promise.resolve();

  protected constructor(
    protected readonly socket: Socket,
    protected readonly services: EslServices,
  ) {
    socket.setNoDelay(true);
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#onData(text));
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      services.fs.bus.delete(this);
      this.onClose();
    });
  }

  wants(name: string): boolean {
    return this.subscription.wants(name);
  }

  deliver(event: FsEvent): void {
    if (this.subscription.accepts(event)) this.write(event.toMessage(this.subscription.format));
  }

  close(): void {
    this.socket.destroy();
  }

  /** True when it was answered. */
  protected abstract handle(command: EslCommand): boolean;
  protected abstract onClose(): void;
  /** The channel that a sendmsg without a uuid is for. */
  protected abstract readonly ownChannel: Channel | undefined;

  protected write(text: string): void {
    if (this.socket.destroyed) return;
    this.socket.write(text);
    if (this.socket.writableLength > MAX_UNSENT_BYTES) this.socket.destroy();
  }

  protected reply(text: string, extra: Record<string, string> = {}): void {
    const headers = Object.entries(extra).map(([name, value]) => `${name}: ${value}\n`);
    this.write(`Content-Type: command/reply\nReply-Text: ${text}\n${headers.join('')}\n`);
  }

  protected disconnectNotice(headers = ''): void {
    const length = Buffer.byteLength(GOODBYE);
    this.write(`Content-Type: text/disconnect-notice\n${headers}Content-Length: ${length}\n\n${GOODBYE}`);
    this.socket.end();
  }

  protected async common(command: EslCommand): Promise<void> {
    const { verb, args } = command;
    if (verb === 'api') this.#apiReply(await this.services.api.run(args));
    else if (verb === 'bgapi') this.#background(command);
    else if (verb === 'event') this.reply(this.#listen(args));
    else if (verb === 'nixevent') this.reply(this.subscription.unsubscribe(args));
    else if (verb === 'noevents') {
      this.subscription.clear();
      this.reply('+OK no longer listening for events');
    } else if (verb === 'filter') this.reply(this.subscription.filter(args));
    else if (verb === 'sendmsg') this.reply(this.#sendmsg(command));
    else if (verb === 'sendevent') this.reply(`+OK ${randomUUID()}`);
    else if (verb === 'log' || verb === 'nolog') this.reply('+OK');
    else if (verb === 'exit') {
      this.reply('+OK bye');
      this.disconnectNotice();
    } else this.reply('-ERR command not found');
  }

  #listen(args: string): string {
    const text = this.subscription.subscribe(args);
    this.services.fs.bus.add(this);
    return text;
  }

  #apiReply(body: string): void {
    this.write(`Content-Type: api/response\nContent-Length: ${Buffer.byteLength(body)}\n\n${body}`);
  }

  #background({ args, headers }: EslCommand): void {
    const job = headers.get('job-uuid') ?? randomUUID();
    this.reply(`+OK Job-UUID: ${job}`, { 'Job-UUID': job });
    const run = async (): Promise<void> => {
      const body = await this.services.api.run(args);
      this.services.fs.bus.fire('BACKGROUND_JOB', (event) => {
        event.set('Job-UUID', job).set('Job-Command', args.split(/\s+/)[0]);
        event.body = body;
      });
    };
    void run().catch(() => undefined);
  }

  #sendmsg({ args, headers }: EslCommand): string {
    const uuid = args.trim();
    const channel = uuid === '' ? this.ownChannel : this.services.fs.channels.get(uuid);
    if (channel?.isUp() !== true) return `-ERR invalid session id [${uuid}]`;
    const call = headers.get('call-command');
    if (call === 'hangup') {
      this.services.fs.hangup(channel, parseCause(headers.get('hangup-cause') ?? '') ?? 'NORMAL_CLEARING');
    } else if (call === 'execute') {
      const name = headers.get('execute-app-name') ?? '';
      const run = this.services.applications.execute(
        channel,
        name,
        headers.get('execute-app-arg') ?? '',
        headers.get('event-uuid'),
      );
      void run.catch(() => undefined);
    }
    return '+OK';
  }

  #onData(text: string): void {
    this.#buffer += text.replaceAll('\r\n', '\n');
    if (this.#buffer.length > MAX_COMMAND_BYTES) {
      this.socket.destroy();
      return;
    }
    for (let end = this.#buffer.indexOf('\n\n'); end >= 0; end = this.#buffer.indexOf('\n\n')) {
      const block = this.#buffer.slice(0, end);
      const bodyLength = Number(/^content-length:\s*(\d+)\s*$/im.exec(block)?.[1] ?? 0);
      if (this.#buffer.length < end + 2 + bodyLength) return;
      this.#buffer = this.#buffer.slice(end + 2 + bodyLength);
      if (block.trim() !== '') this.#enqueue(parseCommand(block));
    }
  }

  #enqueue(command: EslCommand): void {
    this.#tail = this.#tail
      .then(() => (this.handle(command) ? undefined : this.common(command)))
      .catch(() => this.reply('-ERR internal error'));
  }
}

function parseCommand(block: string): EslCommand {
  const [line = '', ...rest] = block.replace(/^\n+/, '').split('\n');
  const headers = new Map<string, string>();
  for (const header of rest) {
    const at = header.indexOf(':');
    if (at > 0) headers.set(header.slice(0, at).trim().toLowerCase(), header.slice(at + 1).trim());
  }
  const at = line.search(/\s/);
  const verb = (at < 0 ? line : line.slice(0, at)).toLowerCase();
  return { verb, args: at < 0 ? '' : line.slice(at).trim(), headers };
}
