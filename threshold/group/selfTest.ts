/**
 * Known answers of the native backends, asked once when a process starts: a library that was swapped or is not patched, a
 * wrong build or a broken processor is noticed before the first secret meets it.
 */
import { createHash } from 'node:crypto';
import * as ristretto from '../../native/ristretto.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { fromHex, toHex } from '../../wire/ids.ts';
import type { BitKernel, VectorKernel } from '../dkls/kernel.ts';
import { nativeBits, nativeVectors } from '../dkls/nativeKernel.ts';
import { ed25519Group } from './ed25519.ts';
import type { Group } from './group.ts';
import { p256Group } from './p256.ts';
import { secp256k1Group } from './secp256k1.ts';

/** Bytes that are the same everywhere: SHA-512 of a label and a counter, as many as wanted. */
function expanded(label: string, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let offset = 0; offset < length; offset += 64) {
    const block = createHash('sha512').update(`symbolon self-test/${label}/${offset}`).digest();
    out.set(block.subarray(0, Math.min(64, length - offset)), offset);
  }
  return out;
}

const digestOf = (parts: readonly Uint8Array[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(part);
  }
  return toHex(hash.digest());
};

/** What a group answers: a secret base product, a secret product, a public sum, scalar arithmetic. */
export function groupAnswers(group: Group): Readonly<Record<string, string>> {
  const { scalars } = group;
  const a = scalars.fromWide(expanded('a', 48));
  const b = scalars.fromWide(expanded('b', 64));
  const first = group.baseProduct(a);
  const second = group.product(first, b);
  const sum = group.publicSum([
    [group.generator, 5n],
    [first, group.order - 1n],
    [group.negate(second), 2n ** 200n + 1n],
  ]);
  const decoded = group.decode(group.encode(sum));
  if (
    decoded === undefined ||
    !group.equals(decoded, sum) ||
    !group.isIdentity(group.add(sum, group.negate(sum)))
  ) {
    throw new TypeError('an element did not survive its encoding');
  }
  return {
    [`${group.name} base product`]: toHex(group.encode(first)),
    [`${group.name} product`]: toHex(group.encode(second)),
    [`${group.name} sum`]: toHex(group.encode(sum)),
    [`${group.name} scalars`]: digestOf([
      scalars.add(a, b),
      scalars.subtract(a, b),
      scalars.multiply(a, b),
      scalars.invert(a),
      scalars.negate(b),
    ]),
  };
}

/** What a kernel of vectors answers: one digest over every operation, for 19 rows. */
export function vectorAnswer(kernel: VectorKernel): string {
  const a = kernel.reduceWide(expanded('matrix a', 57 * 48));
  const b = kernel.reduceWide(expanded('matrix b', 57 * 48));
  const offsets = b.subarray(0, 96);
  const bits = expanded('bits', 3);
  const column = a.subarray(0, 19 * 32);
  return digestOf([
    a,
    Uint8Array.of(Number(kernel.areCanonical(a)), Number(kernel.areCanonical(new Uint8Array(32).fill(0xff)))),
    kernel.differencePlus(a, b, offsets),
    kernel.addSelected(a, b, bits),
    kernel.combineColumns(a, offsets),
    kernel.subtractSelected(column, bits, b.subarray(32, 64)),
    kernel.sumRows(b, column),
    kernel.sumSelected(column, bits),
  ]);
}

/** What a kernel of bits answers. */
export function bitAnswer(kernel: BitKernel): string {
  return digestOf([
    kernel.transpose(expanded('rows', 128 * 21), 165),
    kernel.foldRows(expanded('rows', 9 * 68), expanded('weights', 64), { rowBytes: 68, dataBytes: 52 }),
  ]);
}

/** What ristretto255 answers. */
export function ristrettoAnswer(
  calls: Pick<
    typeof ristretto,
    'elementsFromHashes' | 'scalarsFromWide' | 'baseProducts' | 'products' | 'sums' | 'differences'
  >,
): string {
  const elements = calls.elementsFromHashes(expanded('elements', 128));
  const scalars = calls.scalarsFromWide(expanded('scalars', 128));
  const bases = calls.baseProducts(scalars);
  return digestOf([
    elements,
    bases,
    calls.products(elements, scalars),
    calls.sums(elements, bases),
    calls.differences(elements, bases),
  ]);
}

