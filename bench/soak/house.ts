import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { AddressBlock } from '../../test/support/addresses.js';
import type { Engines } from '../../test/support/engines.js';
import { MoodyReceiver } from '../../test/support/moody-receiver.js';
import { startRealEngines } from '../../test/support/real-engines.js';
import { OwnRedis } from '../../test/support/redis-server.js';
import { startSandboxEngines } from '../../test/support/sandbox-engines.js';
import { TcpProxy } from '../../test/support/tcp-proxy.js';
import { GatewayProcess, type LogLine } from '../lib/gateway-process.js';
import { configuration, lendNumbers, type Places } from './configuration.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
/** Long enough for a hold, which is not silent by mistake, and short enough for the callers whose sound stops. */
const MEDIA_TIMEOUT_MS = 4000;

/** One machine of two: engines, and the gateway that they serve. */
export class Machine {
  readonly #gateways: GatewayProcess[] = [];

  constructor(
    readonly id: string,
    readonly engines: Engines,
    /** What its gateway reaches them by. */
    readonly wires: { drachtio: TcpProxy; freeswitch: TcpProxy },
    private readonly launch: (start: number) => Promise<GatewayProcess>,
  ) {}

  /** Starts the gateway (again), with a log of its own. */
  async start(): Promise<void> {
    this.#gateways.push(await this.launch(this.#gateways.length + 1));
  }

  get gateway(): GatewayProcess {
    const last = this.#gateways.at(-1);
    if (last === undefined) throw new Error(`${this.id} was never started`);
    return last;
  }

  get starts(): number {
    return this.#gateways.length;
  }

  /** What all its gateways have logged as errors. */
  async errors(): Promise<LogLine[]> {
    return (await Promise.all(this.#gateways.map((gateway) => gateway.logged('error', 'fatal')))).flat();
  }

  async close(): Promise<void> {
    await this.#gateways.at(-1)?.stop();
    for (const wire of Object.values(this.wires)) wire.close();
    await this.engines.stop();
  }
}

/** Two gateways with engines of their own on one Redis, and a receiver. */
export class House {
  private constructor(
    readonly machines: readonly Machine[],
    readonly redis: OwnRedis,
    readonly client: Redis,
    readonly receiver: MoodyReceiver,
    readonly places: Places,
    private readonly addresses: AddressBlock,
    private readonly folder: string,
  ) {}

  /** @param older a built checkout of an older version, from which the second gateway starts, and again at every other start */
  static async open(kind: Engines['kind'], older?: string): Promise<House> {
    const addresses = await AddressBlock.claim();
    const folder = await mkdtemp(join(tmpdir(), 'calltrack-soak-'));
    const redis = await OwnRedis.start({ appendfsync: 'always' });
    const client = new Redis(redis.url, { retryStrategy: () => 50 });
    client.on('error', () => undefined); // Redis is taken away on purpose
    const receiver = await MoodyReceiver.start(SECRET);
    const places = castFrom(addresses);
    const shared = configuration(places, { redis, receiver, secret: SECRET });
    const sites = [
      { id: 'gw-1', address: addresses.engines },
      { id: 'gw-2', address: addresses.peerEngines, older },
    ];
    const machines = await Promise.all(sites.map(async (site) => await openMachine(kind, { ...site, folder, shared })));
    const house = new House(machines, redis, client, receiver, places, addresses, folder);
    await lendNumbers(client);
    await Promise.all(machines.map((machine) => machine.start()));
    return house;
  }

  /** Where finished recordings are kept. */
  get recordings(): string {
    return join(this.folder, 'recordings');
  }

  /** Whether every gateway finds the watched line up, or down. */
  async findsLine(up: boolean): Promise<boolean> {
    const found = await Promise.all(this.machines.map(({ gateway }) => gateway.metric('calltrack_line_up')));
    return found.every((value) => value === Number(up));
  }

  async close(): Promise<void> {
    await Promise.all(this.machines.map((machine) => machine.close()));
    this.receiver.stop();
    this.client.disconnect();
    await this.redis.remove();
    if (process.env['CALLTRACK_BENCH_KEEP'] === undefined) await rm(this.folder, { recursive: true, force: true });
    else console.log(`kept ${this.folder}`);
    this.addresses.release();
  }
}

type Raw = Record<string, unknown>;

async function openMachine(
  kind: Engines['kind'],
  place: { id: string; address: string; folder: string; shared: Raw; older?: string | undefined },
): Promise<Machine> {
  const { id, address, folder, shared, older } = place;
  const start = kind === 'real' ? startRealEngines : startSandboxEngines;
  const engines = await start({ address, mediaTimeoutMs: MEDIA_TIMEOUT_MS });
  const wires = {
    drachtio: await TcpProxy.open(engines.drachtio),
    freeswitch: await TcpProxy.open(engines.freeswitch),
  };
  const through = ({ host, port }: TcpProxy) => ({ host, port });
  return new Machine(id, engines, wires, async (n) => {
    const own = join(folder, `${id}-${n}`);
    await mkdir(own);
    const { drachtio, freeswitch, spool } = engines;
    const config = {
      ...shared,
      gateway: { id },
      http: { host: address, port: 8080 },
      engines: {
        mode: 'real',
        drachtio: { ...drachtio, ...through(wires.drachtio) },
        freeswitch: [{ ...freeswitch, ...through(wires.freeswitch), sipAddress: address }],
      },
      recordings: { directory: join(folder, 'recordings'), spool },
    };
    const checkout = older !== undefined && n % 2 === 1 ? { checkout: older } : {};
    return await GatewayProcess.start({ folder: own, host: address, config, inspect: true, ...checkout });
  });
}

const castFrom = (addresses: AddressBlock): Places => ({
  carrierRange: addresses.carrierRange,
  callers: { clear: addresses.carrier(), secured: addresses.carrier(), lossy: addresses.carrier() },
  business: { clear: addresses.business(), secured: addresses.business(), lossy: addresses.business() },
  extensions: { udp: addresses.business(), tls: addresses.business(), srtp: addresses.business() },
  pbx: addresses.business(),
  nobody: addresses.business(),
});
