import { GatewayError } from '../lib/errors.js';

/** `calltrack  profile  sip:mod_sofia@10.0.0.6:5080  RUNNING (0)` → `10.0.0.6:5080`. Throws GW_ERR_MEDIA_COMMAND. */
export function sipAddressOf(sofiaStatus: string, profile: string): string {
  for (const line of sofiaStatus.split('\n')) {
    const [name, type, data] = line.trim().split(/\s+/);
    if (name !== profile || type !== 'profile') continue;
    const address = /^sip:mod_sofia@(\[[^\]]+\]:\d+|[^;\s]+:\d+)/.exec(data ?? '')?.[1];
    if (address) return address;
  }
  throw new GatewayError('GW_ERR_MEDIA_COMMAND', 'FreeSWITCH has no such SIP profile');
}
