import { correctionsOf } from '../../call/amendments.js';
import type { Believed, Call } from '../../call/call.js';
import { toError, withDeadline } from '../../lib/deadline.js';
import { GatewayError, type ErrorCode } from '../../lib/errors.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import { callbackWords, callerWords, callRow } from '../view/call-row.js';
import { recordingControl } from '../view/recording-control.js';
import { recordingView } from '../view/recording-words.js';
import { timelineOf } from '../view/timeline.js';
import { verdictName, verdictWords } from '../view/verdict-words.js';
import type { Visit } from '../visit.js';
import { deliveriesOf } from './deliveries.js';
import { showLeftCall } from './left-call.js';
import { callOf } from './one-call.js';
import { foundOf, holdOf } from './recording.js';

/** A store that takes longer is away, as far as the page is concerned: people look at calls then too. */
const STORE_TIMEOUT_MS = 3_000;
/** A page does not grow with what others have written into a call. */
const MOST_TAGS = 200;
const MOST_NOTES = 100;
/** Offered on every call. */
const USUAL_TAGS = ['callback', 'not-a-lead', 'repeat'] as const;

/** It may have left the history. */
const LEFT = new Set<ErrorCode>(['GW_ERR_NOT_FOUND', 'GW_ERR_CALL_ARCHIVED']);

type Options = Pick<ConsoleOptions, 'calls' | 'archive' | 'recordings' | 'webhooks' | 'logger'>;

export function callRoutes(options: Options): Route[] {
  return [{ method: 'get', path: '/calls/:id', needs: 'calls:read', handle: (visit) => showCall(visit, options) }];
}

async function showCall(visit: Visit, options: Options): Promise<void> {
  const call = await callOf(visit, options).catch(async (error: unknown) => {
    if (error instanceof GatewayError && LEFT.has(error.code) && (await showLeftCall(visit, options))) return null;
    throw error;
  });
  if (!call) return;
  const [recording, deliveries] = await Promise.all([
    recordingOf(visit, options, call),
    deliveriesOf(visit, options, call),
  ]);
  visit.page('call', { ...callView(visit, call), recording, control: recordingControl(visit, call), deliveries });
}

/** The page does without the store of recordings, and says so. */
async function recordingOf(visit: Visit, { recordings, logger }: Options, call: Call) {
  const looking = foundOf(visit, recordings).then(async (found) =>
    recordingView(visit, found, await holdOf(recordings, found), call),
  );
  return withDeadline(looking, STORE_TIMEOUT_MS, 'looking for a recording').catch((error: unknown) => {
    logger.warn({ err: toError(error), callId: call.id }, 'the page of a call is shown without its recording');
    return { player: null, why: visit.t('call.recording.storeAway') };
  });
}

/** What the page of one call shows. */
function callView(visit: Visit, call: Call) {
  const zone = visit.zoneOf(call.site);
  return {
    zone,
    title: visit.t('call.title', { time: visit.format.time(call.startedAt, zone) }),
    caller: callerWords(visit, { ...call.caller, name: null }),
    row: callRow(visit, call),
    verdict: verdictWords(visit, call.attribution),
    corrections: correctionsOf(call).map(({ by, at, reason, old, new: now }) => ({
      by,
      time: visit.format.minute(at, zone),
      reason,
      before: believedWords(visit, old),
      after: believedWords(visit, now),
    })),
    timeline: timelineOf(visit, call),
    queued: visit.query('queued') === 'yes',
    ...remarks(visit, call),
  };
}

/** Whose it was held to be, in one line. */
function believedWords(visit: Visit, { verdict, rule, source, campaign, sessionId }: Believed): string {
  const known = [source, campaign, sessionId].filter((text) => text !== null);
  return [verdictName(visit, { verdict, rule, candidates: [] }), ...known].join(' · ');
}

/** Tags, notes and who takes care: the part that people change. */
export function remarks(visit: Visit, call: Call) {
  const zone = visit.zoneOf(call.site);
  const signed = ({ by, at }: { by: string; at: string }) => ({ by, time: visit.format.minute(at, zone) });
  const callback = call.handled?.callback;
  const present = new Set(call.tags.map(({ name }) => name));
  return {
    call,
    tags: call.tags
      .slice(0, MOST_TAGS)
      .map((tag) => ({ ...signed(tag), value: tag.name, label: visit.name('tag', tag.name) })),
    moreTags: Math.max(0, call.tags.length - MOST_TAGS),
    usualTags: USUAL_TAGS.filter((name) => !present.has(name)),
    notes: call.notes.slice(-MOST_NOTES).map((note) => ({ ...signed(note), text: note.text })),
    handled: call.handled && signed(call.handled),
    calledBack: callback ? callbackWords(visit, callback, zone) : null,
  };
}
