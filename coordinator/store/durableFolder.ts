/**
 * PGlite in a folder, with writes that reach the disk. PGlite starts PostgreSQL with fsync off, and the file system that
 * it mounts has no fsync: a power failure could lose what was acknowledged, or the database. Both are given here, so that
 * PostgreSQL's own rules for its log and its checkpoints hold.
 */
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import { closeSync, fsync, fsyncSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The part of an open file of the mounted file system that is needed here. */
interface OpenFile {
  /** File descriptor of the host, of a folder too. */
  readonly nfd: number;
  readonly node: object;
}
type Write = (file: OpenFile, ...rest: readonly unknown[]) => number;
/** The mounted file system, as far as it is used here. */
interface HostFiles {
  readonly stream_ops: { fsync?: (file: OpenFile) => number; write: Write };
  readonly realPath: (node: object) => string;
  /** Gives an error of the host its number in the mounted file system. */
  readonly tryFSOperation: (run: () => void) => void;
}

/**
 * PGlite's file system on the host, with an fsync. PostgreSQL is one with this thread, so the fsync of its log is put off
 * until {@link DurableFolder.flush}, which does not hold the thread and serves all commits that wait. Its rule that the log
 * is on the disk before any page that it describes is kept: a write to any other file syncs the log first.
 */
class DurableFolder extends NodeFS {
  /** Files of the log that await their sync: descriptors of our own, by path. */
  readonly #waiting = new Map<string, number>();
  readonly #syncing = new Set<number>();
  #flushing: Promise<void> | undefined;
  #failure: Error | undefined;

  override async init(...given: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(...given);
    const preRun = [emscriptenOpts.preRun ?? []].flat();
    const addFsync = (module: object): void => {
      this.#add((module as { readonly NODEFS: HostFiles }).NODEFS);
    };
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...preRun, addFsync] } };
  }

  /** Resolves once all that PostgreSQL wrote to its log is on the disk. After a failure nobody knows: it fails for good. */
  async flush(): Promise<void> {
    while (this.#waiting.size > 0 || this.#flushing !== undefined) {
      this.#flushing ??= this.#syncWaiting().finally(() => {
        this.#flushing = undefined;
      });
      await this.#flushing;
    }
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
  }

  #add(host: HostFiles): void {
    const { stream_ops: operations } = host;
    const write = operations.write.bind(operations);
    const isLog = (file: OpenFile): boolean => host.realPath(file.node).includes('/pg_wal/');
    operations.fsync = (file) => {
      host.tryFSOperation(() => {
        if (isLog(file)) {
          const path = host.realPath(file.node);
          if (!this.#waiting.has(path)) {
            this.#waiting.set(path, openSync(path, 'r'));
          }
        } else {
          this.#syncNow();
          fsyncSync(file.nfd);
        }
      });
      return 0;
    };
    operations.write = (file, ...rest) => {
      if ((this.#waiting.size > 0 || this.#syncing.size > 0) && !isLog(file)) {
        host.tryFSOperation(() => {
          this.#syncNow();
        });
      }
      return write(file, ...rest);
    };
  }

  async #syncWaiting(): Promise<void> {
    const files = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const file of files) {
      this.#syncing.add(file);
    }
    await Promise.all(
      files.map(async (file) => {
        try {
          await fsyncLater(file);
        } catch (error) {
          this.#failure ??= error instanceof Error ? error : new Error('fsync failed');
        } finally {
          this.#syncing.delete(file);
          closeSync(file);
        }
      }),
    );
  }

  /** For what may not wait: the files are synced on this thread, and again by whoever waits for them. */
  #syncNow(): void {
    for (const file of [...this.#waiting.values(), ...this.#syncing]) {
      fsyncSync(file);
    }
  }
}
const fsyncLater = (file: number): Promise<void> => promisify(fsync)(file);

/** PGlite's own parameters but `-F` (fsync off), and a way to sync that is not a dead end there, as fdatasync is. */
const startParams = [
  ...PGlite.defaultStartParams.filter((param) => param !== '-F'),
  '-c',
  'fsync=on',
  '-c',
  'wal_sync_method=fsync',
];

/** An open database. */
export interface DurableDatabase {
  readonly db: PGlite;
  /** Resolves once all that was committed is on the disk. */
  readonly flush: () => Promise<void>;
}

/** Opens the database of a folder, or makes it there. */
export async function openDurable(folder: string): Promise<DurableDatabase> {
  const files = new DurableFolder(folder);
  const db = await PGlite.create({ fs: files, startParams });
  return { db, flush: () => files.flush() };
}

/** Syncs a folder with everything in it: its making is not synced by PostgreSQL. */
export function syncFolder(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      syncFolder(path);
    } else if (entry.isFile()) {
      syncPath(path);
    }
  }
  syncPath(folder);
}

/** Syncs one file, or the names in one folder. */
export function syncPath(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
