/**
 * The four rounds in which nodes make a key: hash commitments, openings with pairwise shares, confirmations, stored.
 * Nothing is stored before every participant has confirmed that it saw the same broadcasts (T16).
 */
import {
  dkgRound1,
  dkgRound2,
  dkgRound3,
  wipe,
  wipeKeyShare,
  type DkgRound1State,
  type DkgRound2State,
  type KeyShare,
  type Random,
} from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import type { KeyCreateRequest } from '../../wire/messages/request.ts';
import { keyStored } from '../../wire/messages/session.ts';
import { storedRound, type Holder, type Keystore } from '../keystore/keystore.ts';
import type { Outgoing, RoundInput, Rounds } from './rounds.ts';

/** What a run of key creation needs. */
export interface KeygenOptions {
  readonly request: KeyCreateRequest;
  /** This node's participant index. */
  readonly index: number;
  /** Indices of all participants, rising. */
  readonly participants: readonly number[];
}
/** What it works with. `stored` is told the id of the key once its record is on the disk. */
export interface KeygenModules {
  readonly random: Random;
  readonly keystore: Pick<Keystore, 'putPending'>;
  readonly stored: (key: string) => void;
}

type Held =
  | { readonly kind: 'none' }
  | { readonly kind: 'committed'; readonly state: DkgRound1State }
  | { readonly kind: 'opened'; readonly state: DkgRound2State }
  | { readonly kind: 'share'; readonly share: KeyShare; readonly confirmation: Uint8Array };

const nameOf = (holders: readonly Holder[], index: number): string =>
  holders.find((holder) => holder.index === index)?.name ?? '';

/** A run of key creation. */
export function keygenRounds(opts: KeygenOptions, modules: KeygenModules): Rounds {
  const { request, index, participants } = opts;
  let held: Held = { kind: 'none' };

  const drop = (): void => {
    if (held.kind === 'committed' || held.kind === 'opened') {
      wipe(held.state);
    } else if (held.kind === 'share') {
      wipeKeyShare(held.share);
    }
    held = { kind: 'none' };
  };
  const outOfOrder = (round: number): SymbolonError =>
    new SymbolonError('round/out-of-order', { expected: 1, got: round });

  const begin = (input: RoundInput): Outgoing[] => {
    const { state, broadcast } = dkgRound1({
      scheme: request.scheme,
      session: input.session,
      index,
      participants,
      threshold: request.threshold,
      random: modules.random,
    });
    held = { kind: 'committed', state };
    return [{ payload: broadcast }];
  };
  const share = (state: DkgRound1State, input: RoundInput): Outgoing[] => {
    const next = dkgRound2(state, input.broadcasts);
    held = { kind: 'opened', state: next.state };
    const pairwise = [...next.pairwise].map(([to, payload]) => ({ to: nameOf(input.holders, to), payload }));
    return [{ payload: next.broadcast }, ...pairwise];
  };
  const confirm = (state: DkgRound2State, input: RoundInput): Outgoing[] => {
    const made = dkgRound3(state, input.broadcasts, input.pairwise);
    held = { kind: 'share', ...made };
    return [{ payload: made.confirmation }];
  };
  const store = async (
    { share: made, confirmation }: Extract<Held, { kind: 'share' }>,
    input: RoundInput,
  ): Promise<Outgoing[]> => {
    for (const [from, theirs] of input.broadcasts) {
      if (!equalBytes(theirs, confirmation)) {
        throw new SymbolonError('round/split-view', { peer: nameOf(input.holders, from), round: 3 });
      }
    }
    // The share is this call's own now: a session that ends meanwhile does not wipe it while it is being sealed. The
    // store keeps a copy of its own; this one ends here, whatever happens.
    held = { kind: 'none' };
    try {
      const info = await modules.keystore.putPending({
        share: made,
        purpose: request.purpose,
        label: request.label,
        holders: input.holders,
        session: input.session,
        transcript: input.transcript,
      });
      modules.stored(info.id);
      return [{ payload: keyStored.encode({ v: 1, stored: info.id, generation: info.generation }) }];
    } finally {
      wipeKeyShare(made);
    }
  };
  return {
    last: storedRound,
    sendsPairwise: (round) => round === 2,
    wipe: drop,
    step: async (round, input) => {
      const now = held;
      if (round === 1 && now.kind === 'none') {
        return begin(input);
      }
      if (round === 2 && now.kind === 'committed') {
        return share(now.state, input);
      }
      if (round === 3 && now.kind === 'opened') {
        return confirm(now.state, input);
      }
      if (round === storedRound && now.kind === 'share') {
        return store(now, input);
      }
      throw outOfOrder(round);
    },
  };
}
