export type Protocol = 'udp' | 'tcp' | 'tls';

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
  /** Of the TCP or TLS connection, so that responses find it again. */
  connectionId: number | undefined;
}

export const hopKey = (hop: Hop): string => `${hop.protocol}/${hop.address}:${hop.port}`;
