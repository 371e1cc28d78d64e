import {
  answerSound,
  here,
  holdRequest,
  readFormat,
  removeRecording,
  setHold,
  type RecordingsSource,
} from '../../http/recordings.js';
import { withDeadline } from '../../lib/deadline.js';
import { GatewayError } from '../../lib/errors.js';
import type { Found, Here } from '../../recordings/archive.js';
import type { AuditActor } from '../../recordings/audit.js';
import { makeLink } from '../../recordings/links.js';
import { reducePeaks } from '../../recordings/peaks.js';
import type { Hold } from '../../recordings/vault.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import type { Visit } from '../visit.js';

const FIND_TIMEOUT_MS = 35_000;
/** Enough for a wide screen, and to find pauses by. */
const POINTS = 6_000;
const HOUR_MS = 3_600_000;
/** For how long a link may be made, in hours. */
const LINK_HOURS = [1, 24, 168] as const;

type Options = Pick<ConsoleOptions, 'recordings'>;

/** The sound of a call for who has logged in: hearing, its waveform, links for others, deleting. */
export function recordingRoutes(options: Options): Route[] {
  const { recordings } = options;
  return [
    {
      method: 'get',
      path: '/calls/:id/recording',
      needs: 'recordings:play',
      handle: async (visit) => {
        const found = await hereOf(visit, recordings);
        const { id } = visit.req.params;
        const downloadName = visit.query('download') === undefined ? null : `call-${String(id)}`;
        await answerSound(recordings, visit.req, visit.res, {
          found,
          who: actorOf(visit),
          format: readFormat(visit.req),
          downloadName,
        });
      },
    },
    {
      method: 'get',
      path: '/calls/:id/recording/peaks',
      needs: 'recordings:play',
      handle: async (visit) => {
        const found = await hereOf(visit, recordings);
        const peaks = await withDeadline(recordings.archive.peaks(found), FIND_TIMEOUT_MS, 'reading a waveform');
        if (!peaks) throw new GatewayError('GW_ERR_RECORDING_AWAY', 'the waveform is not where it should be');
        visit.res.json(reducePeaks(peaks, POINTS));
      },
    },
    {
      method: 'post',
      path: '/calls/:id/recording/link',
      needs: 'recordings:share',
      handle: (visit) => share(visit, options),
    },
    {
      method: 'post',
      path: '/calls/:id/recording/hold',
      needs: 'recordings:hold',
      handle: (visit) => hold(visit, options),
    },
    {
      method: 'post',
      path: '/calls/:id/recording/release',
      needs: 'recordings:hold',
      handle: (visit) => release(visit, options),
    },
    {
      method: 'post',
      path: '/calls/:id/recording/delete',
      needs: 'recordings:delete',
      handle: (visit) => remove(visit, options),
    },
  ];
}

/** What became of the recording; one of a site that is not his looks as if there were no call. */
export async function foundOf(visit: Visit, { archive }: Pick<RecordingsSource, 'archive'>): Promise<Found | null> {
  const { id } = visit.req.params;
  const finding = archive.find(typeof id === 'string' ? id : '', visit.siteScope);
  return withDeadline(finding, FIND_TIMEOUT_MS, 'finding a recording');
}

/** Who holds it, and why; null where nobody does, or nobody may. */
export async function holdOf({ archive }: Pick<RecordingsSource, 'archive'>, found: Found | null) {
  if (found?.state !== 'here') return null;
  return withDeadline(archive.hold(found), FIND_TIMEOUT_MS, 'reading a hold');
}

const hereOf = async (visit: Visit, source: RecordingsSource): Promise<Here> => here(await foundOf(visit, source));

async function share(visit: Visit, { recordings }: Options): Promise<void> {
  const { links, audit } = recordings;
  const hours = LINK_HOURS.find((one) => String(one) === visit.field('hours'));
  if (hours === undefined)
    throw new GatewayError('GW_ERR_BAD_REQUEST', `"hours" must be one of ${LINK_HOURS.join(', ')}`);
  const found = await hereOf(visit, recordings);
  const { callId } = found.manifest;
  const expiresAt = Date.now() + Math.min(hours * HOUR_MS, recordings.maxLinkExpiry());
  const oneTime = visit.field('once') === 'yes';
  const about = { callId, expiresAt, oneTime, downloadName: null, format: null };
  const { id, url } = makeLink(about, await links.linkSecret(), recordings.publicUrl());
  const detail = { link: id, expiresAt: new Date(expiresAt).toISOString(), oneTime };
  await audit.write({
    at: new Date().toISOString(),
    action: 'recording.share',
    who: actorOf(visit),
    from: visit.req.ip ?? null,
    call: callId,
    site: found.site,
    detail,
  });
  visit.page('parts/link', {
    url,
    until: visit.format.minute(expiresAt, visit.zoneOf(found.site)),
    callId,
  });
}

async function hold(visit: Visit, { recordings }: Options): Promise<void> {
  const asked = holdRequest.safeParse({ reason: visit.field('reason').trim() });
  if (!asked.success)
    throw new GatewayError('GW_ERR_BAD_REQUEST', 'say why, in at most 500 characters', {
      refusal: { reason: 'reason', values: { most: 500 } },
    });
  const { reason } = asked.data;
  await changeHold(visit, recordings, { by: visit.user.name, at: new Date().toISOString(), reason });
}

const release = (visit: Visit, { recordings }: Options): Promise<void> => changeHold(visit, recordings, null);

async function changeHold(visit: Visit, recordings: RecordingsSource, wanted: Hold | null): Promise<void> {
  const found = await hereOf(visit, recordings);
  await setHold(recordings, visit.req, { found, who: actorOf(visit), hold: wanted });
  visit.go(`/calls/${found.manifest.callId}`);
}

async function remove(visit: Visit, { recordings }: Options): Promise<void> {
  const id = String(visit.req.params['id']);
  await removeRecording(recordings, visit.req, { found: await foundOf(visit, recordings), id, who: actorOf(visit) });
  visit.go(`/calls/${id}`);
}

const actorOf = ({ user }: Visit): AuditActor => ({ kind: 'user', name: user.name });
