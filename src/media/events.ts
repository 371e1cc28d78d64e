import type { MediaEvent } from '../call/media-ports.js';
import type { FreeSwitchEvent } from './event-text.js';

/** The events that tell what became of calls; HEARTBEAT tells how the server is. */
export const SUBSCRIBED_EVENTS = [
  'HEARTBEAT',
  'CHANNEL_BRIDGE',
  'CHANNEL_HANGUP_COMPLETE',
  'RECORD_START',
  'RECORD_STOP',
  // Of our dialplan's own making: a code for the recording was keyed in. Subclasses are asked for last.
  'CUSTOM calltrack::control',
] as const;

/** Which call an event is about: our dialplan sets the variable on both legs. */
export function callIdOf(event: FreeSwitchEvent): string | null {
  return event.get('variable_calltrack_call_id') ?? null;
}

/** A FreeSWITCH event in the words of the call; empty where it says nothing that a call needs. */
export function toMediaEvents(event: FreeSwitchEvent): MediaEvent[] {
  switch (event.get('Event-Name')) {
    case 'CHANNEL_BRIDGE':
      return [...bridgedChannels(event), { type: 'bridged', engineMs: msOf(event, 'Event-Date-Timestamp') }];
    case 'CUSTOM':
      return [{ type: 'control', keys: event.get('variable_last_matching_digits') ?? '' }];
    case 'RECORD_START':
      return [{ type: 'recording-started', engineMs: msOf(event, 'Event-Date-Timestamp') }];
    case 'RECORD_STOP':
      return [
        {
          type: 'recording-stopped',
          // Not when the event was made: closing a file may take a slow disk long.
          hungUpEngineMs: msOf(event, 'Caller-Channel-Hangup-Time'),
        },
      ];
    case 'CHANNEL_HANGUP_COMPLETE':
      return [
        {
          type: 'hangup',
          leg: legOf(event),
          channelId: event.get('Unique-ID') ?? '',
          cause: event.get('Hangup-Cause') ?? '',
        },
      ];
    default:
      return [];
  }
}

/** A moment that FreeSWITCH tells in microseconds, 0 for what has not happened. */
export function msOf(event: FreeSwitchEvent, header: string): number | undefined {
  const microseconds = Number(event.get(header));
  return microseconds > 0 ? microseconds / 1000 : undefined;
}

function legOf(event: FreeSwitchEvent): 'caller' | 'business' {
  return event.get('variable_calltrack_leg') === 'business' ? 'business' : 'caller';
}

function bridgedChannels(event: FreeSwitchEvent): MediaEvent[] {
  const caller = event.get('Bridge-A-Unique-ID');
  const business = event.get('Bridge-B-Unique-ID');
  return [
    ...(caller ? [{ type: 'channel', leg: 'caller', channelId: caller } as const] : []),
    ...(business ? [{ type: 'channel', leg: 'business', channelId: business } as const] : []),
  ];
}
