import { performance } from 'node:perf_hooks';
import type { RecordingInfo } from '../../src/call/call.js';
import type { RecordingAction } from '../../src/call/media-ports.js';
import type { OutgoingCall } from '../../src/sandbox/phone/index.js';
import { RecordingControls } from '../../test/support/recording-controls.js';
import { until } from '../../test/support/until.js';
import type { House } from './house.js';

/** What was done with a recording; seconds since the caller's 200. */
export interface Done {
  action: RecordingAction;
  askedSeconds: number;
  answeredSeconds: number;
}

/** Longer than a receiver is out of its mood, and until what it missed is sent anew. */
const TOLD_MS = 30_000;
/** FreeSWITCH says that the two are joined a moment after they hear each other. */
const TAKEN_MS = 10_000;
const BEGINS: RecordingAction[] = ['pause', 'mask'];

/** The business's system: told of a call it controls its recording, by the HTTP interface of the gateway that has it. */
export class Controls {
  readonly #gateways: RecordingControls[];

  constructor(
    house: House,
    private readonly idOf: (sipCallId: string) => string | undefined,
  ) {
    this.#gateways = house.machines.map((machine) => new RecordingControls(machine));
  }

  /** Empty where the call ended before. Rejects where it is not done, or where the answer tells something else. */
  async act(call: OutgoingCall, machine: number, action: RecordingAction): Promise<[Done] | []> {
    const id = await until('the business is told of the call', () => call.isEnded || this.#idOf(call), TOLD_MS);
    if (id === true) return [];
    let askedMs = 0;
    const body = await until(
      `${action} is taken`,
      async () => {
        if (call.isEnded) return true;
        askedMs = performance.now();
        const answer = await this.#gateways[machine]?.act(id, action);
        return answer?.status === 200 && answer.body;
      },
      TAKEN_MS,
    );
    if (body === true) return [];
    const answeredMs = performance.now();
    const began = call.timings.answeredMs ?? 0;
    const told = body as unknown as RecordingInfo;
    if (isOpen(told) !== BEGINS.includes(action)) throw new Error(`${action}: answered with ${JSON.stringify(told)}`);
    return [{ action, askedSeconds: (askedMs - began) / 1000, answeredSeconds: (answeredMs - began) / 1000 }];
  }

  #idOf(call: OutgoingCall): string | undefined {
    return this.idOf(call.callId);
  }
}

/** Something is paused or masked, and lasts. */
const isOpen = ({ paused, masked }: RecordingInfo): boolean =>
  paused.some(({ seconds }) => seconds === null) || masked.some(({ toSeconds }) => toSeconds === null);
