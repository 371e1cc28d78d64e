import { createConsole, type Console } from '../console/router.js';
import type { ConsoleOptions } from '../console/ports.js';
import type { RedisLink } from '../redis/connection.js';
import { RedisCallbackTurns } from '../redis/callback-turns.js';
import { RedisConsoleSessions } from '../redis/console-sessions.js';
import type { Keys } from '../redis/keys.js';
import { RedisLiveCalls } from '../redis/live-calls.js';

/** The console, with what it keeps in Redis for itself. */
export function buildConsole(
  link: RedisLink,
  keys: Keys,
  config: ConsoleOptions['config'],
  options: Omit<ConsoleOptions, 'sessions' | 'callbackTurns' | 'live' | 'config'>,
): Console {
  return createConsole({
    ...options,
    config,
    sessions: new RedisConsoleSessions(link, keys),
    callbackTurns: new RedisCallbackTurns(link, keys, options.clock),
    live: new RedisLiveCalls(link, keys),
  });
}
