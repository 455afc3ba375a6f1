/** The two rounds of FROST signing (RFC 9591 section 5), one run of them. The coordinator aggregates and verifies. */
import { commit, signShare, wipe, type KeyShare, type Nonces, type Random } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { signedMessage, type Payload } from '../../wire/messages/request.ts';
import type { Outgoing, RoundInput, Rounds } from './rounds.ts';

/** A run of signing. `share` stays the key store's. */
export function signRounds(
  opts: { readonly share: KeyShare; readonly payload: Payload },
  modules: { readonly random: Random },
): Rounds {
  const { share } = opts;
  const { message, tweak } = signedMessage(opts.payload);
  // T12: the nonces exist here and nowhere else, from round 1 until they are used or the session ends.
  let held: { readonly nonces: Nonces; readonly commitment: Uint8Array } | undefined;

  const drop = (): void => {
    if (held !== undefined) {
      wipe(held.nonces);
      held = undefined;
    }
  };
  const step = (round: number, input: RoundInput): readonly Outgoing[] => {
    if (round === 1) {
      held = commit({ share, random: modules.random });
      return [{ payload: held.commitment }];
    }
    if (round !== 2 || held === undefined) {
      throw new SymbolonError('round/out-of-order', { expected: held === undefined ? 1 : 2, got: round });
    }
    const commitments = new Map(input.broadcasts).set(share.index, held.commitment);
    const { nonces } = held;
    try {
      return [{ payload: signShare({ share, nonces, commitments, message, tweak }) }];
    } finally {
      drop();
    }
  };
  return {
    last: 2,
    sendsPairwise: () => false,
    step: (round, input) => Promise.resolve(step(round, input)),
    wipe: drop,
  };
}
