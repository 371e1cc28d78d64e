import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CsvError, parse } from 'csv-parse';
import { GatewayError } from '../lib/errors.js';
import { columnOfTable, rowOfTable, type GivenRow } from '../numbers/import.js';

/** Read piece by piece, each in a turn of its own, so that calls that share this process go on meanwhile. */
const PIECE = 16_384;
/** A longer row is none: a quotation mark that nobody closed. */
const MAX_ROW = 65_536;
const DELIMITERS = [';', ',', '\t'];
/** What Excel takes the delimiter from, and writes where it is told to. */
const SEPARATOR_LINE = /^"?sep=([;,\t])"?\r?\n/i;

/**
 * A table as spreadsheets write it: with or without a byte order mark; columns apart by commas, semicolons or tabs;
 * quotes; columns and rows in which nothing stands. The first row names the columns.
 * @returns one row more than `most` where there are more
 * @throws GatewayError GW_ERR_BAD_REQUEST for what is no table, with its line or row
 */
export async function readTable(csv: string, most: number): Promise<GivenRow[]> {
  const { text, delimiter } = delimited(csv.replace(/^\uFEFF/, ''));
  const parser = Readable.from(pieces(text)).pipe(
    parse({ delimiter, trim: true, relax_column_count: true, max_record_size: MAX_ROW }),
  );
  const rows: GivenRow[] = [];
  let columns: string[] | null = null;
  let row = 0;
  try {
    for await (const record of parser) {
      const cells = record as string[];
      if (columns === null) {
        columns = columnsOf(cells);
        continue;
      }
      row += 1;
      if (cells.every((cell) => cell === '')) continue;
      rows.push({ row, value: rowOfTable(named(cells, columns, row)) });
      if (rows.length > most) break;
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw unreadable(error.message.slice(0, 200));
  }
  return rows;
}

/** By the first line: elsewhere a text may hold what stands between columns here, and need no quotes for it. */
function delimited(csv: string): { text: string; delimiter: string } {
  const said = SEPARATOR_LINE.exec(csv);
  if (said) return { text: csv.slice(said[0].length), delimiter: said[1] ?? '' };
  const [header = ''] = csv.slice(0, MAX_ROW).split(/[\r\n]/, 1);
  const columns = (delimiter: string): number => header.split(delimiter).length;
  const [delimiter = ','] = DELIMITERS.toSorted((a, b) => columns(b) - columns(a));
  return { text: csv, delimiter };
}

function columnsOf(header: string[]): string[] {
  const columns = header.map((name) => (name === '' ? '' : (columnOfTable(name) ?? noColumn(name))));
  const twice = columns.find((name, i) => name !== '' && columns.indexOf(name) < i);
  if (twice !== undefined) throw unreadable(`its first row names the column "${twice.slice(0, 100)}" twice`);
  if (!columns.includes('number')) throw unreadable('its first row must name the columns, "number" among them');
  return columns;
}

/** What stands under no name would be lost without a word. */
function named(cells: string[], columns: string[], row: number): Record<string, string> {
  const lost = cells.findIndex((cell, i) => cell !== '' && !columns[i]);
  if (lost < 0) return Object.fromEntries(cells.flatMap((cell, i) => (columns[i] ? [[columns[i], cell]] : [])));
  throw unreadable(`row ${row} has something in column ${lost + 1}, which the first row does not name`);
}

function noColumn(name: string): never {
  const known = 'number, site, kind, route, enabled and source.<name>';
  throw unreadable(`"${name.slice(0, 100)}" in its first row is no column; there are ${known}`);
}

const unreadable = (why: string): GatewayError =>
  new GatewayError('GW_ERR_BAD_REQUEST', `the table cannot be read: ${why}`);

async function* pieces(text: string): AsyncGenerator<string> {
  for (let from = 0; from < text.length; from += PIECE) {
    yield text.slice(from, from + PIECE);
    await nextTurn();
  }
}
