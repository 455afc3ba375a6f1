/**
 * `node dist/bench/timing.js [samples]`: does the time of a native call depend on its secret? After dudect (Reparaz, Balasch
 * and Verbauwhede 2017): calls with a fixed secret and calls with random ones in random order, slow outliers cut off, and
 * Welch's t of the two. A |t| that stays above 4.5 and grows with the number of samples is a leak; on a shared machine a
 * lone larger value is not. A report to be read, never a test: it depends on the machine.
 */
import { randomBytes } from 'node:crypto';
import { baseProducts, elementsFromHashes, products } from '../native/ristretto.ts';
import { nativeBits, nativeVectors } from '../threshold/dkls/nativeKernel.ts';
import { ed25519Group } from '../threshold/group/ed25519.ts';
import type { Group } from '../threshold/group/group.ts';
import { p256Group } from '../threshold/group/p256.ts';
import { secp256k1Group } from '../threshold/group/secp256k1.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** One call under test: its secret is `length` bytes, drawn by `draw`; `fixed` is the one that never changes. */
interface Call {
  readonly name: string;
  readonly fixed: Uint8Array;
  readonly draw: () => Uint8Array;
  readonly run: (secret: Uint8Array) => unknown;
  /** How much fewer samples a slow call gets. */
  readonly weight: number;
}

/** Welch's t of two samples. */
function welch(a: readonly number[], b: readonly number[]): number {
  const moments = (values: readonly number[]): { mean: number; error: number } => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
    return { mean, error: variance / values.length };
  };
  const [x, y] = [moments(a), moments(b)];
  return (x.mean - y.mean) / Math.sqrt(x.error + y.error);
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

function report(call: Call, samples: number): void {
  // Both kinds of secret lie in one pool, written before the clock runs: nothing but their value differs.
  const kinds = randomBytes(samples);
  const size = call.fixed.length;
  const pool = new Uint8Array(samples * size);
  kinds.forEach((kind, i) => {
    pool.set(kind & 1 ? call.draw() : call.fixed, i * size);
  });
  const secrets = Array.from(kinds, (_, i) => pool.subarray(i * size, (i + 1) * size));
  const times: number[] = [];
  for (const secret of secrets) {
    const start = process.hrtime.bigint();
    call.run(secret);
    times.push(Number(process.hrtime.bigint() - start));
  }
  const limit = times.toSorted((a, b) => a - b)[Math.floor(samples * 0.9)] ?? 0;
  const of = (kind: number): number[] =>
    times.filter((time, i) => ((kinds[i] ?? 0) & 1) === kind && time <= limit);
  const [fixed, drawn] = [of(0), of(1)];
  console.log(
    `${call.name.padEnd(34)} t ${welch(fixed, drawn).toFixed(2).padStart(8)}` +
      `   medians ${(median(fixed) / 1000).toFixed(2)} and ${(median(drawn) / 1000).toFixed(2)} us, ${samples} samples`,
  );
}

function callsOf(group: Group, weight: number): Call[] {
  const { scalars, name } = group;
  const draw = (): Uint8Array => scalars.random(random);
  const fixed = group.encodeScalar(3n);
  const other = draw();
  const element = group.baseProduct(draw());
  return [
    { name: `${name} baseProduct`, fixed, draw, run: (secret) => group.baseProduct(secret), weight },
    { name: `${name} product`, fixed, draw, run: (secret) => group.product(element, secret), weight },
    { name: `${name} add`, fixed, draw, run: (secret) => scalars.add(secret, other), weight: 1 },
    { name: `${name} multiply`, fixed, draw, run: (secret) => scalars.multiply(secret, other), weight: 1 },
    { name: `${name} invert`, fixed, draw, run: (secret) => scalars.invert(secret), weight: 1 },
  ];
}

/** Public arithmetic, for comparison: it takes no secrets, and shows what a leak looks like. */
function publicCalls(group: Group): Call[] {
  const draw = (): Uint8Array => group.scalars.random(random);
  const element = group.baseProduct(draw());
  const run = (scalar: Uint8Array): unknown => group.publicSum([[element, group.decodeScalar(scalar) ?? 0n]]);
  return [{ name: `${group.name} publicSum (public)`, fixed: group.encodeScalar(3n), draw, run, weight: 20 }];
}

function kernelCalls(): Call[] {
  const kernel = nativeVectors('secp256k1');
  const matrix = kernel.reduceWide(random(48 * 96));
  const other = kernel.reduceWide(random(48 * 96));
  const column = matrix.slice(0, 32 * 32);
  const weights = random(64);
  const scalars = (count: number) => (): Uint8Array => kernel.reduceWide(random(48 * count));
  const bytes = (count: number) => (): Uint8Array => random(count);
  return [
    {
      name: 'reduceWide',
      fixed: new Uint8Array(48 * 96),
      draw: bytes(48 * 96),
      run: (x) => kernel.reduceWide(x),
      weight: 4,
    },
    {
      name: 'addSelected, bits',
      fixed: new Uint8Array(4),
      draw: bytes(4),
      run: (x) => kernel.addSelected(matrix, other, x),
      weight: 4,
    },
    {
      name: 'combineColumns',
      fixed: new Uint8Array(96 * 32),
      draw: scalars(96),
      run: (x) => kernel.combineColumns(x, other.subarray(0, 96)),
      weight: 4,
    },
    {
      name: 'sumRows',
      fixed: new Uint8Array(96 * 32),
      draw: scalars(96),
      run: (x) => kernel.sumRows(x, column),
      weight: 4,
    },
    {
      name: 'sumSelected, bits',
      fixed: new Uint8Array(4),
      draw: bytes(4),
      run: (x) => kernel.sumSelected(column, x),
      weight: 1,
    },
    {
      name: 'transpose',
      fixed: new Uint8Array(128 * 16),
      draw: bytes(128 * 16),
      run: (x) => nativeBits.transpose(x, 128),
      weight: 1,
    },
    {
      name: 'foldRows',
      fixed: new Uint8Array(16 * 68),
      draw: bytes(16 * 68),
      run: (x) => nativeBits.foldRows(x, weights, { rowBytes: 68, dataBytes: 52 }),
      weight: 1,
    },
  ];
}

function ristrettoCalls(): Call[] {
  const draw = (): Uint8Array => ed25519Group.scalars.random(random);
  const fixed = ed25519Group.encodeScalar(3n);
  const element = elementsFromHashes(random(64));
  return [
    { name: 'ristretto baseProducts', fixed, draw, run: baseProducts, weight: 8 },
    { name: 'ristretto products', fixed, draw, run: (secret) => products(element, secret), weight: 8 },
  ];
}

const wanted = Number(process.argv[2] ?? 20_000);
if (!Number.isInteger(wanted) || wanted < 1_000) {
  throw new TypeError('samples: a whole number from 1000');
}
const calls = [
  ...callsOf(secp256k1Group, 4),
  ...callsOf(ed25519Group, 4),
  ...callsOf(p256Group, 8),
  ...kernelCalls(),
  ...ristrettoCalls(),
  ...[secp256k1Group, ed25519Group, p256Group].flatMap(publicCalls),
];
for (const call of calls) {
  for (let i = 0; i < 50; i += 1) {
    call.run(call.draw());
  }
  report(call, Math.ceil(wanted / call.weight));
}
