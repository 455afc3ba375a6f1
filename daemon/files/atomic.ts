/**
 * The small file layer of the signer node: what its stores need, and no more.
 *
 * Three results are told apart everywhere (T11): `absent` (nothing has this name), a value, and `broken` (something is
 * there and can't be used: unreadable, too large, a symbolic link, writable by others). A caller that treats `broken`
 * as `absent` would start anew over somebody's keys.
 */
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SymbolonError } from '../../wire/errors/index.ts';

/** Nothing has this name. */
export interface Absent {
  readonly kind: 'absent';
}
/** Something is there and can't be used. */
export interface Broken {
  readonly kind: 'broken';
  /** Why, one short sentence without a path. */
  readonly reason: string;
}
/** The bytes of a file. */
export interface FileValue {
  readonly kind: 'value';
  readonly bytes: Uint8Array;
}
/** The names in a folder, sorted. */
export interface FolderValue {
  readonly kind: 'value';
  readonly names: readonly string[];
}

/** A file that only grows, held open. One caller at a time: the owner queues. */
export interface AppendFile {
  /** Bytes in the file now. */
  readonly size: number;
  /** Appends all of `bytes`. They are durable after {@link AppendFile.sync}. */
  append(bytes: Uint8Array): Promise<void>;
  /** Returns once all that was appended is on the disk (fdatasync). */
  sync(): Promise<void>;
  /** Cuts the file to `size` bytes and makes that durable. For the recovery of a torn tail only. */
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/** File operations of a store. Writes throw `store/write-failed`. */
export interface Files {
  /** Reads a regular file of at most `maxBytes`; the size is checked before a byte is read (T34). */
  read(path: string, maxBytes: number): Promise<Absent | FileValue | Broken>;
  /** Lists a folder that only its owner can write. */
  list(folder: string): Promise<Absent | FolderValue | Broken>;
  /** Makes a folder (0700) durably, where it is absent. Its parent must exist. */
  makeFolder(folder: string): Promise<void>;
  /**
   * Replaces `path` (0600) or makes it: temporary file in the same folder, write, fsync, rename, fsync of the folder.
   * After a crash the file holds the old bytes or the new ones, never a mixture. One writer a path: the owner queues.
   */
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /** Removes a file durably; an absent one is fine. */
  remove(path: string): Promise<void>;
  /** Opens an existing file for appending. */
  append(path: string): Promise<AppendFile>;
}

/** A step that changes the disk, in the order in which {@link nodeFiles} takes them. */
export interface DiskStep {
  readonly op: 'make-folder' | 'create' | 'write' | 'sync' | 'rename' | 'sync-folder' | 'remove' | 'truncate';
  /** The file that the step is about; for `rename` the new name. */
  readonly path: string;
  /** Bytes that a `write` is about to write. */
  readonly size?: number;
  /** For `rename` the old name. */
  readonly from?: string;
}
/**
 * Told before each step. It may throw: the step is then not taken. For a `write` it may return a smaller number of bytes:
 * only those are written and the step fails after them (a torn write). Tests use it; a node runs without.
 */
export type BeforeStep = (step: DiskStep) => number | undefined;

/** Prefix of temporary names: what carries it is the rest of an interrupted {@link Files.replace}. */
export const temporaryPrefix = '.tmp-';

/** A name as a report shows it: names come from whoever can write the folder, so bounded and printable. */
export const printableName = (file: string): string => file.replace(/[^\x21-\x7e]/g, '?').slice(0, 80);

const worldOrGroupWritable = 0o022;

/** The real file layer on node:fs. `before` injects faults in tests. */
export function nodeFiles(before: BeforeStep = () => undefined): Files {
  return new NodeFiles(before);
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
const isAbsent = (error: unknown): boolean => codeOf(error) === 'ENOENT';
const broken = (reason: string): Broken => ({ kind: 'broken', reason });

/** Why a file or folder with these attributes is not trusted, or `undefined` where it is. */
function distrust(stat: { readonly mode: number; readonly uid: number }): string | undefined {
  if ((stat.mode & worldOrGroupWritable) !== 0) {
    return 'writable by its group or by others';
  }
  // geteuid is missing on platforms without users; this product runs on Linux.
  const self = process.geteuid?.();
  if (self !== undefined && stat.uid !== self && stat.uid !== 0) {
    return 'owned by another user';
  }
  return undefined;
}

class NodeFiles implements Files {
  readonly #before: BeforeStep;

  constructor(before: BeforeStep) {
    this.#before = before;
  }

  async read(path: string, maxBytes: number): Promise<Absent | FileValue | Broken> {
    let file: FileHandle;
    try {
      // O_NOFOLLOW: a link would let whoever can write the folder choose the file. O_NONBLOCK: a pipe must not hang us.
      file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      return isAbsent(error)
        ? { kind: 'absent' }
        : broken(codeOf(error) === 'ELOOP' ? 'a symbolic link' : `not readable (${codeOf(error)})`);
    }
    try {
      const stat = await file.stat();
      if (!stat.isFile()) {
        return broken('not a regular file');
      }
      const doubt = distrust(stat);
      if (doubt !== undefined) {
        return broken(doubt);
      }
      if (stat.size > maxBytes) {
        return broken(`larger than ${maxBytes} bytes`);
      }
      const bytes = await readExactly(file, stat.size);
      return bytes === undefined ? broken('changed while it was read') : { kind: 'value', bytes };
    } catch (error) {
      return broken(`not readable (${codeOf(error)})`);
    } finally {
      await file.close();
    }
  }

  async list(folder: string): Promise<Absent | FolderValue | Broken> {
    try {
      const stat = await lstat(folder);
      if (!stat.isDirectory()) {
        return broken('not a folder');
      }
      const doubt = distrust(stat);
      if (doubt !== undefined) {
        return broken(doubt);
      }
      return { kind: 'value', names: (await readdir(folder)).sort() };
    } catch (error) {
      return isAbsent(error) ? { kind: 'absent' } : broken(`not readable (${codeOf(error)})`);
    }
  }

  async makeFolder(folder: string): Promise<void> {
    await this.#change('make-folder', folder, async () => {
      try {
        await mkdir(folder, { mode: 0o700 });
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') {
          throw error;
        }
      }
    });
    await this.#syncFolder(dirname(folder));
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    const temporary = join(dirname(path), temporaryPrefix + basename(path));
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await this.#change('create', temporary, async () => {
      // The rest of an interrupted replacement of the same file, if there is one. O_EXCL then says that nothing is there.
      await removeIfThere(temporary);
      return open(temporary, flags, 0o600);
    });
    try {
      await this.#write(file, temporary, bytes);
      await this.#change('sync', temporary, () => file.sync());
    } finally {
      await file.close();
    }
    await this.#change('rename', path, () => rename(temporary, path), { from: temporary });
    await this.#syncFolder(dirname(path));
  }

  async remove(path: string): Promise<void> {
    await this.#change('remove', path, () => removeIfThere(path));
    await this.#syncFolder(dirname(path));
  }

  async append(path: string): Promise<AppendFile> {
    const file = await this.#try('open', path, () =>
      open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK),
    );
    let size: number;
    try {
      const stat = await file.stat();
      size = stat.size;
      const doubt = stat.isFile() ? distrust(stat) : 'not a regular file';
      if (doubt !== undefined) {
        throw new SymbolonError('store/write-failed', { step: 'open', file: basename(path), reason: doubt });
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    return {
      get size() {
        return size;
      },
      append: async (bytes) => {
        await this.#write(file, path, bytes);
        size += bytes.length;
      },
      sync: () => this.#change('sync', path, () => file.datasync()),
      truncate: async (to) => {
        await this.#change('truncate', path, () => file.truncate(to));
        await this.#change('sync', path, () => file.sync());
        size = to;
      },
      close: () => file.close(),
    };
  }

  async #syncFolder(folder: string): Promise<void> {
    // A rename is durable only once the folder that holds the name is (fsync(2)).
    await this.#change('sync-folder', folder, async () => {
      const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }

  async #write(file: FileHandle, path: string, bytes: Uint8Array): Promise<void> {
    await this.#try('write', path, async () => {
      const allowed = this.#before({ op: 'write', path, size: bytes.length }) ?? bytes.length;
      let offset = 0;
      while (offset < allowed) {
        const { bytesWritten } = await file.write(bytes, offset, allowed - offset);
        offset += bytesWritten;
      }
      if (allowed < bytes.length) {
        throw new Error('torn write');
      }
    });
  }

  #change<T>(
    op: Exclude<DiskStep['op'], 'write'>,
    path: string,
    action: () => Promise<T>,
    more: { readonly from?: string } = {},
  ): Promise<T> {
    return this.#try(op, path, () => {
      this.#before({ op, path, ...more });
      return action();
    });
  }

  async #try<T>(step: string, path: string, action: () => Promise<T> | T): Promise<T> {
    try {
      return await action();
    } catch (error) {
      // Only the last part of the path: the folder layout of a machine is nobody's business.
      throw new SymbolonError(
        'store/write-failed',
        { step, file: basename(path), reason: codeOf(error) },
        { cause: error },
      );
    }
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isAbsent(error)) {
      throw error;
    }
  }
}

/** Reads `size` bytes and checks that the file ends there, or `undefined` where it does not. */
async function readExactly(file: FileHandle, size: number): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(size + 1);
  let offset = 0;
  while (offset < bytes.length) {
    const { bytesRead } = await file.read(bytes, offset, bytes.length - offset, offset);
    if (bytesRead === 0) {
      break;
    }
    offset += bytesRead;
  }
  return offset === size ? bytes.subarray(0, size) : undefined;
}
