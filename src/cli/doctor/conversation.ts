import { connect, type Socket } from 'node:net';
import { toError } from '../../lib/deadline.js';

const TIMEOUT_MS = 3000;
const MOST_BYTES = 65_536;

/**
 * Talks to a server over a plain socket: `next` sees all that came so far and says what to send, or what it comes to.
 * Rejects where nobody listens or nothing sensible comes in time.
 */
export function converse<T>(
  { host, port }: { host: string; port: number },
  next: (received: string) => { send?: string; result?: T },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host, port });
    let received = '';
    const end = (settle: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const timer = setTimeout(() => end(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`))), TIMEOUT_MS);
    const step = () => {
      const { send, result } = next(received);
      if (send !== undefined) socket.write(send);
      if (result !== undefined) end(() => resolve(result));
    };
    socket.on('connect', step);
    socket.on('data', (chunk) => {
      received += chunk.toString('utf8');
      if (received.length > MOST_BYTES) end(() => reject(new Error('what answers there is something else')));
      else step();
    });
    socket.on('error', (error) => end(() => reject(toError(error))));
    socket.on('close', () => end(() => reject(new Error('the connection was closed'))));
  });
}
