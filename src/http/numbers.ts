import type { Router, Request, Response } from 'express';
import { z } from 'zod';
import { e164, sourceTexts } from '../config/words.js';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError } from '../lib/errors.js';
import type { LeaseDesk } from '../leases/desk.js';
import {
  MAX_ROWS,
  NO_ROUTE,
  readRows,
  routeName,
  type GivenRow,
  type KnownNames,
  type ReadRows,
  type RowError,
} from '../numbers/import.js';
import type { NumberChange, NumberInventory, RowConflict } from '../numbers/inventory.js';
import { requireScope, sitesAsked } from './auth.js';
import { leaseView } from './leases.js';
import { readTable } from './number-table.js';
import { methodNotAllowed, problemOf, sendProblem } from './problem.js';
import { demandSite, page, readBody, readQuery } from './query.js';
import { exactRouter } from './router.js';

const TIMEOUT_MS = 5000;
/** Ten thousand numbers are some forty exchanges with Redis. */
const IMPORT_TIMEOUT_MS = 14_000;

export interface NumberSource {
  inventory: NumberInventory;
  /** What numbers may name, as configured now. */
  names: () => KnownNames;
}

const siteName = z.string().min(1).max(64).optional();
export const importQuery = z.strictObject({ site: siteName.describe('For rows that name none') });
export const numbersQuery = z.strictObject({ site: siteName, ...page });
export const holdersQuery = z.strictObject(page);
export const numberChange = z
  .strictObject({
    enabled: z.boolean().optional(),
    route: routeName.min(1).nullable().optional().describe("null: the site's"),
    source: sourceTexts.nullable().optional().describe('The whole of it'),
  })
  .refine((change) => Object.keys(change).length > 0, 'give "enabled", "route" or "source"');

/** `/v1/numbers`: the tracking numbers, those of the configuration (read-only here) beside those of this interface. */
export function numbersRouter({ inventory, names }: NumberSource, desk: LeaseDesk): Router {
  const router = exactRouter();
  router
    .route('/')
    .get(requireScope('numbers:read'), async (req, res) => {
      const { site, cursor = null, limit } = readQuery(req, numbersQuery);
      res.json(await bounded(inventory.list(sitesAsked(res, site) ?? names().sites, cursor, limit)));
    })
    .post(requireScope('numbers:write'), async (req, res) => {
      const read = await readRows([{ row: 1, value: req.body ?? {} }], names(), null);
      const row = read.rows[0];
      if (!row || read.errorCount > 0) {
        refuseRows(res, read);
        return;
      }
      const { conflicts, created } = await bounded(inventory.create([row]));
      if (conflicts[0]) throw conflict(conflicts[0].reason);
      res.status(created > 0 ? 201 : 200).json(await bounded(inventory.read(row.number)));
    })
    .all(methodNotAllowed);
  router
    .route('/import')
    .post(requireScope('numbers:write'), (req, res) => importNumbers(req, res, inventory, names()))
    .all(methodNotAllowed);
  addOne(router, { inventory, names }, desk);
  return router;
}

function addOne(router: Router, { inventory, names }: NumberSource, desk: LeaseDesk): void {
  router
    .route('/:number')
    .get(requireScope('numbers:read'), async (req, res) => {
      const number = numberIn(req);
      const [record, lease] = await bounded(Promise.all([inventory.read(number), desk.findByNumber(number)]));
      if (!record) throw absent();
      res.json({ ...record, lease: lease && leaseView(lease) });
    })
    .patch(requireScope('numbers:write'), async (req, res) => {
      const number = numberIn(req);
      const change = readBody(req, numberChange);
      if (typeof change.route === 'string' && !names().routes.includes(change.route))
        throw new GatewayError('GW_ERR_BAD_REQUEST', `"route" ${NO_ROUTE}`);
      accept(await bounded(inventory.change(number, change)));
      res.json(await bounded(inventory.read(number)));
    })
    .delete(requireScope('numbers:write'), async (req, res) => {
      accept(await bounded(inventory.remove(numberIn(req))));
      res.status(204).end();
    })
    .all(methodNotAllowed);
  router
    .route('/:number/holders')
    .get(requireScope('numbers:read'), async (req, res) => {
      const { cursor = null, limit } = readQuery(req, holdersQuery);
      const number = numberIn(req);
      const { holders, next } = await bounded(inventory.holders(number, cursor, limit));
      // One that was taken out of service is no number any more; who had it is still asked for.
      if (holders.length === 0 && cursor === null && !(await bounded(inventory.read(number)))) throw absent();
      res.json({ holders: holders.map((holder) => leaseView({ ...holder, number })), next });
    })
    .all(methodNotAllowed);
}

