/**
 * All sessions of this node: bounded, found by the own nonce or by the session id, swept when their time is over. A session
 * that ended is kept for a while without its secrets, so that late calls learn how it ended.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { Session } from './session.ts';

/** Bounds of the table. */
export interface TableOptions {
  /** Live sessions held at once. */
  readonly maxLive: number;
  /** Ended sessions remembered; the oldest goes first. */
  readonly maxEnded: number;
}

/** The sessions of one node. */
export class SessionTable {
  readonly #opts: TableOptions;
  readonly #live = new Set<Session>();
  readonly #ended = new Set<Session>();
  readonly #byNonce = new Map<string, Session>();
  readonly #byId = new Map<string, Session>();
  readonly #idOf = new WeakMap<Session, string>();
  #finished = 0;
  #failed = 0;

  constructor(opts: TableOptions) {
    this.#opts = opts;
  }

  /** Live sessions, and how many ended since the start. */
  counts(): { readonly open: number; readonly finished: number; readonly failed: number } {
    return { open: this.#live.size, finished: this.#finished, failed: this.#failed };
  }

  /**
   * Makes sure that one more session fits. Sessions over their deadline go first (T35, T43).
   * @throws SymbolonError `session/too-many`.
   */
  requireRoom(): void {
    if (this.#live.size >= this.#opts.maxLive) {
      this.sweep();
    }
    if (this.#live.size >= this.#opts.maxLive) {
      throw new SymbolonError('session/too-many', { limit: this.#opts.maxLive });
    }
  }

  /** Takes a new session in. @throws SymbolonError `session/too-many`. */
  add(session: Session): void {
    this.requireRoom();
    this.#live.add(session);
    this.#byNonce.set(toHex(session.challenge.nonce), session);
  }

  /** Makes the session findable by its id, from `attest` on. */
  name(session: Session, id: Uint8Array): void {
    this.#idOf.set(session, toHex(id));
    this.#byId.set(toHex(id), session);
  }

  /**
   * The session whose challenge carried `nonce`, if `relay` opened it.
   * @throws SymbolonError `session/unknown`: also for another client's session, whose existence is not its business.
   */
  ofNonce(nonce: Uint8Array, relay: string): Session {
    return this.#own(this.#byNonce.get(toHex(nonce)), relay);
  }

  /** The session with this id, if `relay` opened it. @throws SymbolonError `session/unknown`. */
  ofId(id: Uint8Array, relay: string): Session {
    return this.#own(this.#byId.get(toHex(id)), relay);
  }

  /** Moves a session that ended out of the live ones. */
  end(session: Session): void {
    if (!this.#live.delete(session)) {
      return;
    }
    if (session.state === 'finished') {
      this.#finished += 1;
    } else {
      this.#failed += 1;
    }
    this.#ended.add(session);
    for (const oldest of this.#ended) {
      if (this.#ended.size <= this.#opts.maxEnded) {
        break;
      }
      this.#ended.delete(oldest);
      this.#byNonce.delete(toHex(oldest.challenge.nonce));
      this.#byId.delete(this.#idOf.get(oldest) ?? '');
    }
  }

  /** Ends every session whose time is over. */
  sweep(): void {
    for (const session of [...this.#live]) {
      if (session.over) {
        session.fail(new SymbolonError('session/expired', { session: toHex(session.id) }));
      }
    }
  }

  /** Ends every live session with `error`: the node stops or freezes. */
  failAll(error: SymbolonError): void {
    this.failWhere(() => true, error);
  }

  /** Ends the live sessions that `which` names. */
  failWhere(which: (session: Session) => boolean, error: SymbolonError): void {
    for (const session of [...this.#live].filter(which)) {
      session.fail(error);
    }
  }

  #own(session: Session | undefined, relay: string): Session {
    if (session?.relay !== relay) {
      throw new SymbolonError('session/unknown', {});
    }
    return session;
  }
}
