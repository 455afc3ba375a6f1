/**
 * The three rounds of a dealing: commit to the opening; open it and deal; check what the others dealt, and sum up. Each
 * state serves once, whatever the outcome: a failed run is started anew.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import type { Random, SecretScalar } from '../group/group.ts';
import { OneUse } from '../oneUse.ts';
import { evaluate, evaluateInExponent } from '../polynomial.ts';
import { malformed, oneFromEach } from '../received.ts';
import { checkDealt, sumCoefficients, sumOfSecrets, wipeAll } from './coefficients.ts';
import type { Begun, Dealing, Opened, Outcome } from './dealing.ts';

/** What round 1 leaves to round 2. */
interface Committed<O extends Opened> extends Begun {
  readonly dealing: Dealing<O>;
  readonly commitment: Uint8Array;
}
/** State between rounds 1 and 2. One use. */
export type CommittedState<O extends Opened> = OneUse<Committed<O>>;

/** What round 2 leaves to round 3. */
interface Dealt<O extends Opened> {
  readonly dealing: Dealing<O>;
  /** The share that this party deals to itself; `undefined` where it does not deal, or receives nothing. */
  readonly ownShare: SecretScalar | undefined;
  readonly ownCommitment: Uint8Array;
  readonly ownOpening: Uint8Array;
  /** The others' round 1 broadcasts as they came, by index. */
  readonly commitments: ReadonlyMap<number, Uint8Array>;
}
/** State between rounds 2 and 3. One use. */
export type DealtState<O extends Opened> = OneUse<Dealt<O>>;

/** Round 1: makes the polynomial and everything that depends on it, and commits to it. */
export function commitRound<O extends Opened>(
  dealing: Dealing<O>,
  random: Random,
): { state: CommittedState<O>; broadcast: Uint8Array } {
  const { opening, coefficients } = dealing.begin(random);
  const commitment = dealing.encodeCommitment(dealing.openingHash(dealing.index, opening));
  const state = new OneUse<Committed<O>>(
    `${dealing.openingName} round 1`,
    { dealing, opening, coefficients, commitment },
    (content) => {
      wipeAll(content.coefficients);
      content.dealing.wipe();
    },
  );
  // The state keeps its own copy of what was sent: the caller may do with its bytes what it likes.
  return { state, broadcast: commitment.slice() };
}

/**
 * Round 2: takes the others' commitments; gives the own opening to broadcast, and f(j) for each other receiver j, 32 plain
 * bytes that the caller encrypts to j and wipes.
 */
export function dealRound<O extends Opened>(
  state: CommittedState<O>,
  broadcasts: ReadonlyMap<number, Uint8Array>,
): { state: DealtState<O>; broadcast: Uint8Array; pairwise: Map<number, Uint8Array> } {
  const { dealing, opening, coefficients, commitment } = OneUse.take(state);
  const { group, index } = dealing;
  try {
    const commitments = new Map(
      oneFromEach(others(dealing.parties, index), broadcasts, dealing.commitmentName).map(([party, raw]) => {
        dealing.decodeCommitment(party, raw);
        return [party, raw.slice()];
      }),
    );
    const deals = coefficients.length > 0;
    const shareFor = (party: number): SecretScalar => evaluate(group, coefficients, party);
    const content: Dealt<O> = {
      dealing,
      ownShare: deals && dealing.receivers.includes(index) ? shareFor(index) : undefined,
      ownCommitment: commitment,
      ownOpening: opening,
      commitments,
    };
    return {
      state: new OneUse(`${dealing.openingName} round 2`, content, wipeDealt),
      broadcast: opening.slice(),
      pairwise: new Map(
        deals ? others(dealing.receivers, index).map((party) => [party, shareFor(party)]) : [],
      ),
    };
  } catch (error) {
    dealing.wipe();
    throw error;
  } finally {
    // From here on this party needs of its polynomial only what it dealt to itself.
    wipeAll(coefficients);
  }
}

/**
 * Round 3: takes the others' openings and the shares that the dealers dealt to this party; gives what came of it. The
 * pairwise bytes stay the caller's to wipe.
 */
export function sumRound<O extends Opened>(
  state: DealtState<O>,
  broadcasts: ReadonlyMap<number, Uint8Array>,
  pairwise: ReadonlyMap<number, Uint8Array>,
): Outcome {
  const content = OneUse.take(state);
  try {
    const { dealing } = content;
    const { group, index, parties } = dealing;
    const openings = new Map(oneFromEach(others(parties, index), broadcasts, dealing.openingName));
    const receives = dealing.receivers.includes(index);
    const from = receives ? others(dealing.dealers, index) : [];
    const dealtShares = new Map(oneFromEach(from, pairwise, 'dealt share'));

    // All openings are held against their commitments before any is looked into: nobody chose after seeing another's.
    for (const [party, opening] of openings) {
      checkOpening(dealing, party, content.commitments.get(party) ?? noBytes, opening);
    }
    const all = parties.map((party) =>
      dealing.decodeOpening(party, openings.get(party) ?? content.ownOpening),
    );
    const theirs = all.filter(({ party }) => party !== index);
    for (const one of theirs) {
      dealing.checkConstant(one);
    }
    for (const one of theirs.filter(({ party }) => dealtShares.has(party))) {
      // The dealt share lies on the polynomial: f_j(i) * G is the polynomial of j, evaluated at i in the exponent.
      const commitment = evaluateInExponent(group, one.coefficients, index);
      checkDealt(group, one.party, dealtShares.get(one.party) ?? noBytes, commitment);
    }

    const dealt = all.filter(({ coefficients }) => coefficients.length > 0);
    const key = dealing.nextKey(
      all,
      sumCoefficients(
        group,
        dealt.map(({ coefficients }) => coefficients),
      ),
    );
    const confirmation = dealing.confirmation(
      {
        commitments: parties.map((party) => content.commitments.get(party) ?? content.ownCommitment),
        openings: parties.map((party) => openings.get(party) ?? content.ownOpening),
      },
      key,
    );
    const terms = [dealing.base, content.ownShare, ...dealtShares.values()];
    const secret = receives
      ? sumOfSecrets(
          group,
          terms.filter((term) => term !== undefined),
        )
      : undefined;
    return { index, public: key, secret, confirmation };
  } finally {
    wipeDealt(content);
  }
}

const noBytes = new Uint8Array();
const others = (parties: readonly number[], index: number): number[] =>
  parties.filter((party) => party !== index);

function wipeDealt<O extends Opened>(content: Dealt<O>): void {
  content.ownShare?.fill(0);
  content.dealing.wipe();
}

/** Check 5: the opening is the one that the party committed to, in this run, under its own index. */
function checkOpening<O extends Opened>(
  dealing: Dealing<O>,
  party: number,
  commitment: Uint8Array,
  opening: Uint8Array,
): void {
  if (opening.length > dealing.maxOpening) {
    throw malformed(party, dealing.openingName, 'too long');
  }
  const wanted = dealing.decodeCommitment(party, commitment);
  if (!equalBytes(dealing.openingHash(party, opening), wanted)) {
    throw new SymbolonError('threshold/opening-mismatch', { party });
  }
}
