import type { OpenInvite } from './call.js';

/** SIP as the heart of the gateway sees it; `sip/` implements it over drachtio. */

/** A SIP request to set up a session that came in and waits for our answer. */
export interface IncomingInvite {
  /** By which any gateway on the same drachtio can refuse it. */
  readonly open: OpenInvite;
  readonly sipCallId: string;
  readonly source: { address: string; protocol: string };
  /** ms since the epoch. */
  readonly receivedAt: number;
  readonly requestUri: string;
  /** Empty for a late offer (an INVITE without SDP). */
  readonly sdp: string;
  /** For who brings the call and asks for them in its dialog. */
  auth: { username: string; password: string } | undefined;
  /** From now on `sdp` has no keys for SRTP. */
  dropKeys(): void;
  /** Of the body as it came, whatever it is. */
  readonly bodyLength: number;
  /** Whether its Contact is a SIP URI with a host, as every INVITE's must be. */
  readonly namesContact: boolean;
  header(name: string): string | undefined;
  /** Calls back once when the caller gives up before a final answer; at once if he already has. */
  onCancel(listener: () => void): void;
  /** 180 or 183; ignored after a final answer or a CANCEL. */
  progress(status: number, sdp?: string): void;
  /** Final refusal. Idempotent; a no-op after CANCEL, which the stack answers by itself. */
  refuse(status: number, headers?: Record<string, string>): void;
  /** 200 with this SDP. Rejects when the caller cancelled first; then nothing is left behind. */
  answer(sdp: string): Promise<DialogLeg>;
}

/** How the other side ended a dialog. */
export interface DialogEnd {
  /** `peer`: it sent BYE. The others are the stack's: nobody acknowledged our 200, or refreshed the session (RFC 4028 10). */
  by: 'peer' | 'ack-timeout' | 'session-timer';
  /** Text of the BYE's Reason header, where it has one: FreeSWITCH puts the name of its hangup cause there. */
  cause: string | null;
}

export type ReinviteAnswer = { sdp: string } | { status: number };

/** An established SIP dialog. */
export interface DialogLeg {
  /** drachtio's id: any gateway on the same drachtio can send BYE in it. */
  readonly id: string;
  /** The peer's SDP of the INVITE, or of the answer to it. */
  readonly remoteSdp: string;
  /** Settles when nothing of it is on the wire any more: its BYE has been answered, or will never be. */
  readonly gone: Promise<void>;
  onEnd(listener: (end: DialogEnd) => void): void;
  /**
   * Called for each re-INVITE or UPDATE with an offer, those that came before too; `sdp` is empty when the peer asks us for
   * the offer.
   */
  onReinvite(handler: (sdp: string) => Promise<ReinviteAnswer>): void;
  /** SDP answer in the ACK of a late offer; rejects after a deadline. */
  answerInAck(): Promise<string>;
  /** Called with the SDP of each later ACK that carries one: the answer to an offer of ours in a 200 to a re-INVITE. */
  onAckSdp(listener: (sdp: string) => void): void;
  /** Re-INVITE with `sdp`; the peer's answer. Rejects with SipFailure when it refuses. */
  reinvite(sdp: string): Promise<string>;
  /** Passes on an INFO (DTMF of phones that do not send RFC 4733). */
  onInfo(handler: (contentType: string, body: string) => void): void;
  info(contentType: string, body: string): Promise<void>;
  /** BYE; settles as `gone`. Idempotent, never rejects. */
  bye(): Promise<void>;
}

/** A final answer that is not a success, or none at all. */
export interface SipFailure {
  /** null: no final answer (the far end or the link is silent). */
  status: number | null;
  reason: string;
  /** What it says in Reason and Warning beside the status line. */
  texts: readonly string[];
  /** Q.850 cause of the Reason header. */
  q850: number | null;
  retryAfterSeconds: number | null;
}

export type InviteOutcome =
  | { kind: 'answered'; leg: DialogLeg; sdp: string }
  /** Answered with an offer to our INVITE without SDP: `accept` sends the answer in the ACK. */
  | { kind: 'offered'; sdp: string; accept: (sdp: string) => Promise<DialogLeg>; abandon: () => Promise<void> }
  | { kind: 'failed'; failure: SipFailure }
  /** With the link to drachtio: nothing is known of it any more. */
  | { kind: 'link-lost' }
  /** It was there, and said nothing final within `timeoutMs`. */
  | { kind: 'unanswered' }
  | { kind: 'cancelled' };

export interface OutgoingInvite {
  /** Called with that by which any gateway on the same drachtio can cancel it. */
  onSent(listener: (invite: OpenInvite) => void): void;
  onProgress(listener: (status: number, sdp: string) => void): void;
  /** Always settles, with a deadline; an answer that comes after `cancel()` is hung up by itself. */
  readonly outcome: Promise<InviteOutcome>;
  /** Settles when nothing of this attempt is on the wire any more: until then it still occupies the far end's channel. */
  readonly gone: Promise<void>;
  /** Idempotent. */
  cancel(reason?: string): void;
}

export interface InviteRequest {
  uri: string;
  /** Where to send it, when that is not where `uri` leads (a phone behind NAT, a Path). */
  proxy?: string;
  /** Empty: late offer. */
  sdp: string;
  /** Shown to the called side. */
  from: { user: string; displayName: string | null; host?: string };
  headers: Record<string, string>;
  auth?: { username: string; password: string };
  /** ms until the attempt is given up as unanswered. */
  timeoutMs: number;
  /** ms until it is given up as unreachable where there is no response at all, not even 100; `timeoutMs` if that is less. */
  responseTimeoutMs?: number;
}

export interface SipSide {
  /** Whether the link to drachtio is up. */
  readonly up: boolean;
  /** Names that drachtio-server: the same for every gateway that is or was connected to it. Empty before the first link. */
  readonly edge: string;
  invite(request: InviteRequest): OutgoingInvite;
  /** BYE in a dialog of this edge that another gateway, now dead, had set up; whether it was still there. Never rejects. */
  endForeignDialog(dialogId: string): Promise<boolean>;
  /** Refuses (with `status`) or cancels an INVITE of such a gateway; BYE where it has just been answered. Never rejects. */
  endForeignInvite(invite: OpenInvite, status: number): Promise<void>;
}
