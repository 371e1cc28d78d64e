import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { gatherWrites } from '../../../src/lib/gather-writes.js';

let server: Server;
let near: Socket;
let far: Socket;
let flush: () => void;

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  [far] = (await accepted) as [Socket];
  flush = gatherWrites(near);
});

afterEach(() => {
  near.destroy();
  far.destroy();
  server.close();
});

async function received(bytes: number): Promise<string> {
  let text = '';
  for await (const piece of far.setEncoding('utf8')) if ((text += String(piece)).length >= bytes) break;
  return text;
}

test('what is written in one turn waits for its end and keeps its order', async () => {
  near.write('one ');
  near.write('two ');
  expect(near.bytesWritten).toBe(8);
  expect(near.writableLength).toBe(8);
  await nextTurn();
  expect(near.writableLength).toBe(0);
  near.write('three');
  expect(await received(13)).toBe('one two three');
});

test('a write of a later microtask of the same turn leaves with it', async () => {
  const turn = nextTurn();
  near.write('one ');
  await Promise.resolve();
  near.write('two');
  expect(near.writableLength).toBe(7);
  await turn;
  expect(await received(7)).toBe('one two');
});

test('an end right behind a write loses nothing', async () => {
  near.end('last words');
  expect(await received(10)).toBe('last words');
});

test('the callback of a write is told when it has left', async () => {
  await new Promise<void>((resolve, reject) => near.write('one', (error) => (error ? reject(error) : resolve())));
  expect(await received(3)).toBe('one');
});

test('what somebody waits for leaves at once, and later writes of the turn with its end', async () => {
  near.write('one ');
  expect(near.writableCorked).toBe(1);
  flush();
  expect(near.writableCorked).toBe(0);
  near.write('two ');
  near.write('three');
  expect(near.writableCorked).toBe(1);
  await nextTurn();
  expect(near.writableCorked).toBe(0);
  expect(await received(13)).toBe('one two three');
});
