/** Charts as SVG paths: no script, no style attribute, small for any number of bars. */

export const CHART = { width: 600, height: 120 } as const;

/** One bar for each value, as wide as there is room; `most` is the top of the chart. */
export function barsOf(values: readonly number[], most: number, base: readonly number[] = []): string {
  const step = CHART.width / Math.max(1, values.length);
  const width = rounded(Math.max(1, step * 0.8));
  const scale = CHART.height / Math.max(1, most);
  return values
    .map((value, at) => {
      if (value <= 0) return '';
      const bottom = CHART.height - (base[at] ?? 0) * scale;
      const height = rounded(Math.max(1, value * scale));
      return `M${rounded(at * step)} ${rounded(bottom)}v-${height}h${width}v${height}z`;
    })
    .join('');
}

/** Where a line at `value` lies, from the top. */
export const heightOf = (value: number, most: number): number =>
  rounded(CHART.height - (value * CHART.height) / Math.max(1, most));

/** The highest value in each of `count` equal parts of the time. */
export function highestIn(
  points: readonly { at: number; value: number }[],
  { from, to, count }: { from: number; to: number; count: number },
): number[] {
  const highest = new Array<number>(count).fill(0);
  for (const { at, value } of points) {
    const part = Math.floor(((at - from) / (to - from)) * count);
    if (part >= 0 && part < count) highest[part] = Math.max(highest[part] ?? 0, value);
  }
  return highest;
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
