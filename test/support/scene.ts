import type { CallEvent } from '../../src/call/ports.js';
import type { Call } from '../../src/call/call.js';
import type { AnswerScript, IncomingCall, OutgoingCall, Phone, PhoneOptions } from '../../src/sandbox/phone/index.js';
import { hears } from './hearing.js';
import { Sipp, type SippOptions } from './sipp.js';
import type { Stage } from './stage.js';
import { selfSigned } from './tls.js';
import { until } from './until.js';
import { BUSINESS_HZ, CALLER_HZ } from './wav.js';

type Raw = Record<string, unknown>;

export interface SceneOptions {
  /** What the first step dials: lines of the business, or PSTN destinations behind an outbound trunk. */
  to?: 'line' | 'destination';
  /** How many of them. */
  targets?: number;
  channels?: number;
  /** How long the first step is dialled. */
  for?: string;
  /** Adds a second step: one more line, dialled under this condition. */
  next?: 'always' | 'overflow' | 'no-answer' | 'busy' | 'unreachable';
  /** How many lines it dials; default 1. */
  nextTargets?: number;
  /** Channels of each of its lines; default those of the first step. */
  nextChannels?: number;
  /** What else this scene's parts of the configuration say, given the ids of what it dials. */
  more?: (targetIds: string[]) => { first?: Raw; next?: Raw; route?: Raw; line?: Raw; nextLine?: Raw; outbound?: Raw };
  auth?: { username: string; password: string };
  recording?: 'always' | 'never';
  maxDuration?: string;
  /** Played to callers whom nobody took. */
  announcement?: string;
  number?: 'dynamic' | 'static' | 'unknown';
  lent?: boolean;
  transport?: 'udp' | 'tcp' | 'tls';
  /** Whose phones have their sound encrypted. */
  srtp?: ('caller' | 'business')[];
}

export type SippRole = Partial<Omit<SippOptions, 'scenario'>>;

/**
 * The cast of one test call: a tracking number, a visitor to whom it is lent, a caller, and the business's phones, each
 * with numbers and addresses of its own, so that scenes of one stage may run at the same time.
 */
export class Scene {
  readonly trackingNumber: string;
  readonly callerNumber: string;
  readonly carrierAddress: string;
  readonly businessAddresses: string[];
  readonly routeId: string;
  readonly sessionId: string;

  constructor(
    private readonly stage: Stage,
    readonly n: number,
    readonly options: SceneOptions,
  ) {
    const digits = String(n).padStart(3, '0');
    this.trackingNumber = `+7495210${digits}0`;
    this.callerNumber = `+7916310${digits}0`;
    this.routeId = `route-${n}`;
    this.sessionId = `visit-${n}`;
    this.carrierAddress = stage.addresses.carrier();
    const phones = (options.targets ?? 1) + (options.next === undefined ? 0 : (options.nextTargets ?? 1));
    this.businessAddresses = Array.from({ length: phones }, () => stage.addresses.business());
  }

  /** Ids of what the steps dial, in the order of `businessAddresses`. */
  get targetIds(): string[] {
    return this.businessAddresses.map((_, i) => `target-${this.n}-${i}`);
  }

