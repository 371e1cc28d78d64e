import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { EventType } from '../../src/call/event-types.js';
import { exampleEvent } from '../../src/events/examples.js';
import { openSink, type SinkConfigs } from '../../src/sinks/index.js';
import type { SinkPorts } from '../../src/sinks/steps.js';
import type { Attempt } from '../../src/webhooks/sender.js';

export interface Asked {
  path: string;
  headers: Record<string, unknown>;
  body: string;
  json: () => Record<string, never>;
}

export type Answer = [status: number, body?: unknown, headers?: Record<string, string>];

/** A vendor's interface in the shape of its documentation, over real HTTP. */
export async function vendor(answer: (asked: Asked, n: number) => Answer | Promise<Answer>) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    const one = { path: request.url ?? '', headers: request.headers, body, json: () => JSON.parse(body) as never };
    asked.push(one);
    const [status, reply = '', headers = {}] = await answer(one, asked.length);
    response.writeHead(status, headers).end(typeof reply === 'string' ? reply : JSON.stringify(reply));
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** An event of now: vendors take no old calls. */
export function fresh(type: EventType, at = new Date()): string {
  const event = structuredClone(exampleEvent(type)) as { timestamp: string; data: { call?: { startedAt: string } } };
  event.timestamp = at.toISOString();
  if (event.data.call) event.data.call.startedAt = at.toISOString();
  return JSON.stringify(event);
}

/** For sinks that keep nothing. */
export const NO_PORTS: SinkPorts = {
  stepsOf: () => Promise.reject(new Error('not asked for')),
  noteStep: () => Promise.reject(new Error('not asked for')),
  linkTo: () => Promise.reject(new Error('not asked for')),
};

/** What the attempts at these events come to, of a gateway that has just started. */
export async function send(
  url: string,
  config: SinkConfigs,
  bodies: string[],
  ports: SinkPorts = NO_PORTS,
): Promise<Attempt[]> {
  const channel = openSink({ id: 'crm', url, allowPrivate: true, ...config }, { inFlight: 1 }, ports);
  if (!channel) throw new Error('no sink');
  const attempts: Attempt[] = [];
  for (const body of bodies)
    attempts.push(await channel.send({ eventId: 'evt_1', attempt: 1, body: Buffer.from(body) }));
  await channel.close();
  return attempts;
}
