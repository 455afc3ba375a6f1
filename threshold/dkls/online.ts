/** The online signature: one step with a presignature that was made before. */
import { deriveKey } from '../derive.ts';
import type { PlanOf } from '../plan.ts';
import type { Run } from '../run.ts';
import { groupOf } from '../scheme.ts';
import { checkDigest, checkSession, checkSigners, deltaOf, ecdsaSchemeOf } from './context.ts';
import { signatureShare } from './lastStep.ts';
import { holdPresignature, takePresignature, wipePresignature } from './presignature.ts';
import { SteppedRun } from '../steppedRun.ts';

/**
 * A run of one step, whose broadcast is the signature share. The nonce of the presignature is moved by a hash that nobody
 * could foresee when the presignature was chosen, because every signer has put a fresh nonce into the session id
 * (ePrint 2021/1330, T14).
 * @throws SymbolonError `threshold/bad-parameters` (E1), and what `deriveKey` throws.
 */
export function onlineRun(plan: PlanOf<'ecdsa-online'>): Run {
  const { public: key, index } = plan;
  const scheme = ecdsaSchemeOf(key);
  const group = groupOf(scheme);
  checkSigners(key, index, plan.signers);
  checkSession(plan.session);
  checkDigest(plan.digest);
  const { publicKey, addend } = deriveKey(key, plan.path);
  const signers = [...plan.signers];
  const digest = plan.digest.slice();
  const { nonce, phi, u, v } = plan.presignature;
  const delta = deltaOf(group, {
    scheme,
    generation: key.generation,
    nonce,
    publicKey,
    digest,
    signers,
    session: plan.session,
  });
  const owner = { public: key, index, signers };
  const held = holdPresignature(owner, {
    nonce: nonce.slice(),
    phi: phi.slice(),
    u: u.slice(),
    v: v.slice(),
  });
  return new SteppedRun({
    steps: [
      () => {
        // The holder is empty before a byte is made of it (T13).
        const parts = takePresignature(held, owner);
        try {
          return { broadcast: signatureShare(group, parts, { digest, addend, delta }), pairwise: new Map() };
        } finally {
          wipePresignature(parts);
        }
      },
    ],
    pairwise: () => false,
    result: () => ({ kind: 'nothing' }),
    wipe: () => {
      held.wipe();
    },
  });
}
