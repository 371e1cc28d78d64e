import type { EngineSpan } from '../call/media-ports.js';
import { GatewayError } from '../lib/errors.js';

const CLOCK = '${strmicroepoch()}';
/** A FreeSWITCH without mod_dptools says nothing in the clock's place. */
const REPLY = /^(\d*) (.*) (\d*)$/s;

/**
 * An API command with FreeSWITCH's clock before and after it, in one command: what is replaced is so from left to right.
 * Global variables in `args` are replaced too.
 */
export function timed(name: string, args: string): string {
  return `expand echo ${CLOCK} \${${name}(${args})} ${CLOCK}`;
}

/** When it was done, from what was answered; null where there is no clock. Throws GW_ERR_MEDIA_COMMAND where it was not done. */
export function spanOf(reply: string): EngineSpan | null {
  const [, from = '', answer = reply, to = ''] = REPLY.exec(reply) ?? [];
  if (!answer.startsWith('+OK')) throw new GatewayError('GW_ERR_MEDIA_COMMAND', answer.trim());
  return from === '' || to === '' ? null : { fromMs: Number(from) / 1000, toMs: Number(to) / 1000 };
}
