/** Columns as wide as their widest cell; numbers to the right. The same text whether a person or a file reads it. */
export function table(header: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (cell === null ? '-' : String(cell))));
  const widths = header.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const numeric = header.map(
    (_title, i) => rows.some((row) => typeof row[i] === 'number') && rows.every((row) => isNumber(row[i])),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (numeric[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(header.map((title) => title.toUpperCase())), ...cells.map(line)].join('\n');
}

const isNumber = (cell: string | number | null | undefined): boolean => cell === null || typeof cell === 'number';

/** `3/4`, or `3/-` where there is no limit. */
export const useOf = ({ inUse, limit }: { inUse: number; limit: number | null }): string => `${inUse}/${limit ?? '-'}`;
