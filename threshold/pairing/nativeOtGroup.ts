/** The group of the base OTs in native code (native/ristretto255.c): what every process runs. */
import {
  areElements,
  baseProducts,
  differences,
  elementsFromHashes,
  products,
  scalarsFromWide,
  sums,
} from '../../native/ristretto.ts';
import { otPointBytes, type OtGroup } from './otGroup.ts';

/** RFC 9496 section 4.3.1 refuses a set high bit; libsodium up to 1.0.18 does not look at it. */
function haveHighBit(points: Uint8Array): boolean {
  for (let last = otPointBytes - 1; last < points.length; last += otPointBytes) {
    if ((points[last] ?? 0) > 0x7f) {
      return true;
    }
  }
  return false;
}

function refuseHighBit(points: Uint8Array): Uint8Array {
  if (haveHighBit(points)) {
    throw new TypeError('not an element of ristretto255');
  }
  return points;
}

/** ristretto255 by libsodium, constant-time. Each call throws `native/not-built` where the addon is not there. */
export const nativeOtGroup: OtGroup = {
  backend: 'libsodium',
  scalarsFromWide,
  pointsFromUniform: elementsFromHashes,
  areValid: (points) => areElements(points) && !haveHighBit(points),
  add: (a, b) => sums(refuseHighBit(a), refuseHighBit(b)),
  subtract: (a, b) => differences(refuseHighBit(a), refuseHighBit(b)),
  baseProducts,
  products: (points, scalars) => products(refuseHighBit(points), scalars),
};
