import type { Logger } from 'pino';
import type { Call } from '../call/call.js';
import type { GatewayConfig } from '../config/schema.js';
import type { CallbackTurns, CallHistory } from '../history/query.js';
import type {
  ArchiveReader,
  CallEditor,
  CallReader,
  RecordingControl,
  ReportSource,
  ResourceReader,
} from '../http/ports.js';
import type { RecordingsSource } from '../http/recordings.js';
import type { Clock } from '../lib/clock.js';
import type { WebhookDesk } from '../webhooks/desk.js';
import type { AttemptBook, SessionStore } from './auth/ports.js';

/** Calls in progress, of all gateways. */
export interface LiveCalls {
  /** The newest first. Rejects with GW_ERR_REDIS_AWAY. */
  live(limit: number): Promise<Call[]>;
}

/** Everything the console knows comes through here. */
export interface ConsoleOptions {
  config: () => GatewayConfig;
  sessions: SessionStore & AttemptBook;
  calls: Pick<CallReader, 'get'>;
  archive: Pick<ArchiveReader, 'has'>;
  callEditor: CallEditor;
  recordingControl: RecordingControl;
  history: CallHistory;
  callbackTurns: CallbackTurns;
  live: LiveCalls;
  resources: ResourceReader;
  reports: ReportSource;
  recordings: RecordingsSource;
  webhooks: Pick<WebhookDesk, 'list' | 'ofCall' | 'replay' | 'replayDead' | 'replayRange'>;
  logger: Logger;
  clock?: Clock;
}
