/** The secrets of one run in one place, so that no way out of a step forgets one. */

/** Something that overwrites what is secret in it. */
interface Wipeable {
  wipe(): void;
}

/** Holds secrets until they are wiped together. It shows nothing of them: its one field is private (T12). */
export class Secrets {
  readonly #held = new Set<Uint8Array | Wipeable>();

  /** Takes a secret over and gives it back for use. */
  hold<T extends Uint8Array | Wipeable>(secret: T): T {
    this.#held.add(secret);
    return secret;
  }

  /** Overwrites everything held. May be called more than once. */
  wipe(): void {
    for (const secret of this.#held) {
      if (secret instanceof Uint8Array) {
        secret.fill(0);
      } else {
        secret.wipe();
      }
    }
    this.#held.clear();
  }
}
