import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Child } from './child.js';

export interface OwnRedis {
  url: string;
  child: Child;
}

const ATTEMPTS = 5;

/** A redis-server of the demo's own on a free port of loopback, which writes nothing to disk. */
export async function startRedis(folder: string): Promise<OwnRedis> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    let ready = (): void => undefined;
    const accepting = new Promise<void>((resolve) => (ready = resolve));
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
    const child = await Child.start('redis-server', args, {
      onLine: (line) => {
        if (line.includes('Ready to accept connections')) ready();
      },
    });
    const ended = await Promise.race([accepting.then(() => null), child.exited]);
    if (ended === null) return { url: `redis://127.0.0.1:${port}/0`, child };
    // Somebody else took the port between our look and our start.
    if (attempt === ATTEMPTS) throw new Error(`redis-server ${ended}:\n${child.lastLines.join('\n')}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
