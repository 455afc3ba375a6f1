/** The rule about marks: whether a peer goes on from where it was seen last (T09). guard/SPEC.md has the argument. */
import type { Appraisal } from '../../enclave/evidence/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, hashOf } from '../../wire/ids.ts';
import type { ManifestNode } from '../../wire/messages/manifest.ts';
import type { Witness } from '../guard/marks.ts';

/**
 * Names a node and its machine, 16 bytes: everything that its entry in the manifest says. A node that is set up anew gets
 * another entry from the governance, and with it a new beginning.
 */
export const tieOf = (node: ManifestNode): Uint8Array =>
  hashOf(
    'symbolon/node-tie/1',
    node.name,
    node.index,
    node.platform,
    node.pcrs,
    node.instance ?? '',
    node.attestationKey ?? new Uint8Array(0),
  ).slice(0, 16);

/** What is known of the peer. */
export interface Known {
  /** What was seen of it by now. */
  readonly now: Witness | undefined;
  /** What had been seen when this session's nonce was made; absent for evidence that was made before it. */
  readonly atNonce: Witness | undefined;
}

/**
 * The refusal of a peer that is behind what was seen of it, or is there twice; nothing where it goes on.
 *
 * Number 0 is of no boot: a node that shows it can't read its own counts. Of the boot that was seen last, the number is the
 * same, and a lower mark is evidence that was overtaken by another session: accepted, unless the evidence was made after the
 * higher one was seen. Another boot must be a later one, and must have begun with all that was seen: starting again and again
 * makes a state that was put back no younger.
 */
export function judgeMark(
  peer: string,
  { boot, marks }: Pick<Appraisal, 'boot' | 'marks'>,
  { now, atNonce }: Known,
): SymbolonError<'gate/behind-mark'> | SymbolonError<'gate/two-instances'> | undefined {
  const { boots, since, mark } = marks;
  const factsOf = (shown: number, seen: Omit<Witness, 'boot'>) => ({
    peer,
    mark: shown,
    witnessed: seen.mark,
    boots,
    witnessedBoots: seen.boots,
  });
  const seen = now ?? { boots: 0, mark: 0 };
  // First, whatever was seen: the journal has no witness of a boot without a number (guard/SPEC.md, "Bytes").
  if (boots === 0) {
    return new SymbolonError('gate/behind-mark', factsOf(since, seen));
  }
  if (now !== undefined && equalBytes(now.boot, boot)) {
    // A boot has one number for all its time: another one is not what an honest node shows.
    if (boots !== now.boots) {
      return new SymbolonError('gate/behind-mark', factsOf(mark, now));
    }
    const seenBefore = atNonce !== undefined && equalBytes(atNonce.boot, boot) ? atNonce : undefined;
    return seenBefore !== undefined && mark < seenBefore.mark
      ? new SymbolonError('gate/behind-mark', factsOf(mark, seenBefore))
      : undefined;
  }
  if (since < seen.mark || boots < seen.boots) {
    return new SymbolonError('gate/behind-mark', factsOf(since, seen));
  }
  return boots === seen.boots ? new SymbolonError('gate/two-instances', factsOf(since, seen)) : undefined;
}
