import type { DestinationView } from '../../http/ports.js';
import { FAILED, GATEWAY_HELP, GATEWAY_OPTIONS, OK, type Command } from '../command.js';
import { drain, DRAIN_USAGE } from '../drain.js';
import { GatewayClient } from '../gateway-client.js';
import { table, useOf } from '../table.js';

export const destinations: Command = {
  name: 'destinations',
  usage: DRAIN_USAGE,
  summary: "the business's numbers: channels in use, trunk; takes one out of service and back",
  help: [...GATEWAY_HELP, '', 'Status 1 where the trunk of one is down; one that drains on request is not.'],
  options: GATEWAY_OPTIONS,
  positionals: 2,
  async run(values, words, terminal) {
    const gateway = new GatewayClient(values, terminal);
    if (words.length > 0) return drain('destinations', words, { gateway, values, terminal });
    const answer = await gateway.get<{ destinations: DestinationView[] }>('/v1/destinations');
    const head = ['destination', 'state', 'in use', 'peak today', 'number', 'trunk'];
    terminal.out(values['json'] ? JSON.stringify(answer) : table(head, answer.destinations.map(row)));
    return answer.destinations.every(({ trunkUp, draining }) => trunkUp || draining) ? OK : FAILED;
  },
};

function row({ id, draining, trunkUp, channels, number, trunk }: DestinationView): (string | number)[] {
  const state = draining ? 'draining' : trunkUp ? 'up' : 'trunk down';
  return [id, state, useOf(channels), channels.peakToday, number, trunk];
}
