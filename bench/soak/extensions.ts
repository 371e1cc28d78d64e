import { setTimeout as pause } from 'node:timers/promises';
import { Phone, type PhoneOptions } from '../../src/sandbox/phone/index.js';
import { credentialsOf } from './configuration.js';
import type { House } from './house.js';
import { DIALLED_MS, type LineState } from './line-state.js';
import type { Way } from './ways.js';

interface Span {
  state: LineState;
  fromMs: number;
}

/** Longer than a registration is left alone, and as short as the gateway takes it. */
const EXPIRES_SECONDS = 60;
const REFRESH_MS = 12_000;
const REFRESHES = 4;
const LONGEST_AWAY_MS = 6_000;
/** Between two tries of one that is refused: a gateway that is being started takes none. */
const AGAIN_MS = 500;

/** A phone of the business that registers with every gateway, now and then goes away, and comes back. */
export class Extension {
  readonly #spans: Span[] = [{ state: 'unsure', fromMs: 0 }];
  readonly #stop = new AbortController();

  private constructor(
    readonly phone: Phone,
    private readonly way: Way,
    private readonly house: House,
    private readonly random: () => number,
  ) {}

  static async open(way: Way, options: PhoneOptions, house: House, random: () => number): Promise<Extension> {
    const extension = new Extension(await Phone.open({ ...options, user: `registered-${way}` }), way, house, random);
    await extension.#comeBack(0);
    return extension;
  }

  /** Until it is stopped; each time it has come back, one without TLS goes by the other of its transports. */
  async run(): Promise<void> {
    try {
      for (let turn = 0; ; turn += 1) await this.#turn(turn);
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  async #turn(turn: number): Promise<void> {
    await this.#comeBack(turn);
    const refreshes = 1 + Math.floor(this.random() * REFRESHES);
    for (let n = 0; n < refreshes; n += 1) {
      await this.#pause(REFRESH_MS * (0.5 + this.random()));
      await this.#comeBack(turn);
    }
    await this.#leave(turn);
    await this.#pause(DIALLED_MS + this.random() * LONGEST_AWAY_MS);
  }

  /** As it was for a call that was placed then. */
  stateAt(placedAtMs: number): LineState {
    const at = this.#spans.findLastIndex(({ fromMs }) => fromMs <= placedAtMs);
    const next = this.#spans[at + 1]?.fromMs ?? Infinity;
    return next < placedAtMs + DIALLED_MS ? 'unsure' : (this.#spans[at]?.state ?? 'unsure');
  }

  stop(): void {
    this.#stop.abort();
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#stop.signal });
  }

  async #comeBack(turn: number): Promise<void> {
    await this.#registerEverywhere(turn, EXPIRES_SECONDS, 'up');
  }

  async #leave(turn: number): Promise<void> {
    await this.#registerEverywhere(turn, 0, 'gone');
  }

  async #registerEverywhere(turn: number, expires: number, state: LineState): Promise<void> {
    if (this.#spans.at(-1)?.state !== state) this.#note('unsure');
    for (const { engines } of this.house.machines)
      while (!(await this.#register(engines.sip.host, turn, expires))) {
        this.#note('unsure');
        await this.#pause(AGAIN_MS);
      }
    this.#note(state);
  }

  async #register(host: string, turn: number, expires: number): Promise<boolean> {
    const protocol = this.way !== 'udp' ? 'tls' : turn % 2 === 0 ? 'udp' : 'tcp';
    const port = protocol === 'tls' ? 5061 : 5060;
    const registrar = `sip:${host}:${port};transport=${protocol}`;
    const response = await this.phone.register({ registrar, credentials: credentialsOf(this.way), expires });
    return response.status === 200;
  }

  #note(state: LineState): void {
    if (this.#spans.at(-1)?.state !== state) this.#spans.push({ state, fromMs: Date.now() });
  }
}
