import { inBackground } from '../lib/background.js';
import type { CallResources, HeldChannel } from './call.js';
import type { Channels } from './ports.js';

/**
 * The channels that one call holds. A channel is taken before the INVITE goes out and released only when nothing of
 * that leg is on the wire any more: until then it is in use at the far end too. The legs release theirs one by one.
 */
export class CallChannels {
  readonly #occupied = new Set<string>();
  readonly #leaving = new Set<Promise<void>>();
  #ended = false;

  /** @param changed called when `resources` have changed, but not after the call has ended */
  constructor(
    private readonly resources: CallResources,
    private readonly channels: Pick<Channels, 'release'>,
    private readonly changed: () => void,
  ) {}

  /** From now on the call renews these. Granted after the call's end, they go back at once. */
  hold(channels: HeldChannel[]): void {
    if (this.#ended) {
      inBackground(this.channels.release(channels));
      return;
    }
    this.resources.channels.push(...channels);
    this.changed();
  }

  /** These belong to a leg, and are released when `gone` settles, not before. */
  occupy(channels: HeldChannel[], gone: Promise<unknown>): void {
    for (const { token } of channels) this.#occupied.add(token);
    const left = gone
      .catch(() => undefined)
      .then(() => this.#release(channels))
      .finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
    inBackground(left);
  }

  /** The call has ended: releases at once what belongs to no leg. Settles when the last leg is off the wire. */
  async end(): Promise<void> {
    this.#ended = true;
    const idle = this.resources.channels.filter(({ token }) => !this.#occupied.has(token));
    await Promise.all([this.#release(idle), ...this.#leaving]);
  }

  async #release(channels: HeldChannel[]): Promise<void> {
    const tokens = new Set(channels.map(({ token }) => token));
    const held = this.resources.channels.filter(({ token }) => tokens.has(token));
    if (held.length === 0) return;
    this.resources.channels = this.resources.channels.filter(({ token }) => !tokens.has(token));
    await this.channels.release(held);
    if (!this.#ended) this.changed();
  }
}
