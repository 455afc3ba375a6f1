/**
 * The sealed key store of a signer node: one sealed record a key and generation, and beside it the proof that every
 * holder stored its share. See SPEC.md for the bytes and for what a hostile parent can and can't do with them.
 */
import { join } from 'node:path';
import { sealRecord, type HsmLink } from '../../hsm/index.ts';
import { checkKeyShare, type KeyShare, type Random } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, keyIdOf } from '../../wire/ids.ts';
import { maxSealedRecord } from '../../wire/limits.ts';
import type { KeyInfo } from '../../wire/messages/node.ts';
import type { Envelope } from '../../wire/messages/session.ts';
import { temporaryPrefix, type Files } from '../files/atomic.ts';
import { Queue } from '../files/queue.ts';
import { encodeActivation } from './activation.ts';
import {
  faultOf,
  isFault,
  loadRecord,
  openSealed,
  type Fault,
  type Loaded,
  type OpenedRecord,
} from './load.ts';
import {
  encodeOpenPart,
  keyInfoOf,
  parseRecordFile,
  recordFile,
  type Holder,
  type KeyRecord,
} from './records.ts';
import { SecretMemory, type MakeMemory } from './secretMemory.ts';

export { storedPayload, storedRound, type Holder, type KeyRecord } from './records.ts';

/** What a new key is stored from. */
export interface PendingKey {
  /** Stays the caller's: the store seals it and keeps a copy of its own. The caller wipes it. */
  readonly share: KeyShare;
  readonly purpose: string;
  readonly label: string;
  /** All holders, this node included, in any order. */
  readonly holders: readonly Holder[];
  /** Session id, 32 bytes. */
  readonly session: Uint8Array;
  /** `t_4`, 32 bytes: the transcript that every round-4 envelope of the session carries. */
  readonly transcript: Uint8Array;
}

/** What the store has under a key id. */
export type FoundKey =
  /** `share` is lent: the store owns it and wipes it in {@link Keystore.close}. Never wipe or keep it. */
  | { readonly kind: 'active'; readonly info: KeyInfo; readonly record: KeyRecord; readonly share: KeyShare }
  /** Stored and not confirmed by all holders: it signs nothing. */
  | { readonly kind: 'pending'; readonly info: KeyInfo; readonly record: KeyRecord }
  /** There and not usable; `info` is absent where not even the unauthenticated header could be read. */
  | {
      readonly kind: 'broken';
      readonly info: KeyInfo | undefined;
      readonly code: string;
      readonly detail: string;
    }
  | { readonly kind: 'absent' };

/** A file of the store that can't be used, and why. */
export interface BrokenFile {
  /** Name in the store's folder, at most 80 printable characters. */
  readonly file: string;
  /** Error code of the refusal. */
  readonly code: string;
  /** The sentence of the refusal with its facts. */
  readonly detail: string;
}

/** The open key store. Calls that change it are queued: one writer. */
export interface Keystore {
  /**
   * At most `limit` keys (256 unless told) with ids after `after`, sorted by id. A broken key is in it where its header
   * can be read; {@link Keystore.broken} has all.
   */
  list(after?: string, limit?: number): KeyInfo[];
  /** The newest generation of a key that is not pending; where all are pending, the newest. */
  find(id: string): FoundKey;
  /**
   * Seals a new share, writes it, reads it back, opens it again, and keeps it as `pending`. Once this resolves the
   * record is on the disk.
   * @throws SymbolonError `store/key-exists`, `store/record-mismatch`, `store/write-failed`, `store/full`, `store/closed`,
   * `threshold/*` where the share does not fit its commitments, `hsm/*`.
   */
  putPending(key: PendingKey): Promise<KeyInfo>;
  /**
   * Makes a pending key active: `confirmations` are the round-4 envelopes of all holders, own one included. Calling it
   * again with good confirmations changes nothing.
   * @throws SymbolonError `store/activation-refused`, `store/unknown-key` where there is no record that opens,
   * `store/write-failed`, `store/closed`.
   */
  activate(id: string, confirmations: readonly Envelope[]): Promise<KeyInfo>;
  /** Keys by state: each key id once, and each file without one as broken. */
  counts(): { readonly active: number; readonly pending: number; readonly broken: number };
  /** Every file that can't be used. */
  broken(): readonly BrokenFile[];
  /** What the start repaired, one sentence each (temporary files of an interrupted write removed). */
  readonly recovered: readonly string[];
  /** True where there was no store and an empty one was made. */
  readonly firstStart: boolean;
  /** Waits for the writer, wipes every share and refuses all further calls. */
  close(): Promise<void>;
}

