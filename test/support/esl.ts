import { once } from 'node:events';
import { connect } from 'node:net';

/** One command to FreeSWITCH (or the stand-in) over a connection of its own, as an operator's fs_cli would send it. */
async function eslApi(
  at: { host: string; port: number; secret: string },
  command: string,
  timeoutMs = 5000,
): Promise<string> {
  const socket = connect({ host: at.host, port: at.port, noDelay: true });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer to "${command}" within ${timeoutMs} ms`)));
  const reader = new EslReader();
  socket.on('data', (chunk: Buffer) => reader.push(chunk));
  socket.on('error', (error) => reader.fail(error));
  socket.on('close', () => reader.fail(new Error('the event socket closed')));
  try {
    await once(socket, 'connect');
    await reader.next('auth/request');
    socket.write(`auth ${at.secret}\n\n`);
    const { header } = await reader.next('command/reply');
    if (!header.includes('+OK')) throw new Error('the event socket refused the password');
    socket.write(`api ${command}\n\n`);
    return (await reader.next('api/response')).body;
  } finally {
    socket.destroy();
  }
}

/** Channels up right now. */
export async function channelCount(at: { host: string; port: number; secret: string }): Promise<number> {
  const listing = JSON.parse(await eslApi(at, 'show channels as json')) as { row_count: number };
  return listing.row_count;
}

interface EslMessage {
  header: string;
  body: string;
}

class EslReader {
  #buffer = Buffer.alloc(0);
  #waiting: { type: string; resolve: (message: EslMessage) => void; reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;

  push(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    this.#deliver();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
  }

  next(type: string): Promise<EslMessage> {
    return new Promise((resolve, reject) => {
      this.#waiting = { type, resolve, reject };
      this.#deliver();
      if (this.#failure !== undefined) reject(this.#failure);
    });
  }

  #deliver(): void {
    const end = this.#buffer.indexOf('\n\n');
    if (end < 0 || this.#waiting === undefined) return;
    const header = this.#buffer.toString('utf8', 0, end);
    const length = Number(/^Content-Length: (\d+)$/m.exec(header)?.[1] ?? 0);
    if (this.#buffer.length < end + 2 + length) return;
    const body = this.#buffer.toString('utf8', end + 2, end + 2 + length);
    this.#buffer = this.#buffer.subarray(end + 2 + length);
    if (header.includes(`Content-Type: ${this.#waiting.type}`)) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve({ header, body });
    } else {
      this.#deliver();
    }
  }
}
