import type { RecordingAction } from '../../src/call/media-ports.js';
import { dominantTone } from '../../src/sandbox/rtp/tone.js';
import {
  Phone,
  type AnswerScript,
  type IncomingCall,
  type OutgoingCall,
  type PhoneCall,
  type PhoneOptions,
} from '../../src/sandbox/phone/index.js';
import { selfSigned } from '../../test/support/tls.js';
import { BUSINESS_HZ, CALLER_HZ } from '../../test/support/wav.js';
import { behaviourOf, play, type Plan } from './behaviours.js';
import { trackingNumber } from './configuration.js';
import { Controls, type Done } from './controls.js';
import { Crowds } from './crowds.js';
import type { House } from './house.js';
import type { Story } from './story.js';
import { Pbx } from './pbx.js';
import { soundOf, TLS_PORT, uriOf, wayTaken, type Sound } from './ways.js';

const WINDOW_SAMPLES = 800;
const FOREVER_MS = 2 ** 31 - 1;

interface Cast {
  callers: Record<Sound, Phone>;
  business: Record<Sound, Phone>;
  pbx: Pbx;
}

/** Who calls, and whom they reach. What is over is forgotten: hours of sound would fill the memory. */
export class Phones {
  /** By the caller's number, while he is in a call: what he is about, and who was rung for him last. */
  readonly #plans = new Map<string, Plan>();
  readonly #rung = new Map<string, IncomingCall>();
  #talking = 0;

  private constructor(
    private readonly house: House,
    private readonly cast: Cast,
    private readonly controls: Controls,
    private readonly crowds: Crowds,
  ) {}

  /** @param idOf what the business was told of a call, by its SIP Call-ID */
  static async open(
    house: House,
    idOf: (sipCallId: string) => string | undefined,
    log: (line: string) => void,
  ): Promise<Phones> {
    const { callers, business, pbx } = house.places;
    const cast = {
      callers: { clear: await Phone.open(at(callers.clear)), secured: await Phone.open(at(callers.secured, true)) },
      business: { clear: await Phone.open(at(business.clear)), secured: await Phone.open(at(business.secured, true)) },
    };
    const plans = (from = ''): AnswerScript => phones.#answers(from);
    const answers: PhoneOptions['answers'] = ({ request }) => plans(request.headers.get('From'));
    const watched = await Pbx.open({ ...at(pbx), answers }, (up) => house.findsLine(up));
    const phones = new Phones(house, { ...cast, pbx: watched }, new Controls(house, idOf), new Crowds(log));
    for (const phone of phones.#business) {
      if (phone !== watched.phone) phone.answers = answers;
      phones.#keepRung(phone).catch(() => undefined); // the phone was closed
    }
    return phones;
  }

  get pbx(): Pbx {
    return this.cast.pbx;
  }

  /** Callers who are in a call, and calls that ring or talk at the business. */
  get inCalls(): { callers: number; business: number } {
    const calls = this.#business.flatMap((phone) => phone.calls);
    return { callers: this.#talking, business: calls.filter((call) => !call.isEnded).length };
  }

  /** Places a call and plays it to its end. */
  async run(plan: Plan): Promise<Story> {
    const host = this.house.machines[plan.machine]?.engines.sip.host ?? '';
    const phone = this.cast.callers[soundOf(plan.from)];
    this.#talking += 1;
    this.#plans.set(plan.caller, plan);
    const placedAtMs = Date.now();
    const call = await phone.call({
      target: uriOf(plan.from, trackingNumber(plan.kind, plan.to), host),
      callerId: plan.caller,
      toneHz: CALLER_HZ,
      ...behaviourOf(plan.kind).options,
    });
    const done: Done[] = [];
    const trouble = await play(call, plan, {
      business: () => this.#rung.get(plan.caller),
      record: async (action: RecordingAction) => {
        done.push(...(await this.controls.act(call, plan.machine, action)));
      },
    });
    await call.dispose();
    forget(phone, call);
    const rung = this.#rung.get(plan.caller);
    this.#talking -= 1;
    this.#plans.delete(plan.caller);
    this.#rung.delete(plan.caller);
    const overAtMs = Date.now();
    const crowded = this.crowds.between(placedAtMs, overAtMs);
    return { ...storyOf(call), ...meeting(call, rung), plan, placedAtMs, overAtMs, trouble, crowded, done };
  }

  async close(): Promise<void> {
    this.crowds.stop();
    await Promise.all([...Object.values(this.cast.callers), ...this.#business].map((phone) => phone.close()));
  }

  get #business(): Phone[] {
    return [...Object.values(this.cast.business), this.cast.pbx.phone];
  }

  #answers(from: string): AnswerScript {
    const plan = this.#plans.get(callerOf(from));
    if (plan === undefined) return { refuse: { status: 500 }, media: false };
    return behaviourOf(plan.kind).business?.(plan) ?? {};
  }

  async #keepRung(phone: Phone): Promise<void> {
    for (;;) {
      const call = await phone.nextCall(FOREVER_MS);
      const caller = callerOf(call.invite.headers.get('From'));
      if (this.#plans.has(caller)) this.#rung.set(caller, call);
      call.ended(FOREVER_MS).then(
        () => forget(phone, call),
        () => undefined,
      );
    }
  }
}

const at = (host: string, srtp = false): PhoneOptions => ({
  host,
  port: 5060,
  tls: { ...selfSigned(), port: TLS_PORT },
  srtp,
});

const callerOf = (from = ''): string => /sips?:([^@;>]+)@/.exec(from)?.[1] ?? '';

function forget(phone: Phone, call: PhoneCall): void {
  const index = phone.calls.indexOf(call);
  if (index >= 0) phone.calls.splice(index, 1);
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

/** How the two met: by which way the business was reached, and who heard the other. */
function meeting(call: OutgoingCall, rung: IncomingCall | undefined): Pick<Story, 'reached' | 'deaf'> {
  if (!call.isAnswered || rung?.isAnswered !== true) return { reached: null, deaf: [] };
  const deaf = [
    ...(everHeard(call, BUSINESS_HZ) ? [] : ['caller']),
    ...(everHeard(rung, CALLER_HZ) ? [] : ['business']),
  ];
  return { reached: wayTaken(rung), deaf };
}

function everHeard({ media }: PhoneCall, hz: number): boolean {
  const heard = media.heard();
  for (let from = 0; from + WINDOW_SAMPLES <= heard.length; from += WINDOW_SAMPLES / 2)
    if (dominantTone(heard.subarray(from, from + WINDOW_SAMPLES), [hz]) === hz) return true;
  return false;
}
