import type { Router, Request, Response } from 'express';
import { z } from 'zod';
import { RECORDING_FORMATS, type RecordingFormat } from '../config/parts/recordings.js';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError, noSuchCall } from '../lib/errors.js';
import { deleted, type Found, type Here, type RecordingArchive } from '../recordings/archive.js';
import type { AuditAction, AuditActor, AuditLine, AuditLog } from '../recordings/audit.js';
import { makeLink, type LinkSecret } from '../recordings/links.js';
import { reducePeaks } from '../recordings/peaks.js';
import type { Hold } from '../recordings/vault.js';
import { keyActor, requireScope, sitesOf } from './auth.js';
import { methodNotAllowed } from './problem.js';
import { readBody, readQuery, wholeNumber } from './query.js';
import { exactRouter } from './router.js';
import { chooseFile, openSound, planSound, sendSound } from './send-recording.js';

const FIND_TIMEOUT_MS = 35_000;
const DELETE_TIMEOUT_MS = 60_000;
/** A player asks for pieces as it goes; pauses shorter than this belong to one listening. */
const ONE_LISTENING_MS = 30 * 60_000;
const MAX_POINTS = 36_000;
export const peaksQuery = z.object({
  points: wholeNumber(1, MAX_POINTS).default(MAX_POINTS).describe('At most so many points a side'),
});

export interface RecordingsSource {
  archive: Pick<RecordingArchive, 'find' | 'sound' | 'peaks' | 'hold' | 'setHold' | 'remove'>;
  audit: AuditLog;
  links: {
    linkSecret(): Promise<LinkSecret>;
    linkSecretOf(id: string): Promise<string | null>;
    /** Takes a one-time link for `user`; who has it. */
    useLink(id: string, user: string, forMs: number): Promise<string>;
    /** Who has taken it; null: nobody. */
    linkHolder(id: string): Promise<string | null>;
  };
  /** The longest that a link may live, ms. */
  maxLinkExpiry(): number;
  publicUrl(): string;
}

/** `/v1/recordings`: the sound of a call, its waveform, links to it, holding and deleting it. */
export function recordingsRouter(source: RecordingsSource): Router {
  const router = exactRouter();
  router
    .route('/:id')
    .get(requireScope('recordings:read'), async (req, res) => {
      const found = await findHere(source, req, res);
      await answerSound(source, req, res, { found, who: keyActor(res), format: readFormat(req), downloadName: null });
    })
    .delete(requireScope('recordings:write'), (req, res) => answerDelete(source, req, res))
    .all(methodNotAllowed);
  router
    .route('/:id/about')
    .get(requireScope('recordings:read'), (req, res) => answerAbout(source, req, res))
    .all(methodNotAllowed);
  router
    .route('/:id/peaks')
    .get(requireScope('recordings:read'), (req, res) => answerPeaks(source, req, res))
    .all(methodNotAllowed);
  router
    .route('/:id/links')
    .post(requireScope('recordings:read'), (req, res) => answerLink(source, req, res))
    .all(methodNotAllowed);
  router
    .route('/:id/hold')
    .put(requireScope('recordings:write'), (req, res) => answerHold(source, req, res))
    .delete(requireScope('recordings:write'), (req, res) => answerRelease(source, req, res))
    .all(methodNotAllowed);
  return router;
}

interface SoundRequest {
  found: Here;
  who: AuditActor;
  format: RecordingFormat | null;
  /** null: to be played. */
  downloadName: string | null;
  /** Asked when everything else is right, before anything is sent. */
  admit?: () => Promise<void>;
}

/**
 * Sends the sound. Who hears it stands in the audit log before he hears it, or he does not. What cannot be opened now has
 * not been heard: it is not written down, and uses up no link.
 */
