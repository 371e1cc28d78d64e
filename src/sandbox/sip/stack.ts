import { EventEmitter } from 'node:events';
import type { IncomingInvite, InviteOptions, OutgoingInvite } from './invite.js';
import type { SipRequest } from './message.js';
import type { SipTimers } from './timers.js';
import type { ClientTransaction, ServerTransaction } from './transactions.js';
import type { Hop, TransportOptions } from './transport.js';

export interface StackOptions extends TransportOptions {
  timers?: SipTimers;
  /** Put on requests and responses as User-Agent / Server; default none. */
  userAgent?: string;
}

/** One SIP user agent's stack: transport, transactions, dialogs. */
export class SipStack extends EventEmitter<{
  /** A new INVITE outside a dialog. Without a listener it is answered 480. */
  invite: [IncomingInvite];
  /** Any other request outside a dialog. Without a listener OPTIONS is answered 200, others 405. */
  request: [ServerTransaction];
}> {
  /** Address and port (UDP and TCP alike) we are bound to. */
  readonly host: string = '';
  readonly port: number = 0;

  static listen(_options: StackOptions): Promise<SipStack> {
    throw new Error('not yet');
  }

  /** Calls somebody. Listeners put on the returned object at once miss nothing. */
  invite(_options: InviteOptions): OutgoingInvite {
    throw new Error('not yet');
  }

  /** Sends any request outside a dialog; Via, Max-Forwards, Call-ID, CSeq and From tag are added where they are missing. */
  request(_request: SipRequest, _outbound?: Hop): ClientTransaction {
    throw new Error('not yet');
  }

  /** Ends every transaction and dialog without a word on the wire and releases all sockets and timers. */
  close(): Promise<void> {
    throw new Error('not yet');
  }
}
