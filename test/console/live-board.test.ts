import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import express from 'express';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { LiveBoard } from '../../src/console/live/board.js';
import type { Visit } from '../../src/console/visit.js';
import { openConsole } from '../support/console.js';
import { until } from '../support/until.js';

const nothing = () => Promise.resolve([]);

/** More than the sockets of both sides hold: the answer of who does not read cannot end. */
const MUCH = 'x'.repeat(16 * 1024 * 1024);

async function openBoard(drawn = MUCH) {
  let away = false;
  let now = 0;
  const board = new LiveBoard({
    live: { live: () => (away ? Promise.reject(new Error('Redis is away')) : Promise.resolve([])) },
    resources: {
      trunks: nothing,
      lines: nothing,
      destinations: nothing,
      drain: () => Promise.reject(new Error('not asked')),
      explain: () => Promise.reject(new Error('not asked')),
    },
    timeZone: () => 'UTC',
    logger: pino({ level: 'silent' }),
    clock: () => now,
  });
  const answers: express.Response[] = [];
  const app = express();
  app.get('/', (_req, res) => {
    answers.push(res);
    board.join(
      { res } as unknown as Visit,
      () => drawn,
      () => Promise.resolve(true),
    );
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  /** Asks, and never reads what comes. */
  const look = async () => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const before = answers.length;
    return await until('it is asked', () => answers[before]);
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, look, takeAway: () => (away = true), pass: (ms: number) => (now += ms) };
}

it('lets go of who does not read, and writes nothing behind the end of his answer', async () => {
  const { look, takeAway, pass } = await openBoard();
  const answer = await look();
  await until('it was told', () => answer.writableLength > 0);
  pass(600_000);
  await until('it is let go', () => answer.writableEnded);
  takeAway();
  // Rejects by an error of the answer, which would be the end of the process: nobody else listens for it.
  await once(answer, 'close');
});

it('sends away who comes when 200 look, and says when to come back; the place of who leaves is free', async () => {
  const { url } = await openBoard('-');
  const leave = new AbortController();
  const watch = (signal?: AbortSignal) => fetch(url, signal ? { signal } : {});
  const watchers = await Promise.all(Array.from({ length: 200 }, (_, n) => watch(n === 0 ? leave.signal : undefined)));
  const answer = await fetch(url);
  expect([answer.status, await answer.text()]).toEqual([200, 'retry: 30000\nevent: full\ndata: -\n\n']);
  leave.abort();
  await until('there is a place', async () => {
    for await (const chunk of (await watch()).body ?? [])
      return Buffer.from(chunk).toString().startsWith('retry: 2000');
    return false;
  });
  // Held until here: with an answer that nobody holds any more its stream is broken off, whoever holds that.
  expect(watchers).toHaveLength(200);
});

it('ends with the session of who looks, and not with another one’s', async () => {
  let now = Date.now();
  const { login, url, config } = await openConsole({ clock: () => now });
  const watch = async (name: string) => {
    const { cookies } = await login(name);
    const cookie = [...cookies].map((one) => one.join('=')).join('; ');
    let text = '';
    let over = false;
    const { body } = await fetch(`${url}/live/stream`, { headers: { cookie } });
    const reading = (async () => {
      for await (const bytes of body ?? []) text += Buffer.from(bytes).toString();
      over = true;
    })();
    reading.catch(() => undefined);
    await until('it is drawn', () => text.includes('event: view'));
    return { isOver: () => over, views: () => text.split('event: view').length };
  };
  const [gone, stays] = [await watch('supervisor'), await watch('ops')];
  config.access.users = config.access.users.filter(({ name }) => name !== 'supervisor');
  now += 20_000;
  await until('the one who was taken out sees no more', () => gone.isOver());
  const before = stays.views();
  await until('the other one does', () => stays.views() > before);
  expect(stays.isOver()).toBe(false);
});
