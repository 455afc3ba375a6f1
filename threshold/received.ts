/** Checks on a set of messages before any is looked into: exactly one from each party that should have sent one. */
import { SymbolonError, isSymbolonError } from '../wire/errors/index.ts';
import type { Message } from '../wire/shape.ts';

/**
 * Messages in the order of `parties`.
 * @throws SymbolonError `threshold/unexpected-party` on an index outside `parties` (zero, own, unknown),
 * `threshold/message-missing` where one is absent.
 */
export function oneFromEach(
  parties: readonly number[],
  messages: ReadonlyMap<number, Uint8Array>,
  what: string,
): (readonly [party: number, raw: Uint8Array])[] {
  for (const party of messages.keys()) {
    if (!parties.includes(party)) {
      throw new SymbolonError('threshold/unexpected-party', { party, message: what });
    }
  }
  return parties.map((party) => {
    const raw = messages.get(party);
    if (raw === undefined) {
      throw new SymbolonError('threshold/message-missing', { party, message: what });
    }
    return [party, raw];
  });
}

/** An error that names the sender of a message that is not valid. */
export const malformed = (
  party: number,
  what: string,
  reason: string,
  cause?: unknown,
): SymbolonError<'threshold/malformed-message'> =>
  new SymbolonError('threshold/malformed-message', { party, message: what, reason }, { cause });

/** Decodes a party's message; what is wrong with it becomes `threshold/malformed-message` with the party's index. */
export function decodeFrom<T>(party: number, raw: Uint8Array, format: Message<T>): T {
  try {
    return format.decode(raw);
  } catch (error) {
    if (isSymbolonError(error)) {
      throw malformed(party, format.name, error.message, error);
    }
    throw error;
  }
}
