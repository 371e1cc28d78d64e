import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CsvError, parse } from 'csv-parse';
import { GatewayError } from '../lib/errors.js';
import { rowOfTable } from '../numbers/import.js';

/** Read piece by piece, each in a turn of its own, so that calls that share this process go on meanwhile. */
const PIECE = 16_384;
/** A longer row is none: a quotation mark that nobody closed. */
const MAX_ROW = 65_536;

/**
 * A table as spreadsheets write it: with or without a byte order mark, comma or semicolon, quotes; the first row names
 * the columns.
 * @returns one row more than `most` where there are more
 * @throws GatewayError GW_ERR_BAD_REQUEST for what is no table, with its line
 */
export async function readTable(csv: string, most: number): Promise<Record<string, unknown>[]> {
  const parser = Readable.from(pieces(csv)).pipe(
    parse({
      ...{ bom: true, columns: true, delimiter: [',', ';'], trim: true, skip_empty_lines: true },
      ...{ to: most + 1, max_record_size: MAX_ROW },
    }),
  );
  const rows: Record<string, unknown>[] = [];
  try {
    for await (const columns of parser) rows.push(rowOfTable(columns as Record<string, string>));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new GatewayError('GW_ERR_BAD_REQUEST', `the table cannot be read: ${error.message.slice(0, 200)}`);
  }
  return rows;
}

async function* pieces(text: string): AsyncGenerator<string> {
  for (let from = 0; from < text.length; from += PIECE) {
    yield text.slice(from, from + PIECE);
    await nextTurn();
  }
}
