import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { stringify } from 'yaml';
import { toError } from '../src/lib/deadline.js';
import { hashPassword } from '../src/console/auth/passwords.js';
import { LINE, OFFICE } from './cast.js';
import { configuration, KEY_PREFIX } from './configuration.js';
import { Gateway, portOrAny } from './gateway.js';
import { Phones } from './phones.js';
import { NumberPool } from './pool.js';
import { Receiver } from './receiver.js';
import { type OwnRedis, startRedis } from './redis.js';

const USUAL_SIP_PORT = 5060;
const USUAL_HTTP_PORT = 8080;
const REDIS_STOP_MS = 5000;
const PHONES_STOP_MS = 2000;

/** Everything that runs for the demo. What was started last is stopped first. */
export class World {
  readonly apiKey = randomBytes(24).toString('base64url');
  /** A supervisor of the console. */
  readonly login = { name: 'demo', password: randomBytes(9).toString('base64url') };
  readonly #secret = `whsec_${randomBytes(24).toString('base64')}`;
  readonly #toStop: (() => Promise<unknown>)[] = [];
  #stopping = false;
  #redis: OwnRedis | undefined;
  #phones: Phones | undefined;
  #receiver: Receiver | undefined;
  #gateway: Gateway | undefined;
  #pool: NumberPool | undefined;

  private constructor(
    /** Kept: recordings, log, configuration, webhook bodies. */
    readonly folder: string,
    readonly tempFolder: string,
  ) {}

  static async create(): Promise<World> {
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
    const folder = fileURLToPath(new URL(`../var/demo/${stamp}-${process.pid}`, import.meta.url));
    await mkdir(folder, { recursive: true });
    const tempFolder = await mkdtemp(join(tmpdir(), 'calltrack-demo-'));
    const world = new World(folder, tempFolder);
    world.#toStop.push(() => rm(tempFolder, { recursive: true, force: true }));
    return world;
  }

  async startRedis(): Promise<OwnRedis> {
    const redis = await this.#owned(startRedis(this.tempFolder), ({ child }) => child.stop('SIGTERM', REDIS_STOP_MS));
    const client = new Redis(redis.url);
    client.on('error', () => undefined); // a command that fails says so itself
    this.#toStop.push(async () => {
      await client.quit().catch(() => undefined); // Redis may be gone already
    });
    this.#pool = new NumberPool(client, KEY_PREFIX);
    this.#redis = redis;
    return redis;
  }

  async startReceiver(): Promise<Receiver> {
    this.#receiver = await this.#owned(Receiver.start(this.#secret, this.bodiesFile), (receiver) => receiver.stop());
    return this.#receiver;
  }

  async startPhones(): Promise<Phones> {
    this.#phones = await this.#owned(Phones.start(), ({ child }) => child.stop('SIGTERM', PHONES_STOP_MS));
    return this.#phones;
  }

  /** Needs all the others. On the usual ports where they are free, else on any. */
  async startGateway(): Promise<Gateway> {
    const [sipPort, httpPort] = await Promise.all([portOrAny(USUAL_SIP_PORT), portOrAny(USUAL_HTTP_PORT)]);
    try {
      return await this.#startGateway(sipPort, httpPort);
    } catch (error) {
      // Somebody else took one between our look and our start.
      if (!toError(error).message.includes('EADDRINUSE')) throw error;
      return await this.#startGateway(0, 0);
    }
  }

  async #startGateway(sipPort: number, httpPort: number): Promise<Gateway> {
    const config = configuration({
      redisUrl: this.redis.url,
      webhookUrl: this.receiver.url,
      webhookSecret: this.#secret,
      apiKey: this.apiKey,
      consoleUser: { name: this.login.name, hash: await hashPassword(this.login.password) },
      officeAddress: this.phones.addresses[OFFICE],
      lineAddress: this.phones.addresses[LINE],
      sipPort,
      httpPort,
      folder: this.folder,
      tempFolder: this.tempFolder,
    });
    await writeFile(this.configFile, stringify(config), { mode: 0o600 });
    this.#gateway = await this.#owned(Gateway.start(this.configFile, this.logFile), (gateway) => gateway.stop());
    return this.#gateway;
  }

  get redis(): OwnRedis {
    return started(this.#redis);
  }

  get pool(): NumberPool {
    return started(this.#pool);
  }

  get receiver(): Receiver {
    return started(this.#receiver);
  }

  get phones(): Phones {
    return started(this.#phones);
  }

  get gateway(): Gateway {
    return started(this.#gateway);
  }

  get recordings(): string {
    return join(this.folder, 'recordings');
  }

  get configFile(): string {
    return join(this.folder, 'gateway.yaml');
  }

  get logFile(): string {
    return join(this.folder, 'gateway.log');
  }

  get bodiesFile(): string {
    return join(this.folder, 'webhooks.jsonl');
  }

  /** GET at the gateway's HTTP interface, with the demo's key. */
  async get(path: string): Promise<Response> {
    return await fetch(`${this.gateway.url}${path}`, {
      headers: { Authorization: `Bearer ${this.apiKey}` },
      signal: AbortSignal.timeout(5000),
    });
  }

  /** What is still starting when the demo is ended is stopped as soon as it has started. */
  async #owned<T>(starting: Promise<T>, stop: (part: T) => Promise<void>): Promise<T> {
    this.#toStop.push(() => starting.then(stop, () => undefined));
    return await starting;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (let stop = this.#toStop.pop(); stop !== undefined; stop = this.#toStop.pop()) await stop();
  }
}

function started<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('not started yet');
  return part;
}
