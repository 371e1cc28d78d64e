import type { Call, RecordingInfo } from './call.js';

/** Where in a recording's file a moment is, and how long the file should be. Pure. */

type Times = Pick<RecordingInfo, 'startedAt' | 'stoppedAt' | 'paused' | 'masked'>;

export function timesOf({ startedAt, stoppedAt, paused, masked }: RecordingInfo): Times {
  return { startedAt, stoppedAt, paused, masked };
}

/** Seconds from the beginning of the file: what was paused before is not in it. */
export function positionAt({ startedAt, paused }: Times, at: number): number {
  if (startedAt === null) return 0;
  const start = Date.parse(startedAt);
  let seconds = (at - start) / 1000;
  for (const pause of paused) {
    if (pause.seconds === null) return pause.atSeconds;
    seconds -= pause.seconds;
  }
  return rounded(Math.max(0, seconds));
}

/** Ends what is still paused or masked: now, or with the call. */
export function closeRanges(call: Call, at = Date.parse(call.endedAt ?? call.startedAt)): void {
  const { recording } = call;
  if (recording.startedAt === null) return;
  const left = (at - Date.parse(recording.startedAt)) / 1000;
  const before = recording.paused.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0);
  const paused = recording.paused.map((pause) =>
    pause.seconds === null ? { ...pause, seconds: rounded(Math.max(0, left - before - pause.atSeconds)) } : pause,
  );
  const end = positionAt({ ...recording, paused }, at);
  const masked = recording.masked.map((mask) =>
    mask.toSeconds === null ? { ...mask, toSeconds: Math.max(mask.fromSeconds, end) } : mask,
  );
  call.recording = { ...recording, paused, masked };
}

/** How long the recording should be: the talk, or the part of it from its start to its stop that was not paused. */
export function expectedSeconds({ answeredAt, endedAt, durations, recording }: Call): number {
  const { startedAt, stoppedAt, paused } = recording;
  const began = startedAt ?? answeredAt;
  const ended = stoppedAt ?? endedAt;
  if (began === null || ended === null) return durations.talkSeconds;
  const out = paused.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0);
  return Math.max(0, (Date.parse(ended) - Date.parse(began)) / 1000 - out);
}

const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000;
