/** What the replay guard promises to the rest of the node. replayGuard.ts keeps it. */
import type { Files } from '../files/atomic.ts';
import type { MarkKeeper } from './marks.ts';

/** Names one use of a request. */
export interface RequestUse {
  /** The request's id, 16 bytes. */
  readonly id: Uint8Array;
  /** `requestHash`, 32 bytes. */
  readonly hash: Uint8Array;
  /** The request's own end, Unix milliseconds. */
  readonly expiresAt: number;
}

/** The open guard. */
export interface ReplayGuard {
  /**
   * A session starts for this request: counts it. In memory only; nothing has left the node yet.
   * @throws SymbolonError `request/expired`, `node/request-id-conflict`, `node/request-replayed`,
   * `guard/attempts-exhausted`, `guard/full`, `guard/write-failed` after an earlier failure of the disk.
   */
  begin(use: RequestUse): void;
  /**
   * Makes the use durable. Resolves after the disk has it: only then may the first byte of the final round leave. Burns
   * that run at the same time share one fdatasync. Each begun session may burn once.
   * @throws SymbolonError `request/expired`, `node/request-id-conflict`, `node/request-replayed`, `guard/not-begun`, and
   * `guard/write-failed` (then nothing may leave, and the guard refuses everything until it is opened again).
   */
  burn(use: RequestUse): Promise<void>;
  /**
   * The request was carried out: from now on it is `node/request-replayed`. Resolves after the disk has it. Calling it
   * again changes nothing.
   * @throws SymbolonError `guard/not-begun` where nothing was burned under this id and hash, `guard/write-failed`.
   */
  done(use: RequestUse): Promise<void>;
  /** What this node has counted, and what it has seen of others (T09). */
  readonly marks: MarkKeeper;
  /** Request ids that the guard holds now. */
  readonly size: number;
  /** What the start repaired, one sentence each (an incomplete last entry of a crash). */
  readonly recovered: readonly string[];
  /** Waits for the disk and closes the journal. */
  close(): Promise<void>;
}

/** Where the journal lies, and its bounds. */
export interface ReplayGuardOptions {
  /** The journal. Beside it lies `FILE.created`, which says that there was a journal once. */
  readonly file: string;
  /** True where the node is known to have run before (its key store was not made just now): then absent is missing. */
  readonly mustExist?: boolean;
  /** Request ids held at once; 262,144 unless told. */
  readonly maxEntries?: number;
  /** Sessions that one request may start; `maxAttempts` of wire/limits.ts unless told. */
  readonly maxAttempts?: number;
}
/** What the guard works with. */
export interface ReplayGuardModules {
  readonly files: Files;
  /** Unix milliseconds. */
  readonly now: () => number;
}
