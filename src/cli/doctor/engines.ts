import { randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { GatewayConfig } from '../../config/schema.js';
import { toError } from '../../lib/deadline.js';
import { converse } from './conversation.js';
import { fail, ok, warn, type Finding } from './report.js';

const SIP_TIMEOUT_MS = 2000;

type Engines = GatewayConfig['engines'];

/** Whether drachtio-server is there and takes our secret: its admin protocol is `<bytes>#<id>|authenticate|<secret>|`. */
export async function checkDrachtio(drachtio: NonNullable<Engines['drachtio']>): Promise<Finding> {
  const what = `drachtio ${drachtio.host}:${drachtio.port}`;
  const message = `${randomUUID()}|authenticate|${drachtio.secret}|`;
  let sent = false;
  try {
    const accepted = await converse(drachtio, (received) => {
      if (!sent) {
        sent = true;
        return { send: `${Buffer.byteLength(message)}#${message}` };
      }
      const answer = /\|response\|[^|]*\|(\w+)/.exec(received)?.[1];
      return answer === undefined ? {} : { result: answer === 'OK' };
    });
    return accepted
      ? ok(what, 'reachable, secret accepted')
      : fail(what, 'secret refused: look at engines.drachtio.secret');
  } catch (error) {
    return fail(what, `not reachable: ${toError(error).message}`);
  }
}

/** Whether FreeSWITCH's event socket is there and takes our password. */
export async function checkFreeSwitch(server: Engines['freeswitch'][number]): Promise<Finding> {
  const what = `freeswitch ${server.host}:${server.port}`;
  let asked = false;
  try {
    const reply = await converse(server, (received) => {
      if (received.includes('text/rude-rejection')) return { result: 'its ACL keeps us out (text/rude-rejection)' };
      if (!asked && received.includes('auth/request')) {
        asked = true;
        return { send: `auth ${server.secret}\n\n` };
      }
      const answer = /Reply-Text: ([^\n]*)\n/.exec(received)?.[1];
      return answer === undefined ? {} : { result: answer };
    });
    if (reply.startsWith('+OK')) return ok(what, 'reachable, password accepted');
    return fail(what, `password refused: ${reply}`);
  } catch (error) {
    return fail(what, `not reachable: ${toError(error).message}`);
  }
}

/** What strangers are answered: SIP works, and this machine is no trunk's, engine's or phone's. */
const TO_STRANGERS = '403';

/** Whether something answers SIP at `host:port` over UDP as a gateway that takes calls does. */
export function checkSip(host: string, port: number): Promise<Finding> {
  const what = `SIP ${host}:${port} udp`;
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const end = (finding: Finding) => {
      clearTimeout(timer);
      socket.close();
      resolve(finding);
    };
    const timer = setTimeout(() => end(warn(what, 'no answer to OPTIONS')), SIP_TIMEOUT_MS);
    socket.on('error', (error) => end(warn(what, error.message)));
    socket.on('message', (message) => {
      const status = /^SIP\/2\.0 (\d{3})/.exec(message.toString('latin1'))?.[1];
      if (status === '200') end(ok(what, 'answers OPTIONS'));
      else if (status === TO_STRANGERS) end(ok(what, 'answers OPTIONS with 403, as it does to strangers'));
      else if (status !== undefined) end(warn(what, `answers OPTIONS with ${status}`));
    });
    // Bound by connecting, so that an ICMP refusal comes back as an error and Via has our own address.
    socket.connect(port, host, () => {
      const { address, port: own } = socket.address();
      const branch = `z9hG4bK${randomUUID()}`;
      socket.send(
        [
          `OPTIONS sip:${host}:${port} SIP/2.0`,
          `Via: SIP/2.0/UDP ${address}:${own};branch=${branch};rport`,
          'Max-Forwards: 70',
          `From: <sip:doctor@${address}>;tag=${branch.slice(-8)}`,
          `To: <sip:${host}:${port}>`,
          `Call-ID: ${randomUUID()}`,
          'CSeq: 1 OPTIONS',
          'Content-Length: 0',
          '\r\n',
        ].join('\r\n'),
      );
    });
  });
}
