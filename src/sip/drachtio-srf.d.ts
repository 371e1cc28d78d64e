/**
 * What we use of drachtio-srf 5.0.29. The package's own declarations miss half of it and get some of the rest wrong
 * (the `connect` event, `SipError`, `Dialog.id`, `destroy`'s promise), so these stand in their place.
 */
declare module 'drachtio-srf' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';

  namespace Srf {
    interface SipMessage {
      get(header: string): string | undefined;
      has(header: string): boolean;
      readonly uri: string;
      readonly method: string;
      readonly body: string;
    }
    interface SrfRequest extends EventEmitter, SipMessage {
      readonly source_address: string;
      readonly source_port: number;
      readonly protocol: string;
      readonly stackTxnId: string;
      readonly stackDialogId?: string;
      readonly isNewInvite: boolean;
      readonly socket: Socket;
      readonly res: SrfResponse;
      canceled?: boolean;
      cancel(options: { headers?: Record<string, string> }, callback?: (error: Error | null) => void): void;
      on(event: 'cancel', listener: (request: SipMessage) => void): this;
      on(event: 'response', listener: (response: SrfResponse, ack: () => void) => void): this;
      on(event: 'authenticate', listener: (request: SrfRequest) => void): this;
      on(event: 'update', listener: (request: SrfRequest, response: SrfResponse) => void): this;
    }
    interface SendOptions {
      headers?: Record<string, string>;
      body?: string;
    }
    interface SrfResponse {
      readonly status: number;
      readonly reason: string;
      readonly body: string;
      readonly finalResponseSent: boolean;
      /** Its final response has been sent. */
      on(event: 'end', listener: () => void): this;
      /** Of what came from the network; '' where drachtio made it up. */
      readonly source_address: string;
      readonly protocol: string;
      get(header: string): string | undefined;
      has(header: string): boolean;
      send(status: number, options?: SendOptions, callback?: (error: unknown) => void): void;
      send(status: number, reason: string, options?: SendOptions, callback?: (error: unknown) => void): void;
    }
    interface Dialog extends EventEmitter {
      readonly id: string;
      readonly type: 'uac' | 'uas';
      readonly connected: boolean;
      readonly local: { sdp: string; contact?: string };
      readonly remote: { sdp: string; uri: string };
      readonly socket: Socket;
      readonly agent: object;
      readonly sip: { callId: string; localTag: string };
      /** The INVITE and its 200. */
      readonly req: SrfRequest;
      readonly res: SrfResponse;
      request(
        options: { method: string; headers?: Record<string, string>; body?: string },
        callback: (error: Error | null, response: SrfResponse) => void,
      ): void;
      on(event: 'destroy', listener: (request: SipMessage, reason?: string) => void): this;
      on(
        event: 'modify' | 'info' | 'update' | 'refer' | 'message' | 'publish',
        listener: (request: SrfRequest, response: SrfResponse) => void,
      ): this;
      on(event: 'ack', listener: (request: SrfRequest) => void): this;
    }
    /** As who gives no callbacks has it. */
    interface AwaitedDialog {
      destroy: () => Promise<unknown>;
    }
    interface OfferedDialog {
      sdp: string;
      ack: (sdp: string) => Promise<Dialog>;
      destroy: () => Promise<void>;
    }
    interface UacOptions {
      localSdp?: string;
      headers?: Record<string, string>;
      noAck?: boolean;
      proxy?: string;
    }
    interface UacCallbacks {
      cbRequest?: (error: Error | null, request?: SrfRequest) => void;
      cbProvisional?: (response: SrfResponse) => void;
    }
    interface RequestOptions {
      uri?: string;
      method: string;
      headers?: Record<string, string>;
      body?: string;
      stackTxnId?: string;
      stackDialogId?: string;
      proxy?: string;
    }
    class SipError extends Error {
      constructor(status: number, reason?: string);
      readonly status: number;
      readonly reason: string;
      readonly res?: SrfResponse;
    }
  }

  type Handler = (request: Srf.SrfRequest, response: Srf.SrfResponse) => void;

  class Srf extends EventEmitter {
    static readonly SipError: typeof Srf.SipError;
    constructor();
    connect(options: { host: string; port: number; secret: string; enablePing?: boolean }): void;
    disconnect(): void;
    invite(handler: Handler): void;
    options(handler: Handler): void;
    register(handler: Handler): void;
    subscribe(handler: Handler): void;
    notify(handler: Handler): void;
    publish(handler: Handler): void;
    message(handler: Handler): void;
    info(handler: Handler): void;
    createUAC(
      uri: string,
      options: Srf.UacOptions,
      callbacks: Srf.UacCallbacks,
      callback: (error: unknown, dialog?: Srf.Dialog | Srf.OfferedDialog) => void,
    ): void;
    createUAS(
      request: Srf.SrfRequest,
      response: Srf.SrfResponse,
      options: { localSdp: string; headers?: Record<string, string> },
      callback: (error: unknown, dialog?: Srf.Dialog) => void,
    ): void;
    request(options: Srf.RequestOptions, callback: (error: Error | null, request?: Srf.SrfRequest) => void): void;
    on(
      event: 'connect',
      listener: (error: Error | null, hostport?: string, serverVersion?: string, localHostports?: string) => void,
    ): this;
    on(event: 'error', listener: (error: Error, socket?: Socket) => void): this;
    on(event: 'close' | 'reconnecting', listener: () => void): this;
  }

  export = Srf;
}

/** The parser that srf calls by this object for every message, so what is put into it counts. */
declare module 'drachtio-srf/lib/sip-parser/parser.js' {
  interface SipParser {
    parseSipMessage: (text: string, lazy?: boolean) => { headers: Record<string, unknown> } | undefined;
  }
  const parser: SipParser;
  export default parser;
}
