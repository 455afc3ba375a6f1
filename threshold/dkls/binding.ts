/**
 * What every hash and every key of one multiplication is bound to (T18): protocol version, scheme, session, both parties,
 * all signers and the pairing; and, stage by stage, everything that was sent so far.
 *
 * Long inputs are hashed as bytes after the 32 bytes of `hashOf` over a label and the public values so far. Each of them has
 * a fixed length, so two different inputs never meet in one hash.
 */
import { createHash } from 'node:crypto';
import type { EcdsaScheme } from '../../wire/ids.ts';
import { hashOf } from '../../wire/ids.ts';
import { badParameters } from '../keyShare.ts';

/** What one multiplication is about, the same for both parties. */
export interface MultiplicationContext {
  readonly scheme: EcdsaScheme;
  /** 32 bytes, fresh, agreed by all signers, never used twice. */
  readonly session: Uint8Array;
  /** Index of the party that draws b. */
  readonly bob: number;
  /** Index of the party that brings a_1 and a_2. */
  readonly alice: number;
  /** Indices of all signers, rising. */
  readonly signers: readonly number[];
}

/** M1. @throws SymbolonError `threshold/bad-parameters`. */
export function checkContext({ session, bob, alice, signers }: MultiplicationContext): void {
  if (session.length !== 32) {
    throw badParameters('the session id has not 32 bytes');
  }
  if (bob === alice || !signers.includes(bob) || !signers.includes(alice)) {
    throw badParameters('a multiplication is between two of the signers');
  }
  if (!signers.every((index, i) => index > (signers[i - 1] ?? 0))) {
    throw badParameters('indices are not rising');
  }
}

/** SHA-256 over byte strings of fixed lengths. */
function sha256(...pieces: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const piece of pieces) {
    hash.update(piece);
  }
  return new Uint8Array(hash.digest());
}

/** 64 bytes from 32 public ones. */
const sha512 = (label: string, value: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha512').update(hashOf(label, value)).digest());

/** The start: 32 bytes. */
export const multiplicationBinding = (context: MultiplicationContext, pairing: Uint8Array): Uint8Array =>
  hashOf(
    'symbolon/multiplication/1',
    context.scheme,
    context.session,
    context.bob,
    context.alice,
    [...context.signers],
    pairing,
  );

/** Key of the block cipher under which the leaves of the pairing are stretched: 16 bytes, public. */
export const stretchKey = (binding: Uint8Array, salt: Uint8Array): Uint8Array =>
  hashOf('symbolon/ot-stretch/1', binding, salt).slice(0, 16);

/** What comes after Bob's masked rows U: 32 bytes. */
export const maskedBinding = (binding: Uint8Array, salt: Uint8Array, masked: Uint8Array): Uint8Array =>
  sha256(hashOf('symbolon/ot-masked/1', binding, salt), masked);

/** chi_1 to chi_4, 16 bytes each, in GF(2^128): public, and unknown to Bob before he has settled U. */
export const foldWeights = (masked: Uint8Array): Uint8Array => sha512('symbolon/ot-weights/1', masked);

/** The hash that Bob sends for the folded rows that_1 to that_128: 32 bytes. */
export const foldProof = (masked: Uint8Array, fold: Uint8Array, rows: Uint8Array): Uint8Array =>
  sha256(hashOf('symbolon/ot-proof/1', masked, fold), rows);

/** What comes after Bob's whole message: 32 bytes. */
export const extensionBinding = (masked: Uint8Array, fold: Uint8Array, proof: Uint8Array): Uint8Array =>
  hashOf('symbolon/ot-extension/1', masked, fold, proof);

/** Key of the block cipher that makes pads of the rows: 16 bytes, public. */
export const padKey = (extension: Uint8Array, salt: Uint8Array): Uint8Array =>
  hashOf('symbolon/ot-pads/1', extension, salt).slice(0, 16);

/** What comes after Alice's masked inputs: 32 bytes. */
export const inputsBinding = (extension: Uint8Array, salt: Uint8Array, masked: Uint8Array): Uint8Array =>
  sha256(hashOf('symbolon/ole-masked/1', extension, salt), masked);

/** theta_1 and theta_2 before their reduction: 2 * 48 bytes, public, and unknown to Alice before she has settled her inputs. */
export function checkWeights(inputs: Uint8Array): Uint8Array {
  const wide = new Uint8Array(96);
  wide.set(sha512('symbolon/ole-weight-1/1', inputs).subarray(0, 48));
  wide.set(sha512('symbolon/ole-weight-2/1', inputs).subarray(0, 48), 48);
  return wide;
}

/** mu: the hash of the check values of all rows, 32 bytes. */
export const checkProof = (inputs: Uint8Array, eta: Uint8Array, values: Uint8Array): Uint8Array =>
  sha256(hashOf('symbolon/ole-proof/1', inputs, eta), values);
