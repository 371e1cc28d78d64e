import type { PoolReport } from '../../reports/pools.js';
import { GATEWAY_HELP, GATEWAY_OPTIONS, OK, text, type Command } from '../command.js';
import { GatewayClient } from '../gateway-client.js';
import { table } from '../table.js';

interface Answer {
  pools: (PoolReport & { free: number })[];
}

export const pools: Command = {
  name: 'pools',
  usage: '[--site ID] [--chance SHARE]',
  summary: 'numbers that each site lends: free now, visitors without one, how many it needs',
  help: [
    '      --site ID       one site',
    '      --chance SHARE  of finding a number free in the busiest hour; 0.99 when left out',
    ...GATEWAY_HELP,
  ],
  options: { ...GATEWAY_OPTIONS, site: { type: 'string' }, chance: { type: 'string' } },
  positionals: 0,
  async run(values, _positionals, terminal) {
    const query = new URLSearchParams();
    for (const name of ['site', 'chance']) {
      const value = text(values[name]);
      if (value !== undefined) query.set(name, value);
    }
    const answer = await new GatewayClient(values, terminal).get<Answer>(`/v1/reports/pools?${query.toString()}`);
    if (values['json']) terminal.out(JSON.stringify(answer));
    else
      terminal.out(
        [table(HEADER, answer.pools.map(row)), '', ...answer.pools.map(({ sentence }) => sentence)].join('\n'),
      );
    return OK;
  },
};

const HEADER = ['site', 'free', 'numbers', 'visitors', 'without', 'needed', 'ambiguous'];

function row({
  site,
  free,
  numbers,
  measured,
  numbersNeeded,
  ambiguous,
}: Answer['pools'][number]): (string | number)[] {
  const { visitors, shareWithoutNumber } = measured;
  return [site, free, numbers, visitors, percent(shareWithoutNumber), numbersNeeded, percent(ambiguous.chance)];
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
