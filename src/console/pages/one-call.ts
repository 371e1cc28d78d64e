import type { Call } from '../../call/call.js';
import { whereElse } from '../../http/calls.js';
import { withDeadline } from '../../lib/deadline.js';
import { GatewayError } from '../../lib/errors.js';
import { isId } from '../../lib/ids.js';
import type { ConsoleOptions } from '../ports.js';
import type { Visit } from '../visit.js';

const READ_TIMEOUT_MS = 5_000;

type Options = Pick<ConsoleOptions, 'calls'> & Partial<Pick<ConsoleOptions, 'archive'>>;

/**
 * The call of the address; one that may not be seen is one that there is none of.
 * @param options.archive to be told where a call may be that the history has not
 */
export async function callOf(visit: Visit, { calls, archive }: Options): Promise<Call> {
  const id = visit.req.params['id'];
  const call = isId(id) ? await withDeadline(calls.get(id), READ_TIMEOUT_MS, 'reading a call') : null;
  if (!call && isId(id) && archive) throw await whereElse(archive, id);
  if (!call || !visit.sees(call.site)) throw new GatewayError('GW_ERR_NOT_FOUND', 'there is no such call');
  return call;
}
