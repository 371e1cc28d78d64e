import type { Call } from '../call/call.js';
import { DELIVERED, type SinkOutcome } from './sink.js';

/** What sinks need of the rest of the gateway. All reject while Redis is away; the event then waits. */
export interface SinkPorts {
  /** What an endpoint has been told of a call: step → id that the vendor gave; empty where it gave none. */
  stepsOf(endpoint: string, callId: string): Promise<Record<string, string>>;
  /** Kept for longer than an event is retried. */
  noteStep(endpoint: string, callId: string, step: string, vendorId: string): Promise<void>;
  /** A signed link of ours to the call's recording, for so long or for as long as the configuration lets links live. */
  linkTo(endpoint: string, call: Pick<Call, 'id' | 'site'>, forMs: number): Promise<string>;
}

export interface StepDone {
  outcome: SinkOutcome;
  vendorId?: string;
}

/** The steps of telling a vendor of one call: each is done once, by whichever event, attempt or gateway comes first. */
export class CallSteps {
  readonly #done: Map<string, string>;

  private constructor(
    private readonly ports: SinkPorts,
    private readonly endpoint: string,
    private readonly callId: string,
    done: Record<string, string>,
  ) {
    this.#done = new Map(Object.entries(done));
  }

  static async of(ports: SinkPorts, endpoint: string, callId: string): Promise<CallSteps> {
    return new CallSteps(ports, endpoint, callId, await ports.stepsOf(endpoint, callId));
  }

  async take(step: string, work: () => Promise<StepDone>): Promise<SinkOutcome> {
    if (this.#done.has(step)) return DELIVERED;
    const { outcome, vendorId = '' } = await work();
    if (outcome.outcome !== 'delivered') return outcome;
    this.#done.set(step, vendorId);
    await this.ports.noteStep(this.endpoint, this.callId, step, vendorId);
    return DELIVERED;
  }

  /** What the vendor named by this step; undefined where it is not done. */
  idOf(step: string): string | undefined {
    return this.#done.get(step);
  }
}

/** Where recordings are: an address with `{id}` for the call's id, `signed` for a link of ours, null for nowhere. */
export type RecordingAddress = string | null;

/** Null where there is no recording, or no telling of it. */
export async function recordingOf(
  call: Call,
  address: RecordingAddress,
  sign: () => Promise<string>,
): Promise<string | null> {
  if (address === null || call.recording.status !== 'ready') return null;
  return address === 'signed' ? sign() : address.replaceAll('{id}', call.id);
}
