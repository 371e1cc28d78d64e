import type { Socket } from 'node:net';

/**
 * What is written to `socket` within one turn of the event loop leaves in one system call. A message of ours is small
 * and its system call costs more than building it; one thing that happens to a call makes several of them (the end: a
 * 200, two BYEs). They leave before the loop waits for anything, so none is held back for company.
 */
export function gatherWrites(socket: Socket): void {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let gathering = false;
  const gathered = (...args: unknown[]): boolean => {
    if (!gathering) {
      gathering = true;
      socket.cork();
      setImmediate(() => {
        gathering = false;
        socket.uncork();
      });
    }
    return write(...args);
  };
  socket.write = gathered;
}
