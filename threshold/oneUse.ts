/**
 * One-use secrets. A holder shows nothing: its content sits in a private field, so JSON, structured clone, spread and
 * the inspector give an empty object, and taking the content out empties it.
 */
import { SymbolonError } from '../wire/errors/index.ts';

/** Something whose secret content can be taken once. `T` wipes itself through the function given to it. */
export class OneUse<T> {
  #content: T | undefined;
  readonly #what: string;
  readonly #wipe: (content: T) => void;

  /** `what` names the holder in the error of a second use; `wipe` overwrites the secrets of the content. */
  constructor(what: string, content: T, wipe: (content: T) => void) {
    this.#what = what;
    this.#content = content;
    this.#wipe = wipe;
  }

  /**
   * Hands the content over to its next owner, who wipes it. From here on the holder is empty.
   * @throws SymbolonError `threshold/state-used` where it was taken or wiped before.
   */
  static take<T>(holder: OneUse<T>): T {
    const content = holder.#content;
    if (content === undefined) {
      throw new SymbolonError('threshold/state-used', { what: holder.#what });
    }
    holder.#content = undefined;
    return content;
  }

  /** Overwrites the content and empties the holder; does nothing on an empty one. */
  wipe(): void {
    const content = this.#content;
    this.#content = undefined;
    if (content !== undefined) {
      this.#wipe(content);
    }
  }
}
