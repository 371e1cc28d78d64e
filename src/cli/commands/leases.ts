import { GATEWAY_HELP, GATEWAY_OPTIONS, OK, text, UsageError, type Command, type Values } from '../command.js';
import { GatewayClient } from '../gateway-client.js';
import { table } from '../table.js';

const ACTIONS = '"--site ID", "show NUMBER", "lend SESSION --site ID" or "release NUMBER"';
const PAGE = 200;

interface Lease {
  id: string;
  number: string;
  site: string;
  leasedAt: string;
  expiresAt: string;
  session: { id: string; landingPage: string | null; utm: Record<string, string | null> };
}

interface Allocation {
  outcome: 'lent' | 'kept' | 'fallback' | 'code';
  number: string | null;
  lease: Lease | null;
  promo: { code: string; expiresAt: string } | null;
}

export const leases: Command = {
  name: 'leases',
  usage: '--site ID | show NUMBER | lend SESSION --site ID [--seconds N] | release NUMBER',
  summary: 'numbers that are lent to visitors now; lends and releases one by hand',
  help: [
    '      --site ID       whose leases; for whose visitor',
    '      --seconds N     lend: for how long; as the site lends when left out',
    ...GATEWAY_HELP,
    '',
    'NUMBER is E.164; SESSION is the visitor session’s id. Needs a key with leases:read, and leases:write to lend and',
    'release. A number that is released rests before somebody else gets it.',
  ],
  options: { ...GATEWAY_OPTIONS, site: { type: 'string' }, seconds: { type: 'string' } },
  positionals: 2,
  async run(values, [action, argument], terminal) {
    const gateway = new GatewayClient(values, terminal);
    const say = (answer: unknown, words: string) => terminal.out(values['json'] ? JSON.stringify(answer) : words);
    if (action === undefined) {
      const found = await listAll(gateway, siteOf(values));
      say({ leases: found }, found.length > 0 ? table(HEADER, found.map(row)) : 'no lease stands now');
      return OK;
    }
    if (argument === undefined) throw new UsageError(ACTIONS);
    if (action === 'show') {
      const lease = await onNumber(gateway, argument);
      say(lease, table(HEADER, [row(lease)]));
    } else if (action === 'lend') {
      const given = await lend(gateway, siteOf(values), argument, text(values['seconds']));
      say(given, saidOf(given));
    } else if (action === 'release') {
      const lease = await onNumber(gateway, argument);
      await gateway.delete(`/v1/leases/${encodeURIComponent(lease.id)}`);
      say({ released: lease }, `${argument} is released: session ${lease.session.id} had it since ${lease.leasedAt}`);
    } else throw new UsageError(ACTIONS);
    return OK;
  },
};

const HEADER = ['number', 'site', 'session', 'since', 'until', 'source', 'lease'];
const row = ({ number, site, session, leasedAt, expiresAt, id }: Lease): (string | null)[] => {
  const source = [session.utm['source'], session.utm['campaign']].filter(Boolean).join(' / ');
  return [number, site, session.id, leasedAt, expiresAt, source || null, id];
};

function siteOf(values: Values): string {
  const site = text(values['site']);
  if (site === undefined) throw new UsageError('of which site? --site');
  return site;
}

async function listAll(gateway: GatewayClient, site: string): Promise<Lease[]> {
  const found: Lease[] = [];
  for (let cursor = ''; ;) {
    const query = `site=${encodeURIComponent(site)}&limit=${PAGE}${cursor}`;
    const page = await gateway.get<{ leases: Lease[]; next: string | null }>(`/v1/leases/standing?${query}`);
    found.push(...page.leases);
    if (page.next === null) return found;
    cursor = `&cursor=${encodeURIComponent(page.next)}`;
  }
}

const onNumber = (gateway: GatewayClient, number: string): Promise<Lease> =>
  gateway.get<Lease>(`/v1/leases?number=${encodeURIComponent(number)}`);

async function lend(
  gateway: GatewayClient,
  site: string,
  session: string,
  seconds: string | undefined,
): Promise<Allocation> {
  if (seconds !== undefined && !/^[1-9]\d{0,6}$/.test(seconds))
    throw new UsageError(`--seconds: "${seconds}" is no whole number of seconds`);
  const length = seconds === undefined ? {} : { leaseSeconds: Number(seconds) };
  return gateway.post<Allocation>('/v1/leases', { site, session: { id: session }, ...length });
}

function saidOf({ outcome, number, lease, promo }: Allocation): string {
  const code = promo ? `, promo code ${promo.code} until ${promo.expiresAt}` : '';
  if (lease) return `${lease.number} is ${outcome === 'kept' ? 'his still' : 'lent'} until ${lease.expiresAt}${code}`;
  const instead = number === null ? 'none in its place' : `${number} in its place`;
  return `${outcome === 'code' ? 'this site lends codes' : 'no number is free'}: ${instead}${code}`;
}
