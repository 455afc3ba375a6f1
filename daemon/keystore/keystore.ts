/**
 * The sealed key store of a signer node: one sealed record a key and generation, and beside it the proof that every
 * holder stored its share. See SPEC.md for the bytes and for what a hostile parent can and can't do with them.
 */
import { join } from 'node:path';
import { sealRecord } from '../../hsm/index.ts';
import { checkKeyShare } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, keyIdOf } from '../../wire/ids.ts';
import { maxSealedRecord } from '../../wire/limits.ts';
import type { KeyInfo } from '../../wire/messages/node.ts';
import type { Envelope } from '../../wire/messages/session.ts';
import { temporaryPrefix } from '../files/atomic.ts';
import { Queue } from '../files/queue.ts';
import { encodeActivation } from './activation.ts';
import type {
  BrokenFile,
  FoundKey,
  Keystore,
  KeystoreModules,
  KeystoreOptions,
  PendingKey,
} from './contract.ts';
import {
  faultOf,
  isFault,
  loadRecord,
  openSealed,
  type Fault,
  type Loaded,
  type OpenedRecord,
} from './load.ts';
import { encodeOpenPart, keyInfoOf, parseRecordFile, recordFile, type KeyRecord } from './records.ts';
import { SecretMemory } from './secretMemory.ts';

export type {
  BrokenFile,
  FoundKey,
  Keystore,
  KeystoreModules,
  KeystoreOptions,
  PendingKey,
} from './contract.ts';
export { storedRound, type Holder, type KeyRecord } from './records.ts';

/** Most records of a store. */
export const maxRecords = 100_000;
/** Records that are opened at once: hides the latency of the link, the token itself takes one at a time. */
const openedAtOnce = 8;

/**
 * Reads every record, unseals it, and checks it against its public commitment. A record that can't be opened is listed
 * as broken, the others go on.
 * @throws SymbolonError `store/unusable` where the folder is there and can't be read; `hsm/*` where the token or its link
 * fails, `native/*` where the memory for secrets does (then no record is called broken).
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
