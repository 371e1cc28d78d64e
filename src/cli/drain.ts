import { OK, UsageError, type Terminal, type Values } from './command.js';
import type { GatewayClient } from './gateway-client.js';

/** What a command of a list says of them in its usage. */
export const DRAIN_USAGE = '[drain ID | undrain ID]';

/** `drain ID` and `undrain ID` of a list: takes one of it out of service, and back. */
export async function drain(
  list: 'trunks' | 'lines' | 'destinations',
  [what, id]: readonly (string | undefined)[],
  { gateway, values, terminal }: { gateway: GatewayClient; values: Values; terminal: Terminal },
): Promise<number> {
  if ((what !== 'drain' && what !== 'undrain') || id === undefined) throw new UsageError('"drain ID" or "undrain ID"');
  const answer = await gateway.put(`/v1/${list}/${encodeURIComponent(id)}/drain`, { draining: what === 'drain' });
  const said = what === 'drain' ? `${id} drains: no new calls, those in progress go on` : `${id} takes calls again`;
  terminal.out(values['json'] ? JSON.stringify(answer) : said);
  return OK;
}
