import { EventEmitter } from 'node:events';
import { Cluster, type ChainableCommander, type Redis } from 'ioredis';
import { inBackground } from '../lib/background.js';
import { toError, withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import { gatherWrites } from '../lib/gather-writes.js';
import { openClient, sendEach, writersOf, type RedisAddress, type RedisClient } from './client.js';
import { loadedScripts, type ScriptCall } from './scripts.js';

export interface RedisLinkOptions extends RedisAddress {
  /** After this a command fails and the connection is taken for dead. */
  commandTimeoutMs?: number;
  /** Shown by `CLIENT LIST`. */
  name?: string;
}

interface RedisLinkEvents {
  /** Connected, scripts known to the server. What a listener sends goes out before anybody else's commands. */
  up: [];
  /** Lost or not to be had; once per outage. `reason` carries no credentials. */
  down: [reason: string];
  /** Connected, but the server takes no writes: it is full, its disk fails, it is a replica or has too few of them, we may not. Once per spell. */
  refused: [reason: string];
}

const COMMAND_TIMEOUT_MS = 1_000;
/** How a server answers that is there and takes no writes. */
const REFUSAL = /^(OOM|MISCONF|READONLY|NOREPLICAS|NOPERM) /;
/** Writes count as refused for so long after the last one that was: every gateway tries one each five seconds (dispatcher). */
const REFUSAL_STANDS_MS = 15_000;

/**
 * The gateway's one connection to Redis, or to each master of a cluster: it is up while all of them are, since a gateway
 * with half of its keys could do nothing with them that it cannot do with none. Nothing here waits for a server that is away: a command without connection
 * fails at once, one without answer after `commandTimeoutMs`, both with GW_ERR_REDIS_AWAY; what was under way when the
 * connection broke is never sent again by itself, since only the caller knows whether repeating is safe.
 *
 * No auto-pipelining: what is hot is one script or one explicit pipeline already. What is sent within one turn of the
 * event loop leaves in one write nevertheless.
 */
export class RedisLink extends EventEmitter<RedisLinkEvents> {
  readonly #client: RedisClient;
  #ready = false;
  #told = false;
  #exchanges = 0;
  #upSince = 0;
  #lastError = 'not connected yet';
  /** The last write that the server refused, and when. */
  #refusal: { reason: string; at: number } | null = null;
  readonly #timeoutMs: number;
  /** Of each server that is connected: sends what has been gathered for it. */
  readonly #flushes = new Map<Redis, () => void>();
  #readyTimer: NodeJS.Timeout | undefined;
  /** Told to end, and not yet at its end. */
  #leaving = false;

  constructor(options: RedisLinkOptions) {
    super();
    const timeoutMs = options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS;
    this.#timeoutMs = timeoutMs;
    this.#client = openClient(options, options.name ?? 'calltrack-gateway', timeoutMs);
    this.#client.on('error', (error: Error) => {
      this.#lastError = error.message;
      // While no sentinel answers there is no connection that could close.
      if (this.#client.status !== 'ready') this.#goDown();
    });
    this.#client.on('connect', () => this.#expectReady());
    this.#client.on('close', () => {
      this.#leaving = false;
      this.#goDown();
    });
    this.#client.on('ready', () => this.#teachScripts());
    if (this.#client instanceof Cluster) this.#watchNodes(this.#client);
    else this.#gatherWritesTo(this.#client);
  }

  #watchNodes(cluster: Cluster): void {
    cluster.on('+node', (node: Redis) => this.#gatherWritesTo(node));
    cluster.on('node error', (error: Error) => (this.#lastError = error.message));
    cluster.on('-node', ({ options }: Redis) => {
      if (options.readOnly || cluster.status !== 'ready') return;
      // Found anew as a whole, which waits until the cluster has a master for every key.
      this.#lastError = `the connection to ${options.host}:${options.port} is lost`;
      this.#leave();
    });
  }

  #gatherWritesTo(server: Redis): void {
    server.on('connect', () => this.#flushes.set(server, gatherWrites(server.stream)));
    server.on('close', () => this.#flushes.delete(server));
  }

  /** Whether commands can be sent now. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Why Redis cannot be used as it should: no connection, or it takes no writes. null: it can. */
  get trouble(): string | null {
    if (!this.#ready) return `no connection: ${this.#lastError}`;
    return this.#refusing ? `takes no writes: ${this.#refusing}` : null;
  }

  get #refusing(): string | null {
    const refusal = this.#refusal;
    return refusal && performance.now() - refusal.at < REFUSAL_STANDS_MS ? refusal.reason : null;
  }

  /** How long the link has been up without a break, ms; 0 while it is down. */
  get upForMs(): number {
    return this.#ready ? performance.now() - this.#upSince : 0;
  }

  /** Requests sent so far, a whole pipeline being one: what a call costs in round trips. */
  get exchanges(): number {
    return this.#exchanges;
  }

  /** Resolves when ready; rejects with GW_ERR_DEADLINE. */
  waitUntilReady(timeoutMs: number): Promise<void> {
    if (this.#ready) return Promise.resolve();
    let listener = (): void => undefined;
    const up = new Promise<void>((resolve) => {
      listener = resolve;
      this.once('up', listener);
    });
    return withDeadline(up, timeoutMs, 'connecting to Redis').finally(() => this.off('up', listener));
  }

  /** Runs one script: one exchange. */
  async run<R>(call: ScriptCall<R>): Promise<R> {
    const { script, keys, args, bytes } = call;
    const ask = (command: 'evalsha' | 'eval', text: string): Promise<unknown> =>
      // Not as a pipeline of one: most exchanges of a call are single scripts, and ioredis builds a lot around a pipeline.
      this.send((client) =>
        bytes
          ? client.callBuffer(command, text, keys.length, ...keys, ...args)
          : client[command](text, keys.length, ...keys, ...args),
      );
    const reply = await ask('evalsha', script.sha).catch((error: unknown) => {
      if (!isNoScript(error)) throw error;
      return ask('eval', script.lua);
    });
    const result = readReply(call, reply);
    if (result instanceof GatewayError) throw result;
    return result;
  }

  /** Runs scripts in one pipeline: one exchange, not one transaction. Rejects when any of them failed. */
  async runAll<T extends readonly ScriptCall<unknown>[]>(calls: T): Promise<Replies<T>> {
    return allOf(await this.runSettled(calls)) as Replies<T>;
  }

  /** As `runAll`, with an error in the place of each script that failed. */
  async runSettled<R>(calls: readonly ScriptCall<R>[]): Promise<(R | GatewayError)[]> {
    if (calls.length === 0) return [];
    const [only] = calls;
    if (only && calls.length === 1) return [await this.run(only).catch(asGatewayError)];
    const replies = await this.#together(calls, 'sha');
    const forgotten = [...replies.keys()].filter((i) => isNoScript(replies[i]));
    if (forgotten.length > 0) {
      const again = await this.#together(
        forgotten.flatMap((i) => calls[i] ?? []),
        'lua',
      );
      forgotten.forEach((i, n) => (replies[i] = again[n]));
    }
    return calls.map((call, i) => readReply(call, replies[i]));
  }

  /** One exchange: what is sent within one turn leaves in one write. An error stands in the place of its reply. */
  async #together(calls: readonly ScriptCall<unknown>[], by: 'sha' | 'lua'): Promise<unknown[]> {
    if (!this.#ready) throw away(this.#lastError);
    const send = by === 'sha' ? this.#client.evalsha.bind(this.#client) : this.#client.eval.bind(this.#client);
    return await this.#settled(calls.map(({ script, keys, args }) => send(script[by], keys.length, ...keys, ...args)));
  }

  async #settled(replies: readonly Promise<unknown>[]): Promise<unknown[]> {
    this.#exchanges += 1;
    try {
      const settled = await this.#bounded(Promise.allSettled(replies));
      return settled.map((reply) => (reply.status === 'fulfilled' ? reply.value : this.#failed(reply.reason)));
    } catch (error) {
      throw away('no answer', error);
    }
  }

  /** Sends what `build` puts in, as one exchange; each reply stands where its command stood. Rejects when any failed. */
  async pipeline(build: (pipe: ChainableCommander) => void): Promise<unknown[]> {
    return allOf(await this.pipelineSettled(build));
  }

  /** As `pipeline`, with an error in the place of each reply that failed. */
  async pipelineSettled(build: (pipe: ChainableCommander) => void): Promise<unknown[]> {
    if (!this.#ready) throw away(this.#lastError);
    const replies: Promise<unknown>[] = [];
    build(sendEach(this.#client, replies));
    return replies.length === 0 ? [] : await this.#settled(replies);
  }

  /** What was asked in this turn leaves now, and not at its end: for the one answer that a caller waits for. */
  hurry(): void {
    for (const flush of this.#flushes.values()) flush();
  }

  /** Sends one plain command: one exchange. */
  async send<R>(work: (client: RedisClient) => Promise<R>): Promise<R> {
    if (!this.#ready) throw away(this.#lastError);
    this.#exchanges += 1;
    try {
      return await this.#bounded(work(this.#client));
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** What the server's clock shows, to the second; ms since the epoch. For times that gateways must agree on. */
  async clock(): Promise<number> {
    const [seconds] = await this.send((client) => client.time());
    return Number(seconds) * 1000;
  }

  /** What a command that failed is told as. */
  #failed(thrown: unknown): GatewayError {
    const { message } = toError(thrown);
    if (REFUSAL.test(message)) {
      const known = this.#refusing !== null;
      this.#refusal = { reason: message, at: performance.now() };
      if (!known) this.emit('refused', message);
    }
    return away(message, thrown);
  }

  /** Every server that has keys: for what is asked of each. */
  get servers(): Redis[] {
    return writersOf(this.#client);
  }

  /** Ends the connection for good; commands under way are rejected. */
  close(): void {
    this.#ready = false;
    this.#told = true; // who closes the link need not be told that it is down
    clearTimeout(this.#readyTimer);
    this.#client.disconnect();
  }

  /**
   * A deadline of our own: ioredis' timers fire before a reply is read that came while this process stood still, and a
   * gateway that stalled for a second would take a healthy Redis for lost and count its channels alone. A server that
   * holds the connection open and answers nothing loses it, so that later commands fail at once.
   */
  async #bounded<R>(work: Promise<R>): Promise<R> {
    try {
      return await withDeadline(work, this.#timeoutMs, 'Redis');
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'GW_ERR_DEADLINE') {
        this.#lastError = error.message;
        this.#leave();
      }
      throw error;
    }
  }

  /** Once for a connection, however many commands it leaves unanswered: ioredis would listen for its end as many times. */
  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#client.disconnect(true);
  }

  /** A server that takes connections and stands still would never be asked for again, though another writes by now. */
  #expectReady(): void {
    clearTimeout(this.#readyTimer);
    this.#readyTimer = setTimeout(() => {
      if (this.#client.status !== 'connect') return;
      this.#lastError = 'connected, but not ready to answer';
      this.#leave();
    }, this.#timeoutMs * 2);
  }

  #goDown(): void {
    clearTimeout(this.#readyTimer);
    this.#ready = false;
    if (this.#told) return;
    this.#told = true;
    this.emit('down', this.#lastError);
  }

  #teachScripts(): void {
    const servers = writersOf(this.#client);
    const lessons = servers.map((server) => {
      const pipe = server.pipeline();
      for (const script of loadedScripts()) pipe.script('LOAD', script.lua);
      // While its writes are paused a server learns scripts and runs none: up, the link would be lost with the next of them.
      pipe.eval('return 1', 0);
      return pipe.exec();
    });
    const taught = this.#bounded(Promise.all(lessons)).then(
      (results) => {
        const failed = results.flatMap((result) => result ?? []).find(([error]) => error)?.[0];
        // A script that does not compile is refused by the server: its own calls will say so.
        if (failed) this.#lastError = failed.message;
        if (this.#client.status !== 'ready') return;
        if (servers.every(({ status }) => status === 'ready')) this.#goUp();
        else this.#leave();
      },
      (error: unknown) => {
        this.#lastError = error instanceof Error ? error.message : 'loading the scripts failed';
        this.#leave();
      },
    );
    inBackground(taught);
  }

  #goUp(): void {
    this.#ready = true;
    this.#told = false;
    this.#upSince = performance.now();
    this.#lastError = 'connection closed'; // unless the next loss says more
    this.emit('up');
  }
}

/** What each of a list of script calls resolves to. */
type Replies<T extends readonly ScriptCall<unknown>[]> = {
  [K in keyof T]: T[K] extends ScriptCall<infer R> ? R : never;
};

function away(reason: string, cause?: unknown): GatewayError {
  return new GatewayError('GW_ERR_REDIS_AWAY', `Redis cannot be used now: ${reason}`, { cause });
}

function allOf<R>(replies: (R | GatewayError)[]): R[] {
  const failed = replies.find((reply) => reply instanceof GatewayError);
  if (failed) throw failed;
  return replies as R[];
}

/** What `run` rejects with, in the place of its result; anything else is a fault of ours and goes on. */
function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  throw error;
}

function isNoScript(reply: unknown): boolean {
  return reply instanceof GatewayError && reply.cause instanceof Error && reply.cause.message.startsWith('NOSCRIPT');
}

function readReply<R>(call: ScriptCall<R>, reply: unknown): R | GatewayError {
  if (reply instanceof GatewayError) return reply;
  try {
    return call.read(reply);
  } catch (error) {
    return away(`script ${call.script.name} returned an unexpected reply`, error);
  }
}
