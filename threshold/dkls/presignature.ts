/**
 * A presignature in its holder: one use, memory only, tied to the key, the generation, the participant and the signers
 * that it was made for (T12). It is not in the holder any more before the first byte is made of it (T13).
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import type { KeyPublic } from '../keyShare.ts';
import { OneUse } from '../oneUse.ts';
import type { PresignatureParts } from '../run.ts';

/** Whose presignature it is. */
export interface PresignatureOwner {
  readonly public: KeyPublic;
  readonly index: number;
  /** All signers, rising. */
  readonly signers: readonly number[];
}

/** What a presignature holds. */
export interface PresignatureContent {
  readonly parts: PresignatureParts;
  readonly scheme: string;
  readonly groupPublicKey: Uint8Array;
  readonly generation: number;
  readonly index: number;
  readonly signers: readonly number[];
}
/** A presignature in memory. It has no enumerable field, so nothing can serialise it. */
export type Presignature = OneUse<PresignatureContent>;

/** Puts parts into a holder, which owns them from here on. */
export function holdPresignature(owner: PresignatureOwner, parts: PresignatureParts): Presignature {
  const { scheme, groupPublicKey, generation } = owner.public;
  const content: PresignatureContent = {
    parts,
    scheme,
    groupPublicKey: groupPublicKey.slice(),
    generation,
    index: owner.index,
    signers: [...owner.signers],
  };
  return new OneUse('presignature', content, (held) => {
    wipePresignature(held.parts);
  });
}

/**
 * E18: takes the parts out for their one use; the caller wipes them. The holder is empty afterwards whatever happens: a
 * presignature that was asked for in vain is gone as well.
 * @throws SymbolonError `threshold/state-used` on a second use, `threshold/foreign-presignature` where it was made for
 * another key, generation, participant or set of signers.
 */
export function takePresignature(holder: Presignature, wanted: PresignatureOwner): PresignatureParts {
  const held = OneUse.take(holder);
  const fits =
    held.scheme === wanted.public.scheme &&
    equalBytes(held.groupPublicKey, wanted.public.groupPublicKey) &&
    held.generation === wanted.public.generation &&
    held.index === wanted.index &&
    held.signers.length === wanted.signers.length &&
    held.signers.every((signer, i) => signer === wanted.signers[i]);
  if (!fits) {
    wipePresignature(held.parts);
    throw new SymbolonError('threshold/foreign-presignature', { index: wanted.index });
  }
  return held.parts;
}

/** Overwrites the secrets of a presignature. */
export function wipePresignature(parts: PresignatureParts): void {
  parts.phi.fill(0);
  parts.u.fill(0);
  parts.v.fill(0);
}
