/** The last step of an ECDSA signature, the only one that needs the digest: the signature share of one signer. */
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Group } from '../group/group.ts';
import type { PresignatureParts } from '../run.ts';
import { digestScalar, nonceCoordinate } from './ecdsa.ts';
import { ecdsaShare } from './messages.ts';
import { Secrets } from './secrets.ts';

/** What is signed, and under which key. All public. */
export interface LastStepInput {
  /** 32 bytes. */
  readonly digest: Uint8Array;
  /** What a derived key's secret has more than the joint one; zero for the key itself. */
  readonly addend: bigint;
  /** By how much the nonce moves (`deltaOf`); zero for a nonce that was made after the digest was fixed. */
  readonly delta: bigint;
}

/**
 * The signature share, an `ecdsa-share`. With delta, R' = R + delta * G and u' = u + delta * phi; with the addend d of a
 * derived key, v' = v + d * phi; then w = m * phi + r' * v'. The parts stay the caller's to wipe.
 * @throws SymbolonError `threshold/degenerate-value` where R' is the identity or r' is zero (E19).
 */
export function signatureShare(group: Group, parts: PresignatureParts, input: LastStepInput): Uint8Array {
  const { scalars } = group;
  const point = group.decode(parts.nonce);
  if (point === undefined) {
    throw new SymbolonError('threshold/degenerate-value', { reason: 'nonce' });
  }
  const { encoded, r } = nonceCoordinate(
    group,
    input.delta === 0n ? point : group.add(point, group.publicBaseProduct(input.delta)),
  );
  const secrets = new Secrets();
  try {
    const times = (scalar: bigint, secret: Uint8Array): Uint8Array =>
      secrets.hold(scalars.multiply(secret, group.encodeScalar(scalar)));
    const u = scalars.add(parts.u, times(input.delta, parts.phi));
    const v = secrets.hold(scalars.add(parts.v, times(input.addend, parts.phi)));
    const w = scalars.add(times(digestScalar(group, input.digest), parts.phi), times(r, v));
    // w and u' are sent to everybody: they are no secrets any more.
    return ecdsaShare.encode({ v: 1, nonce: encoded, w, u });
  } finally {
    secrets.wipe();
  }
}
