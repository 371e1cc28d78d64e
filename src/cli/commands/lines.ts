import type { LineView } from '../../http/ports.js';
import { hostPort } from '../../lines/sip-uri.js';
import { FAILED, GATEWAY_HELP, GATEWAY_OPTIONS, OK, type Command } from '../command.js';
import { drain, DRAIN_USAGE } from '../drain.js';
import { GatewayClient } from '../gateway-client.js';
import { table, useOf } from '../table.js';

export const lines: Command = {
  name: 'lines',
  usage: DRAIN_USAGE,
  summary: 'internal lines: registered or not, up or down, channels in use; takes one out of service and back',
  help: [
    ...GATEWAY_HELP,
    '',
    'Status 1 where a line has no phone registered or is down; one that drains on request needs none.',
  ],
  options: GATEWAY_OPTIONS,
  positionals: 2,
  async run(values, words, terminal) {
    const gateway = new GatewayClient(values, terminal);
    if (words.length > 0) return drain('lines', words, { gateway, values, terminal });
    const answer = await gateway.get<{ lines: LineView[] }>('/v1/lines');
    if (values['json']) terminal.out(JSON.stringify(answer));
    else terminal.out(table(['line', 'state', 'in use', 'peak today', 'where', 'until'], answer.lines.map(row)));
    return answer.lines.some((line) => isAway(line) && !line.draining) ? FAILED : OK;
  },
};

const isAway = ({ state, health }: LineView): boolean => state === 'unregistered' || health?.state === 'down';

function row({ id, state, health, draining, uri, channels, registrations }: LineView): (string | number | null)[] {
  const phones = registrations && registrations.contacts > 0 ? phonesOf(registrations) : null;
  return [
    id,
    draining ? 'draining' : (health?.state ?? state),
    useOf(channels),
    channels.peakToday,
    uri ?? phones,
    registrations?.expiresAt ?? null,
  ];
}

function phonesOf({ phones }: NonNullable<LineView['registrations']>): string {
  return phones
    .map(({ address, port, userAgent, unreachable }) => {
      const about = [userAgent, unreachable ? 'silent' : ''].filter(Boolean).join(', ');
      return `${hostPort(address, port)}${about ? ` (${about})` : ''}`;
    })
    .join('; ');
}
