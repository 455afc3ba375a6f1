/**
 * The multiplication of threshold ECDSA between two parties: Bob draws a secret b, Alice brings two secrets a_1 and a_2, and
 * they end with additive shares c_k + d_k = a_k * b. Two messages: Bob's, then Alice's. It is OT extension from their pairing
 * (otExtension.ts), pads (stretch.ts) and vector OLE (vectorOle.ts); the checks have their numbers in pairing/SPEC.md.
 *
 * Each party puts 16 random bytes into its message, and the keys of the streams and of the pads depend on them. The security
 * argument rests on session ids that are never used twice; with the salts a machine that is restored to an earlier state and
 * led into the same session again still stretches other streams and other pads (T12).
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Random, SecretScalar } from '../group/group.ts';
import { draw } from '../group/integers.ts';
import { OneUse } from '../oneUse.ts';
import type { PairingKeys } from '../pairing/pairingKeys.ts';
import { decodeFrom, malformed } from '../received.ts';
import {
  checkContext,
  extensionBinding,
  multiplicationBinding,
  padKey,
  type MultiplicationContext,
} from './binding.ts';
import { extensionMessage, maskedInputsMessage } from './multiplicationMessages.ts';
import { multiplicationSuiteOf, type MultiplicationSuite } from './multiplicationSuite.ts';
import { choiceBytes, columnBytes, extendAsAlice, extendAsBob, shiftRows } from './otExtension.ts';
import { padsOf } from './stretch.ts';
import { maskInputs, scalarsAreCanonical, unmaskOutputs } from './vectorOle.ts';

export type { MultiplicationContext } from './binding.ts';

const saltBytes = 16;

/** What Bob keeps between his two steps. */
export interface BobContent {
  readonly suite: MultiplicationSuite;
  readonly alice: number;
  /** Binding after his message, 32 bytes. Public. */
  readonly extension: Uint8Array;
  /** His 416 choice bits, 52 bytes. */
  readonly choices: Uint8Array;
  /** The rows T^j, 16 bytes each. */
  readonly rows: Uint8Array;
}
/** Bob's state: one use. */
export type BobState = OneUse<BobContent>;

/** One error for every failed check: neither the peer nor the relay is told which one it was (T15). */
const failed = (party: number): SymbolonError<'threshold/multiplication-failed'> =>
  new SymbolonError('threshold/multiplication-failed', { party });

function wipeAll(secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) {
    secret.fill(0);
  }
}

/**
 * Bob's first step: a secret b, uniform, and the message for Alice (about 4.5 KB). Draws 16 bytes of salt and 68 of choices
 * and check bits. The keys stay the caller's; so does `b`, who wipes it.
 * @throws SymbolonError `threshold/bad-parameters` (M1), `threshold/state-used` on a wiped pairing, `threshold/bad-randomness`.
 */
export function bobBegin(
  context: MultiplicationContext,
  keys: PairingKeys,
  random: Random,
  suite: MultiplicationSuite = multiplicationSuiteOf(context.scheme),
): { state: BobState; message: Uint8Array; b: SecretScalar } {
  checkContext(context);
  const binding = multiplicationBinding(context, keys.id);
  const salt = draw(random, saltBytes);
  const vector = draw(random, columnBytes);
  const { extension, bound, rows } = extendAsBob(suite.bits, binding, keys.bobLeaves, vector, salt);
  const choices = vector.slice(0, choiceBytes);
  vector.fill(0);
  const content: BobContent = {
    suite,
    alice: context.alice,
    extension: extensionBinding(bound, extension.fold, extension.proof),
    choices,
    rows,
  };
  return {
    state: new OneUse('multiplication', content, wipeBob),
    message: extensionMessage.encode({ v: 1, ...extension }),
    b: suite.vectors.sumSelected(suite.gadget, choices),
  };
}

/** Overwrites the choices and the rows. */
export function wipeBob(content: BobContent): void {
  wipeAll([content.choices, content.rows]);
}

/**
 * Alice's only step: the message for Bob (about 40 KB) and her two shares c_1 and c_2, which the caller wipes. Draws 16 bytes
 * of salt and one scalar. Keys and inputs stay the caller's.
 * @throws SymbolonError `threshold/bad-parameters` (M1), `threshold/malformed-message` (M3), `threshold/multiplication-failed`
 * (M4), both with Bob's index; `threshold/state-used` on a wiped pairing, `threshold/bad-randomness`.
 */
export function aliceMultiply(
  context: MultiplicationContext,
  keys: PairingKeys,
  bobMessage: Uint8Array,
  inputs: readonly [SecretScalar, SecretScalar],
  random: Random,
  suite: MultiplicationSuite = multiplicationSuiteOf(context.scheme),
): { message: Uint8Array; outputs: [SecretScalar, SecretScalar] } {
  checkContext(context);
  const received = decodeFrom(context.bob, bobMessage, extensionMessage);
  const binding = multiplicationBinding(context, keys.id);
  const { nabla } = keys;
  const extended = extendAsAlice(suite.bits, binding, keys, received);
  if (extended === undefined) {
    throw failed(context.bob);
  }
  const extension = extensionBinding(extended.bound, received.fold, received.proof);
  const both = new Uint8Array(2 * extended.rows.length);
  const shifted = shiftRows(extended.rows, nabla);
  both.set(extended.rows);
  both.set(shifted, extended.rows.length);
  const secrets = [extended.rows, shifted, both];
  try {
    const salt = draw(random, saltBytes);
    const pads = padsOf(padKey(extension, salt), both);
    secrets.push(pads);
    const { message, outputs } = maskInputs(suite, extension, salt, pads, inputs, random);
    return { message: maskedInputsMessage.encode({ v: 1, ...message }), outputs };
  } finally {
    wipeAll(secrets);
  }
}

/**
 * Bob's second step: his two shares d_1 and d_2, which the caller wipes. The state is used up, whatever comes out.
 * @throws SymbolonError `threshold/state-used` (M2); with Alice's index `threshold/malformed-message` (M5, M6) and
 * `threshold/multiplication-failed` (M7).
 */
export function bobFinish(state: BobState, aliceMessage: Uint8Array): [SecretScalar, SecretScalar] {
  const content = OneUse.take(state);
  const { suite, alice, extension, choices, rows } = content;
  const secrets: Uint8Array[] = [];
  try {
    const received = decodeFrom(alice, aliceMessage, maskedInputsMessage);
    if (!scalarsAreCanonical(suite, received)) {
      throw malformed(alice, maskedInputsMessage.name, 'a scalar is not below the order');
    }
    const pads = padsOf(padKey(extension, received.salt), rows);
    secrets.push(pads);
    const outputs = unmaskOutputs(suite, extension, pads, choices, received);
    if (outputs === undefined) {
      throw failed(alice);
    }
    return outputs;
  } finally {
    wipeAll(secrets);
    wipeBob(content);
  }
}
