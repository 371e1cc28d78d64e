/** What we use of modesl 1.2.1 and drachtio-fsmrf 4.1.2; neither ships types. */
declare module 'modesl' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';

  export interface EslEvent {
    getHeader(name: string): string | undefined;
    getBody(): string;
  }
  export interface EslParser {
    _parseHeaderText: (text: string) => Record<string, string | number>;
    _parseEvent: (this: EslParser, headers: Record<string, string | number>, body?: string) => void;
  }
  export interface Connection extends EventEmitter {
    /** null once the other side has closed. */
    readonly socket: Socket | null;
    /** Made when the socket is connected. */
    readonly parser?: EslParser;
    api(command: string, callback: (reply: EslEvent) => void): void;
    sendRecv(command: string, callback: (reply: EslEvent) => void): void;
    disconnect(): void;
  }
  // CommonJS: only the default import exists at run time.
  const modesl: {
    Connection: new (host: string, port: number, password: string, ready: () => void) => Connection;
  };
  export default modesl;
}

declare module 'modesl/lib/esl/Parser.js' {
  import type { EslParser } from 'modesl';
  const Parser: { prototype: EslParser };
  export default Parser;
}

declare module 'drachtio-modesl/lib/esl/Parser.js' {
  import type { EslParser } from 'modesl';
  const Parser: { prototype: EslParser };
  export default Parser;
}

declare module 'drachtio-fsmrf' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';

  namespace Mrf {
    interface Endpoint extends EventEmitter {
      readonly uuid: string;
      readonly local: { sdp: string };
      readonly dialog: { destroy(): Promise<unknown> } | null;
      readonly conn: { socket: Socket | null } | null;
      play(file: string): Promise<unknown>;
      destroy(): Promise<void>;
    }
    interface MediaServer extends EventEmitter {
      readonly conn: { socket: Socket | null };
      createEndpoint(options: { remoteSdp: string }): Promise<Endpoint>;
      disconnect(): void;
    }
    interface ConnectOptions {
      address: string;
      port: number;
      secret: string;
      listenAddress: string;
      advertisedAddress: string;
      profile: string;
    }
  }
  class Mrf {
    /** `srf`: only its `createUAC` is used. */
    constructor(srf: unknown);
    connect(options: Mrf.ConnectOptions): Promise<Mrf.MediaServer>;
  }
  export = Mrf;
}
