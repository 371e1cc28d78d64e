import type { Call } from '../../call/call.js';
import type { Found } from '../../recordings/archive.js';
import type { Hold } from '../../recordings/vault.js';
import type { Visit } from '../visit.js';

/** What is told of a recording beside its sound. */
interface Recorded {
  site: string | null;
  recording: Pick<Call['recording'], 'reason' | 'paused' | 'masked'>;
}

/** What the page of a call shows of its recording: a player, or why there is none. */
export function recordingView(visit: Visit, found: Found | null, hold: Hold | null, call: Recorded) {
  const { t } = visit;
  if (found === null) return { player: null, why: t('call.recording.none') };
  switch (found.state) {
    case 'deleted':
      return {
        player: null,
        why: t('call.recording.deleted', {
          time: visit.format.minute(found.deletion.at, visit.zoneOf(call.site)),
          reason: visit.name('reason', found.deletion.reason),
        }),
      };
    case 'away':
      return { player: null, why: t('call.recording.away', { gateway: found.gateway }) };
    case 'none': {
      const { status, reason } = found.recording;
      // "ready" without a file is "away"; it is told as what it looks like.
      const key = status === 'ready' ? 'failed' : status;
      const because = reason === null ? '' : ` ${t('call.recording.reason', { reason: reasonWords(visit, reason) })}`;
      return { player: null, why: `${t(`call.recording.${key}`)}${because}` };
    }
    case 'here': {
      if (!visit.may('recordings:play')) return { player: null, why: t('call.recording.forbidden') };
      const { durationSeconds, channels, silentChannels } = found.manifest;
      const sides = channels.map((side) => visit.name('player.side', side));
      const silent = silentChannels.map((side) => visit.name('player.side', side));
      const clock = visit.format.clock(durationSeconds);
      const held = hold && { ...hold, time: visit.format.minute(hold.at, visit.zoneOf(call.site)) };
      const short = call.recording.reason === 'shorter_than_talk';
      const player = { seconds: durationSeconds, clock, sides, silent, short };
      return { player, why: null, held, gaps: gapsOf(visit, call) };
    }
  }
}

/** Errors of the file system have codes without number. */
function reasonWords(visit: Visit, reason: string): string {
  const [, code] = /^io_(\w+)$/.exec(reason) ?? [];
  return code === undefined ? visit.name('reason', reason) : visit.t('reason.io', { code: code.toUpperCase() });
}

/** What the file lacks: times left out, and times that are silent. */
function gapsOf({ t, format }: Visit, { recording }: Recorded): string[] {
  return [
    ...recording.paused.map(({ atSeconds, seconds }) =>
      t('call.gap.paused', { at: format.clock(atSeconds), time: format.span(seconds ?? 0) }),
    ),
    ...recording.masked.map(({ fromSeconds, toSeconds }) =>
      t('call.gap.masked', { from: format.clock(fromSeconds), to: format.clock(toSeconds ?? fromSeconds) }),
    ),
  ];
}
