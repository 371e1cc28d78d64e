import type { Socket } from 'node:net';

/**
 * What is written to `socket` within one turn of the event loop leaves in one system call, at the turn's end: a request of
 * ours is small, its system call costs more than building it, and one thing that happens to a call makes several of
 * them (the end: channels given back, the change written down, its delivery asked for).
 *
 * @returns sends at once what has been gathered, for what somebody waits for
 */
export function gatherWrites(socket: Socket): () => void {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let gathering = false;
  const flush = (): void => {
    gathering = false;
    socket.uncork();
  };
  socket.write = (...args: unknown[]): boolean => {
    if (!gathering) {
      gathering = true;
      socket.cork();
      setImmediate(flush);
    }
    return write(...args);
  };
  return flush;
}
