/**
 * Additive shares of zero among the signers (ePrint 2023/765 functionality 3.4, from pairwise seeds): what hides the
 * Lagrange-weighted key shares of the signers from each other. No message is sent.
 */
import { createHmac } from 'node:crypto';
import { encodeCbor } from '../../wire/cbor.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Group, SecretScalar } from '../group/group.ts';
import { wideScalarBytes } from '../group/integers.ts';
import { badParameters } from '../keyShare.ts';
import type { PairingKeys } from '../pairing/pairingKeys.ts';

/** What a share of zero is made of. */
export interface ZeroShareOptions {
  readonly group: Group;
  readonly index: number;
  /** All signers, rising. */
  readonly signers: readonly number[];
  /** 32 bytes, fresh, agreed by all signers. */
  readonly session: Uint8Array;
  /** The pairing with each other signer, by index. They stay the caller's. */
  readonly pairings: ReadonlyMap<number, PairingKeys>;
}

/**
 * This signer's share: the sum over signers j above it of PRF(s_ij) minus the same for those below it. PRF is HMAC-SHA-512 under
 * the joint seed over curve, session, signers, both indices and the pairing's id; 48 bytes of it modulo the order. Over all
 * signers each term comes once with each sign, so the shares sum to zero. The caller wipes it.
 * @throws SymbolonError `threshold/bad-parameters`; `threshold/unexpected-party` where there is no pairing with a signer.
 */
export function zeroShare(opts: ZeroShareOptions): SecretScalar {
  const { group, index, signers, session, pairings } = opts;
  if (session.length !== 32 || !signers.includes(index)) {
    throw badParameters('a share of zero is for a signer and a session id of 32 bytes');
  }
  const { scalars } = group;
  let sum: SecretScalar = new Uint8Array(32);
  for (const signer of signers) {
    if (signer === index) {
      continue;
    }
    const pairing = pairings.get(signer);
    if (pairing === undefined) {
      sum.fill(0);
      throw new SymbolonError('threshold/unexpected-party', { party: signer, message: 'pairing' });
    }
    const [low, high] = [Math.min(index, signer), Math.max(index, signer)];
    const term = termOf(group, pairing, [group.name, session, [...signers], low, high, pairing.id]);
    const next = index < signer ? scalars.add(sum, term) : scalars.subtract(sum, term);
    term.fill(0);
    sum.fill(0);
    sum = next;
  }
  return sum;
}

function termOf(
  group: Group,
  pairing: PairingKeys,
  binding: readonly (string | number | Uint8Array | readonly number[])[],
): SecretScalar {
  const mac = createHmac('sha512', pairing.zeroSeed)
    .update(encodeCbor(['symbolon/zero-share/1', ...binding]))
    .digest();
  try {
    return group.scalars.fromWide(new Uint8Array(mac.buffer, mac.byteOffset, wideScalarBytes));
  } finally {
    mac.fill(0);
  }
}
