/** What a benchmark reports, and how a duration is measured. */

/** One figure of a benchmark. */
export interface BenchRow {
  /** Dotted name, for example `frost.ed25519.sign.2of3`. */
  readonly name: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** `units`: how often a bare operation, timed beside it, would fit in. */
  readonly unit: 'ms' | 'bytes' | '1/s' | 'units';
}

/** Median, least and greatest of some samples. Throws TypeError where there are none. */
export function summarise(name: string, samples: readonly number[], unit: BenchRow['unit']): BenchRow {
  const sorted = samples.toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  const middle = sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1);
  if (min === undefined || max === undefined) {
    throw new TypeError(`no samples for ${name}`);
  }
  const median = middle.reduce((sum, sample) => sum + sample, 0) / middle.length;
  const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;
  return { name, median: rounded(median), min: rounded(min), max: rounded(max), unit };
}

/** As {@link summarise}, in milliseconds unless told. */
export const rowOf = (name: string, samples: readonly number[], unit: BenchRow['unit'] = 'ms'): BenchRow =>
  summarise(name, samples, unit);

/** How often each thing is measured; `--quick` runs a fraction. */
export const runs = (full: number): number =>
  process.argv.includes('--quick') ? Math.max(3, full >> 3) : full;

/**
 * Runs `work` twice to warm up, then `count` times, and gives the row of its durations in milliseconds. Where only a
 * part of a run counts, collect samples and use {@link summarise}.
 */
export async function measure(name: string, count: number, work: () => unknown): Promise<BenchRow> {
  const samples: number[] = [];
  for (let i = -2; i < runs(count); i += 1) {
    const start = performance.now();
    await work();
    if (i >= 0) {
      samples.push(performance.now() - start);
    }
  }
  return rowOf(name, samples);
}
