import { setTimeout as delay } from 'node:timers/promises';
import type Srf from 'drachtio-srf';
import { withDeadline } from '../lib/deadline.js';
import { agentOf, type AgentInternals } from './agent.js';

/**
 * srf acknowledges a 200 by itself and never looks what comes of it. drachtio-server 0.9.10 takes the status of the last response
 * for that of the call (sip-dialog-controller.cpp): where over TCP or TLS a 180 comes right behind the 200, as from a proxy of
 * several processes, it refuses the ACK, and has forgotten whose the call is. Who has answered waits for the ACK, gives up after
 * 32 s, and his BYE is told to nobody.
 */

/** drachtio-server answers at once; only a dead link takes longer. */
const ACK_TIMEOUT_MS = 5000;
/** A 200 without ACK is repeated after half a second, one and two more (RFC 3261 13.3.1.4); with it the server knows the call again. */
const REPEATS_MS = 4500;
const REPEATED_ACK_MS = 100;

/** Of each link, by dialog: whether its ACK was taken, as long as that is not known. */
const underWay = new WeakMap<AgentInternals, Map<string, Promise<boolean>>>();

/** From now on `ackTaken` knows of the ACKs of this link. Not of those by UDP, which are never refused: two of each call are. */
export function followAcks(agent: AgentInternals): void {
  const acks = new Map<string, Promise<boolean>>();
  underWay.set(agent, acks);
  const send = agent.sendAck.bind(agent);
  agent.sendAck = (method, dialogId, request, response, options, callback) => {
    if (response.protocol.toLowerCase() === 'udp') {
      send(method, dialogId, request, response, options, callback);
      return;
    }
    const taken = new Promise<boolean>((resolve) => {
      send(method, dialogId, request, response, options, (error, sent) => {
        acks.delete(dialogId);
        resolve(!error);
        callback?.(error, sent);
      });
    });
    acks.set(dialogId, taken);
  };
}

/** Whether the ACK that srf has just sent in this dialog was taken; true by UDP, and where the link dies before that is known. */
export async function ackTaken(srf: Srf, dialogId: string): Promise<boolean> {
  const agent = agentOf(srf);
  const taken = agent && underWay.get(agent)?.get(dialogId);
  return taken === undefined || (await withDeadline(taken, ACK_TIMEOUT_MS, 'ACK').catch(() => true));
}

/** Sends the ACK again until it is taken: only then can BYE be sent. False where nobody repeats his 200. */
export async function acknowledgeRepeated(srf: Srf, dialog: Srf.Dialog): Promise<boolean> {
  const agent = agentOf(srf);
  const end = performance.now() + REPEATS_MS;
  while (performance.now() < end) {
    await delay(REPEATED_ACK_MS);
    if (!agent || dialog.socket.destroyed) return false;
    agent.sendAck('ACK', dialog.id, dialog.req, dialog.res, undefined, undefined);
    if (await ackTaken(srf, dialog.id)) return true;
  }
  return false;
}
