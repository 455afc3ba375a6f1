/** Pairing, round 1: as Alice towards each peer, offer base OTs; commit to a seed for each peer. */
import type { Random } from '../group/group.ts';
import { draw } from '../group/integers.ts';
import { badParameters, checkParticipants } from '../keyShare.ts';
import { OneUse } from '../oneUse.ts';
import type { PlanOf } from '../plan.ts';
import type { RoundOutput } from '../run.ts';
import { offerOts, wipeReceiver, type OtReceiver } from './baseOt.ts';
import { pairingOffer, pairingPoints } from './messages.ts';
import type { OtGroup } from './otGroup.ts';
import { otBindingOf, seedCommitmentOf, type PairingContext } from './transcript.ts';

/** What this party keeps for a peer after round 1. */
export interface OfferedPeer {
  readonly peer: number;
  /** The base OTs in which this party chooses. */
  readonly receiver: OtReceiver;
  /** This party's half of the joint seed, 32 bytes. */
  readonly seed: Uint8Array;
}

/** What round 1 leaves to round 2. */
export interface Round1Content {
  readonly context: PairingContext;
  readonly index: number;
  readonly group: OtGroup;
  readonly random: Random;
  /** Own broadcast. */
  readonly offer: Uint8Array;
  /** In the order of the indices. */
  readonly peers: readonly OfferedPeer[];
}
/** State between rounds 1 and 2. One use. */
export type PairingRound1State = OneUse<Round1Content>;

/**
 * Draws for each peer 32 bytes of seed and what {@link offerOts} takes.
 * @throws SymbolonError `threshold/bad-parameters` (P1), `threshold/bad-randomness`.
 */
export function pairingRound1(
  plan: PlanOf<'pair'>,
  group: OtGroup,
  random: Random,
): { state: PairingRound1State; output: RoundOutput } {
  const { index } = plan;
  // P1
  checkParticipants(plan.participants, 2);
  if (!plan.participants.includes(index)) {
    throw badParameters('the own index is not among the participants');
  }
  if (plan.session.length !== 32) {
    throw badParameters('the session id has not 32 bytes');
  }
  const context = { session: plan.session.slice(), participants: [...plan.participants] };
  const peers: OfferedPeer[] = [];
  try {
    for (const peer of context.participants.filter((one) => one !== index)) {
      const seed = draw(random, 32);
      peers.push({ peer, seed, receiver: offerOts(group, otBindingOf(context, peer, index), random) });
    }
  } catch (error) {
    peers.forEach(wipeOfferedPeer);
    throw error;
  }
  const offer = pairingOffer.encode({
    v: 1,
    seeds: peers.map(({ peer, seed }) => ({
      peer,
      commitment: seedCommitmentOf(context, index, peer, seed),
    })),
  });
  const content: Round1Content = { context, index, group, random, offer, peers };
  return {
    state: new OneUse('pairing round 1', content, wipeRound1),
    output: {
      broadcast: offer.slice(),
      pairwise: new Map(
        peers.map(({ peer, receiver }) => [peer, pairingPoints.encode({ v: 1, points: receiver.points })]),
      ),
    },
  };
}

/** Overwrites what is kept for a peer. */
export function wipeOfferedPeer({ receiver, seed }: OfferedPeer): void {
  wipeReceiver(receiver);
  seed.fill(0);
}

/** Overwrites the choices, scalars and seeds. */
export function wipeRound1(content: Round1Content): void {
  content.peers.forEach(wipeOfferedPeer);
}
