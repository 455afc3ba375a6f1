/** What a multiplication runs on, for each scheme: the group, the kernels of its backend, and the gadget vector. */
import type { EcdsaScheme } from '../../wire/ids.ts';
import { groupOf } from '../scheme.ts';
import { gadgetOf } from './gadget.ts';
import type { BitKernel, VectorKernel } from './kernel.ts';
import { nativeBits, nativeVectors } from './nativeKernel.ts';
import type { OleSuite } from './vectorOle.ts';

/** The kernels and the group of a scheme. */
export interface MultiplicationSuite extends OleSuite {
  readonly bits: BitKernel;
}

/** Puts a suite together. The gadget vector takes about a millisecond. */
export function makeSuite(scheme: EcdsaScheme, vectors: VectorKernel, bits: BitKernel): MultiplicationSuite {
  const group = groupOf(scheme);
  return { group, vectors, bits, gadget: gadgetOf(group.name, vectors) };
}

const made = new Map<EcdsaScheme, MultiplicationSuite>();

/** The suite of a scheme on the native kernels, made at its first use. */
export function multiplicationSuiteOf(scheme: EcdsaScheme): MultiplicationSuite {
  const present = made.get(scheme);
  if (present !== undefined) {
    return present;
  }
  const suite = makeSuite(scheme, nativeVectors(groupOf(scheme).name), nativeBits);
  made.set(scheme, suite);
  return suite;
}
