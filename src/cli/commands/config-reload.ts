import type { Reloaded } from '../../http/ports.js';
import { GATEWAY_HELP, GATEWAY_OPTIONS, OK, WRONG, type Command } from '../command.js';
import { GatewayClient, Refused } from '../gateway-client.js';

export const configReload: Command = {
  name: 'config reload',
  usage: '',
  summary: 'has a running gateway read its configuration anew; a wrong one changes nothing, calls go on',
  help: [...GATEWAY_HELP, '', 'Needs a key with the scope config:write. Status 2 where the configuration is wrong.'],
  options: GATEWAY_OPTIONS,
  positionals: 0,
  async run(values, _positionals, terminal) {
    try {
      const reloaded = await new GatewayClient(values, terminal).post<Reloaded>('/v1/config/reload', {});
      terminal.out(values['json'] ? JSON.stringify(reloaded) : said(reloaded));
      return OK;
    } catch (error) {
      if (!(error instanceof Refused) || error.code !== 'GW_ERR_CONFIG') throw error;
      terminal.err(error.message);
      return WRONG;
    }
  },
};

/** Older gateways do not tell which limits are exceeded. */
function said({ restart, exceeded = [] }: Pick<Reloaded, 'restart'> & Partial<Reloaded>): string {
  return [
    restart.length === 0 ? 'reloaded' : `reloaded, but for what needs a restart: ${restart.join(', ')}`,
    ...exceeded.map(
      ({ key, limit, inUse }) => `${key}: ${limit}, and ${inUse} are in use; calls go on, no new one until they end`,
    ),
  ].join('\n');
}
