/**
 * The bulk arithmetic of oblivious transfer and vector OLE, behind two small interfaces: a native backend runs, a plain
 * one is what tests hold it against. Everything here is secret unless it says otherwise; nothing branches on a bit of it.
 *
 * A **vector** is scalars of 32 bytes, one after the other, in the encoding of its group; a **matrix** of n rows and 3
 * columns is a vector of 3n scalars, row by row. Results are new bytes that the caller owns and wipes.
 */

/** Vectors modulo the order of one group. Lengths that do not fit throw TypeError; so do scalars not below the order. */
export interface VectorKernel {
  /** `n * 48` bytes to n scalars: each 48 bytes modulo the order (T40). */
  reduceWide(wide: Uint8Array): Uint8Array;
  /** Whether every one of n scalars is below the order. The answer is public. */
  areCanonical(vector: Uint8Array): boolean;
  /** Matrices `a - b`, plus `offsets` (3 scalars) in every row. */
  differencePlus(a: Uint8Array, b: Uint8Array, offsets: Uint8Array): Uint8Array;
  /** `a + bit_j * b` for row j of two matrices; `bits` is little-endian within each byte. */
  addSelected(a: Uint8Array, b: Uint8Array, bits: Uint8Array): Uint8Array;
  /** For each row j of a matrix: `sum over k of weights_k * m_jk`: n scalars. `weights` are 3 scalars. */
  combineColumns(matrix: Uint8Array, weights: Uint8Array): Uint8Array;
  /** `v_j - bit_j * x` for n scalars and one scalar x. */
  subtractSelected(vector: Uint8Array, bits: Uint8Array, x: Uint8Array): Uint8Array;
  /** For each column k of a matrix: `sum over j of weights_j * m_jk`: 3 scalars. `weights` are n scalars. */
  sumRows(matrix: Uint8Array, weights: Uint8Array): Uint8Array;
  /** `sum over j of bit_j * v_j`: one scalar. */
  sumSelected(vector: Uint8Array, bits: Uint8Array): Uint8Array;
}

/** Matrices of bits. A row of `w` bytes has `8 * w` columns, column c in bit `c % 8` of byte `c / 8`. */
export interface BitKernel {
  /** 128 rows of `w` bytes each to `columns` rows of 16 bytes each: row c of the result is column c of the argument. */
  transpose(rows: Uint8Array, columns: number): Uint8Array;
  /**
   * For each row, of 16 bytes times `weights` and one last block more: `sum of weight_m * block_m` in GF(2^128), plus the
   * last block: 16 bytes a row. A row whose bytes are no multiple of 16 is read as if zeros followed its data, before the
   * last block. `weights` (public) are 16 bytes each.
   *
   * GF(2^128) is bits modulo x^128 + x^7 + x^2 + x + 1; bit i of a block, counted as in a row, is the factor of x^i.
   */
  foldRows(rows: Uint8Array, weights: Uint8Array, layout: FoldLayout): Uint8Array;
}

/** How a row is cut into blocks of {@link BitKernel.foldRows}. */
export interface FoldLayout {
  /** Bytes of a row. */
  readonly rowBytes: number;
  /** Bytes of a row before its last block of 16 bytes: at most 16 times the number of weights. */
  readonly dataBytes: number;
}
