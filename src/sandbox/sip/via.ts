import type { Params } from './uri.js';
import { formatHostPort, formatParams, parseHostPort, parseParams } from './uri.js';

export interface Via {
  /** `UDP`, `TCP` ..., upper case. */
  transport: string;
  host: string;
  port: number | undefined;
  params: Params;
}

/** RFC 3261 20.42; white space is allowed around the slashes and the colon. */
export function parseVia(text: string): Via | undefined {
  const match = /^\s*SIP\s*\/\s*2\.0\s*\/\s*([\w-]+)\s+([^;]+?)\s*(;.*)?$/is.exec(text);
  if (!match) return undefined;
  const sentBy = parseHostPort(match[2] ?? '');
  if (!sentBy) return undefined;
  return { transport: (match[1] ?? '').toUpperCase(), ...sentBy, params: parseParams(match[3] ?? '') };
}

export function formatVia(via: Via): string {
  return `SIP/2.0/${via.transport} ${formatHostPort(via.host, via.port)}${formatParams(via.params)}`;
}
