import { PasswordLogin } from '../auth/login.js';
import { OidcLogin } from '../auth/oidc.js';
import type { Sessions } from '../auth/sessions.js';
import type { LiveBoard } from '../live/board.js';
import type { ConsoleOptions } from '../ports.js';
import type { Route } from '../route.js';
import { attributionRoutes } from './attribution.js';
import { auditRoutes } from './audit.js';
import { callRoutes } from './call.js';
import { callEditRoutes } from './call-edits.js';
import { callsRoutes } from './calls.js';
import { capacityRoutes } from './capacity.js';
import { deliveryRoutes } from './deliveries.js';
import { liveRoutes } from './live.js';
import { loginRoutes } from './login.js';
import { missedRoutes } from './missed.js';
import { operatorRoutes } from './operators.js';
import { recordingRoutes } from './recording.js';
import { recordingControlRoutes } from './recording-control.js';
import { settingsRoutes } from './settings.js';

/** Every address of the console. */
export function consoleRoutes(options: ConsoleOptions, sessions: Sessions, board: LiveBoard): Route[] {
  const login = new PasswordLogin(() => options.config().access.users, options.sessions);
  const oidc = new OidcLogin({
    config: () => options.config().access.oidc,
    publicUrl: () => options.config().gateway.publicUrl,
    book: options.sessions,
    ...(options.clock && { clock: options.clock }),
  });
  return [
    ...loginRoutes({ sessions, login, oidc, logger: options.logger }),
    ...settingsRoutes(),
    ...callsRoutes(options),
    ...callRoutes(options),
    ...callEditRoutes(options),
    ...attributionRoutes(options),
    ...missedRoutes(options),
    ...liveRoutes(board, sessions),
    ...capacityRoutes(options),
    ...operatorRoutes(options),
    ...deliveryRoutes(options),
    ...recordingRoutes(options),
    ...recordingControlRoutes(options),
    ...auditRoutes(options),
  ];
}
