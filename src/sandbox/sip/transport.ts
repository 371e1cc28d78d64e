import { EventEmitter } from 'node:events';
import type { SipMessage } from './message.js';

export type Protocol = 'udp' | 'tcp';

/** Where a message goes to. */
export interface Hop {
  protocol: Protocol;
  address: string;
  port: number;
}

/** Where a message came from and by which socket; a response to it goes back the same way. */
export interface Arrival extends Hop {
  localAddress: string;
  localPort: number;
  /** Of the TCP connection, so that responses find it again. */
  connectionId: number | undefined;
}

export interface TransportOptions {
  host: string;
  /** 0 or absent = any port that is free for UDP and TCP alike. */
  port?: number;
}

/** What could not be read is counted here, never thrown. */
export interface TransportCounters {
  received: number;
  sent: number;
  malformed: number;
  oversized: number;
}

/** UDP and TCP on one port of one address (RFC 3261 18). */
export class SipTransport extends EventEmitter<{ message: [SipMessage, Arrival] }> {
  readonly host: string = '';
  readonly port: number = 0;
  readonly counters: TransportCounters = { received: 0, sent: 0, malformed: 0, oversized: 0 };

  static listen(_options: TransportOptions): Promise<SipTransport> {
    throw new Error('not yet');
  }

  close(): Promise<void> {
    throw new Error('not yet');
  }
}
