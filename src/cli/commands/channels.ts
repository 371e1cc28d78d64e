import { setTimeout as delay } from 'node:timers/promises';
import type { DestinationView, LimitUse, LineView, TrunkView } from '../../http/ports.js';
import { GATEWAY_HELP, GATEWAY_OPTIONS, OK, type Command, type Terminal } from '../command.js';
import { GatewayClient, unlessAway } from '../gateway-client.js';
import { table } from '../table.js';

const WATCH_MS = 1000;
const BAR = 20;

interface Row extends LimitUse {
  id: string;
}

export const channels: Command = {
  name: 'channels',
  usage: '[--watch]',
  summary: 'every limit: channels in use, limit, peak of the day',
  help: ['  -w, --watch         again every second, until Ctrl-C; with --json one line each', ...GATEWAY_HELP],
  options: { ...GATEWAY_OPTIONS, watch: { type: 'boolean', short: 'w' } },
  positionals: 0,
  async run(values, _positionals, terminal) {
    const gateway = new GatewayClient(values, terminal);
    const show = async () => {
      const rows = await read(gateway);
      if (values['watch'] && terminal.tty && !values['json']) terminal.clear();
      terminal.out(values['json'] ? JSON.stringify({ at: new Date().toISOString(), channels: rows }) : draw(rows));
    };
    if (!values['watch']) await show();
    else
      do await unlessAway(show, terminal);
      while (await paused(terminal));
    return OK;
  },
};

/** False once Ctrl-C was pressed. */
const paused = (terminal: Terminal): Promise<boolean> =>
  delay(WATCH_MS, true, { signal: terminal.interrupted }).catch(() => false);

async function read(gateway: GatewayClient): Promise<Row[]> {
  const [trunks, destinations, lines] = await Promise.all([
    gateway.get<{ trunks: TrunkView[] }>('/v1/trunks'),
    gateway.get<{ destinations: DestinationView[] }>('/v1/destinations'),
    gateway.get<{ lines: LineView[] }>('/v1/lines'),
  ]);
  return [
    ...trunks.trunks.flatMap(({ id, limits }) => limits.map((limit) => ({ id, ...limit }))),
    ...[...destinations.destinations, ...lines.lines].map(({ id, kind, channels: used }) => ({
      id,
      kind,
      channels: used,
    })),
  ];
}

function draw(rows: readonly Row[]): string {
  return table(
    ['kind', 'id', 'in use', 'limit', 'peak today', ''],
    rows.map(({ kind, id, channels: { inUse, limit, peakToday } }) => [
      kind,
      id,
      inUse,
      limit,
      peakToday,
      bar(inUse, limit),
    ]),
  );
}

function bar(inUse: number, limit: number | null): string {
  if (limit === null || limit === 0) return '';
  const filled = Math.min(BAR, Math.round((inUse / limit) * BAR));
  return `${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}${inUse >= limit ? ' FULL' : ''}`;
}
