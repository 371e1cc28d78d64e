import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { enginesHere } from '../support/engines.js';
import { lastCall } from '../support/expectations.js';
import { byeOf, headerValue, plainSdp, responseTo } from '../support/raw-sip.js';
import type { Scene } from '../support/scene.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';

const stage = await Stage.open();
const scenes = {
  once: stage.scene({ transport: 'tcp' }),
  always: stage.scene({ transport: 'tcp', next: 'unreachable' }),
  given: stage.scene({ transport: 'tcp' }),
};

const ENDS_HEAD = '\r\n\r\n';

/** Hands over each message that comes whole. */
function onMessages(socket: Socket, take: (message: string) => void): void {
  let text = '';
  socket.on('data', (data) => {
    text += data.toString('utf8');
    for (let head = text.indexOf(ENDS_HEAD); head >= 0; head = text.indexOf(ENDS_HEAD)) {
      const end = head + ENDS_HEAD.length + Number(headerValue(text, 'Content-Length') ?? 0);
      if (text.length < end) return;
      take(text.slice(0, end));
      text = text.slice(end);
    }
  });
}

/** What the business got in one dialog, and what it can say there. */
interface Answered {
  requests: string[];
  hangUp: () => void;
}

/**
 * A business over TCP that answers each INVITE at once; of the first `times` the 180 comes behind the 200, as from a proxy of
 * several processes. It repeats its 200 until the ACK.
 */
async function business(scene: Scene, times: number): Promise<Answered[]> {
  const address = scene.businessAddresses[0] ?? '';
  const place = { address, port: 5060, transport: 'tcp' } as const;
  const answer = (invite: string, status: string, body = '') => responseTo(invite, status, place, { toTag: 'b', body });
  const dialogs = new Map<string, Answered & { timer?: NodeJS.Timeout }>();
  const all: Answered[] = [];
  const take = (socket: Socket, message: string): void => {
    const [method = ''] = message.split(' ', 1);
    const callId = headerValue(message, 'Call-ID') ?? '';
    if (method === 'INVITE') {
      const dialog = { requests: [], hangUp: () => void socket.write(byeOf(message, place, 'b')) };
      const [ringing, ok] = [answer(message, '180 Ringing'), answer(message, '200 OK', plainSdp(address))];
      all.push(dialog);
      socket.write(all.length > times ? ringing + ok : ok + ringing);
      dialogs.set(callId, { ...dialog, timer: setInterval(() => void socket.write(ok), 500) });
    }
    const dialog = dialogs.get(callId);
    dialog?.requests.push(method);
    if (method === 'ACK') clearInterval(dialog?.timer);
    if (method === 'BYE') socket.write(answer(message, '200 OK'));
  };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onMessages(socket, (message) => take(socket, message));
  });
  server.listen(place.port, address);
  await once(server, 'listening');
  onTestFinished(() => {
    for (const { timer } of dialogs.values()) clearInterval(timer);
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return all;
}

describe.skipIf(!enginesHere())('a 180 behind its 200, over TCP', () => {
  beforeAll(() => stage.start());
  afterAll(() => stage.stop());

  test('the business is hung up on and dialled anew, and its BYE ends the call', async () => {
    const scene = scenes.once;
    const dialogs = await business(scene, 1);
    const call = await (await scene.callerPhone()).call(scene.dialled);
    await call.answered();
    // In the first nobody would hear of a BYE of the business.
    expect(dialogs.map(({ requests }) => requests)).toEqual([
      ['INVITE', 'ACK', 'BYE'],
      ['INVITE', 'ACK'],
    ]);
    dialogs[1]?.hangUp();
    expect(await call.ended()).toMatchObject({ by: 'remote', how: 'bye' });
    const { legs, ended } = lastCall(await scene.events());
    expect([legs.map(({ result }) => result), ended?.by]).toEqual([['answered'], 'business']);
  });

  test('again and again: the route goes on', async () => {
    const scene = scenes.always;
    const dialogs = await business(scene, Infinity);
    const second = await scene.businessPhone({}, 1);
    const call = await (await scene.callerPhone()).call(scene.dialled);
    await second.nextCall();
    await call.answered();
    await call.hangUp();
    expect(dialogs.map(({ requests }) => requests)).toEqual(Array(3).fill(['INVITE', 'ACK', 'BYE']));
    const { legs } = lastCall(await scene.events());
    expect(legs.map(({ result }) => result)).toEqual(['unreachable', 'answered']);
  });

  test('the caller gives up meanwhile: nobody is dialled any more', async () => {
    const scene = scenes.given;
    const dialogs = await business(scene, Infinity);
    const call = await (await scene.callerPhone()).call(scene.dialled);
    await until('the business has answered', () => dialogs.length > 0);
    call.cancel();
    expect(await call.ended()).toMatchObject({ status: 487 });
    const { legs } = lastCall(await scene.events());
    expect(legs).toHaveLength(1);
    await until('it has been hung up on', () => dialogs[0]?.requests.includes('BYE'));
    expect(dialogs).toHaveLength(1);
  });

  test('nothing is left of all of them', () => stage.expectNothingLeft());
});
