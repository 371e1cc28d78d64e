import type { Permission } from './access.js';
import type { Visit } from './visit.js';

/** One address of the console, and who may use it. */
export interface Route {
  method: 'get' | 'post';
  path: string;
  /** `open`: in front of the log-in. */
  needs: Permission | 'open';
  /** A page that asks by itself (the live view) is nothing the person did: it does not keep his session alive. */
  passive?: boolean;
  handle: (visit: Visit) => Promise<void> | void;
}
