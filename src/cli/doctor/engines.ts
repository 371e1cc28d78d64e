import { randomUUID } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { GatewayConfig } from '../../config/schema.js';
import { toError } from '../../lib/deadline.js';
import { sipAddressOf } from '../../media/sofia-status.js';
import { converse } from './conversation.js';
import { fail, ok, warn, type Finding } from './report.js';
import { checkTls, type Address } from './tls.js';

const SIP_TIMEOUT_MS = 2000;

type Engines = GatewayConfig['engines'];

/** drachtio-server, and SIP where it says that it takes it. */
export async function checkDrachtio(
  drachtio: NonNullable<Engines['drachtio']>,
  config: Pick<GatewayConfig, 'trunks' | 'lines'>,
): Promise<Finding[]> {
  const { finding, contacts } = await askDrachtio(drachtio);
  if (contacts === null) return [finding];
  const [udp, tls] = await Promise.all([
    Promise.all(addressesOf(contacts, 'udp').map(({ host, port }) => checkSip(host, port))),
    checkTls(addressesOf(contacts, 'tls'), config),
  ]);
  return [finding, ...udp, ...tls];
}

/**
 * Whether drachtio-server is there and takes our secret: its admin protocol is `<bytes>#<id>|authenticate|<secret>|`, and
 * the answer `…|OK|udp/10.0.0.1:5060,tcp/10.0.0.1:5060|<version>|<the same within NAT>`.
 */
async function askDrachtio(
  drachtio: NonNullable<Engines['drachtio']>,
): Promise<{ finding: Finding; contacts: string | null }> {
  const what = `drachtio ${drachtio.host}:${drachtio.port}`;
  const message = `${randomUUID()}|authenticate|${drachtio.secret}|`;
  let sent = false;
  try {
    const [accepted, addresses = '', , local = addresses] = await converse(drachtio, (received) => {
      if (!sent) {
        sent = true;
        return { send: `${Buffer.byteLength(message)}#${message}` };
      }
      const [, bytes = '', answer = ''] = /^(\d+)#([^]*)$/.exec(received) ?? [];
      const whole = bytes !== '' && Buffer.byteLength(answer) >= Number(bytes);
      return whole ? { result: /\|response\|[^|]*\|([^]*)$/.exec(answer)?.[1]?.split('|') ?? [] } : {};
    });
    if (accepted !== 'OK') {
      return { finding: fail(what, 'secret refused: look at engines.drachtio.secret'), contacts: null };
    }
    return { finding: ok(what, 'reachable, secret accepted'), contacts: local || addresses };
  } catch (error) {
    return { finding: fail(what, `not reachable: ${toError(error).message}`), contacts: null };
  }
}

function addressesOf(list: string, protocol: 'udp' | 'tls'): Address[] {
  return [...list.matchAll(new RegExp(`${protocol}/(\\[[^\\]]+\\]|[^:,]+):(\\d+)`, 'g'))].map(
    ([, host = '', port]) => ({
      host: host.replace(/^\[(.*)\]$/, '$1'),
      port: Number(port),
    }),
  );
}

/** Whether FreeSWITCH's event socket is there and takes our password, and its SIP profile takes calls. */
export async function checkFreeSwitch(server: Engines['freeswitch'][number]): Promise<Finding> {
  const what = `freeswitch ${server.host}:${server.port}`;
  let asked = false;
  let listed = false;
  try {
    const reply = await converse(server, (received) => {
      if (received.includes('text/rude-rejection')) return { result: 'its ACL keeps us out (text/rude-rejection)' };
      if (!asked && received.includes('auth/request')) {
        asked = true;
        return { send: `auth ${server.secret}\n\n` };
      }
      const answer = /Reply-Text: ([^\n]*)\n/.exec(received)?.[1];
      if (answer?.startsWith('+OK') !== true) return answer === undefined ? {} : { result: answer };
      if (!listed) {
        listed = true;
        return { send: 'api sofia status\n\n' };
      }
      const [, bytes = '', status = ''] = /api\/response\nContent-Length: (\d+)\n\n([^]*)$/.exec(received) ?? [];
      return bytes !== '' && Buffer.byteLength(status) >= Number(bytes) ? { result: `+OK ${status}` } : {};
    });
    return reply.startsWith('+OK')
      ? judgeProfile(what, reply, server.profile)
      : fail(what, `password refused: ${reply}`);
  } catch (error) {
    return fail(what, `not reachable: ${toError(error).message}`);
  }
}

function judgeProfile(what: string, sofiaStatus: string, profile: string): Finding {
  try {
    return ok(what, `reachable, password accepted, profile ${profile} at ${sipAddressOf(sofiaStatus, profile)}`);
  } catch {
    return fail(what, `password accepted, but its SIP profile "${profile}" is not running: no call gets there`);
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
