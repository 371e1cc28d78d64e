import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis, type Cluster } from 'ioredis';
import { expect } from 'vitest';
import type { Call } from '../../src/call/call.js';
import type { CallEvent } from '../../src/call/ports.js';
import { Phone, type PhoneOptions } from '../../src/sandbox/phone/index.js';
import { AddressBlock } from './addresses.js';
import { startEngines, type EngineOptions, type Engines } from './engines.js';
import { startGateway, startGatewayProcess, type Gateway } from './gateway.js';
import { lend, visitor, writeNumber } from './lender.js';
import type { Program } from './processes.js';
import { Receiver } from './receiver.js';
import type { RedisCluster } from './redis-cluster.js';
import { OwnRedis } from './redis-server.js';
import { Scene, type SceneOptions } from './scene.js';
import { TcpProxy } from './tcp-proxy.js';
import { until } from './until.js';

type Raw = Record<string, unknown>;

const PREFIX = 'ct:';
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

export interface StageOptions {
  mediaTimeoutMs?: number;
  /** Channels that FreeSWITCH sets up a second. */
  sessionsPerSecond?: number;
  verifyTls?: boolean;
  /** FreeSWITCH behind NAT; real engines only. */
  rtp?: EngineOptions['rtp'];
  config?: Raw;
  /** FreeSWITCH servers that are asked before the stage's own. */
  mediaBefore?: Raw[];
  /** The load that the gateway takes. */
  limits?: { maxCalls?: number; maxCallsPerSecond?: number; setupTimeout?: string };
  /** The Redis of the stage: a cluster, which the test has started and stops. */
  cluster?: RedisCluster;
  /** Where the gateway runs: in this process, or in one of its own that a test may kill. */
  gateway?: 'here' | 'process';
}

/**
 * Everything whole calls need: engines, a Redis, a webhook receiver and the gateway, on loopback addresses of their own.
 * Scenes are cast first (the configuration follows from them), then the stage starts.
 */
export class Stage {
  readonly #scenes: Scene[] = [];
  readonly #phones: Phone[] = [];
  #wires: { drachtio: TcpProxy; freeswitch: TcpProxy } | undefined;
  readonly #folder: string;
  #overrides: Raw = {};
  #limits: Raw = {};
  #mediaBefore: Raw[] = [];
  #engineOptions: Omit<EngineOptions, 'address'> = {};
  #engines: Engines | undefined;
  #redis: OwnRedis | RedisCluster | undefined;
  #client: Redis | Cluster | undefined;
  #receiver: Receiver | undefined;
  #gateway: Gateway | undefined;
  readonly #peers: Gateway[] = [];
  #peerEngines: Engines | undefined;
  #program: Program | undefined;

  private constructor(
    readonly addresses: AddressBlock,
    folder: string,
  ) {
    this.#folder = folder;
  }

  static async open(): Promise<Stage> {
    return new Stage(await AddressBlock.claim(), await mkdtemp(join(tmpdir(), 'calltrack-stage-')));
  }

