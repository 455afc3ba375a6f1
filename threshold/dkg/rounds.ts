/** Key generation round by round, for callers that carry the states themselves; dkg/run.ts makes a run of the same. */
import { commitRound, dealRound, sumRound, type CommittedState, type DealtState } from '../dealing/rounds.ts';
import type { Random } from '../group/group.ts';
import type { KeyShare } from '../keyShare.ts';
import { dkgDealing, type DkgOpened, type DkgParameters } from './dealing.ts';

/** What round 1 is given. */
export interface DkgOptions extends DkgParameters {
  /** Source of 48 bytes for each coefficient and the proof, and 32 for the chain code. */
  readonly random: Random;
}
/** State between rounds 1 and 2. One use. */
export type DkgRound1State = CommittedState<DkgOpened>;
/** State between rounds 2 and 3. One use. */
export type DkgRound2State = DealtState<DkgOpened>;

/**
 * Round 1: makes the polynomial, the proof of possession and the chain code contribution; broadcasts a hash of them.
 * @throws SymbolonError `threshold/bad-parameters`, `threshold/bad-randomness`.
 */
export const dkgRound1 = (opts: DkgOptions): { state: DkgRound1State; broadcast: Uint8Array } =>
  commitRound(dkgDealing(opts), opts.random);

/**
 * Round 2: takes the others' round 1 broadcasts; gives the own opening to broadcast, and f(j) for each other party j, 32
 * plain bytes that the caller encrypts to j and wipes. The state is used up whatever the outcome.
 * @throws SymbolonError `threshold/state-used`, or with `facts.party`: `threshold/message-missing`,
 * `threshold/unexpected-party`, `threshold/malformed-message`.
 */
export const dkgRound2 = (
  state: DkgRound1State,
  broadcasts: ReadonlyMap<number, Uint8Array>,
): { state: DkgRound2State; broadcast: Uint8Array; pairwise: Map<number, Uint8Array> } =>
  dealRound(state, broadcasts);

/**
 * Round 3: takes the others' openings and the shares that they dealt to this party; gives the key share and the
 * confirmation, 32 bytes that all parties must find equal before anything is stored (T16). The share is the caller's to
 * wipe, and so are the pairwise bytes. The state is used up whatever the outcome.
 * @throws SymbolonError with `facts.party`: `threshold/message-missing`, `threshold/unexpected-party`,
 * `threshold/malformed-message`, `threshold/opening-mismatch`, `threshold/bad-coefficients`, `threshold/bad-proof`,
 * `threshold/bad-dealt-share`; without: `threshold/state-used`, `threshold/degenerate-value`.
 */
export function dkgRound3(
  state: DkgRound2State,
  broadcasts: ReadonlyMap<number, Uint8Array>,
  pairwise: ReadonlyMap<number, Uint8Array>,
): { share: KeyShare; confirmation: Uint8Array } {
  const { index, public: key, secret, confirmation } = sumRound(state, broadcasts, pairwise);
  if (secret === undefined) {
    throw new TypeError('every party of key generation receives a share');
  }
  return { share: { public: key, index, secret }, confirmation };
}
