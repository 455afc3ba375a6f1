/** The Prometheus text format (version 0.0.4): families of samples, and labels that can not break it. */

/** A family: its two comment lines, then its samples. */
export const family = (
  name: string,
  type: 'counter' | 'gauge' | 'histogram',
  help: string,
  samples: readonly (readonly [labels: string, value: number])[] = [],
): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
  ...samples.map(([given, value]) => `${name}{${given}} ${value}`),
];

/** Values are names and codes of closed patterns; what is not is replaced, so that no label can break the format. */
export const labels = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}="${/^[a-z0-9./-]{0,64}$/.test(value) ? value : 'other'}"`)
    .join(',');
