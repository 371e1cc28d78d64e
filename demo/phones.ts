import { fileURLToPath } from 'node:url';
import { withDeadline } from '../src/lib/deadline.js';
import type { PhoneName } from './cast.js';
import { Child } from './child.js';
import { Happenings } from './happenings.js';
import type { PhoneCommand, PhoneEvent, PhoneMessage, PhoneReady } from './phone-protocol.js';

const START_TIMEOUT_MS = 15_000;

/** The phones, from outside their process. */
export class Phones {
  readonly events = new Happenings<PhoneEvent>();

  private constructor(
    readonly child: Child,
    readonly addresses: PhoneReady['addresses'],
  ) {
    child.process.on('message', (message: PhoneMessage) => {
      if (message.type === 'event') this.events.add(message);
    });
  }

  static async start(): Promise<Phones> {
    const main = fileURLToPath(new URL('./phones-main.ts', import.meta.url));
    const child = await Child.start(process.execPath, ['--import', 'tsx', main], { ipc: true });
    const ready = new Promise<PhoneReady>((resolve, reject) => {
      child.process.once('message', (message: PhoneMessage) => {
        if (message.type === 'ready') resolve(message);
      });
      child.exited.then(
        (how) => reject(new Error(`the phones ${how}:\n${child.lastLines.join('\n')}`)),
        () => undefined,
      );
    });
    try {
      const { addresses } = await withDeadline(ready, START_TIMEOUT_MS, 'starting the phones');
      return new Phones(child, addresses);
    } catch (error) {
      await child.stop('SIGTERM', 1000);
      throw error;
    }
  }

  dial(callerNumber: string, target: string): void {
    this.#send({ do: 'dial', callerNumber, target });
  }

  hangUp(phone: PhoneName, callerNumber: string): void {
    this.#send({ do: 'hang-up', phone, callerNumber });
  }

  /** Waits until `phone` rings, is answered or its call is over. */
  async until(phone: PhoneName, callerNumber: string, what: PhoneEvent['what']): Promise<PhoneEvent> {
    const fits = (event: PhoneEvent): boolean =>
      event.phone === phone && event.callerNumber === callerNumber && event.what === what;
    return await this.events.first(`${phone}: ${what}`, fits);
  }

  #send(command: PhoneCommand): void {
    this.child.process.send(command);
  }
}
