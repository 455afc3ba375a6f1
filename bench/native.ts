/**
 * The native arithmetic, call by call: `native.<group>.*` is one call each, `.x100` a hundred calls, and the kernels do
 * what one multiplication of an ECDSA signature takes: 416 rows of 3 scalars, 128 rows of 640 bits.
 */
import { randomBytes } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { baseProducts, elementsFromHashes, products, scalarsFromWide, sums } from '../native/ristretto.ts';
import { nativeBits, nativeVectors } from '../threshold/dkls/nativeKernel.ts';
import { ed25519Group } from '../threshold/group/ed25519.ts';
import type { Group, Term } from '../threshold/group/group.ts';
import { p256Group } from '../threshold/group/p256.ts';
import { secp256k1Group } from '../threshold/group/secp256k1.ts';
import { checkBackends } from '../threshold/group/selfTest.ts';
import { runs, summarise, type BenchRow } from './row.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** Milliseconds of one call, from `count` samples of `batch` calls each. */
function timed(name: string, count: number, batch: number, work: () => unknown): BenchRow {
  const samples: number[] = [];
  for (let i = -2; i < runs(count); i += 1) {
    const start = performance.now();
    for (let k = 0; k < batch; k += 1) {
      work();
    }
    if (i >= 0) {
      samples.push((performance.now() - start) / batch);
    }
  }
  return summarise(name, samples, 'ms');
}

function groupRows(group: Group): BenchRow[] {
  const { scalars, name } = group;
  const a = scalars.random(random);
  const b = scalars.random(random);
  const element = group.baseProduct(a);
  const encoded = group.encode(element);
  const wide = random(48);
  const terms = (count: number): Term[] =>
    Array.from({ length: count }, () => [element, group.decodeScalar(b) ?? 1n] as const);
  const [two, eight] = [terms(2), terms(8)];
  const one = (call: string, work: () => unknown): BenchRow => timed(`native.${name}.${call}`, 80, 8, work);
  const many = (call: string, work: () => unknown): BenchRow =>
    timed(`native.${name}.${call}.x100`, 80, 1, () => {
      for (let i = 0; i < 100; i += 1) {
        work();
      }
    });
  return [
    one('baseProduct', () => group.baseProduct(a)),
    one('product', () => group.product(element, b)),
    one('publicSum.2', () => group.publicSum(two)),
    one('publicSum.8', () => group.publicSum(eight)),
    one('decode', () => group.decode(encoded)),
    one('add', () => group.add(element, group.generator)),
    one('scalars.invert', () => scalars.invert(a)),
    many('scalars.add', () => scalars.add(a, b)),
    many('scalars.multiply', () => scalars.multiply(a, b)),
    many('scalars.fromWide', () => scalars.fromWide(wide)),
  ];
}

function kernelRows(name: Group['name']): BenchRow[] {
  const kernel = nativeVectors(name);
  const wide = random(416 * 3 * 48);
  const a = kernel.reduceWide(wide);
  const b = kernel.reduceWide(random(416 * 3 * 48));
  const bits = random(52);
  const offsets = b.slice(0, 96);
  const column = a.slice(0, 416 * 32);
  const x = b.slice(0, 32);
  const one = (call: string, work: () => unknown): BenchRow => timed(`kernel.${name}.${call}`, 60, 8, work);
  return [
    one('reduceWide', () => kernel.reduceWide(wide)),
    one('areCanonical', () => kernel.areCanonical(a)),
    one('differencePlus', () => kernel.differencePlus(a, b, offsets)),
    one('addSelected', () => kernel.addSelected(a, b, bits)),
    one('combineColumns', () => kernel.combineColumns(a, offsets)),
    one('subtractSelected', () => kernel.subtractSelected(column, bits, x)),
    one('sumRows', () => kernel.sumRows(a, column)),
    one('sumSelected', () => kernel.sumSelected(column, bits)),
  ];
}

/** All rows of the native arithmetic, after noble's secret product of the same minute. */
export function rows(): Promise<BenchRow[]> {
  const scalar = secp256k1.Point.Fn.fromBytes(secp256k1.utils.randomSecretKey());
  const point = secp256k1.Point.BASE.double();
  const bitRows = random(128 * 80);
  const foldable = random(128 * 68);
  const weights = random(64);
  const elements = elementsFromHashes(random(128 * 64));
  const scalars = scalarsFromWide(random(128 * 64));
  return Promise.resolve([
    timed('noble.secp256k1.product', 40, 1, () => point.multiply(scalar)),
    ...[secp256k1Group, ed25519Group, p256Group].flatMap(groupRows),
    ...(['secp256k1', 'p256'] as const).flatMap(kernelRows),
    timed('kernel.transpose.128x640', 60, 8, () => nativeBits.transpose(bitRows, 640)),
    timed('kernel.foldRows.128', 60, 8, () =>
      nativeBits.foldRows(foldable, weights, { rowBytes: 68, dataBytes: 52 }),
    ),
    timed('ristretto.baseProducts.128', 20, 1, () => baseProducts(scalars)),
    timed('ristretto.products.128', 20, 1, () => products(elements, scalars)),
    timed('ristretto.sums.128', 20, 1, () => sums(elements, elements)),
    timed('native.checkBackends', 20, 1, checkBackends),
  ]);
}
