import type { Socket } from 'node:net';
import type { AppMessage } from './wire.js';
import { frame, parseAppMessage, reply, WireError, WireFramer } from './wire.js';

/** One application that is connected to the admin port. */
export class AppConnection {
  onMessage: (message: AppMessage) => void = () => undefined;
  onClose: () => void = () => undefined;
  #open = true;

  constructor(private readonly socket: Socket) {
    const framer = new WireFramer();
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(framer, chunk));
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => {
      this.#open = false;
      this.onClose();
    });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  send(message: string): void {
    if (this.#open) this.socket.write(frame(message));
  }

  reply(id: string, result: 'OK' | 'NO' | 'NOK', detail?: string): void {
    this.send(reply(id, result, detail));
  }

  /** After what is already written has gone out. */
  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #read(framer: WireFramer, chunk: Buffer): void {
    try {
      for (const message of framer.push(chunk)) if (this.#open) this.onMessage(parseAppMessage(message));
    } catch (error) {
      // The real server drops a client that it cannot read. Anything else is a defect of ours, and must not go unseen.
      if (!(error instanceof WireError)) process.emitWarning(error instanceof Error ? error : String(error));
      this.destroy();
    }
  }
}
