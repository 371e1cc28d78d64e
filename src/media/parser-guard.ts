import type { EslParser } from 'modesl';
import ModeslParser from 'modesl/lib/esl/Parser.js';
import FsmrfParser from 'drachtio-modesl/lib/esl/Parser.js';

/**
 * Both ESL libraries decode header values unguarded: one `%FF` in a caller's SDP or User-Agent, which FreeSWITCH hands
 * on in a channel variable as it is, ends the process with a URIError (node-esl #59). What does not decode stays as
 * it came.
 */
export function guardEslParsers(): void {
  for (const { prototype } of [ModeslParser, FsmrfParser]) {
    prototype._parseHeaderText = parseHeaderText;
    const parseEvent = prototype._parseEvent;
    prototype._parseEvent = function (this: EslParser, headers, body) {
      try {
        parseEvent.call(this, headers, body);
      } catch (error) {
        process.emitWarning(`event socket message not understood: ${String(error)}`, { type: 'EslParser' });
      }
    };
  }
}

function parseHeaderText(text: string): Record<string, string | number> {
  const headers: Record<string, string | number> = {};
  for (const line of text.split('\n')) {
    const colon = line.indexOf(': ');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = decode(colon < 0 ? '' : line.slice(colon + 2));
    headers[name] = name === 'Content-Length' ? Number.parseInt(value, 10) : value;
  }
  return headers;
}

function decode(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
