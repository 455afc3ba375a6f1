/** One line of the benchmark. `median`, `min` and `max` are in `unit`. */
export interface BenchRow {
  readonly name: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly unit: 'ms' | 'bytes' | '1/s';
}

/** How often each thing is measured; `--quick` runs a fraction. */
export const runs = (full: number): number =>
  process.argv.includes('--quick') ? Math.max(3, full >> 3) : full;

/** The row of a list of samples. */
export function rowOf(name: string, samples: readonly number[], unit: BenchRow['unit'] = 'ms'): BenchRow {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (i: number): number => sorted[i] ?? Number.NaN;
  return { name, median: at(sorted.length >> 1), min: at(0), max: at(sorted.length - 1), unit };
}

/** Runs `work` twice to warm up, then `count` times, and gives the row of its durations in milliseconds. */
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
