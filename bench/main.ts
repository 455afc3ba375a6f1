/**
 * `npm run bench`: medians with minimum and maximum, beside a reference timed in the same run: one secret-scalar point
 * product of noble curves. Machines differ and are shared; the ratio to the reference survives both.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { measure, type BenchRow } from './row.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(
    'npm run bench -- [--json] [--quick] [--only NAME]   NAME: a file of bench/ without its ending',
  );
  process.exit(0);
}

const reference = await measure('secp256k1 secret point product (@noble/curves)', 40, () => {
  const scalar = secp256k1.Point.Fn.fromBytes(secp256k1.utils.randomSecretKey());
  return secp256k1.Point.BASE.double().multiply(scalar);
});

const files = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.js') && !['drive.js', 'main.js', 'row.js', 'timing.js'].includes(file))
  .filter((file) => values.only === undefined || file === `${values.only}.js`)
  .sort();
const rows: (BenchRow & { readonly references: number | null })[] = [];
for (const file of files) {
  process.stderr.write(`bench: ${file.slice(0, -3)}\n`);
  const module = (await import(join(import.meta.dirname, file))) as { rows?: () => Promise<BenchRow[]> };
  if (module.rows === undefined) {
    throw new Error(`bench/${file} exports no rows()`);
  }
  for (const row of await module.rows()) {
    // A rate or a size has no ratio to a duration.
    rows.push({ ...row, references: row.unit === 'ms' ? row.median / reference.median : null });
  }
}

const round = (n: number): number => Number(n.toPrecision(4));
if (values.json) {
  const out = {
    reference: { name: reference.name, medianMs: round(reference.median) },
    node: process.version,
    rows: rows.map((row) => ({
      ...row,
      median: round(row.median),
      min: round(row.min),
      max: round(row.max),
      references: row.references === null ? null : round(row.references),
    })),
  };
  console.log(JSON.stringify(out));
} else {
  console.log(`reference: ${reference.name}: ${round(reference.median)} ms (Node ${process.version})`);
  for (const row of rows) {
    const ratio = row.references === null ? '' : `${row.references.toFixed(2)} references`;
    console.log(
      `${row.name.padEnd(36)} ${String(round(row.median)).padStart(9)} ${row.unit.padEnd(5)}` +
        ` (${round(row.min)} to ${round(row.max)})`.padEnd(26) +
        ` ${ratio}`,
    );
  }
}