async function importNumbers(
  req: Request,
  res: Response,
  inventory: NumberInventory,
  names: KnownNames,
): Promise<void> {
  const { site = null } = readQuery(req, importQuery);
  if (site !== null) demandSite(site, names.sites);
  const given = typeof req.body === 'string' ? await readTable(req.body, MAX_ROWS) : rowsOfJson(req.body);
  if (given.length > MAX_ROWS) throw new GatewayError('GW_ERR_BAD_REQUEST', `at most ${MAX_ROWS} numbers at once`);
  if (given.length === 0) throw new GatewayError('GW_ERR_BAD_REQUEST', 'there is no number in it');
  const read = await readRows(given, names, site);
  if (read.errorCount > 0) {
    refuseRows(res, read);
    return;
  }
  const { created, unchanged, conflicts } = await withDeadline(
    inventory.create(read.rows),
    IMPORT_TIMEOUT_MS,
    'the import',
  );
  if (conflicts.length === 0) res.json({ created, unchanged });
  else {
    const errors = conflicts.map(({ index, reason }): RowError => {
      return { row: read.places[index] ?? 0, field: 'number', message: CONFLICTS[reason] };
    });
    const more = { errors: errors.slice(0, 100), errorCount: errors.length };
    sendProblem(res, problemOf('GW_ERR_CONFLICT', NOTHING_DONE, more));
  }
}

const NOTHING_DONE = 'nothing was imported; "errors" has the rows that stand in the way';

function rowsOfJson(body: unknown): GivenRow[] {
  const rows: unknown = Array.isArray(body) ? body : (body as { numbers?: unknown } | undefined)?.numbers;
  if (Array.isArray(rows)) return rows.map((value: unknown, index) => ({ row: index + 1, value }));
  throw new GatewayError(
    'GW_ERR_BAD_REQUEST',
    'send a table as text/csv, or JSON like {"numbers": [{"number": "+7…"}]}',
  );
}

function refuseRows(res: Response, { errors, errorCount }: ReadRows): void {
  sendProblem(res, problemOf('GW_ERR_BAD_REQUEST', NOTHING_DONE, { errors, errorCount }));
}

function numberIn(req: Request): string {
  const parsed = e164.safeParse(req.params['number']);
  if (!parsed.success) throw absent();
  return parsed.data;
}

const bounded = <T>(work: Promise<T>): Promise<T> => withDeadline(work, TIMEOUT_MS, 'the numbers');
const absent = (): GatewayError => new GatewayError('GW_ERR_NOT_FOUND', 'there is no such tracking number');

const CONFLICTS: Record<RowConflict['reason'], string> = {
  file: 'it is a number of the configuration, which is changed there',
  other: 'it is a number of another service',
  different: 'it is there already, with other contents',
  busy: 'it is being created by another request',
};

const conflict = (reason: RowConflict['reason']): GatewayError =>
  new GatewayError('GW_ERR_CONFLICT', CONFLICTS[reason]);

function accept(change: NumberChange): void {
  if (change === 'absent') throw absent();
  if (change === 'busy')
    throw new GatewayError('GW_ERR_CONFLICT', 'it is lent, or a call is up on it: disable it first');
  if (change !== 'done') throw conflict(change);
}
