/** Key generation, round 2: with all commitments at hand, open the own one and deal a share to each other party. */
import { OneUse } from '../oneUse.ts';
import { evaluate } from '../polynomial.ts';
import { decodeFrom, oneFromEach } from '../received.ts';
import { suiteOf } from '../scheme.ts';
import type { DkgContext } from '../transcript.ts';
import { dkgCommitment } from './messages.ts';
import { wipeRound1, type DkgRound1State } from './round1.ts';

/** What round 2 leaves to round 3. */
export interface Round2Content {
  readonly context: DkgContext;
  readonly index: number;
  /** The share that this party deals to itself, 32 bytes. */
  readonly ownShare: Uint8Array;
  readonly ownCommitment: Uint8Array;
  readonly ownOpening: Uint8Array;
  /** The others' round 1 broadcasts as they came, by index. */
  readonly commitments: ReadonlyMap<number, Uint8Array>;
}
/** State between rounds 2 and 3. One use. */
export type DkgRound2State = OneUse<Round2Content>;

/**
 * Takes the others' round 1 broadcasts; gives the own opening to broadcast, and f(j) for each other party j, 32 plain
 * bytes that the caller encrypts to j and wipes.
 *
 * The state is used up whatever the outcome: a failed run is started anew.
 * @throws SymbolonError `threshold/state-used`, or with `facts.party`: `threshold/message-missing`,
 * `threshold/unexpected-party`, `threshold/malformed-message`.
 */
export function dkgRound2(
  state: DkgRound1State,
  broadcasts: ReadonlyMap<number, Uint8Array>,
): { state: DkgRound2State; broadcast: Uint8Array; pairwise: Map<number, Uint8Array> } {
  const content = OneUse.take(state);
  try {
    const { context, index, commitment, opening } = content;
    const { group } = suiteOf(context.scheme);
    const others = context.participants.filter((party) => party !== index);
    const commitments = new Map(
      oneFromEach(others, broadcasts, dkgCommitment.name).map(([party, raw]) => {
        decodeFrom(party, raw, dkgCommitment);
        return [party, raw.slice()];
      }),
    );
    const coefficients = content.coefficients.map((raw) => group.decodeScalar(raw) ?? 0n);
    const shareFor = (party: number): Uint8Array => group.encodeScalar(evaluate(group, coefficients, party));
    return {
      state: new OneUse<Round2Content>(
        'dkg round 2',
        {
          context,
          index,
          ownShare: shareFor(index),
          ownCommitment: commitment,
          ownOpening: opening,
          commitments,
        },
        wipeRound2,
      ),
      broadcast: opening.slice(),
      pairwise: new Map(others.map((party) => [party, shareFor(party)])),
    };
  } finally {
    // From here on this party needs of its polynomial only what it dealt to itself.
    wipeRound1(content);
  }
}

/** Overwrites the share that the party dealt to itself. */
export function wipeRound2(content: Round2Content): void {
  content.ownShare.fill(0);
}
