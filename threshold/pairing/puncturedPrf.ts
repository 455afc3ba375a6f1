/**
 * From 128 base OTs to 64 blocks of four leaves, of which Bob has all and Alice all but one (SoftSpoken, ePrint 2022/192
 * section 6, figures 13 and 14, with k = 2). This is what halves the traffic of every extension.
 *
 * A block takes two OTs, with keys A_0, A_1 and B_0, B_1, and Alice's choices alpha and beta. The tree has A_0 and A_1 as its
 * first level, and each s_x of it gives the leaves r_x0 and r_x1. Bob sends C_y = B_y + r_0y + r_1y (XOR) for both y.
 * Alice has A_alpha, so r_alpha0 and r_alpha1; and B_beta, so r_(1-alpha)beta = C_beta + B_beta + r_alpha,beta. The leaf that
 * she does not get is that of Delta = (1 - alpha, 1 - beta), for which she would need B_(1-beta).
 *
 * **What the extension makes of it.** Let L_y be a stretched leaf, y = (y_1, y_2), and u = L_00 + L_01 + L_10 + L_11. Bob's
 * rows are t_1 = L_10 + L_11 and t_2 = L_01 + L_11: the leaves whose bit is set. Alice's are the leaves whose bit differs from
 * Delta's: q_1 = sum of L_y with y_1 != Delta_1. That never takes L_Delta; where Delta_1 is 0 it is t_1, and where it is 1 it
 * is the complement t_1 + u. So q_i = t_i + Delta_i * u: two rows of the correlation for one u, where plain OTs (k = 1) need
 * a u for each. The bits of Delta of all blocks are nabla, the complement of Alice's choices.
 *
 * Alice's leaves are kept by their **offset** d = y + Delta (XOR; d = 1, 2, 3): in these terms q_1 = leaf_2 + leaf_3 and
 * q_2 = leaf_1 + leaf_3 whatever Delta is, and no later access depends on it.
 *
 * **Check (figure 14).** Each r_y is stretched into a seed, which is the leaf from here on, and 32 bytes of check value. Bob
 * sends the XOR of the four check values of each block and one hash of all check values of all blocks. Alice completes the one
 * that she lacks and compares the hash. A C_y that is wrong for one choice makes another leaf for this choice, and the hash
 * would have to fit two sets of check values. What is left to Bob is to guess bits of Delta and be caught where he is wrong.
 */
import { equalBytes, hashOf } from '../../wire/ids.ts';
import { otKeyBytes } from './baseOt.ts';
import { bitOf, byteMask, selectInto, xorInto } from './select.ts';
import { digest } from './transcript.ts';

/** Blocks of a pairing's direction. */
export const blocks = 64;
/** Bytes of a leaf. */
export const leafBytes = otKeyBytes;
/** Bytes of Bob's leaves: four of each block, in the order of y. */
export const bobLeavesBytes = blocks * 4 * leafBytes;
/** Bytes of Alice's leaves: three of each block, in the order of their offsets. */
export const aliceLeavesBytes = blocks * 3 * leafBytes;
/** Bytes of the corrections C_0 and C_1 of all blocks. */
export const correctionsBytes = blocks * 2 * leafBytes;
const checkBytes = 32;
/** Bytes of the XORs of the check values. */
export const checkSumsBytes = blocks * checkBytes;

/** What Bob sends. All of it is safe to show to Alice only. */
export interface TreeProof {
  readonly corrections: Uint8Array;
  readonly checkSums: Uint8Array;
  /** 32 bytes. */
  readonly proof: Uint8Array;
}

interface Prefixes {
  readonly tree: Uint8Array;
  readonly leaf: Uint8Array;
  readonly proof: Uint8Array;
}
const prefixesOf = (binding: Uint8Array): Prefixes => ({
  tree: hashOf('symbolon/ot-tree/1', binding),
  leaf: hashOf('symbolon/ot-leaf/1', binding),
  proof: hashOf('symbolon/ot-tree-proof/1', binding),
});

/** Piece `i` of `size` bytes. */
const at = (raw: Uint8Array, i: number, size: number): Uint8Array => raw.subarray(i * size, (i + 1) * size);

/** r_x0 and r_x1 of a node, 32 bytes. */
const childrenOf = (prefixes: Prefixes, block: number, x: number, node: Uint8Array): Uint8Array =>
  digest('sha256', prefixes.tree, Uint8Array.of(block, x), node);

/** Stretches r_y into the leaf and the check value. */
function finishLeaf(
  prefixes: Prefixes,
  block: number,
  y: number,
  r: Uint8Array,
  into: { readonly leaf: Uint8Array; readonly check: Uint8Array },
): void {
  const wide = digest('sha512', prefixes.leaf, Uint8Array.of(block, y), r);
  into.leaf.set(wide.subarray(0, leafBytes));
  into.check.set(wide.subarray(leafBytes, leafBytes + checkBytes));
  wide.fill(0);
}

const proofOf = (
  prefixes: Prefixes,
  sent: Pick<TreeProof, 'corrections' | 'checkSums'>,
  checks: Uint8Array,
): Uint8Array => digest('sha256', prefixes.proof, sent.corrections, sent.checkSums, checks);

