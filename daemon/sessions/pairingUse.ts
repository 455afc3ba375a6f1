/**
 * The pairings of one ECDSA session: looked up when it opens, lent when its run begins, poisoned where a check of the
 * joint multiplication fails (T15).
 */
import type { LentPairing } from '../../threshold/index.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import type { Pairings } from '../pairings/contract.ts';
import type { Participant } from './contract.ts';
import { readyPairing } from './readyPairing.ts';
import type { Rounds } from './rounds.ts';

/** What a session with pairings works with. */
export interface PairingModules {
  readonly pairings: Pick<Pairings, 'find' | 'beginUse'>;
  /** Poisons a pairing and ends what else uses it. Durable when it resolves. */
  readonly poison: (peer: string, id: Uint8Array) => Promise<void>;
}

/** The pairings of one session. */
export class PairingUse {
  readonly #peers: readonly Participant[];
  readonly #modules: PairingModules;
  /** Ids by peer, as they were when the session opened. */
  readonly ids: ReadonlyMap<string, Uint8Array>;

  /** @throws SymbolonError `pairing/absent`, `pairing/poisoned`. */
  constructor(peers: readonly Participant[], modules: PairingModules) {
    this.#peers = peers;
    this.#modules = modules;
    this.ids = new Map(
      peers.map(({ name }) => [name, readyPairing(modules.pairings.find(name), name).id.slice()]),
    );
  }

  /** Makes it durable that pairings are in use, before the first of them is. @throws SymbolonError `store/write-failed`. */
  begin(): Promise<void> {
    return this.#modules.pairings.beginUse();
  }

  /** The secrets, lent, by index: to be handed to a run before anything is awaited. @throws SymbolonError as the constructor. */
  lend(): ReadonlyMap<number, LentPairing> {
    return new Map(
      this.#peers.map(({ name, index }) => {
        const { id, secret } = readyPairing(this.#modules.pairings.find(name), name, this.ids.get(name));
        return [index, { id, secret }];
      }),
    );
  }

  /** The same rounds, in which a failed multiplication poisons the pairing before its error goes any further (T15). */
  guarded(rounds: Rounds): Rounds {
    return {
      ...rounds,
      step: async (round, input) => {
        try {
          return await rounds.step(round, input);
        } catch (error) {
          if (isSymbolonError(error, 'threshold/multiplication-failed')) {
            await this.#poison(error.facts.party);
          }
          throw error;
        }
      },
    };
  }

  async #poison(party: number): Promise<void> {
    const peer = this.#peers.find(({ index }) => index === party)?.name ?? '';
    const id = this.ids.get(peer);
    if (id !== undefined) {
      await this.#modules.poison(peer, id);
    }
  }
}