export async function answerSound(
  { archive, audit }: Pick<RecordingsSource, 'archive' | 'audit'>,
  req: Request,
  res: Response,
  { found, who, format, downloadName, admit }: SoundRequest,
): Promise<void> {
  const file = chooseFile(found, format);
  const plan = planSoundOf(req, res, found, file, downloadName);
  const sound = plan.range && (await openSound(archive, { found, file, range: plan.range }));
  try {
    if (sound) {
      await admit?.();
      const action = plan.status === 206 ? 'recording.play' : 'recording.download';
      const line = lineOf(action, who, req, found, { format: file.format });
      const subject = [who.kind, who.name, line.from, line.call, file.format].join(' ');
      await audit.write(line, plan.status === 206 ? { subject, forMs: ONE_LISTENING_MS } : undefined);
    }
    await sendSound(res, plan, sound);
  } finally {
    sound?.destroy();
  }
}

function planSoundOf(...[req, res, found, file, downloadName]: [Request, Response, ...SoundParts]) {
  try {
    return planSound(req, found, file, downloadName);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'GW_ERR_RANGE')
      res.setHeader('Content-Range', `bytes */${file.bytes}`);
    throw error;
  }
}
type SoundParts = [Here, ReturnType<typeof chooseFile>, string | null];

/** @throws GatewayError that says what became of the recording */
export function here(found: Found | null): Here {
  switch (found?.state) {
    case 'here':
      return found;
    case 'deleted':
      throw deleted(found.deletion);
    case 'away':
      throw new GatewayError(
        'GW_ERR_RECORDING_AWAY',
        `not in the store yet; on the disk of gateway "${found.gateway}"`,
      );
    case 'none': {
      const { status, reason } = found.recording;
      throw new GatewayError('GW_ERR_NO_RECORDING', `status ${status}${reason === null ? '' : `, reason ${reason}`}`);
    }
    case undefined:
      throw noSuchCall();
  }
}

async function find({ archive }: Pick<RecordingsSource, 'archive'>, req: Request, res: Response): Promise<Found> {
  const { id } = req.params;
  const finding = archive.find(typeof id === 'string' ? id : '', sitesOf(res));
  const found = await withDeadline(finding, FIND_TIMEOUT_MS, 'finding a recording');
  return found ?? here(null);
}

async function findHere(source: Pick<RecordingsSource, 'archive'>, req: Request, res: Response): Promise<Here> {
  return here(await find(source, req, res));
}

async function answerAbout(source: RecordingsSource, req: Request, res: Response): Promise<void> {
  const found = await find(source, req, res);
  if (found.state !== 'here') {
    res.json(aboutAbsent(found));
    return;
  }
  const { durationSeconds, sampleRate, channels, silentChannels, reason, files } = found.manifest;
  const hold = await withDeadline(source.archive.hold(found), FIND_TIMEOUT_MS, 'reading a hold');
  res.json({ status: 'ready', reason, durationSeconds, sampleRate, channels, silentChannels, formats: files, hold });
}

function aboutAbsent(found: Exclude<Found, Here>): Record<string, unknown> {
  if (found.state === 'deleted')
    return { status: 'deleted', reason: found.deletion.reason, deletedAt: found.deletion.at };
  if (found.state === 'away') return { status: 'ready', reason: 'on_its_way', gateway: found.gateway, formats: [] };
  return { status: found.recording.status, reason: found.recording.reason, formats: [] };
}

async function answerPeaks(source: RecordingsSource, req: Request, res: Response): Promise<void> {
  const { points } = readQuery(req, peaksQuery);
  const found = await findHere(source, req, res);
  const peaks = await withDeadline(source.archive.peaks(found), FIND_TIMEOUT_MS, 'reading a waveform');
  if (!peaks) throw new GatewayError('GW_ERR_RECORDING_AWAY', 'the waveform is not where it should be');
  res.json(reducePeaks(peaks, points));
}

export const linkRequest = (maxSeconds: number) =>
  z.strictObject({
    expiresIn: z.int().min(1).max(maxSeconds),
    oneTime: z.boolean().default(false),
    downloadName: z
      .string()
      .min(1)
      .max(100)
      // Ends up in a header and in a file system.
      .regex(/^[^\p{Cc}/\\]+$/u, 'a file name without "/", "\\" and control characters')
      .optional(),
    format: z.enum(RECORDING_FORMATS).optional(),
  });

