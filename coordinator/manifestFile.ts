/**
 * The manifest as the coordinator holds it: read from its file, verified from the anchor on, replaced by higher versions
 * only. The coordinator decides nothing with it; it repeats the nodes' checks to fail early and to know whom to talk to.
 */
import { open, readFile, rename, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import {
  linksAfter,
  manifestLinks,
  verifyManifestChain,
  verifySignedManifest,
  type VerifiedManifest,
} from '../manifest/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { signedManifest } from '../wire/messages/manifest.ts';

/** The manifest in force, and the one way to change it. */
export interface ManifestSource {
  readonly current: VerifiedManifest;
  /**
   * Verifies a signed manifest under the one in force and puts it in force once it is in the file. The same manifest
   * again changes nothing.
   * @throws SymbolonError `wire/*`, `manifest/*`, `coordinator/manifest`.
   */
  replace(signed: Uint8Array): Promise<VerifiedManifest>;
  /** Reads the file again; returns whether a higher version is in force now. Throws as opening does. */
  reload(): Promise<boolean>;
}

/** Where the manifest lies, and what it must follow from. */
export interface ManifestFileOptions {
  readonly file: string;
  /** `anchorOf` the cluster's first manifest, 32 bytes. */
  readonly anchor: Uint8Array;
}

/** Opens the file. @throws SymbolonError `coordinator/manifest`, `manifest/*`. */
export async function openManifestFile(options: ManifestFileOptions): Promise<ManifestSource> {
  return new ManifestFile(options, await readChain(options));
}

interface Chain {
  readonly current: VerifiedManifest;
  readonly links: readonly Uint8Array[];
}

const refuse = (reason: string, cause?: unknown): SymbolonError =>
  new SymbolonError('coordinator/manifest', { reason }, { cause });
const linksFile = (file: string): string => `${file}.links`;
const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

async function readChain({ file, anchor }: ManifestFileOptions): Promise<Chain> {
  const signed = await readBounded(file, signedManifest.maxBytes);
  if (signed === undefined) {
    throw refuse(`${basename(file)} is absent`);
  }
  const stored = await readBounded(linksFile(file), manifestLinks.maxBytes);
  try {
    const links = stored === undefined ? [] : manifestLinks.decode(stored).links;
    return { current: verifyManifestChain(anchor, links, signed), links };
  } catch (error) {
    // Malformed bytes in a file are a broken file, not a refused manifest.
    throw isSymbolonError(error) && error.code.startsWith('wire/')
      ? refuse(`${basename(file)} is damaged: ${error.message}`, error)
      : error;
  }
}

/** The file's bytes; the size is checked before they are read (T34). Absent is `undefined`. */
async function readBounded(file: string, max: number): Promise<Uint8Array | undefined> {
  try {
    const { size } = await stat(file);
    if (size > max) {
      throw refuse(`${basename(file)} is larger than ${max} bytes`);
    }
    return new Uint8Array(await readFile(file));
  } catch (error) {
    if (isAbsent(error)) {
      return undefined;
    }
    throw isSymbolonError(error) ? error : refuse(`${basename(file)} can not be read`, error);
  }
}

/** Temporary file, fsync, rename, fsync of the folder: after a crash the file is the old one or the new one. */
async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${file}.tmp-${process.pid}`;
  try {
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    const folder = await open(dirname(file), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    throw refuse(`${basename(file)} can not be written`, error);
  }
}

class ManifestFile implements ManifestSource {
  readonly #options: ManifestFileOptions;
  #chain: Chain;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: ManifestFileOptions, chain: Chain) {
    this.#options = options;
    this.#chain = chain;
  }

  get current(): VerifiedManifest {
    return this.#chain.current;
  }

  replace(signed: Uint8Array): Promise<VerifiedManifest> {
    const replaced = this.#writing.then(() => this.#replace(signed));
    this.#writing = replaced.catch(() => undefined);
    return replaced;
  }

  async reload(): Promise<boolean> {
    const next = await readChain(this.#options);
    const changed = next.current.version > this.current.version;
    if (changed) {
      this.#chain = next;
    }
    return changed;
  }

  async #replace(signed: Uint8Array): Promise<VerifiedManifest> {
    const before = this.#chain;
    const next = verifySignedManifest(signed, { kind: 'current', current: before.current });
    if (next !== before.current) {
      const { file } = this.#options;
      const links = linksAfter(before.links, before.current, next);
      // The proof of new keys is written before the manifest that they sign.
      if (links !== before.links) {
        await writeWhole(linksFile(file), manifestLinks.encode({ v: 1, links: [...links] }));
      }
      await writeWhole(file, next.signed);
      this.#chain = { current: next, links };
    }
    return next;
  }
}
