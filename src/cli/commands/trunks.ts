import type { TrunkView } from '../../http/ports.js';
import { FAILED, GATEWAY_HELP, GATEWAY_OPTIONS, OK, type Command } from '../command.js';
import { drain, DRAIN_USAGE } from '../drain.js';
import { GatewayClient } from '../gateway-client.js';
import { table, useOf } from '../table.js';

export const trunks: Command = {
  name: 'trunks',
  usage: DRAIN_USAGE,
  summary: "the carriers' trunks: state, channels in use, gateways; takes one out of service and back",
  help: [...GATEWAY_HELP, '', 'Status 1 where a trunk is down; one that drains on request is not.'],
  options: GATEWAY_OPTIONS,
  positionals: 2,
  async run(values, words, terminal) {
    const gateway = new GatewayClient(values, terminal);
    if (words.length > 0) return drain('trunks', words, { gateway, values, terminal });
    const answer = await gateway.get<{ trunks: TrunkView[] }>('/v1/trunks');
    if (values['json']) terminal.out(JSON.stringify(answer));
    else
      terminal.out(table(['trunk', 'state', 'in', 'out', 'both', 'gateways', 'registration'], answer.trunks.map(row)));
    return answer.trunks.every((trunk) => trunk.up || onlyDrains(trunk)) ? OK : FAILED;
  },
};

const onlyDrains = ({ down }: TrunkView): boolean => down.every(({ reason }) => reason === 'drain');

function row(trunk: TrunkView): (string | null)[] {
  const use = (kind: string) => {
    const limit = trunk.limits.find((one) => one.kind === kind);
    return limit ? useOf(limit.channels) : null;
  };
  const reasons = trunk.down.map(({ reason }) => reason).filter((reason) => reason !== 'drain');
  const state = trunk.draining ? 'draining' : trunk.up ? 'up' : `down (${reasons.join(', ')})`;
  const gateways = trunk.gateways.map(
    ({ uri, state: health, heldUntil }) => `${uri.replace(/^sips?:/, '')} ${heldUntil ? 'held' : health}`,
  );
  return [
    trunk.id,
    state,
    use('trunk-in'),
    use('trunk-out'),
    use('trunk'),
    gateways.length > 0 ? gateways.join(', ') : null,
    trunk.registration && registrationOf(trunk.registration),
  ];
}

/** With what the carrier answered where it did not take it. */
function registrationOf({ state, lastStatus }: NonNullable<TrunkView['registration']>): string {
  return state === 'failed' ? `failed (${lastStatus ?? 'no answer'})` : state;
}
