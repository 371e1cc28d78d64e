import { setTimeout as wait } from 'node:timers/promises';
import type { GatewayConfig } from '../config/schema.js';
import type { RedisLink } from './connection.js';
import type { Keys } from './keys.js';
import { listInPools, runInBatches, type Listing } from './pool-list.js';
import { loadScript, type ScriptCall } from './scripts.js';

type NumberConfig = GatewayConfig['numbers'][number];

const writeScript = loadScript('write-number');
const removeScript = loadScript('remove-number');

/** A gateway that has not spoken for so long has left for good: its numbers are no longer anybody's. */
const WORD_MS = 86_400_000;
/** Thousands of numbers are withdrawn within a second; whoever dies doing it is waited for no longer. */
const WITHDRAWAL_MS = 60_000;
const LOOK_AGAIN_MS = 50;

/**
 * The configuration's tracking numbers in the contract keys, where the admission looks for all numbers alike. Each
 * gateway has a file of its own, and a number stays for as long as any gateway's file names it: while files are being
 * changed one gateway after the other, none takes away what another has just brought.
 */
export class RedisNumbers {
  /** @param gateway `gateway.id`; a restarted gateway takes its former numbers back */
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
    private readonly gateway: string,
  ) {}

  /**
   * Writes the numbers of the configuration and removes those that it wrote before and no longer has, unless another
   * gateway's has them; repeating it changes nothing. What other services wrote stays. Rejects with GW_ERR_REDIS_AWAY,
   * having written a part perhaps.
   */
  async write(numbers: NumberConfig[]): Promise<void> {
    await this.keepWord();
    await this.#afterWithdrawal();
    const listKey = this.keys.configuredNumbers(this.gateway);
    const before = await this.link.send((client) => client.smembers(listKey));
    const present = new Set(numbers.map(({ number }) => number));
    // Listed before they are written: what a gateway has written by the time it dies is found.
    if (present.size > 0) await this.link.send((client) => client.sadd(listKey, ...present));
    const formerSites = await runInBatches(
      this.link,
      numbers.map((number) => this.#writeCall(number)),
    );
    const listed = numbers.map(({ site, number, kind }): Listing => {
      return { site, number, state: kind === 'dynamic' ? 'lent' : 'shown' };
    });
    await listInPools(this.link, this.keys, [
      ...goneFrom(
        formerSites,
        numbers.map(({ number }) => number),
      ),
      ...listed,
    ]);
    await this.#withdraw(
      this.gateway,
      before.filter((number) => !present.has(number)),
    );
  }

  /**
   * This gateway's numbers stay its own, and those of gateways that have left for good go. To be called several times
   * per `WORD_MS`. Rejects with GW_ERR_REDIS_AWAY.
   */
  async keepWord(): Promise<void> {
    const key = this.keys.numberGateways();
    // By the server's clock: a gateway whose own is a day off would take away everybody's numbers, or lose its own.
    const now = await this.link.clock();
    await this.link.send((client) => client.zadd(key, now + WORD_MS, this.gateway));
    const gone = await this.link.send((client) => client.zrangebyscore(key, '-inf', now));
    for (const gateway of gone) await this.#withdrawAll(gateway, now);
    // One that has come back meanwhile has a later score.
    if (gone.length > 0) await this.link.send((client) => client.zremrangebyscore(key, '-inf', now));
  }

  /**
   * All numbers of a gateway that has left. It may come back in this very moment: he who comes back gives his word first
   * and then looks for this mark, we put up the mark first and then look for his word, so one of us sees the other.
   */
  async #withdrawAll(gateway: string, now: number): Promise<void> {
    const mark = this.keys.numberWithdrawal(gateway);
    const mine = await this.link.send((client) => client.set(mark, this.gateway, 'PX', WITHDRAWAL_MS, 'NX'));
    if (mine === null) return; // another one is at it
    const word = await this.link.send((client) => client.zscore(this.keys.numberGateways(), gateway));
    if (word !== null && Number(word) <= now) {
      const listKey = this.keys.configuredNumbers(gateway);
      await this.#withdraw(gateway, await this.link.send((client) => client.smembers(listKey)));
    }
    await this.link.send((client) => client.del(mark));
  }

  /** What is being withdrawn because we were away for so long would be taken away again right behind our writing it. */
  async #afterWithdrawal(): Promise<void> {
    const mark = this.keys.numberWithdrawal(this.gateway);
    while ((await this.link.send((client) => client.exists(mark))) === 1) await wait(LOOK_AGAIN_MS);
  }

  /** `gateway`'s file does not name these numbers any more. */
  async #withdraw(gateway: string, numbers: string[]): Promise<void> {
    if (numbers.length === 0) return;
    const sites = await runInBatches(
      this.link,
      numbers.map((number) => ({ script: removeScript, keys: this.#keysOf(number), args: [gateway], read: String })),
    );
    await listInPools(this.link, this.keys, goneFrom(sites, numbers));
    await this.link.send((client) => client.srem(this.keys.configuredNumbers(gateway), ...numbers));
  }

  #writeCall({ number, site, kind, route, source }: NumberConfig): ScriptCall<string> {
    return {
      script: writeScript,
      keys: this.#keysOf(number),
      args: [this.gateway, site, kind, route ?? '', source ? JSON.stringify(source) : ''],
      read: String,
    };
  }

  #keysOf(number: string): string[] {
    return [this.keys.number(number), this.keys.numberFiles(number)];
  }
}

/** @param sites of each of `numbers`, where it is no more; '' where it was nowhere */
function goneFrom(sites: readonly string[], numbers: readonly string[]): Listing[] {
  const gone = numbers.map((number, i): Listing => ({ site: sites[i] ?? '', number, state: 'gone' }));
  return gone.filter(({ site }) => site !== '');
}
