import type { Socket } from 'node:net';
import type { Channel } from './channel.js';
import { EslSession, type EslCommand, type EslServices } from './esl-session.js';

/** The dialplan's `socket <host:port> async full`: we go to the client, who then commands this channel. */
export class EslOutboundSession extends EslSession {
  #linger = false;

  constructor(
    socket: Socket,
    services: EslServices,
    protected readonly ownChannel: Channel,
  ) {
    super(socket, services);
    ownChannel.finished.then(() => this.#sayGoodbye()).catch(() => socket.destroy());
  }

  protected handle({ verb }: EslCommand): boolean {
    if (verb === 'connect') this.#sendChannelData();
    else if (verb === 'linger' || verb === 'nolinger') {
      this.#linger = verb === 'linger';
      this.reply(this.#linger ? '+OK will linger' : '+OK will not linger');
    } else if (verb === 'myevents') {
      this.subscription.subscribe('ALL');
      this.subscription.filter(`Unique-ID ${this.ownChannel.uuid}`);
      this.services.fs.bus.add(this);
      this.reply('+OK Events Enabled');
    } else return false;
    return true;
  }

  /** A leg without its commander has nobody left to end it, unless it is joined with another. */
  protected onClose(): void {
    if (this.ownChannel.bridge === undefined) this.services.fs.hangup(this.ownChannel, 'NORMAL_CLEARING');
  }

  #sendChannelData(): void {
    const event = this.services.fs.bus.create('CHANNEL_DATA');
    this.ownChannel.describeAsChannelData(event);
    event
      .set('Content-Type', 'command/reply')
      .set('Reply-Text', '+OK\n')
      .set('Socket-Mode', 'async')
      .set('Control', 'full');
    this.write(`${event.toHeaderText()}\n`);
  }

  #sayGoodbye(): void {
    const lingering = this.#linger ? 'linger' : 'disconnect';
    const headers = `Controlled-Session-UUID: ${this.ownChannel.uuid}\nContent-Disposition: ${lingering}\n`;
    this.disconnectNotice(headers);
  }
}
