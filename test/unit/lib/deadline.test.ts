import { describe, expect, it } from 'vitest';
import { withDeadline } from '../../../src/lib/deadline.js';

/** Holds the event loop, as a long garbage collection or a slow disk does. */
function stall(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('a deadline', () => {
  it('passes on what comes in time, and the error too', async () => {
    await expect(withDeadline(Promise.resolve(7), 1000, 'work')).resolves.toBe(7);
    await expect(withDeadline(Promise.reject(new Error('no')), 1000, 'work')).rejects.toThrow('no');
  });

  it('names what took too long, and hands over what comes late', async () => {
    let settle: (value: number) => void = () => undefined;
    const work = new Promise<number>((resolve) => (settle = resolve));
    const late = new Promise<number>((resolve) => {
      withDeadline(work, 5, 'the far end', resolve).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'GW_ERR_DEADLINE', message: 'the far end took longer than 5 ms' });
        settle(9);
      });
    });
    expect(await late).toBe(9);
  });

  it('does not blame the far end for a stall of our own', async () => {
    // Answers at once, but is read only after this process has stood still for longer than the deadline.
    const { createServer, connect } = await import('node:net');
    const server = createServer((socket) => socket.on('data', () => socket.write('answer')));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    const answered = new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
    socket.write('question');
    // The answer is on its way once the server's side has run; then the loop stands still.
    await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
    const bounded = withDeadline(answered, 50, 'the far end');
    stall(200);
    await expect(bounded).resolves.toBe('answer');
    socket.destroy();
    server.close();
  });
});
