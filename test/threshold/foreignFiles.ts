/**
 * Share files as other libraries write them, made in the test by a split of its own: plain bigint arithmetic and noble's
 * points, nothing of the code under test.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { Scheme } from '../../wire/ids.ts';
import { insecureSeeded } from './run.ts';

const curves = {
  'frost-ed25519': { Point: ed25519.Point, tss: 'ed25519', cggmp: 'ed25519', publicKey: 'EDDSAPub' },
  'frost-secp256k1-tr': {
    Point: secp256k1.Point,
    tss: 'secp256k1',
    cggmp: 'secp256k1',
    publicKey: 'ECDSAPub',
  },
  'dkls23-secp256k1': { Point: secp256k1.Point, tss: 'secp256k1', cggmp: 'secp256k1', publicKey: 'ECDSAPub' },
  'dkls23-p256': { Point: p256.Point, tss: 'p256', cggmp: 'secp256r1', publicKey: 'ECDSAPub' },
} as const;

/** A key that was split elsewhere. */
export interface ForeignSplit {
  readonly order: bigint;
  readonly secret: bigint;
  /** Compressed, as hexadecimal. */
  readonly publicKey: string;
  readonly points: readonly bigint[];
  readonly shares: readonly bigint[];
  /** The files of all holders. */
  readonly tssLib: readonly Record<string, unknown>[];
  readonly cggmp: readonly Record<string, unknown>[];
}

/** Splits a key; `points` are where the polynomial is evaluated, 1 to n unless told. */
export function splitElsewhere(setting: {
  readonly scheme: Scheme;
  readonly threshold: number;
  readonly holders: number;
  readonly seed: string;
  readonly points?: readonly bigint[];
}): ForeignSplit {
  const { scheme, threshold, holders, seed } = setting;
  const { Point, tss, cggmp, publicKey } = curves[scheme];
  const order = Point.Fn.ORDER;
  const random = insecureSeeded(`${seed}/elsewhere`);
  const draw = (): bigint => BigInt(`0x${Buffer.from(random(48)).toString('hex')}`) % order;
  const coefficients = Array.from({ length: threshold }, draw);
  const points = setting.points ?? Array.from({ length: holders }, (_, i) => BigInt(i + 1));
  const shares = points.map((x) => {
    let y = 0n;
    for (const coefficient of [...coefficients].reverse()) {
      y = (y * x + coefficient) % order;
    }
    return y;
  });
  const times = (scalar: bigint) => Point.BASE.multiply(scalar);
  const secret = coefficients[0] ?? 0n;
  const coords = (scalar: bigint) => {
    const { x, y } = times(scalar).toAffine();
    return { Curve: tss, Coords: [x, y] };
  };
  const hex = (scalar: bigint): string => scalar.toString(16).padStart(64, '0');
  const compressed = (scalar: bigint): string => Buffer.from(times(scalar).toBytes()).toString('hex');
  return {
    order,
    secret,
    publicKey: compressed(secret),
    points,
    shares,
    tssLib: shares.map((share, i) => ({
      PaillierSK: scheme === 'frost-ed25519' ? undefined : { N: 3n ** 700n },
      Xi: share,
      ShareID: points[i],
      Ks: points,
      BigXj: shares.map(coords),
      [publicKey]: coords(secret),
    })),
    cggmp: shares.map((share, i) => ({
      curve: cggmp,
      i,
      shared_public_key: compressed(secret),
      public_shares: shares.map(compressed),
      vss_setup: { min_signers: threshold, I: points.map((point) => hex(point % order)) },
      x: hex(share),
    })),
  };
}

/** JSON with bigints as numbers in decimal, as Go writes them. */
export function fileOf(value: unknown, indent?: number): Uint8Array {
  const mark = '\u0001';
  const text = JSON.stringify(
    value,
    (_, one: unknown) => (typeof one === 'bigint' ? `${mark}${one}${mark}` : one),
    indent,
  );
  return new TextEncoder().encode(text.replaceAll(`"\\u0001`, '').replaceAll(`\\u0001"`, ''));
}
