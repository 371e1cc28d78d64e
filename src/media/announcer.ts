import { networkInterfaces } from 'node:os';
import Mrf from 'drachtio-fsmrf';
import type { Logger } from 'pino';
import type { IncomingInvite } from '../call/sip-ports.js';
import { inBackground } from '../lib/background.js';
import { withDeadline } from '../lib/deadline.js';

export interface AnnouncerOptions {
  host: string;
  port: number;
  secret: string;
  /** Our address as FreeSWITCH can dial it. */
  callbackAddress: string;
  profile: string;
  logger: Logger;
  /** drachtio, for fsmrf's own INVITE: always the live one. */
  createUac: (...args: unknown[]) => unknown;
}

const CONNECT_TIMEOUT_MS = 5000;
/** fsmrf waits one second for what it asks FreeSWITCH first, which on a busy machine is not always enough. */
const CONNECT_ATTEMPTS = 3;
/** fsmrf's INVITE has no deadline of its own, its outbound socket 4 s. */
const ENDPOINT_TIMEOUT_MS = 8000;
const ANNOUNCEMENT_TIMEOUT_MS = 60_000;
const TEARDOWN_TIMEOUT_MS = 3000;

/**
 * fsmrf 4.1.2 takes each offer of RTP/SAVP for one with DTLS, and refuses it (`requiresDtlsHandshake`): with keys in SDP it
 * needs none, so it does not get to see the word.
 */
const hidden = (sdp: string): string => sdp.replaceAll(' RTP/SAVP ', ' RTP/SDES ');
const shown = (sdp: string): string => sdp.replaceAll(' RTP/SDES ', ' RTP/SAVP ');

/**
 * Plays a short announcement to a caller whom nobody could take, through an fsmrf endpoint, as early media: he hears
 * it unbilled, then gets his refusal. The media-server object is made when first needed and thrown away after a loss
 * (fsmrf's own reconnect mixes up replies); FreeSWITCH's end of it hangs up by itself when the socket goes.
 */
export class Announcer {
  #server: Promise<Mrf.MediaServer> | null = null;

  constructor(private readonly options: AnnouncerOptions) {}

  async play(invite: IncomingInvite, sound: string): Promise<void> {
    const server = await this.#mediaServer();
    const creating = server.createEndpoint({ remoteSdp: hidden(invite.sdp) });
    const endpoint = await withDeadline(creating, ENDPOINT_TIMEOUT_MS, 'announcement endpoint', (late) => {
      this.#destroy(late).catch(() => undefined);
    });
    try {
      endpoint.conn?.socket?.setNoDelay(true);
      invite.progress(183, endpoint.local.sdp);
      const callerLeft = new Promise<void>((resolve) => invite.onCancel(resolve));
      // With FreeSWITCH: it would never say that it has played.
      const endpointGone = new Promise<void>((resolve) => endpoint.once('destroy', () => resolve()));
      const over = Promise.race([endpoint.play(sound), callerLeft, endpointGone]);
      await withDeadline(over, ANNOUNCEMENT_TIMEOUT_MS, 'announcement');
    } finally {
      await this.#destroy(endpoint);
    }
  }

  /** After a loss of FreeSWITCH, and at the end. */
  reset(): void {
    const server = this.#server;
    this.#server = null;
    server?.then((old) => old.disconnect()).catch(() => undefined);
  }

  #mediaServer(): Promise<Mrf.MediaServer> {
    this.#server ??= this.#connect().catch((error: unknown) => {
      this.#server = null;
      throw error;
    });
    return this.#server;
  }

  async #connect(): Promise<Mrf.MediaServer> {
    const connecting = this.#attempt(CONNECT_ATTEMPTS);
    const server = await withDeadline(connecting, CONNECT_TIMEOUT_MS, 'fsmrf', (late) => late.disconnect());
    server.conn.socket?.setNoDelay(true);
    server.on('error', (error: unknown) => {
      this.options.logger.warn({ err: error }, 'fsmrf');
      this.reset();
    });
    server.on('end', () => this.reset());
    return server;
  }

  async #attempt(left: number): Promise<Mrf.MediaServer> {
    try {
      return await this.#open();
    } catch (error) {
      if (left === 1) throw error;
      return await this.#attempt(left - 1);
    }
  }

  #open(): Promise<Mrf.MediaServer> {
    const { host, port, secret, callbackAddress, profile } = this.options;
    const mrf = new Mrf({
      createUAC: (uri: string, options: { localSdp: string }) =>
        this.options.createUac(uri, { ...options, localSdp: shown(options.localSdp) }),
    });
    const local = Object.values(networkInterfaces()).some((list) =>
      list?.some(({ address }) => address === callbackAddress),
    );
    return mrf.connect({
      address: host,
      port,
      secret,
      // Behind a NAT our public address is not one that we can listen on.
      listenAddress: local ? callbackAddress : '0.0.0.0',
      advertisedAddress: callbackAddress,
      profile,
    });
  }

  /** fsmrf's destroy waits for a BYE that may never come. */
  async #destroy(endpoint: Mrf.Endpoint): Promise<void> {
    try {
      await withDeadline(endpoint.destroy(), TEARDOWN_TIMEOUT_MS, 'announcement teardown');
    } catch (error) {
      this.options.logger.warn({ err: error }, 'announcement endpoint did not end, hanging up by SIP');
    }
    // It did not end by itself, or FreeSWITCH has. Nobody waits for that: over a link to drachtio that dies now it is never answered.
    inBackground(
      (endpoint.dialog?.destroy() ?? Promise.resolve()).then(
        () => undefined,
        () => undefined,
      ),
    );
  }
}
