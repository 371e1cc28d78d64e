import { connect } from 'node:tls';
import type { GatewayConfig } from '../../config/schema.js';
import { isOverTls } from '../../lib/sip-transport.js';
import { fail, ok, warn, type Finding } from './report.js';

const HANDSHAKE_TIMEOUT_MS = 3000;
const DAY_MS = 86_400_000;
/** Time for whoever renews it by hand. */
const WARN_DAYS = 14;

export interface Address {
  host: string;
  port: number;
}

/** What of the configuration goes by TLS, or comes by nothing else. */
function overTls({ trunks, lines }: Pick<GatewayConfig, 'trunks' | 'lines'>): string[] {
  return [
    ...trunks
      .filter(({ inbound, outbound, register }) => {
        const uris = [register?.registrar ?? '', ...(outbound?.to ?? []).map(({ uri }) => uri)];
        return inbound?.transport === 'tls' || uris.some(isOverTls);
      })
      .map(({ id }) => `trunk ${id}`),
    ...lines.filter(({ uri = '' }) => isOverTls(uri)).map(({ id }) => `line ${id}`),
  ];
}

/** @param contacts where drachtio-server takes SIP over TLS */
export async function checkTls(
  contacts: readonly Address[],
  config: Pick<GatewayConfig, 'trunks' | 'lines'>,
): Promise<Finding[]> {
  const wanting = overTls(config);
  if (contacts.length === 0 && wanting.length > 0)
    return [fail('SIP tls', `drachtio-server has no contact for TLS; it is wanted by ${wanting.join(', ')}`)];
  return Promise.all(contacts.map(checkCertificate));
}

/** Whether TLS is spoken there, and how long its certificate is good for. Whose it is we cannot judge: carriers do. */
function checkCertificate({ host, port }: Address): Promise<Finding> {
  const what = `SIP ${host}:${port} tls`;
  return new Promise((resolve) => {
    const socket = connect({ host, port, rejectUnauthorized: false, timeout: HANDSHAKE_TIMEOUT_MS });
    const end = (finding: Finding) => {
      socket.destroy();
      resolve(finding);
    };
    socket.on('secureConnect', () => end(judgeCertificate(what, socket.getPeerCertificate().valid_to, Date.now())));
    socket.on('timeout', () => end(fail(what, `no TLS within ${HANDSHAKE_TIMEOUT_MS} ms`)));
    socket.on('error', (error: Error) => end(fail(what, `no TLS: ${error.message}`)));
  });
}

export function judgeCertificate(what: string, validTo: string, now: number): Finding {
  const until = new Date(validTo);
  const detail = `takes TLS, its certificate ends on ${until.toISOString().slice(0, 10)}`;
  const days = (until.getTime() - now) / DAY_MS;
  return (days < 0 ? fail : days < WARN_DAYS ? warn : ok)(what, detail);
}
