import type { Call } from '../../call/call.js';
import { GATEWAY_HELP, GATEWAY_OPTIONS, OK, text, UsageError, type Command, type Values } from '../command.js';
import { GatewayClient } from '../gateway-client.js';
import { table } from '../table.js';

const ACTIONS = '"export --from T --to T" or "find NUMBER"';

/** Times of beginning, ms; `to` exclusive. */
interface Range {
  from: number;
  to: number;
}

export const archive: Command = {
  name: 'archive',
  usage: '[export --from TIME --to TIME | find NUMBER]',
  summary: 'calls that have left the history: which days there are, the calls of a time, or of one caller',
  help: [
    '      --from TIME     calls that began from then on, like 2026-10-22T10:00:00Z or 2026-10-22',
    '      --to TIME       and before then',
    ...GATEWAY_HELP,
    '',
    'An export, and a search with --json, is one call as JSON a line. NUMBER is E.164, like +79160000001. Days are in UTC.',
    'Needs a key with the scope calls:read.',
  ],
  options: { ...GATEWAY_OPTIONS, from: { type: 'string' }, to: { type: 'string' } },
  positionals: 2,
  async run(values, [action, number], terminal) {
    const gateway = new GatewayClient(values, terminal);
    const range = { from: timeIn(values, 'from', -Infinity), to: timeIn(values, 'to', Infinity) };
    const days = async () =>
      (await gateway.get<{ days: string[] }>('/v1/calls/archive/days')).days.filter((day) => overlaps(day, range));
    if (action === undefined) {
      const found = await days();
      terminal.out(values['json'] ? JSON.stringify({ days: found }) : found.join('\n') || 'no calls are archived');
    } else if (action === 'export' && number === undefined) {
      if (range.from === -Infinity || range.to === Infinity) throw new UsageError('from when to when? --from and --to');
      for await (const [line] of callsOf(gateway, await days(), range, null)) terminal.out(line);
    } else if (action === 'find' && number !== undefined) {
      const rows: ReturnType<typeof row>[] = [];
      for await (const [line, call] of callsOf(gateway, await days(), range, number))
        if (values['json']) terminal.out(line);
        else rows.push(row(call));
      if (!values['json']) terminal.out(rows.length > 0 ? table(HEADER, rows) : 'no archived call of this number');
    } else throw new UsageError(ACTIONS);
    return OK;
  },
};

const HEADER = ['began', 'call', 'site', 'number', 'disposition', 'talk', 'recording'];

function row({ startedAt, id, site, trackingNumber, disposition, lossReason, durations, recording }: Call) {
  const how = lossReason === null ? disposition : `${disposition ?? ''} (${lossReason})`;
  return [startedAt, id, site, trackingNumber, how, durations.talkSeconds, recording.status];
}

/** A request for each day: none of them takes long, and an interrupted one ends it. */
async function* callsOf(
  gateway: GatewayClient,
  days: readonly string[],
  range: Range,
  caller: string | null,
): AsyncGenerator<[string, Call]> {
  for (const day of days) {
    const query = new URLSearchParams({ day, ...(caller === null ? {} : { caller }) });
    for await (const line of gateway.lines(`/v1/calls/archive?${query.toString()}`)) {
      const call = JSON.parse(line) as Call;
      const began = Date.parse(call.startedAt);
      if (began >= range.from && began < range.to) yield [line, call];
    }
  }
}

function timeIn(values: Values, name: string, otherwise: number): number {
  const value = text(values[name]);
  if (value === undefined) return otherwise;
  const time = Date.parse(value);
  if (Number.isNaN(time) || !/^\d{4}-\d\d-\d\d/.test(value))
    throw new UsageError(`--${name}: "${value}" is no time like 2026-10-22T10:00:00Z`);
  return time;
}

function overlaps(day: string, { from, to }: Range): boolean {
  const start = Date.parse(`${day}T00:00:00Z`);
  return start < to && start + 86_400_000 > from;
}
