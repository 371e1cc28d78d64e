import { createHash, randomUUID } from 'node:crypto';
import type { Router, ErrorRequestHandler, Request, Response } from 'express';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { Here } from '../recordings/archive.js';
import { readLink, type SharedLink } from '../recordings/links.js';
import { methodNotAllowed } from './problem.js';
import { answerSound, here, type RecordingsSource } from './recordings.js';
import { exactRouter } from './router.js';
import { chooseFile } from './send-recording.js';

const FIND_TIMEOUT_MS = 35_000;

/**
 * Programs that look at the links in a message to show what they lead to, by what they call themselves. Not by `isbot`: to
 * that every program is a bot, and a link may well be for one.
 */
const PREVIEW =
  /(?<!\bcu)bots?\b|crawler|spider|preview|externalhit|meta-external|vkshare|^(?:whatsapp|viber|slack|facebook|iframely|embedly)/i;

/** What somebody sees who opens a link in a browser. */
export interface SharedPages {
  player(req: Request, res: Response, about: SharedSound): void;
  /** Why there is nothing to hear. */
  failed: ErrorRequestHandler;
}

export interface SharedSound {
  /** Address of the sound. */
  source: string;
  /** Where it is had as a file; null where the link is for one use. */
  download: string | null;
  site: string;
  startedAt: string;
  durationSeconds: number;
  /** Of the link, ms since the epoch. */
  expiresAt: number;
  oneTime: boolean;
}

/** `/r/<token>`: a recording for who holds a link to it, and nothing else. */
export function sharedLinksRouter(source: RecordingsSource, pages: SharedPages): Router {
  const router = exactRouter();
  // What they fetched would be kept by who runs them, and would use up a link for one use.
  router.use((req, res, next) => {
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('X-Robots-Tag', 'noindex');
    if (PREVIEW.test(req.get('User-Agent') ?? '')) res.status(204).end();
    else next();
  });
  router
    .route('/:token')
    .get((req, res) => answer(source, pages, req, res))
    .all(methodNotAllowed);
  // Express tells error handlers by their four parameters.
  const failed: ErrorRequestHandler = (error, req, res, next) => {
    if (isOpenedByPerson(req) && !res.headersSent) pages.failed(error, req, res, next);
    else next(error);
  };
  router.use(failed);
  return router;
}

async function answer(source: RecordingsSource, pages: SharedPages, req: Request, res: Response): Promise<void> {
  const { links } = source;
  const link = await readLink(String(req.params['token']), (id) => links.linkSecretOf(id), Date.now());
  const found = await findShared(source, link);
  const saved = 'download' in req.query;
  // What the link was made to save is saved; everything else is heard on a page, which uses up no link: a player that
  // begins with a request of the whole would be a second user when he goes on with pieces.
  if (isOpenedByPerson(req) && link.downloadName === null && !saved) {
    chooseFile(found, link.format);
    const user = link.oneTime ? await links.linkHolder(link.id) : null;
    if (user !== null && user !== piecesOf(req)) throw usedUp();
    pages.player(req, res, soundOf(req, link, found));
    return;
  }
  await answerSound(source, req, res, {
    found,
    who: { kind: 'link', name: link.id },
    format: link.format,
    downloadName: link.downloadName ?? (saved ? `call-${link.callId}` : null),
    admit: () => admit(source, req, link),
  });
}

async function findShared({ archive }: RecordingsSource, link: SharedLink): Promise<Here> {
  const found = await withDeadline(archive.find(link.callId, null), FIND_TIMEOUT_MS, 'finding a recording');
  if (found === null || found.state === 'deleted')
    throw new GatewayError('GW_ERR_LINK_ENDED', 'what this link led to is no longer there');
  // Which gateway has it is nothing to whoever has a link.
  if (found.state === 'away')
    throw new GatewayError('GW_ERR_RECORDING_AWAY', 'the recording is on its way to the store; try again later');
  return here(found);
}

function soundOf(req: Request, { expiresAt, oneTime }: SharedLink, { site, manifest }: Here): SharedSound {
  const source = `${req.baseUrl}${req.path}`;
  const { startedAt, durationSeconds } = manifest;
  return {
    source,
    download: oneTime ? null : `${source}?download=1`,
    site,
    startedAt,
    durationSeconds,
    expiresAt,
    oneTime,
  };
}

/** Browsers say so of what is to be a page; old ones by what they would take. */
function isOpenedByPerson(req: Request): boolean {
  if (req.method !== 'GET') return false;
  const destination = req.get('Sec-Fetch-Dest');
  return destination === undefined ? (req.get('Accept') ?? '').includes('text/html') : destination === 'document';
}

/**
 * A one-time link serves its first user: one whole download, or as many pieces as his player asks for. HEAD does not use
 * it up.
 */
async function admit({ links }: RecordingsSource, req: Request, link: SharedLink): Promise<void> {
  if (!link.oneTime) return;
  const user = req.get('Range') === undefined ? `whole ${randomUUID()}` : piecesOf(req);
  const holder = await links.useLink(link.id, user, Math.max(1000, link.expiresAt - Date.now()));
  if (holder !== user) throw usedUp();
}

/** Who listens piece by piece. */
function piecesOf(req: Request): string {
  const client = `${req.ip ?? ''} ${req.get('User-Agent') ?? ''}`;
  return `pieces ${createHash('sha256').update(client).digest('hex')}`;
}

const usedUp = (): GatewayError => new GatewayError('GW_ERR_LINK_ENDED', 'this link was for one use and has been used');
