import type { LoggedAttempt } from '../../webhooks/archive.js';
import type { EndpointView, Replayed, TestResult } from '../../webhooks/desk.js';
import {
  FAILED,
  GATEWAY_HELP,
  GATEWAY_OPTIONS,
  OK,
  text,
  UsageError,
  type Command,
  type Terminal,
  type Values,
} from '../command.js';
import { GatewayClient } from '../gateway-client.js';
import { table } from '../table.js';

const ACTIONS =
  '"deliveries ID", "replay ID EVENT", "replay ID --dead", "replay ID --from T --to T", "test ID", "enable ID" or "disable ID"';
/** Of an answer, in a table. */
const SHOWN = 60;

interface Asked {
  gateway: GatewayClient;
  terminal: Terminal;
  values: Values;
  id: string;
  event: string | undefined;
}

export const webhooks: Command = {
  name: 'webhooks',
  usage: '[deliveries ID | replay ID [EVENT] | test ID | enable ID | disable ID]',
  summary: 'the receivers: state, backlog, what was sent to them; sends it again',
  help: [
    ...GATEWAY_HELP,
    '      --call ID       deliveries: those of one call',
    '      --event ID      deliveries: those of one event',
    '      --outcome WORD  deliveries: delivered, retry or dead',
    '      --status CODE   deliveries: with this HTTP status',
    '      --from TIME     deliveries, replay: from this time on, like 2026-11-21T10:00:00Z',
    '      --to TIME       deliveries, replay: until this time',
    '      --limit N       deliveries: at most 200',
    '      --before PLACE  deliveries: older ones, behind what was shown before',
    '      --dead          replay: all dead letters',
    '',
    'Status 1 where a receiver is failing or disabled, or a test was not taken.',
  ],
  options: {
    ...GATEWAY_OPTIONS,
    call: { type: 'string' },
    event: { type: 'string' },
    outcome: { type: 'string' },
    status: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    limit: { type: 'string' },
    before: { type: 'string' },
    dead: { type: 'boolean', default: false },
  },
  positionals: 3,
  async run(values, [action, id, event], terminal) {
    const gateway = new GatewayClient(values, terminal);
    if (action === undefined) return list(gateway, values, terminal);
    if (id === undefined) throw new UsageError(ACTIONS);
    if (event !== undefined && action !== 'replay') throw new UsageError(`"${event}" is too much`);
    const asked = { gateway, terminal, values, id: encodeURIComponent(id), event };
    if (action === 'deliveries') return deliveries(asked);
    if (action === 'replay') return replay(asked);
    if (action === 'test') return test(asked);
    if (action === 'enable' || action === 'disable') return turn(asked, action);
    throw new UsageError(ACTIONS);
  },
};

async function list(gateway: GatewayClient, values: Values, terminal: Terminal): Promise<number> {
  const answer = await gateway.get<{ webhooks: EndpointView[] }>('/v1/webhooks');
  const rows = answer.webhooks.map((one) => [
    one.id,
    one.reason === null ? one.state : `${one.state} (${one.reason})`,
    one.since,
    one.undelivered,
    one.oldestAt,
    one.deadLetters,
    one.url,
  ]);
  const head = ['webhook', 'state', 'since', 'undelivered', 'oldest', 'dead', 'url'];
  terminal.out(values['json'] ? JSON.stringify(answer) : table(head, rows));
  return answer.webhooks.every(({ state }) => state === 'up') ? OK : FAILED;
}

async function deliveries({ gateway, terminal, values, id }: Asked): Promise<number> {
  const query = new URLSearchParams();
  for (const name of ['call', 'event', 'outcome', 'status', 'from', 'to', 'limit', 'before']) {
    const value = text(values[name]);
    if (value !== undefined) query.set(name, value);
  }
  const answer = await gateway.get<{ deliveries: LoggedAttempt[]; next: string | null }>(
    `/v1/webhooks/${id}/deliveries?${query.toString()}`,
  );
  const rows = answer.deliveries.map((one) => [
    one.at,
    one.type,
    one.eventId,
    one.attempt,
    one.outcome,
    one.status,
    one.latencyMs,
    one.response.replace(/\s+/g, ' ').slice(0, SHOWN),
  ]);
  const head = ['at', 'type', 'event', 'attempt', 'outcome', 'status', 'ms', 'answer'];
  terminal.out(values['json'] ? JSON.stringify(answer) : table(head, rows));
  if (answer.next !== null && !values['json']) terminal.err(`older ones: --before ${answer.next}`);
  return OK;
}

/** A range or all dead letters go in pieces; interrupted, what was queued is queued. */
async function replay({ gateway, terminal, values, id, event }: Asked): Promise<number> {
  const [from, to] = [text(values['from']), text(values['to'])];
  const dead = values['dead'] === true;
  const range = from !== undefined || to !== undefined;
  // Half a range beside `--dead` is meant as a bound: all dead letters would go out.
  if (Number(event !== undefined) + Number(dead) + Number(range) !== 1 || (from === undefined) !== (to === undefined))
    throw new UsageError('one of: an event, "--dead", "--from" with "--to"');
  const sum: Replayed = { queued: 0, skipped: 0, next: null, goneBefore: null };
  do {
    const path = event === undefined ? 'replay' : `deliveries/${encodeURIComponent(event)}/replay`;
    const body = dead ? { dead, after: sum.next } : range ? { from, to, after: sum.next } : {};
    const part = await gateway.post<Replayed>(`/v1/webhooks/${id}/${path}`, body);
    sum.queued += part.queued;
    sum.skipped += part.skipped;
    sum.next = part.next;
    sum.goneBefore = part.goneBefore;
    if (sum.next !== null && !values['json']) terminal.err(`${sum.queued} queued so far`);
  } while (sum.next !== null && !terminal.interrupted.aborted);
  if (sum.goneBefore !== null && !values['json'])
    terminal.err(`events before ${sum.goneBefore} are no longer kept: they are not among them`);
  terminal.out(values['json'] ? JSON.stringify(sum) : `${sum.queued} queued, ${sum.skipped} passed over`);
  return OK;
}

async function test({ gateway, terminal, values, id }: Asked): Promise<number> {
  const result = await gateway.post<TestResult>(`/v1/webhooks/${id}/test`, {});
  const said = result.error ? `${result.error.code}: ${result.error.message}` : `HTTP ${result.status ?? 0}`;
  const words = `${result.delivered ? 'taken' : 'not taken'}: ${said} after ${result.latencyMs} ms ${result.response}`;
  terminal.out(values['json'] ? JSON.stringify(result) : words.trimEnd());
  return result.delivered ? OK : FAILED;
}

async function turn({ gateway, terminal, values, id }: Asked, action: 'enable' | 'disable'): Promise<number> {
  const answer = await gateway.post<{ changed: boolean }>(`/v1/webhooks/${id}/${action}`, {});
  const state = action === 'enable' ? 'enabled' : 'disabled';
  const said = answer.changed
    ? `${decodeURIComponent(id)} is ${state}`
    : `${decodeURIComponent(id)} was ${state} already`;
  terminal.out(values['json'] ? JSON.stringify(answer) : said);
  return OK;
}
