import type { MediaEvent, Told } from '../call/media-ports.js';
import { GatewayError } from '../lib/errors.js';
import type { EslLink } from './esl-link.js';
import { FreeSwitchEvent } from './event-text.js';
import { msOf } from './events.js';

/**
 * What FreeSWITCH would have told of a call that nobody listened to: whom it has joined since when, and that it records them. Empty
 * before the two are joined: that it will tell. Rejects with GW_ERR_LINK_LOST or GW_ERR_DEADLINE.
 */
export async function missedEvents(
  link: Pick<EslLink, 'api'>,
  callId: string,
  business: string,
): Promise<MediaEvent[]> {
  const dump = await ask(link, `uuid_dump ${business} json`);
  const channel = dump === null ? null : new FreeSwitchEvent(dump);
  const caller = channel?.get('Other-Leg-Unique-ID');
  const bridgedMs = channel ? msOf(channel, 'Caller-Channel-Bridged-Time') : undefined;
  if (!channel || caller === undefined || bridgedMs === undefined) return [];
  const events: MediaEvent[] = [
    { type: 'channel', leg: 'caller', channelId: caller },
    { type: 'channel', leg: 'business', channelId: business },
    { type: 'bridged', ...told(channel, bridgedMs) },
  ];
  const bugs = (await ask(link, `uuid_buglist ${caller}`)) ?? '';
  if (!bugs.includes(`/${callId}.wav<`)) return events;
  // The dialplan's own begins with the answer, and has no frame from before the bridge: early media joins the two before.
  const begunMs = Math.max(bridgedMs, msOf(channel, 'Caller-Channel-Answered-Time') ?? 0);
  return [...events, { type: 'recording-started', ...told(channel, begunMs) }];
}

function told(channel: FreeSwitchEvent, engineMs: number): Told {
  const nowMs = msOf(channel, 'Event-Date-Timestamp') ?? engineMs;
  return { engineMs, agoMs: Math.max(0, nowMs - engineMs) };
}

/** null where the channel has gone meanwhile. */
async function ask(link: Pick<EslLink, 'api'>, command: string): Promise<string | null> {
  try {
    return await link.api(command);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'GW_ERR_MEDIA_COMMAND') return null;
    throw error;
  }
}
