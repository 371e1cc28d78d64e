import type { Request } from 'express';
import { z } from 'zod';
import { GatewayError } from '../lib/errors.js';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

const cursor = z
  .string()
  .regex(/^[\w.:~+/=-]{1,256}$/, 'a cursor as given in "next"')
  .optional();
const limit = z
  .string()
  .regex(/^\d{1,4}$/, `a whole number from 1 to ${MAX_LIMIT}`)
  .transform(Number)
  .pipe(
    z
      .number()
      .min(1)
      .max(MAX_LIMIT, { error: `a whole number from 1 to ${MAX_LIMIT}` }),
  )
  .optional();

/** Reads `?<cursorName>=&limit=`; anything odd is GW_ERR_BAD_REQUEST with every parameter that is wrong. */
export function readPage(req: Request, cursorName: string): { cursor: string | null; limit: number } {
  const parsed = z.object({ [cursorName]: cursor, limit }).safeParse(req.query);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `"${issue.path.join('.')}" must be ${issue.message}`);
    throw new GatewayError('GW_ERR_BAD_REQUEST', wrong.join('; '));
  }
  const given = parsed.data[cursorName];
  return { cursor: typeof given === 'string' ? given : null, limit: Number(parsed.data['limit'] ?? DEFAULT_LIMIT) };
}
