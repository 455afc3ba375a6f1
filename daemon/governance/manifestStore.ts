/**
 * The manifest's file: verified at every start from the anchor on, replaced by higher versions only.
 *
 * The file holds the manifest in force. Where governance keys changed since the set-up, `FILE.links` holds the last
 * manifest under the anchor's keys and then every one that changed the keys: the chain of proof from the anchor, which
 * is only a hash, to the keys in force.
 */
import { basename } from 'node:path';
import {
  linksAfter,
  manifestLinks,
  verifyManifestChain,
  verifySignedManifest,
  type VerifiedManifest,
} from '../../manifest/index.ts';
import { isSymbolonError, SymbolonError, type CodeOf } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import { signedManifest } from '../../wire/messages/manifest.ts';
import type { Files } from '../files/atomic.ts';
import { Queue } from '../files/queue.ts';

/** The manifest that a node holds. */
export interface ManifestStore {
  /** The manifest in force. */
  readonly current: VerifiedManifest;
  /**
   * Verifies a signed manifest under the one in force and puts it in force once it is on the disk. `changed` is false
   * where that is what was in force. A refusal changes nothing. After a failed write the next call first reads what the
   * disk has, which may be the manifest whose write failed.
   * @throws SymbolonError `wire/*`, `manifest/*`, `store/write-failed`.
   */
  replace(signed: Uint8Array): Promise<{ readonly changed: boolean; readonly current: VerifiedManifest }>;
}

/** How opening the manifest's file ended. */
export type OpenedManifest =
  | { readonly kind: 'open'; readonly store: ManifestStore }
  | { readonly kind: 'absent'; readonly refusal: SymbolonError<'manifest/absent'> }
  /** Well-formed and not acceptable: signatures, anchor or rules. */
  | { readonly kind: 'refused'; readonly refusal: SymbolonError<CodeOf<'manifest'>> }
  /** Not readable, or not a signed manifest. */
  | { readonly kind: 'broken'; readonly refusal: SymbolonError<'manifest/broken'> };

/** Where the manifest lies, and what it must follow from. */
export interface ManifestStoreOptions {
  readonly file: string;
  /** {@link anchorOf} the cluster's first manifest, 32 bytes. */
  readonly anchor: Uint8Array;
}
/** What the manifest store works with. */
export interface ManifestStoreModules {
  readonly files: Files;
}

/** Opens the file and verifies what is in it from the anchor on. Never throws for the content of the file. */
export async function openManifestStore(
  options: ManifestStoreOptions,
  modules: ManifestStoreModules,
): Promise<OpenedManifest> {
  try {
    const read = await readChain(options, modules.files);
    return { kind: 'open', store: new Store(options, modules.files, read) };
  } catch (refusal) {
    if (isSymbolonError(refusal, 'manifest/absent')) {
      return { kind: 'absent', refusal };
    }
    if (isSymbolonError(refusal, 'manifest/broken')) {
      return { kind: 'broken', refusal };
    }
    if (isManifestError(refusal)) {
      return { kind: 'refused', refusal };
    }
    throw refusal;
  }
}

/**
 * Verifies a manifest file (and the links beside it) without opening a store, for `symbolon manifest verify`.
 * @throws SymbolonError `manifest/*`.
 */
export async function verifyManifestFile(
  options: ManifestStoreOptions,
  modules: ManifestStoreModules,
): Promise<VerifiedManifest> {
  return (await readChain(options, modules.files)).current;
}

const isManifestError = (error: unknown): error is SymbolonError<CodeOf<'manifest'>> =>
  isSymbolonError(error) && error.code.startsWith('manifest/');

interface Chain {
  readonly current: VerifiedManifest;
  readonly links: readonly Uint8Array[];
}

const linksFile = (file: string): string => `${file}.links`;

async function readChain({ file, anchor }: ManifestStoreOptions, files: Files): Promise<Chain> {
  const signed = await readWhole(files, file, signedManifest.maxBytes);
  const stored = await readWhole(files, linksFile(file), manifestLinks.maxBytes);
  if (signed === undefined) {
    throw new SymbolonError('manifest/absent', { file: basename(file) });
  }
  const links = stored === undefined ? [] : parsed(linksFile(file), () => manifestLinks.decode(stored).links);
  return { current: parsed(file, () => verifyManifestChain(anchor, links, signed)), links };
}

async function readWhole(files: Files, file: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const read = await files.read(file, maxBytes);
  if (read.kind === 'broken') {
    throw new SymbolonError('manifest/broken', { file: basename(file), reason: read.reason });
  }
  return read.kind === 'value' ? read.bytes : undefined;
}

/** Malformed bytes in our own file are a broken file, not a refused manifest. */
function parsed<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (isSymbolonError(error) && error.code.startsWith('wire/')) {
      throw new SymbolonError(
        'manifest/broken',
        { file: basename(file), reason: error.message },
        { cause: error },
      );
    }
    throw error;
  }
}

class Store implements ManifestStore {
  readonly #options: ManifestStoreOptions;
  readonly #files: Files;
  readonly #queue = new Queue();
  #current: VerifiedManifest;
  #links: readonly Uint8Array[];
  /** A write failed: nobody knows which of the two files it reached. */
  #doubtful = false;

  constructor(options: ManifestStoreOptions, files: Files, { current, links }: Chain) {
    this.#options = options;
    this.#files = files;
    this.#current = current;
    this.#links = links;
  }

  get current(): VerifiedManifest {
    return this.#current;
  }

  replace(signed: Uint8Array): Promise<{ readonly changed: boolean; readonly current: VerifiedManifest }> {
    return this.#queue.run(async () => {
      const known = this.#current;
      if (this.#doubtful) {
        await this.#readAgain();
      }
      const before = this.#current;
      const next = verifySignedManifest(signed, { kind: 'current', current: before });
      if (next === before) {
        return { changed: before !== known, current: before };
      }
      const links = linksAfter(this.#links, before, next);
      this.#doubtful = true;
      await this.#write(links, next);
      this.#doubtful = false;
      this.#links = links;
      this.#current = next;
      return { changed: true, current: next };
    });
  }

  async #write(links: readonly Uint8Array[], next: VerifiedManifest): Promise<void> {
    const { file } = this.#options;
    if (links !== this.#links) {
      // The proof of the new keys is on the disk before the manifest that uses them (verifyManifestChain has the
      // crash between the two).
      await this.#files.replace(linksFile(file), manifestLinks.encode({ v: 1, links: [...links] }));
    }
    await this.#files.replace(file, next.signed);
  }

  /**
   * What a restart would find is in force: a manifest under the old keys must not follow links that the disk already
   * has, or the next start could not prove it.
   */
  async #readAgain(): Promise<void> {
    const { current, links } = await readChain(this.#options, this.#files);
    this.#current = equalBytes(current.hash, this.#current.hash) ? this.#current : current;
    this.#links = links;
    this.#doubtful = false;
  }
}