async function answerLink(source: RecordingsSource, req: Request, res: Response): Promise<void> {
  const { links, audit } = source;
  const asked = readBody(req, linkRequest(Math.floor(source.maxLinkExpiry() / 1000)));
  const found = await findHere(source, req, res);
  const format = asked.format ?? null;
  chooseFile(found, format);
  const expiresAt = Date.now() + asked.expiresIn * 1000;
  const { oneTime, downloadName = null } = asked;
  const about = { callId: found.manifest.callId, expiresAt, oneTime, downloadName, format };
  const { id, url } = makeLink(about, await links.linkSecret(), source.publicUrl());
  const ends = new Date(expiresAt).toISOString();
  await audit.write(lineOf('recording.share', keyActor(res), req, found, { link: id, expiresAt: ends, oneTime }));
  res.status(201).json({ id, url, expiresAt: ends, oneTime });
}

export const holdRequest = z.strictObject({ reason: z.string().min(1).max(500) });

async function answerHold(source: RecordingsSource, req: Request, res: Response): Promise<void> {
  const { reason } = readBody(req, holdRequest);
  const found = await findHere(source, req, res);
  const who = keyActor(res);
  const hold = { by: who.name, at: new Date().toISOString(), reason };
  await setHold(source, req, { found, who, hold });
  res.json(hold);
}

async function answerRelease(source: RecordingsSource, req: Request, res: Response): Promise<void> {
  await setHold(source, req, { found: await findHere(source, req, res), who: keyActor(res), hold: null });
  res.status(204).end();
}

/** Holds it, or with null releases it. The line stands in the audit log before it is done, or it is not done. */
export async function setHold(
  { archive, audit }: Pick<RecordingsSource, 'archive' | 'audit'>,
  req: Request,
  { found, who, hold }: { found: Here; who: AuditActor; hold: Hold | null },
): Promise<void> {
  const action = hold ? 'recording.hold' : 'recording.release';
  await audit.write(lineOf(action, who, req, found, hold ? { reason: hold.reason } : {}));
  await withDeadline(archive.setHold(found, hold), FIND_TIMEOUT_MS, 'changing a hold');
}

async function answerDelete(source: RecordingsSource, req: Request, res: Response): Promise<void> {
  const found = await find(source, req, res);
  await removeRecording(source, req, { found, id: String(req.params['id']), who: keyActor(res) });
  res.status(204).end();
}

/**
 * Deletes it as somebody asked; what broke off once is finished by asking again.
 * @param asked.id of its call
 * @throws GatewayError that says why there is nothing to delete, GW_ERR_LEGAL_HOLD
 */
export async function removeRecording(
  { archive, audit }: Pick<RecordingsSource, 'archive' | 'audit'>,
  req: Request,
  { found, id, who }: { found: Found | null; id: string; who: AuditActor },
): Promise<void> {
  const there = found?.state === 'deleted' ? found : here(found);
  const reason = 'request' as const;
  const deletion = there.state === 'deleted' ? there.deletion : { at: new Date().toISOString(), reason };
  await withDeadline(archive.remove(there, id, deletion), DELETE_TIMEOUT_MS, 'deleting a recording');
  await audit.write(lineOf('recording.delete', who, req, { id, site: there.site }, { reason }));
}

function lineOf(
  action: AuditAction,
  who: AuditActor,
  req: Request,
  about: Here | { id: string; site: string },
  detail: AuditLine['detail'],
): AuditLine {
  const call = 'id' in about ? about.id : about.manifest.callId;
  return { at: new Date().toISOString(), action, who, from: req.ip ?? null, call, site: about.site, detail };
}

/** `?format=`; null: not said. */
export function readFormat(req: Request): RecordingFormat | null {
  const parsed = z.enum(RECORDING_FORMATS).optional().safeParse(req.query['format']);
  if (parsed.success) return parsed.data ?? null;
  throw new GatewayError('GW_ERR_BAD_REQUEST', `"format" must be one of ${RECORDING_FORMATS.join(', ')}`);
}
