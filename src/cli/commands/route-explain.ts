import { ConfigError, formatIssue } from '../../config/errors.js';
import { loadConfig } from '../../config/load.js';
import type { DestinationView, LineView, TrunkView } from '../../http/ports.js';
import { moment } from '../../http/query.js';
import { E164 } from '../../lib/e164.js';
import { explainRoute, NOTHING_KNOWN, type Explanation, type PresentState } from '../../routing/explain.js';
import { configuredNumber, trunksDown } from '../../trunks/overview.js';
import {
  CommandError,
  FAILED,
  GATEWAY_HELP,
  GATEWAY_OPTIONS,
  OK,
  text,
  UsageError,
  WRONG,
  type Command,
  type Terminal,
  type Values,
} from '../command.js';
import { GatewayClient } from '../gateway-client.js';
import { table } from '../table.js';

export const routeExplain: Command = {
  name: 'route explain',
  usage: '--number +7… [--at ISO] [--config FILE]',
  summary: 'what would happen to a call to a number, now or at another time, and why; nothing is dialled',
  help: [
    '  -n, --number NUMBER the number dialled, in E.164',
    '      --at ISO        when; now when left out',
    '  -c, --config FILE   by this file; without it by the configuration of the running gateway',
    ...GATEWAY_HELP,
    '',
    'With --config only numbers of the file are known. Where a gateway can be reached, what it knows of the moment is taken:',
    'channels in use, trunks and lines that are down, lines without a phone.',
    'Status 1 where the call would be lost or rejected.',
  ],
  options: {
    ...GATEWAY_OPTIONS,
    number: { type: 'string', short: 'n' },
    at: { type: 'string' },
    config: { type: 'string', short: 'c' },
  },
  positionals: 0,
  async run(values, _positionals, terminal) {
    const number = text(values['number'])?.replace(/[\s()-]/g, '') ?? '';
    if (!E164.test(number)) throw new UsageError('--number must be in E.164, like +74951111111');
    const at = moment.safeParse(text(values['at']) ?? new Date().toISOString());
    if (!at.success) throw new UsageError('--at must be a time with its zone, like 2026-11-21T10:00:00+03:00');
    const explanation = await explain(values, number, at.data, terminal);
    if (explanation === null) return WRONG;
    terminal.out(values['json'] ? JSON.stringify(explanation) : draw(explanation));
    const connects = explanation.steps.some(
      ({ targets, tried }) => tried === 'now' && targets.some(({ would }) => would === 'rings'),
    );
    return connects ? OK : FAILED;
  },
};

async function explain(values: Values, number: string, at: number, terminal: Terminal): Promise<Explanation | null> {
  const gateway = new GatewayClient(values, terminal);
  const file = text(values['config']);
  if (file === undefined) {
    const query = `number=${encodeURIComponent(number)}&at=${encodeURIComponent(new Date(at).toISOString())}`;
    return gateway.get<Explanation>(`/v1/routes/explain?${query}`);
  }
  try {
    const config = await loadConfig(file, terminal.env);
    return explainRoute(config, number, configuredNumber(config, number), at, await present(gateway, at, terminal));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    terminal.err(error.issues.map(formatIssue).join('\n'));
    return null;
  }
}

/** What a gateway says of the moment; without one the file alone must do. */
async function present(gateway: GatewayClient, at: number, terminal: Terminal): Promise<PresentState> {
  try {
    const [{ trunks }, { destinations }, { lines }] = await Promise.all([
      gateway.get<{ trunks: TrunkView[] }>('/v1/trunks'),
      gateway.get<{ destinations: DestinationView[] }>('/v1/destinations'),
      gateway.get<{ lines: LineView[] }>('/v1/lines'),
    ]);
    const used = [
      ...trunks.flatMap(({ id, limits }) => limits.map((limit) => ({ id, ...limit }))),
      ...destinations,
      ...lines,
    ];
    return {
      inUse: new Map(used.map(({ id, kind, channels }) => [`${kind}:${id}`, channels.inUse])),
      trunksDown: trunksDown(trunks, at),
      targetsDrained: new Set([...destinations, ...lines].filter(({ draining }) => draining).map(({ id }) => id)),
      linesUnregistered: new Set(lines.filter(({ state }) => state === 'unregistered').map(({ id }) => id)),
      linesDown: new Set(lines.filter(({ health }) => health?.state === 'down').map(({ id }) => id)),
    };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    terminal.err(`${error.message}; going by the file alone, as if everything were free and in order`);
    return NOTHING_KNOWN;
  }
}

function draw(explanation: Explanation): string {
  const { number, at, site, timeZone, route, steps, sentence } = explanation;
  const where = site === null ? '' : `: site ${site} (${timeZone ?? 'UTC'}), route ${route ?? '-'}`;
  if (steps.length === 0) return `${number} at ${at}${where}\n\n${sentence}`;
  const rows = steps.flatMap((step) => {
    const schedule = step.schedule ? `${step.schedule.id} ${step.schedule.open ? 'open' : 'closed'}` : null;
    const first = [step.n, step.tried, step.why, schedule, `${step.forSeconds} s`];
    if (step.announce !== null) return [[...first, 'announcement', step.announce]];
    const blank = [null, '', '', '', ''];
    return step.targets.map((target, i) => [
      ...(i === 0 ? [...first] : blank),
      target.id,
      `${target.would}: ${target.why}`,
    ]);
  });
  const cells = rows.map((row) => row.map((cell) => (cell === null ? '' : String(cell))));
  return `${number} at ${at}${where}\n\n${table(['step', 'tried', 'why', 'schedule', 'for', 'target', 'would'], cells)}\n\n${sentence}`;
}
