import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { AddressBlock } from '../../test/support/addresses.js';
import { lend, visitor, writeNumber } from '../../test/support/lender.js';
import { Program } from '../../test/support/processes.js';
import { OwnRedis } from '../../test/support/redis-server.js';
import { until } from '../../test/support/until.js';
import { BASELINE_PORT, startBenchEngines, type BenchEngines, type EngineKind } from './engines.js';
import { GatewayProcess } from './gateway-process.js';
import { Load } from './load.js';
import type { RunRequest } from './messages.js';
import { ROOT } from './places.js';
import { BenchReceiver } from './receiver.js';
import { takeRecordings } from './recordings.js';
import type { Address } from './sip-text.js';

/** A: FreeSWITCH alone. P: the bare program of the same way of media. */
export const SYSTEMS = ['A', 'P', 'ours'] as const;
export type System = (typeof SYSTEMS)[number];

export interface OursOptions {
  /** Engines' limits; the default lets everything in. */
  maxCallsPerSecond?: number;
  inspect?: boolean;
  /** In place of the addresses of Redis and drachtio, to look at what passes. */
  redis?: Address;
  drachtio?: Address;
}

const PREFIX = 'ct:';
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const NUMBERS = 20;
const CALLERS = 500;
const RTP_PORT = 6000;
const SIP_PORT = 5060;
/** V8 compiles what has run some hundred times; before that a call costs several times as much. */
const WARM_UP = { callsPerSecond: 20, calls: 300, holdMs: 200 };
const UNLIMITED = 100_000;

/** Everything one bench needs, on loopback addresses of its own; at most one system under test is up at a time. */
export class World {
  #system: System | null = null;
  #gateway: GatewayProcess | null = null;
  #bare: Program | null = null;

  private constructor(
    readonly kind: EngineKind,
    readonly engines: BenchEngines,
    readonly redis: OwnRedis,
    readonly receiver: BenchReceiver,
    readonly load: Load,
    private readonly addresses: AddressBlock,
    private readonly callee: string,
    private readonly folder: string,
  ) {}

  static async open(kind: EngineKind): Promise<World> {
    const addresses = await AddressBlock.claim();
    const folder = await mkdtemp(join(tmpdir(), 'calltrack-bench-'));
    const [carrier, business] = [addresses.carrier(), addresses.business()];
    const callee = `${business}:${SIP_PORT}`;
    const [engines, redis, receiver, load] = await Promise.all([
      startBenchEngines(kind, { address: addresses.engines, callee, folder }),
      OwnRedis.start(),
      BenchReceiver.start(SECRET),
      Load.start(
        { host: carrier, sipPort: SIP_PORT, rtpPort: RTP_PORT },
        { host: business, sipPort: SIP_PORT, rtpPort: RTP_PORT },
      ),
    ]);
    const world = new World(kind, engines, redis, receiver, load, addresses, callee, folder);
    await world.#lendNumbers();
    return world;
  }

  async close(): Promise<void> {
    await this.stopSystem();
    this.load.stop();
    this.receiver.stop();
    await Promise.all([this.engines.stop(), this.redis.remove()]);
    if (process.env['CALLTRACK_BENCH_KEEP'] === undefined) await rm(this.folder, { recursive: true, force: true });
    else console.log(`kept ${this.folder}`);
    this.addresses.release();
  }

  /** What can be measured on these engines, in the order of a round. */
  get systems(): readonly System[] {
    return this.kind === 'real' ? SYSTEMS : ['ours'];
  }