/** Encodings that no check of RFC 9591 section 3.1 may let through. */
const refused: readonly (readonly [Group, string, string])[] = [
  [
    ed25519Group,
    // The generator plus the point of order 2: libsodium without the patch for CVE-2025-69277 takes it.
    'ed25519 twice the prime order',
    '9599999999999999999999999999999999999999999999999999999999999999',
  ],
  [ed25519Group, 'ed25519 identity', `01${'00'.repeat(31)}`],
  [ed25519Group, 'ed25519 small order', '00'.repeat(32)],
  [ed25519Group, 'ed25519 not canonical', `f0${'ff'.repeat(30)}7f`],
  [secp256k1Group, 'secp256k1 not on the curve', `02${'00'.repeat(31)}05`],
  [p256Group, 'p256 not on the curve', `02${'00'.repeat(31)}01`],
];

/** The right answers, made with the reference backend. */
export const knownAnswers: Readonly<Record<string, string>> = {
  'ed25519 base product': 'f72c76eaab2dc08a91f71f480c04ffe8aaa33caadceebba0f634b7effb6d1146',
  'ed25519 product': 'b8c0840b21e236307840d1adb953c56346f6fe946cd80c44a5632fda1f433399',
  'ed25519 sum': 'de3d4dd4d0991b9f27ff49517f166e52b7202cc41a78a62ad28e0298cf9ae4da',
  'ed25519 scalars': 'c15ea7d3f5a7002d8f7de521fc39adf3cb247ecbc3da10be46f729568453a9fd',
  'secp256k1 base product': '036232b084890940f09e589cdd098b8bc818e2790a50e6370434405dfb3e1f1f5c',
  'secp256k1 product': '02e044d487430303a10f314f2a778daa0886626af36510dec17d79e71dffa530a8',
  'secp256k1 sum': '0248b286352e54471284476dfec35d8f408605c7ab1abea2b6182d4898d2b995b0',
  'secp256k1 scalars': '72e91b7b138ffc323724937701b234b747b121a39dd02ec235de996911b01267',
  'p256 base product': '03450e419f60ce816c5fc97ca06ca34f7913d4c0b3019dc03ed694b1f1285a4e6e',
  'p256 product': '025509a27190ba3dda0228d6e1cb2612283610858dda8b4385bcf9ae2da0cc4ea7',
  'p256 sum': '02aa5e8fb69592f36233b2782cb1a101552eba2a78ec530cd2c14a256f7f608fb8',
  'p256 scalars': 'e3c657a09554e52460f6ee11688be72bb26774ee832906286b29cdf320b7e6bf',
  'ed25519 vectors': '69fc7f7570275860c5a44a4e21cfa859c48dd69c20e235b13a9bf59042b4fcc9',
  'secp256k1 vectors': 'b9f3473bc38cb220ea78a1f18fbcd793f524e631ef4a8dbb8166b5608c410c00',
  'p256 vectors': '8e9bb66785470dca160231dfca43a597bb44beb459d9e6928db6dc2d2070a492',
  bits: '8fc42aa1ddab5ab1eb32e9645cfede2579ce864045ec6a4a4c85c776aba35210',

  ristretto255: '2735d3a823945748d7e129edcf12abe61c414240903490006aa7b7795b2d9787',
};

const questions: readonly (() => Readonly<Record<string, string>>)[] = [
  ...[ed25519Group, secp256k1Group, p256Group].map((group) => () => groupAnswers(group)),
  ...(['ed25519', 'secp256k1', 'p256'] as const).map((name) => () => ({
    [`${name} vectors`]: vectorAnswer(nativeVectors(name)),
  })),
  () => ({ bits: bitAnswer(nativeBits) }),
  () => ({ ristretto255: ristrettoAnswer(ristretto) }),
  ...refused.map(([group, what, hex]) => () => ({
    [what]: group.decode(fromHex(hex) ?? new Uint8Array()) === undefined ? 'refused' : 'taken',
  })),
];

/** Compares answers with the known ones. Throws `native/wrong-answer` with what was asked. */
export function checkAnswers(ask: () => Readonly<Record<string, string>>): void {
  let answers: Readonly<Record<string, string>>;
  try {
    answers = ask();
  } catch (error) {
    if (error instanceof SymbolonError) {
      throw error;
    }
    const what = error instanceof Error ? error.message : 'unknown';
    throw new SymbolonError('native/wrong-answer', { what }, { cause: error });
  }
  for (const [what, answer] of Object.entries(answers)) {
    if (answer !== (knownAnswers[what] ?? 'refused')) {
      throw new SymbolonError('native/wrong-answer', { what });
    }
  }
}

/**
 * Asks every native backend and kernel what is known, in a few milliseconds. A node calls it before it opens its store.
 * @throws SymbolonError `native/wrong-answer` with what was asked, `native/not-built`.
 */
export function checkBackends(): void {
  for (const ask of questions) {
    checkAnswers(ask);
  }
}
