import { z } from 'zod';
import { ok, type Operation } from './operation.js';

const reloaded = z
  .object({
    restart: z
      .array(z.string())
      .describe('Keys that differ from those of the start and count only after the next one, like `redis.url`'),
    exceeded: z
      .array(z.object({ key: z.string(), limit: z.int().min(0), inUse: z.int().min(0) }))
      .describe(
        'Limits below what is in use: these calls go on, and none is let in beside them until enough have ended',
      ),
  })
  .meta({ id: 'ConfigReloaded' });

export const configOperations: Operation[] = [
  {
    method: 'post',
    path: '/v1/config/reload',
    summary: 'Read the configuration anew',
    description:
      'What SIGHUP does. The file of the start is read and checked as a whole; calls in progress keep their route, the next one goes by what it says now. ' +
      'A wrong one changes nothing: the problem document has `errors`, each with `file`, `line`, `column`, `key` and `message`. ' +
      'Without a body. Of this gateway only: tell each of several.',
    scope: 'config:write',
    answers: ok('It counts from now on', reloaded, {
      restart: ['http.port'],
      exceeded: [{ key: 'destinations[0].channels', limit: 2, inUse: 4 }],
    }),
    errors: ['GW_ERR_CONFIG'],
  },
];
