import type { Socket } from 'node:net';
import type Srf from 'drachtio-srf';

type Answered = (error: unknown, sent?: unknown) => void;

/** Parts of srf 5.0.29 that it does not export: the only way to ping over the very link that carries the calls, or to hear of an ACK. */
export interface AgentInternals {
  mapServer: Map<
    Socket,
    {
      pendingRequests: Map<string, (answer: string[]) => void>;
      pendingNetworkInvites: Map<string, { req: Srf.SrfRequest; res: Srf.SrfResponse }>;
      /** Ours, by transaction, until their final response comes. */
      pendingSipRequests: Map<string, { req: Srf.SrfRequest }>;
    }
  >;
  wp: {
    removeAllListeners(event: 'connect'): AgentInternals['wp'];
    on(event: 'connect', listener: (socket: Socket) => void): void;
    closing: boolean;
    reconnectVars: { retryTimer: NodeJS.Timeout | null };
    send(socket: Socket, message: string): string;
  };
  sendMessage(message: string, options: { stackTxnId: string }): string;
  sendAck(
    method: string,
    dialogId: string,
    request: Srf.SrfRequest,
    response: Srf.SrfResponse,
    options: object | undefined,
    callback: Answered | undefined,
  ): void;
}

export function agentOf(srf: Srf): AgentInternals | undefined {
  return (srf as unknown as { app?: { client?: AgentInternals } }).app?.client;
}
