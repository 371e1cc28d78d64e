import type { LineView } from '../../http/ports.js';
import { FAILED, GATEWAY_HELP, GATEWAY_OPTIONS, OK, type Command } from '../command.js';
import { GatewayClient } from '../gateway-client.js';
import { table, useOf } from '../table.js';

export const lines: Command = {
  name: 'lines',
  usage: '',
  summary: 'internal lines: registered or not, channels in use',
  help: [...GATEWAY_HELP, '', 'Status 1 where a line has no phone registered.'],
  options: GATEWAY_OPTIONS,
  positionals: 0,
  async run(values, _positionals, terminal) {
    const answer = await new GatewayClient(values, terminal).get<{ lines: LineView[] }>('/v1/lines');
    if (values['json']) terminal.out(JSON.stringify(answer));
    else terminal.out(table(['line', 'state', 'in use', 'peak today', 'where', 'until'], answer.lines.map(row)));
    return answer.lines.some(({ state }) => state === 'unregistered') ? FAILED : OK;
  },
};

function row({ id, state, uri, channels, registrations }: LineView): (string | number | null)[] {
  const phones = registrations && registrations.contacts > 0 ? phonesOf(registrations) : null;
  return [id, state, useOf(channels), channels.peakToday, uri ?? phones, registrations?.expiresAt ?? null];
}

function phonesOf({ contacts, unreachable, userAgents }: NonNullable<LineView['registrations']>): string {
  const silent = unreachable > 0 ? `, ${unreachable} silent` : '';
  return `${contacts} phone${contacts === 1 ? '' : 's'}${silent} (${userAgents.join(', ')})`;
}
