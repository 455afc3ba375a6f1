/** Pairing, round 3: check every answer, and put the pairings together. All or none: one failed check and nothing comes out. */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import { OneUse } from '../oneUse.ts';
import { decodeFrom, malformed, oneFromEach } from '../received.ts';
import type { RoundInput } from '../run.ts';
import { finishOts } from './baseOt.ts';
import { pairingAnswer, pairingView, type PairingAnswer } from './messages.ts';
import { pairingBytes, wipePairingSecret, type PairingSecret } from './pairingKeys.ts';
import { punctureTrees } from './puncturedPrf.ts';
import { wipeRound2, type AnsweredPeer, type PairingRound2State, type Round2Content } from './round2.ts';
import { confirmationOf, otBindingOf, pairingIdOf, seedCommitmentOf, zeroSeedOf } from './transcript.ts';

/** A new pairing, as it goes to the store. The receiver owns and wipes `secret`. */
export interface NewPairing {
  readonly id: Uint8Array;
  readonly secret: Uint8Array;
}

/**
 * Checks and finishes. The state is used up, whatever comes out.
 * @throws SymbolonError with `facts.party`: `threshold/message-missing`, `threshold/unexpected-party` (P3),
 * `threshold/malformed-message` (P4, P6), `threshold/split-view` (P8), `threshold/opening-mismatch` (P9),
 * `threshold/bad-pairing` (P7); `threshold/state-used` (P2).
 */
export function pairingRound3(
  state: PairingRound2State,
  input: RoundInput,
): { pairings: Map<number, NewPairing>; confirmation: Uint8Array } {
  const content = OneUse.take(state);
  const pairings = new Map<number, NewPairing>();
  let done = false;
  try {
    const others = content.peers.map(({ peer }) => peer);
    const views = new Map(oneFromEach(others, input.broadcasts, pairingView.name));
    for (const [party, raw] of views) {
      // P8: everyone saw the same commitments to seeds.
      if (!equalBytes(decodeFrom(party, raw, pairingView).view, content.view)) {
        throw new SymbolonError('threshold/split-view', { party });
      }
    }
    const answers = new Map<number, PairingAnswer>();
    try {
      for (const [party, raw] of oneFromEach(others, input.pairwise, pairingAnswer.name)) {
        answers.set(party, decodeFrom(party, raw, pairingAnswer));
      }
      for (const peer of content.peers) {
        const answer = answers.get(peer.peer);
        if (answer !== undefined) {
          pairings.set(peer.peer, finishPeer(content, peer, answer));
        }
      }
    } finally {
      for (const { seed } of answers.values()) {
        seed.fill(0);
      }
    }
    const { context, index, offers, broadcast } = content;
    const echoed = context.participants.map((party) =>
      party === index ? broadcast : (views.get(party) ?? new Uint8Array()),
    );
    const confirmation = confirmationOf(context, offers, echoed);
    done = true;
    return { pairings, confirmation };
  } finally {
    wipeRound2(content);
    if (!done) {
      wipePairings(pairings);
    }
  }
}

/** Overwrites the secrets of new pairings. */
export function wipePairings(pairings: ReadonlyMap<number, NewPairing>): void {
  for (const { secret } of pairings.values()) {
    secret.fill(0);
  }
}

function finishPeer(content: Round2Content, peer: AnsweredPeer, answer: PairingAnswer): NewPairing {
  const { context, index, group } = content;
  const party = peer.peer;
  // P9
  if (!equalBytes(seedCommitmentOf(context, party, index, answer.seed), peer.commitment)) {
    throw new SymbolonError('threshold/opening-mismatch', { party });
  }
  const binding = otBindingOf(context, party, index);
  // P6
  const keys = finishOts(group, binding, peer.receiver, answer.a);
  if (keys === undefined) {
    throw malformed(party, pairingAnswer.name, 'a point is not valid');
  }
  // P7
  const punctured = punctureTrees(binding, peer.receiver.choices, keys, answer);
  keys.fill(0);
  if (punctured === undefined) {
    throw new SymbolonError('threshold/bad-pairing', { party });
  }
  const mine = { index, seed: peer.seed };
  const theirs = { index: party, seed: answer.seed };
  const id = pairingIdOf(context, index, party);
  const secret: PairingSecret = {
    v: 1,
    id,
    index,
    peer: party,
    nabla: punctured.nabla,
    aliceLeaves: punctured.leaves,
    bobLeaves: peer.leaves,
    zeroSeed: index < party ? zeroSeedOf(context, mine, theirs) : zeroSeedOf(context, theirs, mine),
  };
  try {
    return { id, secret: pairingBytes.encode(secret) };
  } finally {
    wipePairingSecret(secret);
  }
}
