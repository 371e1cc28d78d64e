import { createHash, randomUUID } from 'node:crypto';
import { Router, type Request } from 'express';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import { readLink, type SharedLink } from '../recordings/links.js';
import { methodNotAllowed } from './problem.js';
import { answerSound, here, type RecordingsSource } from './recordings.js';

const FIND_TIMEOUT_MS = 35_000;

/** `/r/<token>`: a recording for who holds a link to it, and nothing else. */
export function sharedLinksRouter(source: RecordingsSource): Router {
  const router = Router({ strict: true, caseSensitive: true });
  router
    .route('/:token')
    .get(async (req, res) => {
      res.setHeader('Cache-Control', 'no-store');
      res.setHeader('X-Robots-Tag', 'noindex');
      const { links, archive } = source;
      const link = await readLink(req.params.token, (id) => links.secretOf(id), Date.now());
      const finding = archive.find(link.callId, null);
      const found = await withDeadline(finding, FIND_TIMEOUT_MS, 'finding a recording');
      if (found === null || found.state === 'deleted')
        throw new GatewayError('GW_ERR_LINK_ENDED', 'what this link led to is no longer there');
      // Which gateway has it is nothing to whoever has a link.
      if (found.state === 'away')
        throw new GatewayError('GW_ERR_RECORDING_AWAY', 'the recording is on its way to the store; try again later');
      await answerSound(source, req, res, {
        found: here(found),
        who: { kind: 'link', name: link.id },
        format: link.format,
        downloadName: link.downloadName,
        admit: () => admit(source, req, link),
      });
    })
    .all(methodNotAllowed('GET', 'HEAD'));
  return router;
}

/**
 * A one-time link serves its first user: one whole download, or as many pieces as his player asks for. HEAD does not use
 * it up, so that previews of messengers do not.
 */
async function admit({ links }: RecordingsSource, req: Request, link: SharedLink): Promise<void> {
  if (!link.oneTime) return;
  const client = createHash('sha256')
    .update(`${req.ip ?? ''} ${req.get('User-Agent') ?? ''}`)
    .digest('hex');
  const user = req.get('Range') === undefined ? `whole ${randomUUID()}` : `pieces ${client}`;
  const holder = await links.use(link.id, user, Math.max(1000, link.expiresAt - Date.now()));
  if (holder !== user) throw new GatewayError('GW_ERR_LINK_ENDED', 'this link was for one use and has been used');
}