  get gateway(): GatewayProcess {
    if (!this.#gateway) throw new Error('the gateway is not up');
    return this.#gateway;
  }

  /** Where finished recordings of our calls are kept. */
  get recordings(): string {
    return join(this.folder, 'recordings');
  }

  /** Node processes of the system under test. */
  get nodePid(): number | null {
    return this.#gateway?.pid ?? this.#bare?.pid ?? null;
  }

  /** Makes `system` the one under test, freshly started and warmed up by calls that are not counted. */
  async use(system: System, options: OursOptions = {}): Promise<void> {
    await this.stopSystem();
    this.#system = system;
    if (system === 'ours') this.#gateway = await this.#startGateway(options);
    if (system === 'P') this.#bare = await this.#startBare();
    await this.load.run(this.request(WARM_UP));
    await this.quiet();
    this.receiver.forget();
    await this.discardRecordings();
  }

  async stopSystem(): Promise<void> {
    await this.#gateway?.stop();
    await this.#bare?.stop();
    this.#gateway = this.#bare = this.#system = null;
  }

  /** Until FreeSWITCH has no channel and the gateway no call. */
  async quiet(): Promise<void> {
    await until('the engines are quiet', async () => (await this.engines.channels()) === 0, 60_000);
    if (this.#gateway) await until('the gateway is quiet', async () => (await this.#gateway?.calls()) === 0, 60_000);
  }

  request(shape: Pick<RunRequest, 'callsPerSecond' | 'calls' | 'holdMs'> & { rtp?: boolean }): RunRequest {
    const { host } = this.engines.sip;
    const remote = { host, port: this.#system === 'A' ? BASELINE_PORT : SIP_PORT };
    return { rtp: false, ...shape, remote, numbers: trackingNumbers(), callers: callerNumbers() };
  }

  async discardRecordings(): Promise<void> {
    // Again where the recording of a call that failed is just being put there.
    await rm(this.recordings, { recursive: true, force: true, maxRetries: 5 });
    if (this.engines.baselineSpool !== null) await takeRecordings(this.engines.baselineSpool);
  }

  /** Recordings that nobody came for. */
  async leftInSpool(): Promise<number> {
    return (await readdir(this.engines.spool)).length;
  }

  #startGateway(options: OursOptions): Promise<GatewayProcess> {
    const { inspect = false } = options;
    const host = this.addresses.engines;
    return GatewayProcess.start({ folder: this.folder, host, inspect, config: this.#configuration(options) });
  }

  #configuration({ maxCallsPerSecond = UNLIMITED, redis, drachtio }: OursOptions): Record<string, unknown> {
    const { engines } = this;
    const channels = UNLIMITED;
    return {
      gateway: { id: 'gw-bench' },
      http: { host: this.addresses.engines, port: 8080 },
      redis: { url: redis ? `redis://${redis.host}:${redis.port}/0` : this.redis.url, keyPrefix: PREFIX },
      engines: {
        mode: 'real',
        drachtio: { ...engines.drachtio, ...drachtio },
        freeswitch: [{ ...engines.freeswitch, sipAddress: this.addresses.engines }],
        maxCalls: UNLIMITED,
        maxCallsPerSecond,
      },
      trunks: [
        { id: 'carrier', inbound: { from: [this.addresses.carrierRange], channels, trustAssertedIdentity: true } },
        { id: 'business', outbound: { to: `sip:${this.callee}`, channels } },
      ],
      destinations: [{ id: 'office', trunk: 'business', number: '+74953200000', channels }],
      routes: [{ id: 'office', steps: [{ dial: ['office'], for: '20s' }] }],
      sites: [{ id: 'shop', defaultRoute: 'office', webhooks: ['crm'] }],
      webhooks: [{ id: 'crm', url: this.receiver.url, secret: SECRET, allowPrivate: true }],
      recordings: { directory: this.recordings, spool: engines.spool },
      log: { level: 'info' },
    };
  }

  async #startBare(): Promise<Program> {
    const { drachtio, freeswitch, sip } = this.engines;
    const settings = { drachtio, freeswitch, media: `${sip.host}:${BASELINE_PORT}`, callee: this.callee };
    const program = new Program(process.execPath, [join(ROOT, 'bench/baselines/through.mjs')], {
      env: { ...process.env, BASELINE: JSON.stringify(settings) },
    });
    await until('the bare program is ready', () => program.output.includes('READY'));
    return program;
  }

  /** Every number with a lease, a visitor and former holders, as in a busy hour. */
  async #lendNumbers(): Promise<void> {
    const client = new Redis(this.redis.url);
    for (const number of trackingNumbers()) {
      await writeNumber(client, PREFIX, number, { site: 'shop', kind: 'dynamic', route: 'office' });
      for (let n = 0; n < 3; n += 1)
        await lend(client, PREFIX, number, 'shop', visitor(`visit-${number.slice(-4)}-${n}`));
      await client.persist(`${PREFIX}lease:{${number}}`);
      await client.hset(`${PREFIX}lease:{${number}}`, { expiresAt: Date.now() + 86_400_000 });
    }
    client.disconnect();
  }
}

const trackingNumbers = (): string[] =>
  Array.from({ length: NUMBERS }, (_, n) => `+7495220${String(n).padStart(4, '0')}`);

const callerNumbers = (): string[] =>
  Array.from({ length: CALLERS }, (_, n) => `+7916310${String(n).padStart(4, '0')}`);
