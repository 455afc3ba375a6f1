/**
 * The writing side of the key store: what is stored is read back before anybody is told, and nothing is removed before
 * what supersedes it is on the disk. One caller at a time: the store queues.
 */
import { sealRecord, type HsmLink } from '../../hsm/index.ts';
import { checkKeyShare, type KeyPublic, type Random } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, keyIdOf } from '../../wire/ids.ts';
import { maxRecords, maxSealedRecord } from '../../wire/limits.ts';
import type { KeyInfo } from '../../wire/messages/node.ts';
import type { Envelope } from '../../wire/messages/session.ts';
import type { Files } from '../files/atomic.ts';
import { encodeActivation } from './activation.ts';
import type { ActivatedKey, PendingDeparture, PendingKey } from './contract.ts';
import { openSealed, wipeLoaded, type Loaded, type Opened, type StoreOwner } from './load.ts';
import type { KeyReader } from './reader.ts';
import {
  compare,
  encodeDeparture,
  encodeOpenPart,
  fileOf,
  keyFactsOf,
  keyInfoOf,
  sealKinds,
  sessionOfName,
  type CandidateKind,
  type GenerationRecord,
  type KeyFacts,
  type KeyRecord,
  type Place,
} from './records.ts';
import { comesAfter, compareLoaded, isPending, isProven, settle } from './settle.ts';
import { samePlace, standingOf, type KeyTable } from './table.ts';

/** Most candidates of one key that wait for their confirmations. */
export const maxCandidates = 16;

/** What writing works with. */
export interface WriterModules {
  readonly files: Files;
  readonly hsm: HsmLink;
  readonly random: Random;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly table: KeyTable;
  readonly reader: KeyReader;
  /** Path of a file of the store. */
  readonly pathOf: (file: string) => string;
}
type Readable = Loaded & { readonly opened: Opened };

/** Changes the store. */
export class KeyWriter {
  readonly #owner: StoreOwner;
  readonly #modules: WriterModules;

  constructor(owner: StoreOwner, modules: WriterModules) {
    this.#owner = owner;
    this.#modules = modules;
  }

