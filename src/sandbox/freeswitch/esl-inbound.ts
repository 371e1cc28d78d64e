import { createHash, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { EslSession, type EslCommand, type EslServices } from './esl-session.js';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** A client that came to our ESL port: nothing goes before the password. */
export class EslInboundSession extends EslSession {
  protected readonly ownChannel = undefined;
  #authenticated = false;

  constructor(
    socket: Socket,
    services: EslServices,
    private readonly password: string,
    private readonly onClosed: (session: EslInboundSession) => void,
  ) {
    super(socket, services);
    this.write('Content-Type: auth/request\n\n');
  }

  protected handle({ verb, args }: EslCommand): boolean {
    if (this.#authenticated) {
      if (verb !== 'linger' && verb !== 'nolinger') return false;
      this.reply('-ERR not controlling a session');
      return true;
    }
    if (verb === 'auth' && timingSafeEqual(digest(args), digest(this.password))) {
      this.#authenticated = true;
      this.reply('+OK accepted');
    } else if (verb === 'auth') {
      this.reply('-ERR invalid');
      this.disconnectNotice();
    } else if (verb === 'exit') return false;
    else this.reply('-ERR command not found');
    return true;
  }

  protected onClose(): void {
    this.onClosed(this);
  }
}
