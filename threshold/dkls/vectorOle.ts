/**
 * Random vector OLE from correlated rows (ePrint 2023/765 protocol 5.2, two inputs and one check value). Alice's pads of row
 * j are alpha0_j and alpha1_j, three scalars each; Bob has the one of his bit beta_j.
 *
 * Alice draws ahat and sends atilde_j = alpha0_j - alpha1_j + (a_1, a_2, ahat). Bob's dot_j, his pad plus beta_j * atilde_j, is
 * then alpha0_j + beta_j * (a_1, a_2, ahat); with c = -sum of g_j * alpha0_j and d = sum of g_j * dot_j, c + d = a * b.
 *
 * **Check.** An Alice who uses other inputs in some rows would learn bits of beta from what comes out. With theta from a hash of
 * atilde she sends eta = ahat + theta_1 * a_1 + theta_2 * a_2 and a hash mu of all alpha0_j3 + theta_1 * alpha0_j1 +
 * theta_2 * alpha0_j2; from his side Bob gets the same values out of dot_j and beta_j * eta. Who cheats in a row is caught where
 * the bit is the other one; what is learnt by not being caught is covered by the 160 bits that beta has more than b.
 */
import { equalBytes } from '../../wire/ids.ts';
import type { Group, Random, SecretScalar } from '../group/group.ts';
import { checkProof, checkWeights, inputsBinding } from './binding.ts';
import type { VectorKernel } from './kernel.ts';
import { otRows } from './otExtension.ts';

/** Bytes of atilde: 416 rows of three scalars. */
export const maskedInputsBytes = otRows * 3 * 32;

/** What the arithmetic runs on. */
export interface OleSuite {
  readonly group: Group;
  readonly vectors: VectorKernel;
  /** 416 public scalars. */
  readonly gadget: Uint8Array;
}

/** Alice's message, without its framing. */
export interface MaskedInputs {
  /** 16 random bytes: Alice's own share in the freshness of the pads. */
  readonly salt: Uint8Array;
  /** atilde, row by row. */
  readonly masked: Uint8Array;
  /** eta, a scalar. */
  readonly eta: Uint8Array;
  /** mu, 32 bytes. */
  readonly proof: Uint8Array;
}

/** theta_1, theta_2 and 1, as weights of the three columns; public. */
function weightsOf({ group, vectors }: OleSuite, inputs: Uint8Array): Uint8Array {
  const weights = new Uint8Array(96);
  weights.set(vectors.reduceWide(checkWeights(inputs)));
  weights.set(group.encodeScalar(1n), 64);
  return weights;
}

/**
 * Alice's step. `pads` are hers for all rows with bit 0, then for all rows with bit 1, 144 bytes each; pads and inputs stay the
 * caller's to wipe, and so do the outputs c_1 and c_2.
 */
export function maskInputs(
  suite: OleSuite,
  extension: Uint8Array,
  salt: Uint8Array,
  pads: Uint8Array,
  inputs: readonly [SecretScalar, SecretScalar],
  random: Random,
): { readonly message: MaskedInputs; readonly outputs: [SecretScalar, SecretScalar] } {
  const { group, vectors, gadget } = suite;
  const { scalars } = group;
  const secrets: Uint8Array[] = [];
  const hold = <T extends Uint8Array>(secret: T): T => {
    secrets.push(secret);
    return secret;
  };
  try {
    const alphas = hold(vectors.reduceWide(pads));
    const [zero, one] = [alphas.subarray(0, alphas.length / 2), alphas.subarray(alphas.length / 2)];
    const [first, second] = inputs;
    const check = hold(scalars.random(random));
    const offsets = hold(new Uint8Array(96));
    offsets.set(first);
    offsets.set(second, 32);
    offsets.set(check, 64);
    const masked = vectors.differencePlus(zero, one, offsets);

    const bound = inputsBinding(extension, salt, masked);
    const weights = weightsOf(suite, bound);
    const products = [
      hold(scalars.multiply(weights.slice(0, 32), first)),
      hold(scalars.multiply(weights.slice(32, 64), second)),
    ];
    const eta = products.reduce((sum, product) => hold(scalars.add(sum, product)), check).slice();
    const proof = checkProof(bound, eta, hold(vectors.combineColumns(zero, weights)));

    const sums = hold(vectors.sumRows(zero, gadget));
    return {
      message: { salt, masked, eta, proof },
      outputs: [scalars.negate(sums.subarray(0, 32)), scalars.negate(sums.subarray(32, 64))],
    };
  } finally {
    for (const secret of secrets) {
      secret.fill(0);
    }
  }
}

/** Whether all scalars of Alice's message are below the order (M6). */
export const scalarsAreCanonical = ({ group, vectors }: OleSuite, message: MaskedInputs): boolean =>
  vectors.areCanonical(message.masked) && group.scalars.isCanonical(message.eta);

/**
 * Bob's step: d_1 and d_2, which the caller wipes. `pads` are his for all rows, 144 bytes each; pads and choices stay the
 * caller's to wipe. `undefined` where the check fails (M7).
 */
export function unmaskOutputs(
  suite: OleSuite,
  extension: Uint8Array,
  pads: Uint8Array,
  choices: Uint8Array,
  message: MaskedInputs,
): [SecretScalar, SecretScalar] | undefined {
  const { vectors, gadget } = suite;
  const secrets: Uint8Array[] = [];
  const hold = (secret: Uint8Array): Uint8Array => {
    secrets.push(secret);
    return secret;
  };
  try {
    const bound = inputsBinding(extension, message.salt, message.masked);
    const own = hold(vectors.reduceWide(pads));
    const dots = hold(vectors.addSelected(own, message.masked, choices));
    const combined = hold(vectors.combineColumns(dots, weightsOf(suite, bound)));
    const values = hold(vectors.subtractSelected(combined, choices, message.eta));
    if (!equalBytes(checkProof(bound, message.eta, values), message.proof)) {
      return undefined;
    }
    const sums = hold(vectors.sumRows(dots, gadget));
    return [sums.slice(0, 32), sums.slice(32, 64)];
  } finally {
    for (const secret of secrets) {
      secret.fill(0);
    }
  }
}
