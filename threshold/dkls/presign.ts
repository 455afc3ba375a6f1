/**
 * The runs that multiply: a presignature, and a whole signature. Both take the same three rounds; a whole signature goes
 * on to the last step at once, a presignature keeps what it needs for it.
 */
import { equalBytes } from '../../wire/ids.ts';
import { deriveKey } from '../derive.ts';
import type { Group, Random } from '../group/group.ts';
import { badParameters, secretOf } from '../keyShare.ts';
import { openPairing } from '../pairing/pairingKeys.ts';
import type { PlanOf } from '../plan.ts';
import type { PresignatureParts, Run, RoundInput, RunResult } from '../run.ts';
import { contextOf, type EcdsaContext, type MultiplyingPlan } from './context.ts';
import { signatureShare } from './lastStep.ts';
import { wipePresignature } from './presignature.ts';
import { round1, type AfterRound1, type OpenPairing, type SignerSecrets } from './round1.ts';
import { round2, type AfterRound2 } from './round2.ts';
import { round3, type Presigned } from './round3.ts';
import { Secrets } from './secrets.ts';
import { SteppedRun } from '../steppedRun.ts';

const nobody: ReadonlyMap<number, Uint8Array> = new Map();

/**
 * A run for one presignature: commitments, openings, confirmation. The broadcast of round 3 is 32 bytes that all signers
 * must find equal before any of them keeps the presignature, which is the result.
 * @throws SymbolonError `threshold/bad-parameters` (E1), `threshold/state-used` and `threshold/share-mismatch` (E2).
 */
export function presignRun(plan: PlanOf<'ecdsa-presign'>, random: Random): Run {
  let parts: PresignatureParts | undefined;
  return multiplyingRun(plan, random, {
    finish: (presigned) => {
      parts = presigned.parts;
      return presigned.confirmation;
    },
    result: () => {
      const presignature = parts;
      parts = undefined;
      return presignature === undefined ? { kind: 'nothing' } : { kind: 'presignature', presignature };
    },
    wipe: () => {
      if (parts !== undefined) {
        wipePresignature(parts);
        parts = undefined;
      }
    },
  });
}

/**
 * A run for a whole signature: the broadcast of round 3 is the signature share. The nonce is made after the digest was
 * fixed, so it is not moved (T14): digest and path are part of the context that its commitments are bound to.
 * @throws SymbolonError `threshold/bad-parameters` (E1), `threshold/state-used` and `threshold/share-mismatch` (E2), and what
 * `deriveKey` throws.
 */
export function ecdsaSignRun(plan: PlanOf<'ecdsa-sign'>, random: Random): Run {
  const { addend } = deriveKey(plan.share.public, plan.path);
  const digest = plan.digest.slice();
  return multiplyingRun(plan, random, {
    finish: ({ parts }, group) => {
      try {
        return signatureShare(group, parts, { digest, addend, delta: 0n });
      } finally {
        wipePresignature(parts);
      }
    },
    result: () => ({ kind: 'nothing' }),
    wipe: () => undefined,
  });
}

/** What differs between the two runs: what becomes of the presignature. */
interface Ending {
  /** Takes the presignature over and gives the last broadcast. */
  readonly finish: (presigned: Presigned, group: Group) => Uint8Array;
  readonly result: () => RunResult;
  readonly wipe: () => void;
}

/** Copies what the plan lends; where that fails, nothing of it is left. */
function copied(plan: MultiplyingPlan, context: EcdsaContext, secrets: Secrets): SignerSecrets {
  try {
    // E2: the share is a scalar and was not wiped.
    const share = secrets.hold(secretOf(plan.share).slice());
    const pairings = new Map<number, OpenPairing>();
    for (const party of context.others) {
      const lent = plan.pairings.get(party);
      // E1: one pairing with each other signer, and the id that E8 compares is that of its secret.
      if (lent === undefined) {
        throw badParameters('no pairing with a signer');
      }
      const keys = secrets.hold(openPairing(lent.secret));
      if (!equalBytes(keys.id, lent.id)) {
        throw badParameters('the secret is of another pairing');
      }
      pairings.set(party, { id: lent.id.slice(), keys });
    }
    return { share, pairings };
  } catch (error) {
    secrets.wipe();
    throw error;
  }
}

function multiplyingRun(plan: MultiplyingPlan, random: Random, ending: Ending): Run {
  const context = contextOf(plan);
  const secrets = new Secrets();
  const begun = copied(plan, context, secrets);
  let first: AfterRound1 | undefined;
  let second: AfterRound2 | undefined;
  const made = <T>(state: T | undefined): T => {
    if (state === undefined) {
      throw new TypeError('a step before its time');
    }
    return state;
  };
  return new SteppedRun({
    steps: [
      () => {
        const { after, output } = round1(context, begun, random, secrets);
        first = after;
        return output;
      },
      (input) => {
        const { after, output } = round2(context, made(first), input, random, secrets);
        second = after;
        return output;
      },
      (input: RoundInput) => {
        try {
          const presigned = round3(context, made(second), input, secrets);
          return { broadcast: ending.finish(presigned, context.group), pairwise: nobody };
        } finally {
          secrets.wipe();
        }
      },
    ],
    pairwise: (round) => round <= 2,
    result: ending.result,
    wipe: () => {
      secrets.wipe();
      ending.wipe();
    },
  });
}
