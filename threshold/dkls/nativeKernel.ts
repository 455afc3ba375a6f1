/** The kernels in native code (native/vectors.c, native/bits.c): what every process runs. */
import { bits } from '../../native/bits.ts';
import { scalarFunctions } from '../../native/scalars.ts';
import type { Group } from '../group/group.ts';
import type { BitKernel, VectorKernel } from './kernel.ts';

/** {@link VectorKernel} modulo the order of a group, constant-time. Empty vectors throw TypeError. */
export function nativeVectors(name: Group['name']): VectorKernel {
  return {
    reduceWide: (wide) => scalarFunctions(name).reduceWide(wide),
    areCanonical: (vector) => scalarFunctions(name).areCanonical(vector),
    differencePlus: (a, b, offsets) => scalarFunctions(name).differencePlus(a, b, offsets),
    addSelected: (a, b, selected) => scalarFunctions(name).addSelected(a, b, selected),
    combineColumns: (matrix, weights) => scalarFunctions(name).combineColumns(matrix, weights),
    subtractSelected: (vector, selected, x) => scalarFunctions(name).subtractSelected(vector, selected, x),
    sumRows: (matrix, weights) => scalarFunctions(name).sumRows(matrix, weights),
    sumSelected: (vector, selected) => scalarFunctions(name).sumSelected(vector, selected),
  };
}

/** {@link BitKernel}, constant-time: carry-less multiplication of the processor where there is one. */
export const nativeBits: BitKernel = {
  transpose: (rows, columns) => bits().transpose(rows, columns),
  foldRows: (rows, weights, { rowBytes, dataBytes }) => bits().foldRows(rows, weights, rowBytes, dataBytes),
};