  scene(options: SceneOptions = {}): Scene {
    const scene = new Scene(this, this.#scenes.length + 1, options);
    this.#scenes.push(scene);
    return scene;
  }

  async start(options: StageOptions = {}): Promise<void> {
    this.#overrides = options.config ?? {};
    const { mediaTimeoutMs, sessionsPerSecond, verifyTls, rtp, gateway = 'here' } = options;
    this.#engineOptions = {
      ...(mediaTimeoutMs === undefined ? {} : { mediaTimeoutMs }),
      ...(sessionsPerSecond === undefined ? {} : { sessionsPerSecond }),
      ...(verifyTls === undefined ? {} : { verifyTls }),
      ...(rtp === undefined ? {} : { rtp }),
    };
    this.#limits = options.limits ?? {};
    this.#mediaBefore = options.mediaBefore ?? [];
    [this.#engines, this.#redis, this.#receiver] = await Promise.all([
      startEngines({ address: this.addresses.engines, ...this.#engineOptions }),
      options.cluster ?? OwnRedis.start(),
      Receiver.start(SECRET),
    ]);
    this.#client =
      this.#redis instanceof OwnRedis ? new Redis(this.#redis.url, { retryStrategy: () => 50 }) : this.#redis.client();
    this.#client.on('error', () => undefined); // expected where a test takes Redis away
    for (const scene of this.#scenes) await this.#lendTo(scene);
    this.#wires = {
      drachtio: await TcpProxy.open(this.engines.drachtio),
      freeswitch: await TcpProxy.open(this.engines.freeswitch),
    };
    this.#gateway = gateway === 'here' ? await startGateway(this.configuration()) : await this.#startProcess();
  }

  /** The gateway's own process, where it has one. */
  get program(): Program {
    return started(this.#program);
  }

  /** A second gateway beside (or after) the first, on the same Redis and engines; it stops with the stage. */
  async startPeer(): Promise<Gateway> {
    const http = { host: this.addresses.engines, port: 8081 };
    const peer = await startGateway({ ...this.configuration(), gateway: { id: 'gw-peer' }, http });
    this.#peers.push(peer);
    return peer;
  }

  /** A second gateway with engines of its own, as on another machine: only Redis is shared. A process of its own too. */
  async startTwin(): Promise<Gateway & { program: Program; engines: Engines }> {
    const address = this.addresses.peerEngines;
    const engines = await startEngines({ address, ...this.#engineOptions });
    this.#peerEngines = engines;
    const { spool, drachtio, freeswitch } = engines;
    const gateway = await startGatewayProcess(
      {
        ...this.configuration(),
        gateway: { id: 'gw-twin' },
        http: { host: address, port: 8080 },
        engines: { mode: 'real', ...this.#limits, drachtio, freeswitch: [{ ...freeswitch, sipAddress: address }] },
        recordings: { directory: this.recordings, spool },
      },
      join(this.#folder, 'twin.yaml'),
    );
    this.#peers.push(gateway);
    return { ...gateway, engines };
  }

  async #startProcess(): Promise<Gateway> {
    const gateway = await startGatewayProcess(this.configuration(), join(this.#folder, 'gateway.yaml'));
    this.#program = gateway.program;
    return gateway;
  }

  async stop(): Promise<void> {
    await this.#gateway?.stop();
    await Promise.all(this.#peers.map((peer) => peer.stop()));
    await Promise.all(this.#phones.map((phone) => phone.close()));
    this.#wires?.drachtio.close();
    this.#wires?.freeswitch.close();
    this.#client?.disconnect();
    await Promise.all([this.#engines?.stop(), this.#peerEngines?.stop()]);
    if (this.#redis instanceof OwnRedis) await this.#redis.remove();
    await this.#receiver?.stop();
    // Recordings may be listened to after a failure.
    if (process.env['CALLTRACK_TEST_KEEP'] === undefined) await rm(this.#folder, { recursive: true, force: true });
    else process.stderr.write(`kept ${this.#folder}\n`);
    this.addresses.release();
  }

  /** A phone that goes with the stage. */
  async phone(options: PhoneOptions): Promise<Phone> {
    const phone = await Phone.open(options);
    this.#phones.push(phone);
    return phone;
  }

  /** What the gateway's control connections go through. */
  get wires(): { drachtio: TcpProxy; freeswitch: TcpProxy } {
    return started(this.#wires);
  }

  get engines(): Engines {
    return started(this.#engines);
  }

  get redis(): OwnRedis {
    const redis = started(this.#redis);
    if (redis instanceof OwnRedis) return redis;
    throw new Error('the Redis of this stage is a cluster');
  }

  get client(): Redis {
    const client = started(this.#client);
    if (client instanceof Redis) return client;
    throw new Error('the Redis of this stage is a cluster');
  }

  get receiver(): Receiver {
    return started(this.#receiver);
  }

  get gateway(): Gateway {
    return started(this.#gateway);
  }

  /** Where finished recordings are kept. */
  get recordings(): string {
    return join(this.#folder, 'recordings');
  }

  /** Where callers send their INVITEs. */
  get sip(): { host: string; port: number } {
    return this.engines.sip;
  }

  /** The same over TLS. */
  get sips(): { host: string; port: number } {
    return this.engines.sips;
  }

  /** The gateway's configuration, as an operator would write it. */
  configuration(): Raw {
    const parts = this.#scenes.map((scene) => scene.configuration());
    const { drachtio, freeswitch, spool } = this.engines;
    const wired = ({ host, port }: TcpProxy) => ({ host, port });
    return {
      gateway: { id: 'gw-test' },
      http: { host: this.addresses.engines, port: 8080 },
      redis: { ...started(this.#redis).address(), keyPrefix: PREFIX },
      engines: {
        mode: 'real',
        ...this.#limits,
        drachtio: { ...drachtio, ...wired(this.wires.drachtio) },
        freeswitch: [
          ...this.#mediaBefore,
          { ...freeswitch, ...wired(this.wires.freeswitch), sipAddress: this.addresses.engines },
        ],
      },
      trunks: [
        { id: 'carrier', inbound: { from: [this.addresses.carrierRange], trustAssertedIdentity: true } },
        ...parts.flatMap((part) => part.trunks),
      ],
      lines: parts.flatMap((part) => part.lines),
      destinations: parts.flatMap((part) => part.destinations),
      routes: parts.flatMap((part) => part.routes),
      sites: [{ id: 'shop', defaultRoute: this.#scenes[0]?.routeId, webhooks: ['crm'] }],
      numbers: parts.flatMap((part) => part.numbers),
      webhooks: [{ id: 'crm', url: this.receiver.url, secret: SECRET, allowPrivate: true }],
      recordings: { directory: this.recordings, spool },
      log: { level: process.env['CALLTRACK_TEST_LOG'] ?? 'silent' },
      ...this.#overrides,
    };
  }

  /**
   * Events of the calls that `wanted` picks, in the order of their sequence, once `calls` of them have ended and their
   * recordings have been settled.
   */
  async settledEvents(wanted: (call: Call) => boolean, calls: number): Promise<CallEvent[]> {
    return await until('the events of the call', () => {
      const events = this.receiver.events.filter((event) => wanted(event.data.call));
      const ids = [...new Set(events.map((event) => event.data.call.id))];
      const settled = ids.filter((id) => isSettled(events.filter((event) => event.data.call.id === id)));
      if (settled.length < calls || settled.length < ids.length) return undefined;
      return events.toSorted(
        (a, b) => ids.indexOf(a.data.call.id) - ids.indexOf(b.data.call.id) || a.sequence - b.sequence,
      );
    });
  }

  /** Retries until no channel, no token that still counts and no file of a call is left anywhere. */
  async expectNothingLeft(): Promise<void> {
    await until('nothing of the calls is left', async () => {
      for (const engines of [this.engines, this.#peerEngines]) {
        if (engines === undefined) continue;
        expect(await engines.channels()).toBe(0);
        expect(await readdir(engines.spool)).toEqual([]);
      }
      for (const [resource, inUse] of await this.channelsInUse()) expect(inUse, resource).toBe(0);
      expect(await this.client.zrange(`${PREFIX}v1:{calls}:live`, 0, -1)).toEqual([]);
      return true;
    });
  }

  /** Channels held in Redis now, by resource: tokens whose time is not over by the server's own clock. */
  async channelsInUse(): Promise<Map<string, number>> {
    const keys = await this.client.keys(`${PREFIX}v1:*channel:*`);
    const [seconds, micros] = await this.client.time();
    const now = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
    const counts = await Promise.all(keys.map((key) => this.client.zcount(key, `(${now}`, '+inf')));
    return new Map(keys.map((key, i) => [key.replace(/^.*channel:/, '').replace(/[{}]/g, ''), counts[i] ?? 0]));
  }

  async #lendTo(scene: Scene): Promise<void> {
    const { number = 'dynamic', lent = true } = scene.options;
    if (number !== 'dynamic') return;
    await writeNumber(started(this.#client), PREFIX, scene.trackingNumber, {
      site: 'shop',
      kind: 'dynamic',
      route: scene.routeId,
    });
    if (lent) await lend(started(this.#client), PREFIX, scene.trackingNumber, 'shop', visitor(scene.sessionId));
  }
}

function isSettled(events: CallEvent[]): boolean {
  const end = events.find((event) => /^call\.(completed|missed|rejected)$/.test(event.type));
  if (end === undefined) return false;
  return end.data.call.answeredAt === null || events.some((event) => event.type.startsWith('recording.'));
}

function started<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('the stage has not started');
  return part;
}