/** Bob's side: all leaves, and what Alice needs for hers. `keys` are both keys of each OT. */
export function growTrees(
  binding: Uint8Array,
  keys: Uint8Array,
): TreeProof & { readonly leaves: Uint8Array } {
  const prefixes = prefixesOf(binding);
  const leaves = new Uint8Array(bobLeavesBytes);
  const corrections = new Uint8Array(correctionsBytes);
  const checkSums = new Uint8Array(checkSumsBytes);
  const checks = new Uint8Array(blocks * 4 * checkBytes);
  for (let block = 0; block < blocks; block += 1) {
    // Keys in the order A_0, A_1, B_0, B_1; corrections start as B_0 and B_1.
    const both = at(corrections, block, 2 * leafBytes);
    both.set(at(keys, 2 * block + 1, 2 * leafBytes));
    for (let x = 0; x < 2; x += 1) {
      const children = childrenOf(prefixes, block, x, at(keys, 4 * block + x, leafBytes));
      xorInto(both, children);
      for (let low = 0; low < 2; low += 1) {
        const y = 2 * x + low;
        const check = at(checks, 4 * block + y, checkBytes);
        finishLeaf(prefixes, block, y, at(children, low, leafBytes), {
          leaf: at(leaves, 4 * block + y, leafBytes),
          check,
        });
        xorInto(at(checkSums, block, checkBytes), check);
      }
      children.fill(0);
    }
  }
  const proof = proofOf(prefixes, { corrections, checkSums }, checks);
  checks.fill(0);
  return { leaves, corrections, checkSums, proof };
}

/**
 * Alice's side: nabla (16 bytes, bits 2i and 2i + 1 are Delta of block i) and her leaves by offset. `keys` are the keys of
 * her choices. `undefined` where the check fails (P7): then nothing is left of what was computed.
 */
export function punctureTrees(
  binding: Uint8Array,
  choices: Uint8Array,
  keys: Uint8Array,
  sent: TreeProof,
): { readonly nabla: Uint8Array; readonly leaves: Uint8Array } | undefined {
  const prefixes = prefixesOf(binding);
  const leaves = new Uint8Array(aliceLeavesBytes);
  const checks = new Uint8Array(blocks * 4 * checkBytes);
  // r_y and check values of one block by offset; offset 0 is the missing one.
  const nodes = new Uint8Array(4 * leafBytes);
  const values = new Uint8Array(4 * checkBytes);
  for (let block = 0; block < blocks; block += 1) {
    const [alpha, beta] = [bitOf(choices, 2 * block), bitOf(choices, 2 * block + 1)];
    const children = childrenOf(prefixes, block, alpha, at(keys, 2 * block, leafBytes));
    const [first, second] = [at(children, 0, leafBytes), at(children, 1, leafBytes)];
    // (alpha, beta) has offset 3 and (alpha, 1 - beta) offset 2.
    selectInto(at(nodes, 3, leafBytes), beta, first, second);
    selectInto(at(nodes, 2, leafBytes), beta, second, first);
    // (1 - alpha, beta) has offset 1.
    const node = at(nodes, 1, leafBytes);
    const corrections = at(sent.corrections, block, 2 * leafBytes);
    selectInto(node, beta, corrections.subarray(0, leafBytes), corrections.subarray(leafBytes));
    xorInto(node, at(keys, 2 * block + 1, leafBytes));
    xorInto(node, at(nodes, 3, leafBytes));
    children.fill(0);

    const delta = 2 * (1 - alpha) + (1 - beta);
    values.set(at(sent.checkSums, block, checkBytes));
    for (let d = 1; d < 4; d += 1) {
      const check = at(values, d, checkBytes);
      finishLeaf(prefixes, block, delta ^ d, at(nodes, d, leafBytes), {
        leaf: at(leaves, 3 * block + d - 1, leafBytes),
        check,
      });
      xorInto(at(values, 0, checkBytes), check);
    }
    placeByDelta(at(checks, block, 4 * checkBytes), delta, values);
  }
  const holds = equalBytes(proofOf(prefixes, sent, checks), sent.proof);
  for (const secret of [nodes, values, checks]) {
    secret.fill(0);
  }
  if (!holds) {
    leaves.fill(0);
    return undefined;
  }
  return { nabla: choices.map((byte) => ~byte), leaves };
}

/** Moves four values from the order of offsets to the order of y, reading all of them for each place. */
function placeByDelta(target: Uint8Array, delta: number, values: Uint8Array): void {
  for (let y = 0; y < 4; y += 1) {
    for (let d = 0; d < 4; d += 1) {
      const apart = y ^ delta ^ d;
      const mask = byteMask(1 - ((apart | (apart >> 1)) & 1));
      for (let i = 0; i < checkBytes; i += 1) {
        const place = y * checkBytes + i;
        target[place] = (target[place] ?? 0) | (mask & (values[d * checkBytes + i] ?? 0));
      }
    }
  }
}