  /** This scene's share of the configuration. */
  configuration(): { lines: Raw[]; destinations: Raw[]; trunks: Raw[]; routes: Raw[]; numbers: Raw[] } {
    const { to = 'line', targets = 1, next, recording, maxDuration, announcement, number = 'dynamic' } = this.options;
    const dialled = this.targetIds.map((id, i) => ({ id, uri: this.#uri(i), first: i < targets }));
    const lines = dialled.filter(({ first }) => to === 'line' || !first);
    const destinations = dialled.filter(({ first }) => to === 'destination' && first);
    const { channels = null, nextChannels = channels, auth } = this.options;
    const more = this.options.more?.(this.targetIds) ?? {};
    const steps = [
      { dial: this.targetIds.slice(0, targets), for: this.options.for ?? '20s', ...more.first },
      ...(next === undefined ? [] : [{ dial: this.targetIds.slice(targets), when: next, for: '20s', ...more.next }]),
    ];
    return {
      lines: lines.map(({ id, uri, first }) => ({
        id,
        ...(first && more.line?.['register'] !== undefined ? {} : { uri }),
        channels: first ? channels : nextChannels,
        ...(auth === undefined ? {} : { auth }),
        ...(first ? more.line : more.nextLine),
      })),
      trunks: destinations.map(({ id, uri }) => ({
        id: `trunk-${id}`,
        outbound: { to: uri, ...(auth === undefined ? {} : { auth }), ...more.outbound },
      })),
      destinations: destinations.map(({ id }) => ({
        id,
        trunk: `trunk-${id}`,
        number: `+7495320${String(this.n).padStart(3, '0')}${id.at(-1) ?? '0'}`,
        channels,
      })),
      routes: [
        {
          id: this.routeId,
          steps,
          recording: { mode: recording ?? 'always' },
          ...(maxDuration === undefined ? {} : { maxDuration }),
          ...(announcement === undefined ? {} : { announcement }),
          ...more.route,
        },
      ],
      numbers:
        number === 'static'
          ? [
              {
                number: this.trackingNumber,
                site: 'shop',
                kind: 'static',
                route: this.routeId,
                source: { label: 'billboard' },
              },
            ]
          : [],
    };
  }

  /** Starts a caller of this scene; `values` and the like may be overridden. */
  async caller(scenario: string, role: SippRole = {}): Promise<Sipp> {
    return await Sipp.start({
      address: this.carrierAddress,
      remote: this.stage.sip,
      toneHz: CALLER_HZ,
      ...role,
      scenario,
      values: { CALLED: this.trackingNumber, CALLER: this.callerNumber, ...role.values },
    });
  }

  /** Starts the business's `phone`-th phone; it listens when this resolves. */
  async business(scenario: string, role: SippRole = {}, phone = 0): Promise<Sipp> {
    const address = this.businessAddresses[phone];
    if (address === undefined) throw new Error(`this scene has no phone ${phone}`);
    const transport = this.options.transport === 'tcp' ? 'tcp' : 'udp';
    return await Sipp.start({ address, toneHz: BUSINESS_HZ, transport, ...role, scenario });
  }

  /** A phone in the caller's place, for what SIPp cannot tell: what is heard, and keys. */
  async callerPhone(): Promise<Phone> {
    return await this.stage.phone({
      host: this.carrierAddress,
      port: 5060,
      user: this.callerNumber,
      ...this.#secured('caller'),
    });
  }

  /** The business's `phone`-th phone. */
  async businessPhone(answers: AnswerScript = { toneHz: BUSINESS_HZ }, phone = 0): Promise<Phone> {
    const host = this.businessAddresses[phone];
    if (host === undefined) throw new Error(`this scene has no phone ${phone}`);
    return await this.stage.phone({ host, port: 5060, answers, ...this.#secured('business') });
  }

  /** What a caller's phone dials. */
  get dialled(): { target: string; toneHz: number } {
    const secure = this.options.transport === 'tls';
    const { host, port } = secure ? this.stage.sips : this.stage.sip;
    const transport = secure ? ';transport=tls' : '';
    return { target: `sip:${this.trackingNumber}@${host}:${port}${transport}`, toneHz: CALLER_HZ };
  }

  /** Both sides of a talk that has begun, each hearing the other. */
  async talk(): Promise<{ caller: OutgoingCall; business: IncomingCall }> {
    const there = await this.businessPhone();
    const caller = await (await this.callerPhone()).call(this.dialled);
    const business = await there.nextCall();
    await caller.answered();
    await until('they hear each other', () => hears(caller, BUSINESS_HZ) && hears(business, CALLER_HZ));
    return { caller, business };
  }

  /** Whether a call is one of this scene's. */
  owns(call: Call): boolean {
    return call.trackingNumber === this.trackingNumber;
  }

  /** What the webhook received of this scene's calls, once the last of them has settled with all its events. */
  async events(calls = 1): Promise<CallEvent[]> {
    return await this.stage.settledEvents((call) => this.owns(call), calls);
  }

  /** The call as its last event tells it. */
  async call(): Promise<Call> {
    const events = await this.events();
    const last = events.at(-1);
    if (last === undefined) throw new Error('no event');
    return last.data.call;
  }

  /** SIPp knows no TLS: where it is spoken, phones of ours do. */
  #secured(whose: 'caller' | 'business'): Pick<PhoneOptions, 'tls' | 'srtp'> {
    const { transport, srtp = [] } = this.options;
    return transport === 'tls' ? { tls: { ...selfSigned(), port: 5061 }, srtp: srtp.includes(whose) } : {};
  }

  #uri(i: number): string {
    const { transport = 'udp' } = this.options;
    const port = transport === 'tls' ? 5061 : 5060;
    const parameter = transport === 'udp' ? '' : `;transport=${transport}`;
    return `sip:10${i + 1}@${this.businessAddresses[i] ?? ''}:${port}${parameter}`;
  }
}
