import { setTimeout as delay } from 'node:timers/promises';
import type { Call } from '../../call/call.js';
import { GATEWAY_HELP, GATEWAY_OPTIONS, OK, text, UsageError, type Command } from '../command.js';
import { GatewayClient, unlessAway } from '../gateway-client.js';

const POLL_MS = 1000;
const PAGE = 200;

interface FeedEvent {
  type: string;
  timestamp: string;
  data: { call?: Call } & Record<string, unknown>;
}

interface Page {
  events: FeedEvent[];
  next: string | null;
}

export const callsTail: Command = {
  name: 'calls tail',
  usage: '[--since ISO] [--site ID] [--all]',
  summary: 'follows what happens to calls, until Ctrl-C',
  help: [
    '      --since ISO     from then on; from now on when left out',
    '      --site ID       of one site only: its calls, with --all its pool too',
    '      --all           what happens to trunks, limits and pools too',
    ...GATEWAY_HELP,
  ],
  options: { ...GATEWAY_OPTIONS, since: { type: 'string' }, site: { type: 'string' }, all: { type: 'boolean' } },
  positionals: 0,
  async run(values, _positionals, terminal) {
    const gateway = new GatewayClient(values, terminal);
    const since = text(values['since']) ?? new Date().toISOString();
    if (Number.isNaN(Date.parse(since)))
      throw new UsageError(`--since: "${since}" is no time like 2026-11-21T10:00:00Z`);
    const wanted = new URLSearchParams({ limit: String(PAGE) });
    if (values['all'] !== true) wanted.set('types', 'call.*,recording.*');
    const site = text(values['site']);
    if (site !== undefined) wanted.set('site', site);
    let path = `since=${encodeURIComponent(new Date(since).toISOString())}`;
    while (!terminal.interrupted.aborted) {
      const page = await unlessAway(() => gateway.get<Page>(`/v1/events?${wanted.toString()}&${path}`), terminal);
      for (const event of page?.events ?? []) terminal.out(values['json'] ? JSON.stringify(event) : line(event));
      if (page?.next) path = `after=${encodeURIComponent(page.next)}`;
      const more = page?.events.length === PAGE;
      if (!more) await delay(POLL_MS, undefined, { signal: terminal.interrupted }).catch(() => undefined);
    }
    return OK;
  },
};

function line({ type, timestamp, data: { call, ...rest } }: FeedEvent): string {
  const time = timestamp.slice(11, 23);
  if (!call) return `${time}  ${type.padEnd(26)}  ${JSON.stringify(rest)}`;
  const who = `${call.caller.number ?? 'withheld'} > ${call.trackingNumber}`;
  return `${time}  ${type.padEnd(26)}  ${call.id}  ${who}  ${wordsFor(type, call)}`.trimEnd();
}

function wordsFor(type: string, call: Call): string {
  const leg =
    call.legs.find(({ answeredAt }) => answeredAt !== null) ?? call.legs.find(({ ringingAt }) => ringingAt !== null);
  if (type === 'call.overflowed') return `from ${call.overflow?.from ?? '?'} (${call.overflow?.reason ?? '?'})`;
  if (type === 'call.ringing' || type === 'call.answered') return leg ? `at ${leg.target}` : '';
  if (type === 'call.completed') return `${call.durations.talkSeconds} s of talk`;
  if (type === 'call.missed' || type === 'call.rejected') return `${call.lossReason ?? ''} ${tags(call)}`;
  if (type === 'recording.ready') return `${call.recording.durationSeconds ?? 0} s recorded`;
  if (type.startsWith('recording.')) return call.recording.reason ?? '';
  return `${call.site ?? '?'} by ${call.trunk}`;
}

const tags = (call: Call): string => call.tags.map(({ name }) => `#${name}`).join(' ');
