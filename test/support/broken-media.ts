import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { plainSdp } from './raw-sip.js';

/** How the SIP of a `BrokenMedia` answers INVITEs: as a host that has just vanished, or as a server that is full. */
export type Brokenness = 'silent' | 'full';

const ESL_PORT = 8021;
const SIP_PORT = 5080;
const SECRET = 'only-for-this-test';
const CORE = '00000000-0000-0000-0000-000000000000';

/** A FreeSWITCH whose event socket says that all is well, and which takes no calls nevertheless. */
export class BrokenMedia {
  /** INVITEs that came, repeated ones included. */
  invites = 0;
  /** What answers INVITEs of its own. */
  readonly answers: string[] = [];
  #invite = '';
  #invited: () => void = () => undefined;

  private constructor(
    private readonly address: string,
    private readonly how: Brokenness,
    private readonly esl: Server,
    private readonly sip: UdpSocket,
  ) {
    esl.on('connection', (socket) => this.#serve(socket));
    sip.on('message', (message, { port, address: from }) => {
      const text = message.toString('utf8');
      if (text.startsWith('SIP/2.0 ')) this.answers.push(text);
      if (!text.startsWith('INVITE ')) return;
      this.invites += 1;
      this.#invite = text;
      this.#invited();
      if (this.how === 'full') this.sip.send(refusal(text), port, from);
    });
  }

  static async open(address: string, how: Brokenness): Promise<BrokenMedia> {
    const [esl, sip] = [createServer(), createSocket('udp4')];
    esl.listen(ESL_PORT, address);
    sip.bind(SIP_PORT, address);
    await Promise.all([once(esl, 'listening'), once(sip, 'listening')]);
    return new BrokenMedia(address, how, esl, sip);
  }

  /** Called with each INVITE that comes, before it is answered. */
  onInvite(listener: () => void): void {
    this.#invited = listener;
  }

  /** What a server does that was only slow: dials back for the last call that came. */
  dialBack(to: { host: string; port: number }): void {
    const { address } = this;
    const key = /^X-CT-Call-Key:.*$/im.exec(this.#invite)?.[0] ?? '';
    const body = plainSdp(address);
    const lines = [
      `INVITE sip:business@${to.host}:${to.port} SIP/2.0`,
      `Via: SIP/2.0/UDP ${address}:${SIP_PORT};branch=z9hG4bKlate${this.invites}`,
      `From: <sip:late@${address}>;tag=late`,
      `To: <sip:business@${to.host}>`,
      `Call-ID: late-${this.invites}@${address}`,
      'CSeq: 1 INVITE',
      `Contact: <sip:late@${address}:${SIP_PORT}>`,
      'Max-Forwards: 70',
      key,
      'Content-Type: application/sdp',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.sip.send([...lines, '', body].join('\r\n'), to.port, to.host);
  }

  /** As one of `engines.freeswitch`. */
  get configuration() {
    return { host: this.address, port: ESL_PORT, secret: SECRET, callbackAddress: '127.0.0.1', profile: 'calltrack' };
  }

  close(): void {
    this.esl.close();
    this.sip.close();
  }

  #serve(socket: Socket): void {
    socket.on('error', () => undefined); // the gateway stops
    socket.write('Content-Type: auth/request\n\n');
    let rest = '';
    socket.on('data', (chunk: Buffer) => {
      const commands = (rest + chunk.toString('utf8')).split('\n\n');
      rest = commands.pop() ?? '';
      for (const command of commands) socket.write(this.#reply(command.trim()));
    });
  }

  #reply(command: string): string {
    if (!command.startsWith('api ')) return 'Content-Type: command/reply\nReply-Text: +OK accepted\n\n';
    const profile = `calltrack profile sip:mod_sofia@${this.address}:${SIP_PORT} RUNNING (0)\n`;
    const body = command === 'api sofia status' ? profile : CORE;
    return `Content-Type: api/response\nContent-Length: ${body.length}\n\n${body}`;
  }
}

function refusal(invite: string): string {
  const kept = invite.split('\r\n').filter((line) => /^(via|v|from|f|to|t|call-id|i|cseq)\s*:/i.test(line));
  const lines = kept.map((line) => (/^(to|t)\s*:/i.test(line) ? `${line};tag=full` : line));
  return ['SIP/2.0 503 Maximum Calls In Progress', ...lines, 'Retry-After: 300', 'Content-Length: 0', '', ''].join(
    '\r\n',
  );
}
