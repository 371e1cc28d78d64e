import type { Dialog } from '../sip/dialog.js';
import type { ServerTransaction } from '../sip/server-transaction.js';
import { causeOf, reasonHeader, type HangupCause } from './causes.js';
import type { Channel, ReleaseDetails } from './channel.js';
import { DEFAULT_TELEPHONE_EVENT, readSdp, type RemoteAudio, type SdpWriter } from './sdp.js';
import type { Switch } from './switch.js';

/** What both kinds of leg do once there is a dialog: re-INVITE, hold, BYE either way. */
export abstract class DialogLeg {
  protected dialog: Dialog | undefined;
  /** We sent the offer: key presses come with the payload type that we named. */
  protected offered = false;
  /** Payload type of key presses; undefined where there are none any more. */
  #telephoneEvent: number | undefined = DEFAULT_TELEPHONE_EVENT;

  protected constructor(
    protected readonly fs: Switch,
    readonly channel: Channel,
    protected readonly sdp: SdpWriter,
  ) {}

  protected adopt(dialog: Dialog): void {
    this.dialog = dialog;
    dialog.on('request', (transaction) => this.#onRequest(transaction));
    dialog.on('ackTimeout', () => this.fs.hangup(this.channel, 'RECOVERY_ON_TIMER_EXPIRE'));
  }

  /** Starts the media as negotiated. The timeout is read now: from here on the variable's later values do not count. */
  protected startMedia(remote: RemoteAudio): void {
    const { channel } = this;
    remote.telephoneEvent = this.#takeKeys(remote.telephoneEvent);
    channel.media.configure(remote, this.offered, this.sdp.key);
    this.readMediaTimeout();
    channel.set('read_codec', channel.media.codecName);
    channel.set('write_codec', channel.media.codecName);
    channel.set('rtp_use_codec_name', channel.media.codecName);
    channel.set('rtp_use_pt', String(remote.payloadType));
    channel.set('dtmf_type', 'rfc2833');
    channel.set('remote_media_ip', remote.address);
    channel.set('remote_media_port', String(remote.port));
    channel.set(
      'rtp_2833_send_payload',
      remote.telephoneEvent === undefined ? undefined : String(remote.telephoneEvent),
    );
  }

  /** Where they were left out once, they are for good, unless the variable `rtp_liberal_dtmf` is set: then they never are. */
  #takeKeys(described: number | undefined): number | undefined {
    const liberal = this.channel.get('rtp_liberal_dtmf') === 'true';
    if (described !== undefined && this.#telephoneEvent !== undefined) this.#telephoneEvent = described;
    else if (!liberal) this.#telephoneEvent = undefined;
    return this.#telephoneEvent;
  }

  protected readMediaTimeout(): void {
    const { channel } = this;
    channel.media.mediaTimeoutMs = Number(channel.get('media_timeout_audio') ?? channel.get('media_timeout') ?? 0);
    channel.media.restartSilence();
  }

  /** Notes a description of ours where drachtio-fsmrf looks for it. */
  protected noteLocalSdp(sdp: string, port: number): string {
    const { channel } = this;
    channel.set(
      'rtp_local_sdp_str',
      /^a=(sendrecv|sendonly|recvonly|inactive)/m.test(sdp) ? sdp : `${sdp}a=sendrecv\r\n`,
    );
    channel.set('local_media_ip', this.fs.options.address);
    channel.set('advertised_media_ip', this.fs.options.address);
    channel.set('local_media_port', String(port));
    return sdp;
  }

  protected sendBye(cause: HangupCause, details: ReleaseDetails): void {
    this.channel.set('sip_hangup_disposition', 'send_bye');
    if (this.dialog === undefined || this.dialog.state === 'terminated') return;
    this.dialog.request('BYE', { headers: { Reason: details.reason ?? reasonHeader(cause) } });
  }

  #onRequest(transaction: ServerTransaction): void {
    const { method } = transaction.request;
    if (method === 'BYE') this.#onBye(transaction);
    else if (method === 'INVITE' || method === 'UPDATE') void this.#onReinvite(transaction).catch(() => undefined);
    else transaction.respond(method === 'OPTIONS' || method === 'INFO' ? 200 : 501);
  }

  #onBye(transaction: ServerTransaction): void {
    transaction.respond(200);
    const reason = transaction.request.headers.get('Reason');
    this.channel.set('sip_hangup_disposition', 'recv_bye');
    this.channel.set('sip_term_status', '200');
    this.channel.set('sip_reason', reason);
    this.fs.hangup(this.channel, causeOf(undefined, reason), { reason, byPeer: true });
  }

  async #onReinvite(transaction: ServerTransaction): Promise<void> {
    const { body } = transaction.request;
    const answer = await this.#renegotiate(body);
    if (answer === undefined) transaction.respond(488);
    else if (transaction.request.method === 'INVITE') this.dialog?.accept(transaction, { body: answer });
    else transaction.respond(200, answer === '' ? {} : { body: answer });
  }

  /** Our description for the 2xx; undefined when the offer cannot be met. */
  async #renegotiate(body: string): Promise<string | undefined> {
    const { media } = this.channel;
    const port = await media.open();
    if (body === '') return this.noteLocalSdp(this.sdp.offer(port), port);
    const remote = readSdp(body, this.sdp.srtp);
    if (remote === undefined) return undefined;
    this.channel.set('switch_r_sdp', body);
    const [known, brought] = [media.remote?.crypto, remote.crypto];
    if (known && brought && (known.tag !== brought.tag || known.inline !== brought.inline)) this.sdp.renewKey();
    const wasHolding = media.holding;
    this.offered = false;
    this.startMedia(remote);
    if (media.holding !== wasHolding) this.channel.fire(media.holding ? 'CHANNEL_HOLD' : 'CHANNEL_UNHOLD');
    return this.noteLocalSdp(this.sdp.answer(port, remote), port);
  }
}
