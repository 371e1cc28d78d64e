import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Call } from '../../src/call/call.js';
import type { PhoneCall } from '../../src/sandbox/phone/index.js';
import type { Scene } from './scene.js';
import type { Stage } from './stage.js';
import { until } from './until.js';

const KEY = 'controls-recordings';
const PACKET_MS = 20;

/** What the configuration of a stage whose recordings are controlled must say besides. */
export const CONTROLS_ACCESS = {
  keys: [
    {
      name: 'crm',
      hash: createHash('sha256').update(KEY).digest('hex'),
      scopes: ['recordings:write', 'calls:read', 'audit:read'],
    },
  ],
};

/** The recordings of a gateway's calls, controlled while people talk, by the HTTP interface. */
export class RecordingControls {
  constructor(private readonly at: { gateway: { url: string } }) {}

  async get(path: string): Promise<unknown> {
    const answer = await fetch(`${this.at.gateway.url}${path}`, { headers: { authorization: `Bearer ${KEY}` } });
    return await answer.json();
  }

  async act(id: string, action: string): Promise<{ status: number; body: Record<string, unknown> }> {
    const answer = await fetch(`${this.at.gateway.url}/v1/calls/${id}/recording/${action}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}` },
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  /** Done as soon as the gateway has heard from FreeSWITCH that the two are joined and recorded: they hear each other before. */
  async acts(id: string, action: string): Promise<Record<string, unknown>> {
    return await until(`${action} is taken`, async () => {
      const { status, body } = await this.act(id, action);
      return status === 200 && body;
    });
  }

  async call(id: string): Promise<Call> {
    return (await this.get(`/v1/calls/${id}`)) as Call;
  }
}

/** Until FreeSWITCH has the file of a call open: on a busy machine the two hear each other long before. */
export async function recordingOpened({ engines }: Pick<Stage, 'engines'>, callId: string): Promise<void> {
  await until('the recording is open', () => existsSync(join(engines.spool, `${callId}.wav`)));
}

/** Of a call that the gateway knows to be answered: a phone may know a moment before. */
export async function answeredId({ receiver }: Pick<Stage, 'receiver'>, scene: Scene): Promise<string> {
  return (await receiver.next(({ type, data }) => type === 'call.answered' && scene.owns(data.call))).data.call.id;
}

/** Until so much more sound has come to one side: what is looked for in the recording later must have been sent by then. */
export async function talkOn({ media }: PhoneCall, ms: number): Promise<void> {
  // What has come already and is not read yet, on a busy machine as much as is asked for, is not more.
  await setImmediate();
  const goal = media.packetsReceived + ms / PACKET_MS;
  await until(`${ms} ms more of the talk`, () => media.packetsReceived >= goal);
}
