import type { Request } from 'express';
import { z } from 'zod';
import { DISPOSITIONS, LOSS_REASONS, VERDICTS } from '../call/call.js';
import { nameWords } from '../history/caller-names.js';
import { numberPatterns } from '../history/numbers.js';
import type { CallQuery } from '../history/query.js';
import { wordsOf } from '../history/slots.js';
import { GatewayError } from '../lib/errors.js';
import { CALL_COLUMNS, type CallColumn } from './csv.js';
import { configId, demandOrder, e164InQuery, moment, page, readQuery, wholeNumber } from './query.js';

const seconds = wholeNumber(0, 999_999);
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `one of ${values.join(', ')}` });

const filters = {
  site: configId.optional(),
  number: z
    .string()
    .max(40)
    .refine((text) => numberPatterns(text, []) !== null, 'a number, its beginning or its last digits: 3 to 20 digits')
    .optional()
    .describe("Caller's or tracking number in any notation: all of it, its beginning, or its last digits"),
  callerName: z
    .string()
    .max(100)
    .refine((text) => nameWords(text).length > 0, 'words of a name')
    .optional()
    .describe('Beginnings of words of the caller’s name, three letters at least or a whole word; all must occur'),
  from: moment.optional().describe('By when the call began'),
  to: moment.optional().describe('Exclusive'),
  disposition: oneOf(DISPOSITIONS).optional(),
  lossReason: oneOf(LOSS_REASONS).optional(),
  verdict: oneOf(VERDICTS).optional(),
  tag: z.string().trim().min(1).max(64).optional().describe('Whatever its case'),
  source: z
    .string()
    .max(200)
    .refine((text) => wordsOf(text).length > 0, 'words of a source')
    .optional()
    .describe(
      'Words of the utm source, medium, campaign or keyword, or of what the number is bound to; all must occur',
    ),
  trunk: configId.optional(),
  target: configId.optional().describe('A line or destination that was dialled'),
  minTalkSeconds: seconds.optional(),
  maxTalkSeconds: seconds.optional(),
};

export const callQuery = z.strictObject({ ...filters, ...page });
export const csvQuery = z.strictObject({
  ...filters,
  columns: z
    .string()
    .max(1000)
    .transform((text) => [...new Set(text.split(','))])
    .pipe(z.array(z.enum(CALL_COLUMNS as [CallColumn, ...CallColumn[]], { error: 'a column' })))
    .optional()
    .describe(`With commas between them; all when left out: ${CALL_COLUMNS.join(', ')}`),
});
export const missedQuery = z.strictObject({
  site: configId.optional(),
  view: oneOf(['waiting', 'settled']).optional().describe('`waiting` when left out'),
  ...page,
});

export const archiveQuery = z.strictObject({
  day: z.iso.date('a day like "2026-11-21"').describe('UTC'),
  caller: e164InQuery.optional().describe('Only calls of this number, in E.164'),
});

type Filters = Omit<CallQuery, 'sites' | 'cursor' | 'limit'>;

/** Reads what calls are asked for; anything odd is GW_ERR_BAD_REQUEST with every parameter that is wrong. */
export function readCallQuery(req: Request): { site: string | null; query: Omit<CallQuery, 'sites'> } {
  const { cursor = null, limit, ...asked } = readQuery(req, callQuery);
  const { site, query } = readFilters(asked);
  return { site, query: { ...query, cursor, limit } };
}

export function readCallExport(req: Request): { site: string | null; query: Filters; columns: CallColumn[] } {
  const { columns, ...asked } = readQuery(req, csvQuery);
  return { ...readFilters(asked), columns: columns ?? CALL_COLUMNS };
}

export function readMissedQuery(req: Request) {
  const { site = null, view = 'waiting', cursor = null, limit } = readQuery(req, missedQuery);
  return { site, query: { view, cursor, limit } };
}

function readFilters(asked: Omit<z.output<typeof csvQuery>, 'columns'>): {
  site: string | null;
  query: Filters;
} {
  const { site = null, ...query } = asked;
  demandSense(query);
  return { site, query };
}

/** @throws GatewayError GW_ERR_BAD_REQUEST for bounds that no call can lie between */
export function demandSense(query: Pick<CallQuery, 'from' | 'to' | 'minTalkSeconds' | 'maxTalkSeconds'>): void {
  demandOrder(query.from ?? null, query.to ?? null);
  const { minTalkSeconds: least = 0, maxTalkSeconds: most = Infinity } = query;
  if (least <= most) return;
  const refusal = { reason: 'talk_order' } as const;
  throw new GatewayError('GW_ERR_BAD_REQUEST', '"minTalkSeconds" must be at most "maxTalkSeconds"', { refusal });
}
