import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { toError } from '../../lib/deadline.js';
import {
  CommandError,
  GATEWAY_HELP,
  GATEWAY_OPTIONS,
  OK,
  text,
  UsageError,
  type Command,
  type Values,
} from '../command.js';
import { GatewayClient } from '../gateway-client.js';
import { table } from '../table.js';

interface Row {
  number: string;
  site: string;
  kind: string;
  route: string | null;
  enabled: boolean;
  origin: string;
}

export const numbers: Command = {
  name: 'numbers',
  usage: '[import FILE | enable NUMBER | disable NUMBER | remove NUMBER] [--site ID]',
  summary: 'tracking numbers; imports a table (CSV or JSON) of them, all or none',
  help: [
    '      --site ID       only of this site; for an import, the site of rows that name none',
    ...GATEWAY_HELP,
    '',
    'An import names every wrong row. Columns: number, site, kind, route, enabled, source.<name>.',
    'With a number that is removed goes the history of who has had it; one that is lent or talked on stays.',
  ],
  options: { ...GATEWAY_OPTIONS, site: { type: 'string' } },
  positionals: 2,
  async run(values, [what, argument], terminal) {
    const gateway = new GatewayClient(values, terminal);
    if (what === undefined) {
      const found = await listAll(gateway, siteQuery(values));
      terminal.out(values['json'] ? JSON.stringify({ numbers: found }) : table(HEADER, found.map(row)));
      return OK;
    }
    if (argument === undefined || !['import', 'enable', 'disable', 'remove'].includes(what))
      throw new UsageError('"import FILE", "enable NUMBER", "disable NUMBER" or "remove NUMBER"');
    const answer =
      what === 'import'
        ? await importFile(gateway, argument, siteQuery(values))
        : await change(gateway, what, `/v1/numbers/${encodeURIComponent(argument)}`);
    terminal.out(values['json'] ? JSON.stringify(answer) : said(what, argument, answer));
    return OK;
  },
};

const HEADER = ['number', 'site', 'kind', 'route', 'enabled', 'origin'];
const row = ({ number, site, kind, route, enabled, origin }: Row): (string | null)[] => {
  return [number, site, kind, route, enabled ? 'yes' : 'no', origin];
};

function siteQuery(values: Values): string {
  const site = text(values['site']);
  return site === undefined ? '' : `site=${encodeURIComponent(site)}`;
}

async function listAll(gateway: GatewayClient, query: string): Promise<Row[]> {
  const found: Row[] = [];
  for (let cursor = ''; ;) {
    const page = await gateway.get<{ numbers: Row[]; next: string | null }>(`/v1/numbers?limit=200&${query}${cursor}`);
    found.push(...page.numbers);
    if (page.next === null) return found;
    cursor = `&cursor=${encodeURIComponent(page.next)}`;
  }
}

async function importFile(gateway: GatewayClient, file: string, query: string): Promise<unknown> {
  const content = await readFile(file).catch((error: unknown) => {
    throw new CommandError(`${file} cannot be read: ${toError(error).message}`);
  });
  if (!isUtf8(content)) throw new CommandError(`${file} is not UTF-8: save it so (spreadsheets call it "CSV UTF-8")`);
  const type = file.endsWith('.json') ? 'application/json' : 'text/csv';
  return gateway.send('POST', `/v1/numbers/import?${query}`, content.toString('utf8'), type);
}

function change(gateway: GatewayClient, what: string, path: string): Promise<unknown> {
  if (what === 'remove') return gateway.delete(path);
  return gateway.send('PATCH', path, JSON.stringify({ enabled: what === 'enable' }));
}

function said(what: string, argument: string, answer: unknown): string {
  if (what !== 'import') return `${argument} is ${what}d`;
  const { created, unchanged } = answer as { created: number; unchanged: number };
  return `${created} numbers created, ${unchanged} there already`;
}
