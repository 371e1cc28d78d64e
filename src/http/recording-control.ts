import type { Router } from 'express';
import { RECORDING_ACTIONS } from '../call/media-ports.js';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import { isId } from '../lib/ids.js';
import { keyActor, maySee, requireScope } from './auth.js';
import type { RecordingControl } from './ports.js';
import { methodNotAllowed } from './problem.js';
import { exactRouter } from './router.js';

const TIMEOUT_MS = 5000;

/** `/v1/calls/:id/recording/:action`: what is recorded of a talk while it goes on. */
export function recordingControlRouter(control: RecordingControl): Router {
  const router = exactRouter();
  router
    .route('/:id/recording/:action')
    .post(requireScope('recordings:write'), async (req, res) => {
      const { id } = req.params;
      const action = RECORDING_ACTIONS.find((known) => known === req.params['action']);
      if (!isId(id) || action === undefined)
        throw new GatewayError(
          'GW_ERR_NOT_FOUND',
          `there is no such call, or no such action: ${RECORDING_ACTIONS.join(', ')}`,
        );
      res.json(
        await withDeadline(
          control.act(id, action, { maySee: (site) => maySee(res, site), who: keyActor(res), from: req.ip ?? null }),
          TIMEOUT_MS,
          'changing a recording',
        ),
      );
    })
    .all(methodNotAllowed);
  return router;
}
