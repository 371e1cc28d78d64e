import type { Call, RecordingInfo } from './call.js';
import { secondsBetween } from './document.js';

/** Where in a recording's file a moment is, and how long the file should be. Pure. */

type Times = Pick<RecordingInfo, 'startedAt' | 'stoppedAt' | 'paused' | 'masked'>;

export function timesOf({ startedAt, stoppedAt, paused, masked }: RecordingInfo): Times {
  return { startedAt, stoppedAt, paused, masked };
}

/**
 * A moment in ms by two clocks. FreeSWITCH's is that of the file; ours runs on while word of it is under way, and goes by
 * another host's time. `engineMs` is null where FreeSWITCH has not said.
 */
export interface Moment {
  oursMs: number;
  engineMs: number | null;
}

/** Both by one clock: by FreeSWITCH's where it has said both. */
export function secondsFrom(from: Moment, to: Moment): number {
  const byEngine = from.engineMs === null || to.engineMs === null ? null : to.engineMs - from.engineMs;
  return Math.max(0, (byEngine ?? to.oursMs - from.oursMs) / 1000);
}

/** Seconds from the beginning of the file, so long after its first sound: what was paused before is not in it. */
export function positionAt({ paused }: Pick<Times, 'paused'>, seconds: number): number {
  let position = seconds;
  for (const pause of paused) {
    if (pause.seconds === null) return pause.atSeconds;
    position -= pause.seconds;
  }
  return toMillisecond(Math.max(0, position));
}

/** Ends what is still paused or masked, so many seconds after the first sound. */
export function closeRanges(recording: RecordingInfo, seconds: number): RecordingInfo {
  const before = recording.paused.reduce((sum, pause) => sum + (pause.seconds ?? 0), 0);
  const paused = recording.paused.map((pause) =>
    pause.seconds === null
      ? { ...pause, seconds: toMillisecond(Math.max(0, seconds - before - pause.atSeconds)) }
      : pause,
  );
  const end = positionAt({ paused }, seconds);
  const masked = recording.masked.map((mask) =>
    mask.toSeconds === null ? { ...mask, toSeconds: Math.max(mask.fromSeconds, end) } : mask,
  );
  return { ...recording, paused, masked };
}

/** By our clock: how long the recording should be: the talk, or the part of it from its start to its stop that was not paused. */
export function expectedSeconds({ answeredAt, endedAt, recording }: Call): number {
  const { startedAt, stoppedAt, paused } = recording;
  const out = paused.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0);
  return Math.max(0, secondsBetween(startedAt ?? answeredAt, stoppedAt ?? endedAt) - out);
}

export const toMillisecond = (seconds: number): number => Math.round(seconds * 1000) / 1000;
