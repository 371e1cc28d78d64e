import type { KeeperLease } from '../history/keeper.js';
import type { LeavingCall, LeavingCalls } from '../history/sweeper.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { asNumber, asTexts, inRows, loadScript } from './scripts.js';

const oldestScript = loadScript('oldest-calls');
const dropScript = loadScript('drop-calls');
const leaseScript = loadScript('lease-sweep');
const releaseScript = loadScript('release-sweep');

/** Of one who died in the middle of it. */
const LEASE_MS = 120_000;
/** A call that nobody has ended so long after it was due is archived as it is. */
const ABANDONED_MS = 7 * 86_400_000;

/** Calls at the end of their retention (`LeavingCalls` of history/sweeper.ts), and who lets them leave. */
export class RedisLeavingCalls implements LeavingCalls, KeeperLease {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
    /** Names this run of the gateway. */
    private readonly owner: string,
  ) {}

  lease(): Promise<boolean> {
    return this.#lease(1);
  }

  renew(): Promise<boolean> {
    return this.#lease(0);
  }

  #lease(take: 0 | 1): Promise<boolean> {
    return this.link.run({
      script: leaseScript,
      keys: [this.keys.historySweep()],
      args: [this.owner, LEASE_MS, take],
      read: (reply) => asNumber(reply) === 1,
    });
  }

  async release(): Promise<void> {
    await this.link.run({
      script: releaseScript,
      keys: [this.keys.historySweep()],
      args: [this.owner],
      read: asNumber,
    });
  }

  clock(): Promise<number> {
    return this.link.clock();
  }

  async oldest(before: number, most: number): Promise<LeavingCall[]> {
    return this.link.run({
      script: oldestScript,
      keys: [this.keys.historyState()],
      args: [this.keys.history(), this.keys.callPrefix(), before, before - ABANDONED_MS, most],
      read: (reply) =>
        inRows(asTexts(reply), 4).map(([place = '', id = '', state = '', doc = '']) => ({ place, id, state, doc })),
    });
  }

  async drop(calls: readonly LeavingCall[]): Promise<number> {
    return this.link.run({
      script: dropScript,
      keys: [this.keys.recentCalls()],
      args: [
        this.keys.history(),
        this.keys.callPrefix(),
        calls[0]?.place ?? '',
        ...calls.flatMap(({ id, state }) => [id, state]),
      ],
      read: asNumber,
    });
  }
}
