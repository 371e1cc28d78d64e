import type { Call } from '../../call/call.js';
import { RECORDING_ACTIONS } from '../../call/media-ports.js';
import { withDeadline } from '../../lib/deadline.js';
import { GatewayError } from '../../lib/errors.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import { recordingControl } from '../view/recording-control.js';
import type { Visit } from '../visit.js';
import { callOf } from './one-call.js';

const ACT_TIMEOUT_MS = 5_000;

type Options = Pick<ConsoleOptions, 'calls' | 'recordingControl'>;

/** What is recorded of a talk while it goes on: how it stands, asked again and again by the page, and what changes it. */
export function recordingControlRoutes(options: Options): Route[] {
  const path = '/calls/:id/recording/control';
  return [
    { method: 'get', path, needs: 'calls:read', passive: true, handle: (visit) => showState(visit, options) },
    { method: 'post', path, needs: 'recordings:control', handle: (visit) => act(visit, options) },
  ];
}

async function showState(visit: Visit, options: Options): Promise<void> {
  const call = await callOf(visit, options);
  if (!visit.partial) visit.go(`/calls/${call.id}`);
  // Nothing is drawn anew where nothing has changed: a reader of the screen would say it again.
  else if (recordingControl(visit, call)?.state === visit.query('state')) visit.res.status(204).end();
  else draw(visit, call);
}

async function act(visit: Visit, { recordingControl: control, ...options }: Options): Promise<void> {
  const call = await callOf(visit, options);
  const action = RECORDING_ACTIONS.find((known) => known === visit.field('action'));
  if (action === undefined)
    throw new GatewayError('GW_ERR_BAD_REQUEST', `"action" must be one of ${RECORDING_ACTIONS.join(', ')}`);
  const acting = control.act(call.id, action, {
    maySee: (site) => visit.sees(site),
    who: { kind: 'user', name: visit.user.name },
    from: visit.req.ip ?? null,
  });
  const recording = await withDeadline(acting, ACT_TIMEOUT_MS, 'changing a recording');
  const live = visit.field('from') === 'live';
  if (!visit.partial) visit.go(live ? '/live' : `/calls/${call.id}`);
  // The live page is drawn anew each second.
  else if (live) visit.res.status(204).end();
  else draw(visit, { ...call, recording });
}

function draw(visit: Visit, call: Call): void {
  visit.page('parts/recording-control', { call, control: recordingControl(visit, call) });
}
