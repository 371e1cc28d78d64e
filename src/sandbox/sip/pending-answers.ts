import type { SipResponse } from './message.js';
import type { ServerTransaction } from './server-transaction.js';
import type { SipTimers } from './timers.js';
import { transactionTimeoutMs } from './timers.js';

interface Pending {
  repeat: NodeJS.Timeout | undefined;
  giveUp: NodeJS.Timeout;
}

/** Our 2xx to INVITEs that wait for their ACK (RFC 3261 13.3.1.4), found by CSeq number. */
export class PendingAnswers {
  readonly #pending = new Map<number, Pending>();

  constructor(
    private readonly timers: SipTimers,
    private readonly onTimeout: () => void,
  ) {}

  get pending(): boolean {
    return this.#pending.size > 0;
  }

  /** @param repeats whether it is sent until the ACK is there; otherwise nobody waits for that */
  add(transaction: ServerTransaction, response: SipResponse, repeats = true): void {
    const { seq } = transaction.request.cseq;
    this.acknowledge(seq);
    const giveUp = setTimeout(() => {
      this.acknowledge(seq);
      if (repeats) this.onTimeout();
    }, transactionTimeoutMs(this.timers));
    const entry: Pending = { repeat: undefined, giveUp };
    this.#pending.set(seq, entry);
    // No proxies here: what TCP has delivered is delivered.
    if (repeats && transaction.arrival.protocol === 'udp')
      this.#repeatAfter(this.timers.t1Ms, entry, transaction, response);
  }

  /** False when nothing waits for it: a repeated ACK, or one for a refused INVITE. */
  acknowledge(seq: number): boolean {
    const entry = this.#pending.get(seq);
    if (!entry) return false;
    clearTimeout(entry.repeat);
    clearTimeout(entry.giveUp);
    this.#pending.delete(seq);
    return true;
  }

  clear(): void {
    for (const seq of [...this.#pending.keys()]) this.acknowledge(seq);
  }

  #repeatAfter(delayMs: number, entry: Pending, transaction: ServerTransaction, response: SipResponse): void {
    entry.repeat = setTimeout(() => {
      transaction.send(response);
      this.#repeatAfter(Math.min(delayMs * 2, this.timers.t2Ms), entry, transaction, response);
    }, delayMs);
  }
}
