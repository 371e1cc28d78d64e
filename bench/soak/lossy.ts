import type { SipTransport } from '../../src/sandbox/sip/transport.js';

/** Of the datagrams of each direction. */
const LOST_SHARE = 0.07;
/** What comes twice, the second time so much later: a whole talk may lie between. */
const REPEATED_SHARE = 0.07;
const LATEST_MS = 4_000;

/** Has the network of `transport` lose some of its datagrams of SIP, either way, and bring some of them again and late. */
export function loseDatagrams(transport: SipTransport, random: () => number): void {
  const pass = (deliver: () => void): void => {
    if (random() < LOST_SHARE) return;
    deliver();
    if (random() < REPEATED_SHARE) setTimeout(deliver, random() * LATEST_MS).unref();
  };
  /** drachtio-server sends its 200 to a re-INVITE once (against RFC 3261 13.3.1.4): who loses it waits for ever. */
  const sentOnce = new Set<string>();
  const send = transport.send.bind(transport);
  transport.send = (data, hop) => {
    const text = data.toString();
    if (/^INVITE [^]*^To: .*;tag=/m.test(text)) sentOnce.add(nameOf(text));
    if (hop.protocol === 'udp') pass(() => send(data, hop));
    else send(data, hop);
  };
  const sendBack = transport.sendBack.bind(transport);
  transport.sendBack = (data, arrival, hop) => {
    if (hop.protocol === 'udp') pass(() => sendBack(data, arrival, hop));
    else sendBack(data, arrival, hop);
  };
  const listeners = transport.listeners('message');
  transport.removeAllListeners('message');
  transport.on('message', (message, arrival) => {
    const deliver = (): void => {
      for (const listener of listeners) listener(message, arrival);
    };
    const only =
      message.kind === 'response' && message.status >= 200 && sentOnce.has(`${message.callId} ${message.cseq.seq}`);
    if (arrival.protocol === 'udp' && !only) pass(deliver);
    else deliver();
  });
}

const nameOf = (text: string): string =>
  [/^Call-ID: *(\S+)/m, /^CSeq: *(\d+)/m].map((header) => header.exec(text)?.[1]).join(' ');