  /** See `Keystore.putPending`. */
  async putPending(key: PendingKey): Promise<KeyInfo> {
    const { cluster, node } = this.#owner;
    const { share } = key;
    const record: KeyRecord = { ...this.#recordOf(key, share.public), index: share.index };
    checkKeyShare(share);
    await this.#put(record, 'share', encodeOpenPart(record, cluster, node), share.secret);
    return keyInfoOf(record, 'pending');
  }

  /** See `Keystore.putDeparture`. */
  async putDeparture(departure: PendingDeparture): Promise<KeyFacts> {
    const { cluster, node } = this.#owner;
    const record = this.#recordOf(departure, departure.public);
    // There is no secret in a departure; a seal holds at least one byte.
    await this.#put(record, 'departure', encodeDeparture(record, cluster, node), new Uint8Array(1));
    return keyFactsOf(record);
  }

  /** See `Keystore.activate`. */
  async activate(id: string, confirmations: readonly Envelope[]): Promise<ActivatedKey> {
    const unknown = (): SymbolonError => new SymbolonError('store/unknown-key', { key: id });
    const activated = await this.#modules.reader.load(id, async (loaded) => {
      const target = targetOf(loaded, confirmations);
      if (target === undefined) {
        throw unknown();
      }
      const given = encodeActivation(target.opened.record, target.opened.open, confirmations);
      const { proven } = settle(loaded);
      if (proven === undefined || !isReadable(proven) || compareLoaded(proven, target) < 0) {
        return this.#settleOn(target, given, loaded);
      }
      // This one, or a later one, counts already; after a failure of the disk that may not be all done.
      return this.#settleOn(proven, proofOf(proven), loaded);
    });
    if (activated === undefined) {
      throw unknown();
    }
    return activated;
  }

  /** What an activation had still to do when the process ended; true where there was something. */
  async finishActivation(id: string): Promise<boolean> {
    const done = await this.#modules.reader.load(id, async (loaded) => {
      const { proven, superseded } = settle(loaded);
      if (proven === undefined || !isReadable(proven) || superseded.length === 0) {
        return false;
      }
      // Nobody was told that the proof is on the disk, and what it supersedes is about to go: once more.
      wipeLoaded([await this.#prove(proven.place, proofOf(proven))]);
      await this.#remove(superseded);
      return true;
    });
    return done === true;
  }

  #recordOf(from: Omit<PendingDeparture, 'public'>, key: KeyPublic): GenerationRecord {
    return {
      id: keyIdOf(this.#owner.cluster, key.scheme, from.purpose, key.groupPublicKey),
      public: key,
      purpose: from.purpose,
      label: from.label,
      holders: from.holders.toSorted((a, b) => compare(a.name, b.name)),
      createdAt: this.#modules.now(),
      session: from.session,
      requestedAt: from.requestedAt,
      transcript: from.transcript,
    };
  }

  /** Seals, writes, reads back, and notes the new file. */
  async #put(
    record: GenerationRecord,
    kind: CandidateKind,
    open: Uint8Array,
    secret: Uint8Array,
  ): Promise<void> {
    const { id } = record;
    const { generation } = record.public;
    const place: Place = { id, generation, session: sessionOfName(record.session), kind };
    await this.#requireNew(place, record);
    const { cluster, node } = this.#owner;
    const { hsm, random, files, table, pathOf } = this.#modules;
    const context = { cluster, node, kind: sealKinds[kind], subject: id, generation, open };
    const sealed = await sealRecord(hsm, context, secret, random);
    await files.replace(pathOf(fileOf(place, 'record')), sealed);
    await this.#readBack(place, open, secret);
    table.note(place, 'record');
    const entry = table.get(id);
    if (entry !== undefined && (entry.candidates.length === 1 || standingOf(entry) === 'pending')) {
      // The newest pending one says what a pending key is, and that one was just opened.
      table.set({ ...entry, state: { kind: 'checked', as: 'pending' } });
    }
  }

  /**
   * Refuses a record that does not come after all that count and all that wait, and more candidates than are kept. None
   * is dropped for a new one: it may already be active on another node.
   */
  async #requireNew(place: Place, record: GenerationRecord): Promise<void> {
    const { id, generation, session, kind } = place;
    const standing = await this.#modules.reader.load(id, (loaded) => {
      const counts = loaded.some((one) => !isPending(one) && one.place.generation >= generation);
      const stored = loaded.some(
        (one) => one.place.generation === generation && one.place.session === session,
      );
      if (counts || stored) {
        throw new SymbolonError('store/key-exists', { key: id, generation });
      }
      if (!loaded.every((one) => comesAfter(place, record, one))) {
        throw new SymbolonError('store/later-candidate', { key: id, generation });
      }
      if (loaded.filter(isPending).length >= maxCandidates) {
        throw new SymbolonError('store/candidates-full', { key: id, limit: maxCandidates });
      }
      return settle(loaded).deciding;
    });
    if (kind === 'departure' && !(standing?.opened.kind === 'share' && standing.proof.kind === 'good')) {
      throw new SymbolonError('store/unknown-key', { key: id });
    }
    if (this.#modules.table.records >= maxRecords) {
      throw new SymbolonError('store/full', { limit: maxRecords });
    }
  }

  /** The copy on the disk opens and holds the same, before anybody is told that it is stored. */
  async #readBack(place: Place, open: Uint8Array, secret: Uint8Array): Promise<void> {
    const { files, hsm, pathOf } = this.#modules;
    const file = fileOf(place, 'record');
    const back = await files.read(pathOf(file), maxSealedRecord);
    if (back.kind !== 'value') {
      const reason = back.kind === 'broken' ? back.reason : 'it is gone';
      throw new SymbolonError('store/write-failed', { step: 'read back', file, reason });
    }
    const opened = await openSealed(back.bytes, place, this.#owner, hsm);
    try {
      const same =
        equalBytes(opened.open, open) && (opened.kind === 'departure' || equalBytes(opened.secret, secret));
      if (!same) {
        throw new SymbolonError('store/record-mismatch', { reason: 'another record came from the disk' });
      }
    } finally {
      if (opened.kind === 'share') {
        opened.secret.fill(0);
      }
    }
  }

  /** Makes `winner` count, durably, and only then removes what it supersedes. What was done before is not done again. */
  async #settleOn(winner: Readable, proof: Uint8Array, loaded: readonly Loaded[]): Promise<ActivatedKey> {
    const { table, reader } = this.#modules;
    const { id } = winner.place;
    const others = loaded.filter((one) => one !== winner);
    const activated: ActivatedKey = {
      ...keyFactsOf(winner.opened.record),
      state: winner.opened.kind === 'share' ? 'active' : 'departed',
    };
    if (isProven(winner) && this.#isNoted(winner.place)) {
      await this.#remove(settle([winner, ...others]).superseded);
      return activated;
    }
    const back = await this.#prove(winner.place, proof);
    try {
      const settled = settle([back, ...others]);
      // From here on it counts, also where the removal below fails: the next call or the next start tries that again.
      table.note(winner.place, 'proof');
      reader.judge(id, settled, 'forget');
      await this.#remove(settled.superseded);
      return activated;
    } finally {
      wipeLoaded([back]);
    }
  }

  /** Whether the proof beside a record was there at the start, or is known to have reached the disk since. */
  #isNoted(place: Place): boolean {
    const { candidates = [] } = this.#modules.table.get(place.id) ?? {};
    return candidates.some((one) => samePlace(one.place, place) && one.proof);
  }

  /** Writes a proof, and reads record and proof from the disk once more: what they supersede never comes back. */
  async #prove(place: Place, proof: Uint8Array): Promise<Loaded> {
    const { files, reader, pathOf } = this.#modules;
    const file = fileOf(place, 'proof');
    await files.replace(pathOf(file), proof);
    const back = await reader.loadPlace(place);
    if (!isProven(back)) {
      wipeLoaded([back]);
      throw new SymbolonError('store/write-failed', { step: 'read back', file, reason: 'not as written' });
    }
    return back;
  }

  /** Removes the files of candidates, each durably, the sealed record after its proof. */
  async #remove(superseded: readonly Loaded[]): Promise<void> {
    const { files, table, pathOf } = this.#modules;
    for (const { place } of superseded) {
      await files.remove(pathOf(fileOf(place, 'proof')));
      await files.remove(pathOf(fileOf(place, 'record')));
      const entry = table.get(place.id);
      if (entry !== undefined) {
        table.set({ ...entry, candidates: entry.candidates.filter((one) => !samePlace(one.place, place)) });
      }
    }
  }
}

const isReadable = (one: Loaded): one is Readable => one.opened.kind !== 'fault';

/** The proof that lies beside a proven record, made anew from what was verified. */
function proofOf({ opened, proof }: Readable): Uint8Array {
  return encodeActivation(opened.record, opened.open, proof.kind === 'good' ? proof.confirmations : []);
}

/** The candidate that the confirmations are about, by their session; where none is of it, the newest that opens. */
function targetOf(loaded: readonly Loaded[], confirmations: readonly Envelope[]): Readable | undefined {
  const session = confirmations[0]?.session ?? new Uint8Array();
  const readable = loaded.filter(isReadable).sort(compareLoaded);
  return readable.findLast(({ opened }) => equalBytes(opened.record.session, session)) ?? readable.at(-1);
}
