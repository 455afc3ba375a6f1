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
import type { OtGroup } from './otGroup.ts';

/** ristretto255 by libsodium, constant-time. Each call throws `native/not-built` where the addon is not there. */
export const nativeOtGroup: OtGroup = {
  backend: 'libsodium',
  scalarsFromWide,
  pointsFromUniform: elementsFromHashes,
  areValid: areElements,
  add: sums,
  subtract: differences,
  baseProducts,
  products,
};
