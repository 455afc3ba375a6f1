/**
 * What ends sessions and presignatures from outside: a poisoned pairing (T15), a pairing made anew, new shares of a key,
 * another manifest (T12, T20).
 */
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import type { VerifiedManifest } from '../../manifest/index.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Log } from '../log.ts';
import type { Pairings } from '../pairings/contract.ts';
import type { PresignatureFor, PresignaturePool } from '../presignatures/pool.ts';
import { sharesOf } from './protocols/share.ts';
import type { Session } from './session.ts';
import type { SessionTable } from './table.ts';

/** What ending works with. */
export interface EndingsModules {
  readonly keystore: Pick<Keystore, 'open'>;
  readonly pairings: Pick<Pairings, 'find' | 'poison'>;
  readonly pool: PresignaturePool;
  readonly log: Log;
  /** Told of an error after which the node must not go on. */
  readonly fatal: (error: SymbolonError) => void;
}

const aborted = (reason: string): SymbolonError => new SymbolonError('session/aborted', { reason });

/** Ends what may not go on. */
export class Endings {
  readonly #table: SessionTable;
  readonly #modules: EndingsModules;

  constructor(table: SessionTable, modules: EndingsModules) {
    this.#table = table;
    this.#modules = modules;
  }

  /**
   * A check failed in the session `found` (T15). From the first line on nothing that was made with the pairing leaves; when
   * this resolves, the poison is on the disk.
   * @throws SymbolonError `store/write-failed`; then the node freezes.
   */
  async poison(peer: string, id: Uint8Array, found: Session): Promise<void> {
    const { pairings, log, fatal } = this.#modules;
    const durable = pairings.poison(peer, id);
    log('error', 'pairing-poisoned', { peer, session: toHex(found.id).slice(0, 16) });
    this.#drop('a pairing is poisoned', ({ nodes }) => nodes.includes(peer));
    this.#endUsers(peer, new SymbolonError('pairing/poisoned', { peer }), found);
    try {
      await durable;
    } catch (error) {
      if (isSymbolonError(error)) {
        fatal(error);
      }
      throw error;
    }
  }

  /** There is a new pairing with a peer. Presignatures that were made with an older one no longer depend on it. */
  pairingMade(peer: string): void {
    this.#modules.log('info', 'pairing-made', { peer });
    this.#endUsers(peer, aborted('the pairing was made anew'));
  }

  /** The shares of a key that count here may be others than before, or gone. */
  async sharesChanged(key: string): Promise<void> {
    const now = await this.#sharesNow(key);
    this.#drop('a key has new shares', (one) => one.key === key && one.shares !== now);
    this.#table.failWhere(
      (one) => one.key?.id === key && one.shares !== now,
      aborted('the key has new shares'),
    );
  }

  /**
   * Another manifest is in force. Sessions of the one before end: the gate would refuse their next round. Those whose last
   * round has left are heard out. Presignatures with a node that it does not have, or has in another place, are gone.
   */
  manifestChanged({ manifest, hash }: VerifiedManifest, before: VerifiedManifest): void {
    this.#table.failWhere(
      (one) => !one.released && !equalBytes(one.manifest, hash),
      new SymbolonError('gate/not-current', { wanted: toHex(before.hash), got: toHex(hash) }),
    );
    const indexIn = (of: VerifiedManifest['manifest'], name: string): number | undefined =>
      of.nodes.find((one) => one.name === name)?.index;
    this.#drop('the manifest changed', ({ nodes }) =>
      nodes.some((name) => indexIn(manifest, name) !== indexIn(before.manifest, name)),
    );
  }

  /** What names the shares that count now; nothing where that can't be told: then all that was made with some ends. */
  async #sharesNow(key: string): Promise<string | undefined> {
    try {
      const found = await this.#modules.keystore.open(key);
      return found.kind === 'active' ? sharesOf(found) : undefined;
    } catch (error) {
      if (isSymbolonError(error)) {
        return undefined;
      }
      throw error;
    }
  }

  /** Ends the sessions that use another pairing with this peer than the one that may be used now. */
  #endUsers(peer: string, error: SymbolonError, except?: Session): void {
    const now = this.#modules.pairings.find(peer);
    this.#table.failWhere((one) => {
      const used = one.pairings.get(peer);
      return one !== except && used !== undefined && !(now.kind === 'ready' && equalBytes(now.id, used));
    }, error);
  }

  #drop(detail: string, which: (what: PresignatureFor) => boolean): void {
    const count = this.#modules.pool.drop(which);
    if (count > 0) {
      this.#modules.log('info', 'presignatures-dropped', { count, detail });
    }
  }
}
