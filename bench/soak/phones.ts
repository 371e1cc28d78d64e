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
import type { LineState } from './line-state.js';
import { behaviourOf, play } from './behaviours.js';
import { trackingNumber } from './configuration.js';
import type { Others } from './behaviour.js';
import { Controls } from './controls.js';
import { Crowds } from './crowds.js';
import { Extension } from './extensions.js';
import type { House } from './house.js';
import { loseDatagrams } from './lossy.js';
import type { Plan } from './plan.js';
import type { Story } from './story.js';
import { Pbx } from './pbx.js';
import { soundOf, TLS_PORT, uriOf, wayTaken, WAYS, type Sound, type Way } from './ways.js';

const WINDOW_SAMPLES = 800;
const FOREVER_MS = 2 ** 31 - 1;

interface Cast {
  callers: Record<Sound | 'lossy', Phone>;
  business: Record<Sound | 'lossy', Phone>;
  extensions: Map<Way, Extension>;
  pbx: Pbx;
}

/** Who calls, and whom they reach. What is over is forgotten: hours of sound would fill the memory. */
export class Phones {
  /** By the caller's number, while he is in a call: what he is about, and who was rung for him. */
  readonly #plans = new Map<string, Plan>();
  readonly #rung = new Map<string, IncomingCall[]>();
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
    random: () => number,
  ): Promise<Phones> {
    const { callers, business, pbx } = house.places;
    const plans = (from = '', dialled = ''): AnswerScript => phones.#answers(from, dialled);
    const answers: PhoneOptions['answers'] = ({ request }) => plans(request.headers.get('From'), userOf(request.uri));
    // First of all: the gateways ask it already, and two silences are told.
    const watched = await Pbx.open({ ...at(pbx), answers }, (up) => house.findsLine(up));
    const cast = {
      callers: await openThree(callers, random),
      business: await openThree(business, random),
      extensions: await openExtensions(house, random),
    };
    const phones = new Phones(house, { ...cast, pbx: watched }, new Controls(house, idOf), new Crowds(log));
    for (const phone of phones.#business) {
      if (phone !== watched.phone) phone.answers = answers;
      phones.#keepRung(phone).catch(() => undefined); // the phone was closed
    }
    for (const extension of cast.extensions.values())
      extension.run().catch((error: unknown) => log(`a phone that registers: ${String(error)}`));
    return phones;
  }

  get pbx(): Pbx {
    return this.cast.pbx;
  }

  /** How the line was, of those that come and go, that such a call was for. */
  lineFor({ plan, placedAtMs }: Story): LineState {
    if (plan.kind !== 'registered') return this.pbx.stateAt(placedAtMs);
    return this.cast.extensions.get(plan.to)?.stateAt(placedAtMs) ?? 'unsure';
  }

  /** Callers who are in a call, and calls that ring or talk at the business. */
  get inCalls(): { callers: number; business: number } {
    const calls = this.#business.flatMap((phone) => phone.calls);
    return { callers: this.#talking, business: calls.filter((call) => !call.isEnded).length };
  }

  /** Places a call and plays it to its end. */
  async run(plan: Plan): Promise<Story> {
    const host = this.house.machines[plan.machine]?.engines.sip.host ?? '';
    const { options, lossy } = behaviourOf(plan.kind);
    const phone = this.cast.callers[lossy === 'caller' ? 'lossy' : soundOf(plan.from)];
    this.#talking += 1;
    this.#plans.set(plan.caller, plan);
    const placedAtMs = Date.now();
    const call = await phone.call({
      target: uriOf(plan.from, trackingNumber(plan.kind, plan.to), host),
      callerId: plan.caller,
      toneHz: CALLER_HZ,
      ...options,
    });
    const met: Pick<Story, 'notes' | 'done' | 'heldMs'> = { notes: {}, done: [], heldMs: 0 };
    const trouble = await play(call, plan, this.#othersOf(call, plan, met));
    await call.dispose();
    forget(phone, call);
    const rung = this.#takerOf(plan);
    this.#talking -= 1;
    this.#plans.delete(plan.caller);
    this.#rung.delete(plan.caller);
    const overAtMs = Date.now();
    const crowded = this.crowds.between(placedAtMs, overAtMs);
    return { ...storyOf(call), ...meeting(call, rung), ...met, plan, placedAtMs, overAtMs, trouble, crowded };
  }

  async close(): Promise<void> {
    this.crowds.stop();
    for (const extension of this.cast.extensions.values()) extension.stop();
    await Promise.all([...Object.values(this.cast.callers), ...this.#business].map((phone) => phone.close()));
  }

  get #business(): Phone[] {
    const { business, extensions, pbx } = this.cast;
    return [...Object.values(business), ...[...extensions.values()].map(({ phone }) => phone), pbx.phone];
  }

  #othersOf(call: OutgoingCall, plan: Plan, met: Pick<Story, 'notes' | 'done' | 'heldMs'>): Others {
    return {
      business: () => this.#takerOf(plan),
      rung: () => this.#rung.get(plan.caller) ?? [],
      record: async (action: RecordingAction) => {
        met.done.push(...(await this.controls.act(call, plan.machine, action)));
      },
      note: (name, what) => {
        met.notes[name] = what;
      },
      callerHeld: (ms) => {
        met.heldMs += ms;
      },
    };
  }

  /** Who has the call: of several who have answered the one who was left in it. */
  #takerOf({ caller }: Plan): IncomingCall | undefined {
    const rung = this.#rung.get(caller) ?? [];
    const answered = rung.filter(({ isAnswered }) => isAnswered);
    const longest = answered.toSorted((a, b) => (a.timings.endedMs ?? 0) - (b.timings.endedMs ?? 0)).at(-1);
    return answered.find(({ isEnded }) => !isEnded) ?? longest ?? rung.at(-1);
  }

  #answers(from: string, dialled: string): AnswerScript {
    const plan = this.#plans.get(callerOf(from));
    if (plan === undefined) return { refuse: { status: 500 }, media: false };
    return behaviourOf(plan.kind).business?.(plan, dialled) ?? {};
  }

  async #keepRung(phone: Phone): Promise<void> {
    for (;;) {
      const call = await phone.nextCall(FOREVER_MS);
      const caller = callerOf(call.invite.headers.get('From'));
      if (this.#plans.has(caller)) this.#rung.set(caller, [...(this.#rung.get(caller) ?? []), call]);
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

async function openThree(
  hosts: Record<Sound | 'lossy', string>,
  random: () => number,
): Promise<Record<Sound | 'lossy', Phone>> {
  const lossy = await Phone.open(at(hosts.lossy));
  loseDatagrams(lossy.stack.transport, random);
  return { clear: await Phone.open(at(hosts.clear)), secured: await Phone.open(at(hosts.secured, true)), lossy };
}

async function openExtensions(house: House, random: () => number): Promise<Map<Way, Extension>> {
  const { extensions } = house.places;
  const open = WAYS.map(
    async (way) => [way, await Extension.open(way, at(extensions[way], way === 'srtp'), house, random)] as const,
  );
  return new Map(await Promise.all(open));
}

const userOf = (uri = ''): string => /^sips?:([^@;>]+)@/.exec(uri)?.[1] ?? '';
const callerOf = (from = ''): string => userOf(/<([^>]+)>/.exec(from)?.[1] ?? from);

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
