/** Colours and tables for people. Colours only where the stream is a terminal and nothing asks for none. */

/** Paints short texts. */
export interface Style {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly strong: (text: string) => string;
}

const painter =
  (on: boolean, code: number) =>
  (text: string): string =>
    on && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text;

/** A style that paints, or one that leaves texts as they are. */
export const makeStyle = (on: boolean): Style => ({
  good: painter(on, 32),
  bad: painter(on, 31),
  warn: painter(on, 33),
  dim: painter(on, 2),
  strong: painter(on, 1),
});

/** Whether a stream gets colours: a terminal that is not `dumb`, and no `NO_COLOR` (no-color.org) in the environment. */
export const wantsColour = (
  isTerminal: boolean,
  env: Readonly<Record<string, string | undefined>>,
): boolean => isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';

// eslint-disable-next-line no-control-regex -- the pattern is about control characters
const escapes = /\u001b\[\d+m/g;
/** Width of a text on a terminal, without its colour codes. */
export const widthOf = (text: string): number => text.replace(escapes, '').length;

/** Lines of a table: columns padded to the widest cell, two spaces between, no trailing space. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, widthOf(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - widthOf(cell)))
      .join('  ')
      .trimEnd(),
  );
}

/** A duration in milliseconds as a person says it: `3 h 5 min`, `12 s`, `850 ms`. */
export function duration(ms: number): string {
  if (ms < 1_000) {
    return `${Math.round(ms)} ms`;
  }
  if (ms < 10_000) {
    return `${(ms / 1_000).toFixed(1)} s`;
  }
  const parts: [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
  ];
  const at = parts.findIndex(([size]) => ms >= size);
  return parts
    .slice(at, at + 2)
    .map(([size, unit], i, [first]) => {
      const rest = i === 0 ? ms : ms % (first?.[0] ?? 1);
      return [Math.floor(rest / size), unit] as const;
    })
    .filter(([count], i) => i === 0 || count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** A time in UTC to the second. */
export const utc = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
