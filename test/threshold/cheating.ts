/** Signers of ECDSA that break one rule: what one receiver is given of the cheater is changed on the way. */
import assert from 'node:assert/strict';
import { ecdsaCommitment, ecdsaOpening, ecdsaProduct, ecdsaShare } from '../../threshold/dkls/messages.ts';
import type { PlanOf } from '../../threshold/index.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import type { Message } from '../../wire/shape.ts';
import { shareOf, type EcdsaSetting } from './ecdsa.ts';
import { sessionOf, type Delivery } from './run.ts';

/** Index of the signer that cheats. */
export const cheater = 2;
/** Signers of the runs in which it does. */
export const signers: readonly number[] = [1, 2, 3];
/** What they sign. */
export const digest: Uint8Array = new Uint8Array(32).fill(0x51);
const empty = new Uint8Array();

/** Whether an error is this refusal, and names this party or nobody. */
export const refusedWith =
  (code: ErrorCode, party?: number) =>
  (error: unknown): boolean => {
    assert.ok(isSymbolonError(error, code), String(error));
    assert.equal((error.facts as { readonly party?: number }).party, party);
    return true;
  };

/** A change of what one receiver is given before a round. */
export type Tampering = (delivery: Delivery) => void;

/** Changes what party 1, or another receiver, is given before a round. */
export const at =
  (round: number, change: Tampering, receiver = 1): Tampering =>
  (delivery) => {
    if (delivery.round === round && delivery.receiver === receiver) {
      change(delivery);
    }
  };

/** One change after another. */
export const both =
  (...changes: readonly Tampering[]): Tampering =>
  (delivery) => {
    for (const change of changes) {
      change(delivery);
    }
  };

function changed<T>(
  format: Message<T>,
  all: Map<number, Uint8Array>,
  party: number,
  change: (fields: T) => T,
): void {
  all.set(party, format.encode(change(format.decode(all.get(party) ?? empty))));
}

type Commitment = ReturnType<typeof ecdsaCommitment.decode>;
type Opening = ReturnType<typeof ecdsaOpening.decode>;
type Product = ReturnType<typeof ecdsaProduct.decode>;
type Share = ReturnType<typeof ecdsaShare.decode>;

/** Changes the commitment that the cheater sends to party 1. */
export const commits = (change: (fields: Commitment) => Commitment): Tampering =>
  at(2, ({ broadcasts }) => {
    changed(ecdsaCommitment, broadcasts, cheater, change);
  });

/** Changes the opening that the cheater sends to party 1. */
export const opens = (change: (fields: Opening) => Opening, party = cheater): Tampering =>
  at(3, ({ broadcasts }) => {
    changed(ecdsaOpening, broadcasts, party, change);
  });

/** Changes what the cheater sends to party 1 alone in round 2. */
export const multiplies = (change: (fields: Product) => Product): Tampering =>
  at(3, ({ pairwise }) => {
    changed(ecdsaProduct, pairwise, cheater, change);
  });

/** Changes a signature share. */
export const sharesWith =
  (party: number, change: (fields: Share) => Share) =>
  (all: Map<number, Uint8Array>): void => {
    changed(ecdsaShare, all, party, change);
  };

/** The plan of a signer for a whole signature. */
export const signPlan = (
  setting: EcdsaSetting,
  change: Partial<PlanOf<'ecdsa-sign'>> = {},
  index = 1,
): PlanOf<'ecdsa-sign'> => ({
  kind: 'ecdsa-sign',
  share: shareOf(setting, index),
  session: sessionOf('plan'),
  signers,
  pairings: setting.pairings(index, signers),
  digest,
  path: [],
  ...change,
});
