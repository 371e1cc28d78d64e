import { Phone, type IncomingCall, type OutgoingCall, type PhoneCall } from '../../src/sandbox/phone/index.js';
import { CALLER_HZ } from '../../test/support/wav.js';
import { behaviourOf, play, type Plan } from './behaviours.js';
import { Crowds } from './crowds.js';
import { trackingNumber, type House } from './house.js';
import type { Story } from './ledger.js';

/** Who calls, and whom they reach. What is over is forgotten: hours of sound would fill the memory. */
export class Phones {
  /** By the caller's number. */
  readonly #plans = new Map<string, Plan>();
  readonly #rung = new Map<string, IncomingCall>();
  #talking = 0;

  private constructor(
    private readonly house: House,
    private readonly callers: Phone,
    private readonly business: Phone,
    private readonly crowds: Crowds,
  ) {}

  static async open(house: House): Promise<Phones> {
    const callers = await Phone.open({ host: house.addresses.carrier(), port: 5060 });
    const business = await Phone.open({ host: house.business, port: 5060 });
    const phones = new Phones(house, callers, business, new Crowds());
    business.answers = ({ request }) => {
      const plan = phones.#plans.get(callerOf(request.headers.get('From')));
      return plan === undefined
        ? { refuse: { status: 500 }, media: false }
        : (behaviourOf(plan.kind).business?.(plan) ?? {});
    };
    phones.#keepRung().catch(() => undefined); // the phone was closed
    return phones;
  }

  /** Callers who are in a call, and calls that ring or talk at the business. */
  get inCalls(): { callers: number; business: number } {
    return { callers: this.#talking, business: this.business.calls.filter((call) => !call.isEnded).length };
  }

  /** Places a call and plays it to its end. */
  async run(plan: Plan): Promise<Story> {
    const { host, port } = this.house.machines[plan.machine]?.engines.sip ?? { host: '', port: 0 };
    this.#talking += 1;
    this.#plans.set(plan.caller, plan);
    const placedAtMs = Date.now();
    const call = await this.callers.call({
      target: `sip:${trackingNumber(plan.kind)}@${host}:${port}`,
      callerId: plan.caller,
      toneHz: CALLER_HZ,
      ...behaviourOf(plan.kind).options,
    });
    const trouble = await play(call, plan, () => this.#rung.get(plan.caller));
    await call.dispose();
    forget(this.callers, call);
    this.#talking -= 1;
    this.#plans.delete(plan.caller);
    const overAtMs = Date.now();
    const crowded = this.crowds.between(placedAtMs, overAtMs);
    return { ...storyOf(call), plan, placedAtMs, overAtMs, trouble, crowded };
  }

  async close(): Promise<void> {
    this.crowds.stop();
    await Promise.all([this.callers.close(), this.business.close()]);
  }

  async #keepRung(): Promise<void> {
    for (;;) {
      const call = await this.business.nextCall(2 ** 31 - 1);
      const caller = callerOf(call.invite.headers.get('From'));
      this.#rung.set(caller, call);
      const over = (): void => {
        this.#rung.delete(caller);
        forget(this.business, call);
      };
      call.ended(2 ** 31 - 1).then(over, () => undefined);
    }
  }
}

const callerOf = (from = ''): string => /sips?:([^@;>]+)@/.exec(from)?.[1] ?? '';

function forget(phone: Phone, call: PhoneCall): void {
  const at = phone.calls.indexOf(call);
  if (at >= 0) phone.calls.splice(at, 1);
}

function storyOf(call: OutgoingCall): Pick<Story, 'sipCallId' | 'rang' | 'answered' | 'status' | 'talkSeconds'> {
  const { answeredMs, endedMs } = call.timings;
  // The phone hangs up by itself where a 200 crossed its CANCEL, and calls that its own 487.
  const crossed = call.final?.status === 487 && call.final.local;
  return {
    sipCallId: call.callId,
    rang: call.provisionals.some(({ status }) => status >= 180),
    answered: call.isAnswered || crossed,
    status: call.final?.status ?? null,
    talkSeconds: answeredMs === undefined || endedMs === undefined ? null : (endedMs - answeredMs) / 1000,
  };
}
