import { inBackground } from '../lib/background.js';
import type { CallResources, HeldChannel } from './call.js';
import type { Channels } from './ports.js';

/**
 * What one call holds of the limits. A channel is held from before its INVITE until nothing of that leg is on the wire
 * any more, since until then it is taken at the far end too; whose leg is off first is free first.
 */
export class CallChannels {
  readonly #occupied = new Set<string>();
  readonly #leaving = new Set<Promise<void>>();
  #ended = false;

  /** @param changed the resources did; not told any more once the call has ended */
  constructor(
    private readonly resources: CallResources,
    private readonly channels: Pick<Channels, 'release'>,
    private readonly changed: () => void,
  ) {}

  /** What the call does not hold is not renewed. Granted after the call's end, it goes back at once. */
  hold(channels: HeldChannel[]): void {
    if (this.#ended) {
      inBackground(this.channels.release(channels));
      return;
    }
    this.resources.channels.push(...channels);
    this.changed();
  }

  /** A leg takes these: they are released when `gone` has settled, and not before. */
  occupy(channels: HeldChannel[], gone: Promise<unknown>): void {
    for (const { token } of channels) this.#occupied.add(token);
    const left = gone
      .catch(() => undefined)
      .then(() => this.#release(channels))
      .finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
    inBackground(left);
  }

  /** The call has ended: gives back at once what no leg takes. Settles when the last leg is off the wire. */
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