/** Where the store lies and whose it is. */
export interface KeystoreOptions {
  /** Folder of the records; made (0700) where it is absent. */
  readonly folder: string;
  /** Cluster id, 16 bytes. */
  readonly cluster: Uint8Array;
  /** This node's name. */
  readonly node: string;
}
/** What the store works with. */
export interface KeystoreModules {
  readonly files: Files;
  readonly hsm: HsmLink;
  readonly random: Random;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Memory for the shares; plain memory unless told. A node passes `secureBuffer` of native/. */
  readonly secretMemory?: MakeMemory;
}

/** Most records of a store. */
export const maxRecords = 100_000;
/** Records that are opened at once: hides the latency of the link, the token itself takes one at a time. */
const openedAtOnce = 8;

/**
 * Reads every record, unseals it, and checks it against its public commitment. A record that can't be opened is listed
 * as broken, the others go on.
 * @throws SymbolonError `store/unusable` where the folder is there and can't be read; `hsm/*` where the token or its link
 * fails (then no record is called broken).
 */
export async function openKeystore(options: KeystoreOptions, modules: KeystoreModules): Promise<Keystore> {
  const { folder } = options;
  const { files } = modules;
  const found = await files.list(folder);
  if (found.kind === 'broken') {
    throw new SymbolonError('store/unusable', { reason: found.reason });
  }
  if (found.kind === 'absent') {
    await files.makeFolder(folder);
  }
  const store = new Store(options, modules, found.kind === 'absent');
  try {
    await store.load(found.kind === 'absent' ? [] : found.names);
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

/** File names come from whoever can write the folder: bounded and printable before they go into a report. */
const printable = (file: string): string => file.replace(/[^\x21-\x7e]/g, '?').slice(0, 80);

class Store implements Keystore {
  readonly firstStart: boolean;
  readonly #options: KeystoreOptions;
  readonly #modules: KeystoreModules;
  readonly #memory: SecretMemory;
  readonly #queue = new Queue();
  readonly #recovered: string[] = [];
  readonly #strangers: BrokenFile[] = [];
  /** By key id, the generations rising. */
  readonly #keys = new Map<string, Loaded[]>();
  #sortedIds: readonly string[] | undefined;
  #records = 0;
  #closed = false;

  constructor(options: KeystoreOptions, modules: KeystoreModules, firstStart: boolean) {
    this.#options = options;
    this.#modules = modules;
    this.firstStart = firstStart;
    this.#memory = new SecretMemory(modules.secretMemory);
  }

  get recovered(): readonly string[] {
    return this.#recovered;
  }

  async load(names: readonly string[]): Promise<void> {
    const generations = new Map<string, { readonly id: string; readonly generation: number }>();
    for (const name of names) {
      const parsed = parseRecordFile(name);
      if (parsed !== undefined) {
        const { id, generation } = parsed;
        generations.set(`${id}.${generation}`, { id, generation });
      } else if (name.startsWith(temporaryPrefix)) {
        // Never renamed, so nobody was told that it is stored: the write did not happen.
        await this.#modules.files.remove(this.#path(name));
        this.#recovered.push('A temporary file of an interrupted write was removed from the key store.');
      } else {
        const file = printable(name);
        this.#strangers.push({ file, ...faultOf(new SymbolonError('store/unexpected-file', { file })) });
      }
    }
    if (generations.size > maxRecords) {
      throw new SymbolonError('store/unusable', { reason: `more than ${maxRecords} records` });
    }
    const waiting = [...generations.values()];
    while (waiting.length > 0) {
      const group = waiting.splice(0, openedAtOnce);
      const modules = { ...this.#modules, memory: this.#memory };
      const loaded = await Promise.allSettled(
        group.map((key) => loadRecord((file) => this.#path(file), key, this.#options, modules)),
      );
      for (const one of loaded) {
        if (one.status === 'rejected') {
          throw one.reason;
        }
        this.#keep(one.value);
      }
    }
  }

  list(after = '', limit = 256): KeyInfo[] {
    this.#requireOpen();
    this.#sortedIds ??= [...this.#keys.keys()].sort();
    const infos: KeyInfo[] = [];
    for (
      let i = firstAfter(this.#sortedIds, after);
      i < this.#sortedIds.length && infos.length < limit;
      i += 1
    ) {
      const found = this.find(this.#sortedIds[i] ?? '');
      if (found.kind !== 'absent' && found.info !== undefined) {
        infos.push(found.info);
      }
    }
    return infos;
  }

  find(id: string): FoundKey {
    this.#requireOpen();
    const generations = this.#keys.get(id);
    const newest = generations?.at(-1);
    if (generations === undefined || newest === undefined) {
      return { kind: 'absent' };
    }
    // A pending generation does not take the place of the one before; a broken one does: falling back to an older share
    // because the newer one was damaged would be a rollback (T20, T28).
    const settled = generations.findLast(
      ({ opened, activation }) => isFault(opened) || activation !== 'absent',
    );
    return foundOf(settled ?? newest);
  }

  putPending(key: PendingKey): Promise<KeyInfo> {
    return this.#queue.run(async () => {
      this.#requireOpen();
      const { cluster, node } = this.#options;
      const { share } = key;
      const { generation, scheme, groupPublicKey } = share.public;
      const id = keyIdOf(cluster, scheme, key.purpose, groupPublicKey);
      const record: KeyRecord = {
        id,
        public: share.public,
        purpose: key.purpose,
        label: key.label,
        holders: [...key.holders].sort((a, b) => (a.name < b.name ? -1 : 1)),
        index: share.index,
        createdAt: this.#modules.now(),
        session: key.session,
        transcript: key.transcript,
      };
      checkKeyShare(share);
      const open = encodeOpenPart(record, cluster, node);
      if (this.#keys.get(id)?.some((one) => one.generation === generation) === true) {
        throw new SymbolonError('store/key-exists', { key: id, generation });
      }
      if (this.#records >= maxRecords) {
        throw new SymbolonError('store/full', { limit: maxRecords });
      }
      const { hsm, random, files } = this.#modules;
      const sealed = await sealRecord(
        hsm,
        { cluster, node, kind: 'key-share', subject: id, generation, open },
        share.secret,
        random,
      );
      const path = this.#path(recordFile({ id, generation, part: 'sealed' }));
      await files.replace(path, sealed);
      const opened = await this.#readBack(path, { id, generation }, share.secret);
      this.#keep({ id, generation, opened, claimed: undefined, activation: 'absent' });
      return keyInfoOf(opened.record, 'pending');
    });
  }

  activate(id: string, confirmations: readonly Envelope[]): Promise<KeyInfo> {
    return this.#queue.run(async () => {
      this.#requireOpen();
      const generations = this.#keys.get(id) ?? [];
      const session = confirmations[0]?.session ?? new Uint8Array();
      const candidates = generations.filter(({ opened }) => !isFault(opened));
      const target =
        candidates.findLast(({ opened }) => !isFault(opened) && equalBytes(opened.record.session, session)) ??
        candidates.at(-1);
      if (target === undefined || isFault(target.opened)) {
        throw new SymbolonError('store/unknown-key', { key: id });
      }
      const { record, open } = target.opened;
      const { generation } = target;
      const activation = encodeActivation(record, open, confirmations);
      if (target.activation !== 'good') {
        await this.#modules.files.replace(
          this.#path(recordFile({ id, generation, part: 'active' })),
          activation,
        );
        this.#keep({ ...target, activation: 'good' });
      }
      return keyInfoOf(record, 'active');
    });
  }

  counts(): { readonly active: number; readonly pending: number; readonly broken: number } {
    this.#requireOpen();
    const counts = { active: 0, pending: 0, broken: this.#strangers.length };
    for (const id of this.#keys.keys()) {
      const { kind } = this.find(id);
      if (kind !== 'absent') {
        counts[kind] += 1;
      }
    }
    return counts;
  }

  broken(): readonly BrokenFile[] {
    this.#requireOpen();
    const files = [...this.#strangers];
    for (const { id, generation, opened, activation } of [...this.#keys.values()].flat()) {
      if (isFault(opened)) {
        files.push({ file: recordFile({ id, generation, part: 'sealed' }), ...opened });
      } else if (isFault(activation)) {
        files.push({ file: recordFile({ id, generation, part: 'active' }), ...activation });
      }
    }
    return files;
  }

  async close(): Promise<void> {
    await this.#queue.run(() => {
      this.#closed = true;
      this.#memory.wipe();
      this.#keys.clear();
      return Promise.resolve();
    });
  }

  /** The copy on the disk opens and holds the same share, before anybody is told that it is stored. */
  async #readBack(
    path: string,
    key: { readonly id: string; readonly generation: number },
    secret: Uint8Array,
  ): Promise<OpenedRecord> {
    const back = await this.#modules.files.read(path, maxSealedRecord);
    if (back.kind !== 'value') {
      const reason = back.kind === 'broken' ? back.reason : 'it is gone';
      throw new SymbolonError('store/write-failed', { step: 'read back', file: key.id, reason });
    }
    const { hsm } = this.#modules;
    const opened = await openSealed(back.bytes, key, this.#options, { hsm, memory: this.#memory });
    if (!equalBytes(opened.share.secret, secret)) {
      throw new SymbolonError('store/record-mismatch', { reason: 'another share came back from the disk' });
    }
    return opened;
  }

  #keep(loaded: Loaded): void {
    const known = this.#keys.get(loaded.id) ?? [];
    const others = known.filter(({ generation }) => generation !== loaded.generation);
    this.#keys.set(
      loaded.id,
      [...others, loaded].sort((a, b) => a.generation - b.generation),
    );
    this.#sortedIds = undefined;
    this.#records += others.length === known.length ? 1 : 0;
  }

  #path(file: string): string {
    return join(this.#options.folder, file);
  }

  #requireOpen(): void {
    if (this.#closed) {
      throw new SymbolonError('store/closed', {});
    }
  }
}

function foundOf({ opened, claimed, activation }: Loaded): FoundKey {
  if (isFault(opened)) {
    return broken(claimed, opened);
  }
  if (activation !== 'absent' && activation !== 'good') {
    return broken(opened.record, activation);
  }
  const { record, share } = opened;
  return activation === 'good'
    ? { kind: 'active', info: keyInfoOf(record, 'active'), record, share }
    : { kind: 'pending', info: keyInfoOf(record, 'pending'), record };
}

const broken = (record: KeyRecord | undefined, { code, detail }: Fault): FoundKey => ({
  kind: 'broken',
  info: record === undefined ? undefined : keyInfoOf(record, 'broken', code),
  code,
  detail,
});

/** Index of the first id after `after` in a sorted list. */
function firstAfter(ids: readonly string[], after: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ids[middle] ?? '') <= after) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
