import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Response } from 'express';
import { expect, it, onTestFinished } from 'vitest';
import { beatOf, frameOf, LiveListener } from '../../src/http/live-listener.js';
import type { EventReader, FeedEvent, FeedPage } from '../../src/http/ports.js';

const EVENT: FeedEvent = { cursor: '1-0.1.00000000', type: 'call.missed', at: 1, body: '{}' };

/** A listener whose client has asked and reads nothing. */
async function open() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  request.on('error', () => undefined);
  const [, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
  onTestFinished(() => {
    request.destroy();
    server.close();
  });
  const errors: Error[] = [];
  response.on('error', (error) => errors.push(error));
  return { errors, listener: new LiveListener(response as Response, () => true) };
}

const readerOf = (page: () => Promise<FeedPage>) => ({ after: page }) as unknown as EventReader;
const noReader = readerOf(() => Promise.reject(new Error('not asked for')));

it('writes nothing more once it was let go, whatever happens until its connection is closed', async () => {
  const { listener, errors } = await open();
  await listener.begin(noReader, null, null);
  listener.end();
  listener.tell(EVENT, frameOf(EVENT));
  listener.beat(beatOf(null));
  await nextTurn();
  expect(errors).toEqual([]);
});

it.each([
  ['before the first page', 1],
  ['before the second', 2],
])('nor what it was making up for, when let go %s', async (_when, last) => {
  const { listener, errors } = await open();
  let pages = 0;
  const reader = readerOf(() => {
    pages += 1;
    if (pages === last) listener.end();
    return Promise.resolve({ events: [EVENT], next: EVENT.cursor, gap: null, complete: false });
  });
  await listener.begin(reader, EVENT.cursor, null);
  listener.tell(EVENT, frameOf(EVENT));
  await nextTurn();
  expect(errors).toEqual([]);
  expect(pages).toBe(last);
});
