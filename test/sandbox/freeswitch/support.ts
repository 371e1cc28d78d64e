import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FreeSwitchServer, type FreeSwitchOptions } from '../../../src/sandbox/freeswitch/server.js';
import { Phone, type CallOptions, type OutgoingCall } from '../../../src/sandbox/phone/index.js';
import { until } from '../../support/until.js';

export const HOST = '127.0.0.1';
export const PASSWORD = 'a password of this test';

type EslEvent = Record<string, string>;

/** The media server between a caller's phone and a business's one, with a control connection that sees all events. */
export interface Stage {
  fs: FreeSwitchServer;
  caller: Phone;
  business: Phone;
  esl: RawEsl;
  spoolDir: string;
  /** Calls through the media server as the gateway does. */
  call(options?: Partial<CallOptions> & { id?: string }): Promise<OutgoingCall & { id: string }>;
  close(): Promise<void>;
}

export async function openStage(options: Partial<FreeSwitchOptions> = {}): Promise<Stage> {
  const spoolDir = await mkdtemp(join(tmpdir(), 'spool-'));
  const [caller, business] = await Promise.all([Phone.open({ user: '+79161234567' }), Phone.open()]);
  const fs = await FreeSwitchServer.listen({
    eslHost: HOST,
    eslPort: 0,
    password: PASSWORD,
    sipHost: HOST,
    sipPort: 0,
    drachtioSource: [HOST],
    drachtioTarget: `${HOST}:${business.port}`,
    spoolDir,
    ...options,
  });
  const esl = await RawEsl.open(fs.eslPort);
  await esl.command(`auth ${PASSWORD}`);
  await esl.command('event json ALL');
  return {
    fs,
    caller,
    business,
    esl,
    spoolDir,
    call: async ({ id = randomUUID(), headers = {}, ...rest } = {}) => {
      const call = await caller.call({
        target: `sip:${id}@${HOST}:${fs.sipPort}`,
        headers: {
          'X-CT-Call-Key': randomBytes(16).toString('hex'),
          'X-CT-Call-Id': id,
          'X-CT-Max-Seconds': '600',
          'X-CT-Ring-Seconds': '300',
          ...headers,
        },
        ...rest,
      });
      return Object.assign(call, { id });
    },
    close: async () => {
      esl.close();
      await Promise.all([caller.close(), business.close()]);
      await fs.close();
      await rm(spoolDir, { recursive: true, force: true });
    },
  };
}

/** A control connection without a library, to see what is really on the wire. */
export class RawEsl {
  readonly events: EslEvent[] = [];
  readonly #replies: { headers: EslEvent; body: string }[] = [];
  #buffer = Buffer.alloc(0);
  ended = false;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('close', () => (this.ended = true));
    socket.on('error', () => undefined);
  }

  static async open(port: number): Promise<RawEsl> {
    const esl = new RawEsl(createConnection({ host: HOST, port }));
    await esl.#reply();
    return esl;
  }

  /** Sends a command and gives the Reply-Text, or the body of an api answer. */
  async command(text: string): Promise<string> {
    this.socket.write(`${text}\n\n`);
    const { headers, body } = await this.#reply();
    return headers['Content-Type'] === 'api/response' ? body : (headers['Reply-Text'] ?? '');
  }

  api(text: string): Promise<string> {
    return this.command(`api ${text}`);
  }

  /** The first event, past or to come, with this name and these headers. */
  event(name: string, headers: EslEvent = {}): Promise<EslEvent> {
    const wanted = Object.entries({ 'Event-Name': name, ...headers });
    return until(`${name} ${JSON.stringify(headers)}`, () =>
      this.events.find((event) => wanted.every(([key, value]) => event[key] === value)),
    );
  }

  /** Names of the events of one call, in order, `a` for the caller's leg and `b` for the business's. */
  story(callId: string, names: readonly string[]): string[] {
    return this.events
      .filter((event) => event.variable_calltrack_call_id === callId && names.includes(event['Event-Name'] ?? ''))
      .map((event) => `${event.variable_calltrack_leg === 'caller' ? 'a' : 'b'} ${event['Event-Name'] ?? ''}`);
  }

  close(): void {
    this.socket.destroy();
  }

  async #reply(): Promise<{ headers: EslEvent; body: string }> {
    return until('an ESL reply', () => this.#replies.shift());
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (let end = this.#buffer.indexOf('\n\n'); end >= 0; end = this.#buffer.indexOf('\n\n')) {
      const headers: EslEvent = {};
      for (const line of this.#buffer.toString('utf8', 0, end).split('\n')) {
        const at = line.indexOf(': ');
        if (at > 0) headers[line.slice(0, at)] = line.slice(at + 2);
      }
      const length = Number(headers['Content-Length'] ?? 0);
      if (this.#buffer.length < end + 2 + length) return;
      const body = this.#buffer.toString('utf8', end + 2, end + 2 + length);
      this.#buffer = this.#buffer.subarray(end + 2 + length);
      if (headers['Content-Type'] === 'text/event-json') this.events.push(JSON.parse(body) as EslEvent);
      else if (headers['Content-Type'] !== 'text/disconnect-notice') this.#replies.push({ headers, body });
    }
  }
}
