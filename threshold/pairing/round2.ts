/** Pairing, round 2: as Bob towards each peer, answer its base OTs; open the seed; say what was seen of round 1. */
import type { Random } from '../group/group.ts';
import { OneUse } from '../oneUse.ts';
import { decodeFrom, malformed, oneFromEach } from '../received.ts';
import type { RoundInput, RoundOutput } from '../run.ts';
import { answerOts } from './baseOt.ts';
import { pairingAnswer, pairingOffer, pairingPoints, pairingView } from './messages.ts';
import type { OtGroup } from './otGroup.ts';
import { growTrees, type TreeProof } from './puncturedPrf.ts';
import { wipeOfferedPeer, wipeRound1, type OfferedPeer, type PairingRound1State } from './round1.ts';
import { otBindingOf, viewOf, type PairingContext } from './transcript.ts';

/** What this party keeps for a peer after round 2. */
export interface AnsweredPeer extends OfferedPeer {
  /** All leaves of the trees in which this party is Bob. */
  readonly leaves: Uint8Array;
  /** The peer's commitment to its half of the joint seed. */
  readonly commitment: Uint8Array;
}

/** What round 2 leaves to round 3. */
export interface Round2Content {
  readonly context: PairingContext;
  readonly index: number;
  readonly group: OtGroup;
  /** The broadcasts of round 1, in the order of the participants. */
  readonly offers: readonly Uint8Array[];
  /** Own broadcast of round 2, and the hash in it. */
  readonly broadcast: Uint8Array;
  readonly view: Uint8Array;
  readonly peers: readonly AnsweredPeer[];
}
/** State between rounds 2 and 3. One use. */
export type PairingRound2State = OneUse<Round2Content>;

/**
 * Answers every peer. The state is used up, whatever comes out.
 * @throws SymbolonError with `facts.party`: `threshold/message-missing`, `threshold/unexpected-party` (P3),
 * `threshold/malformed-message` (P4, P5, P6); `threshold/state-used` (P2), `threshold/bad-randomness`.
 */
export function pairingRound2(
  state: PairingRound1State,
  input: RoundInput,
): { state: PairingRound2State; output: RoundOutput } {
  const content = OneUse.take(state);
  const peers: AnsweredPeer[] = [];
  let done = false;
  try {
    const { context, index, group, random } = content;
    const others = content.peers.map(({ peer }) => peer);
    const broadcasts = new Map(oneFromEach(others, input.broadcasts, pairingOffer.name));
    const commitments = new Map(
      [...broadcasts].map(([party, raw]) => [party, commitmentFor(context, party, index, raw)]),
    );
    const points = new Map(
      oneFromEach(others, input.pairwise, pairingPoints.name).map(([party, raw]) => [
        party,
        decodeFrom(party, raw, pairingPoints).points,
      ]),
    );
    const answers = new Map<number, Uint8Array>();
    for (const offered of content.peers) {
      const { peer, seed } = offered;
      const binding = otBindingOf(context, index, peer);
      const answer = answerBatch(group, binding, peer, points.get(peer) ?? new Uint8Array(), random);
      const { leaves, corrections, checkSums, proof } = answer.trees;
      const { a } = answer;
      answers.set(peer, pairingAnswer.encode({ v: 1, a, corrections, checkSums, proof, seed }));
      peers.push({ ...offered, leaves, commitment: commitments.get(peer) ?? new Uint8Array() });
    }
    const offers = context.participants.map((party) =>
      party === index ? content.offer : (broadcasts.get(party)?.slice() ?? new Uint8Array()),
    );
    const view = viewOf(context, offers);
    const broadcast = pairingView.encode({ v: 1, view });
    const next: Round2Content = { context, index, group, offers, broadcast, view, peers };
    done = true;
    return {
      state: new OneUse('pairing round 2', next, wipeRound2),
      output: { broadcast: broadcast.slice(), pairwise: answers },
    };
  } finally {
    if (!done) {
      wipeRound1(content);
      peers.forEach(wipeAnsweredPeer);
    }
  }
}

/** A and the trees for one peer. Throws `threshold/malformed-message` on its points (P6). */
function answerBatch(
  group: OtGroup,
  binding: Uint8Array,
  peer: number,
  points: Uint8Array,
  random: Random,
): { readonly a: Uint8Array; readonly trees: TreeProof & { readonly leaves: Uint8Array } } {
  const answer = answerOts(group, binding, points, random);
  if (answer === undefined) {
    throw malformed(peer, pairingPoints.name, 'a point is not valid');
  }
  const trees = growTrees(binding, answer.keys);
  answer.keys.fill(0);
  return { a: answer.a, trees };
}

/** The commitment of a party's broadcast that is meant for `index`. P5: one for each other party, in their order. */
function commitmentFor(context: PairingContext, party: number, index: number, raw: Uint8Array): Uint8Array {
  const { seeds } = decodeFrom(party, raw, pairingOffer);
  const wanted = context.participants.filter((one) => one !== party);
  const own = seeds.find(({ peer }) => peer === index);
  if (
    own === undefined ||
    seeds.length !== wanted.length ||
    !seeds.every(({ peer }, i) => peer === wanted[i])
  ) {
    throw malformed(party, pairingOffer.name, 'not one seed for each other participant, in their order');
  }
  return own.commitment;
}

/** Overwrites what is kept for a peer. */
export function wipeAnsweredPeer(peer: AnsweredPeer): void {
  wipeOfferedPeer(peer);
  peer.leaves.fill(0);
}

/** Overwrites the choices, scalars, seeds and leaves. */
export function wipeRound2(content: Round2Content): void {
  content.peers.forEach(wipeAnsweredPeer);
}
