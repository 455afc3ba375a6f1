/**
 * The proof that every holder of a generation stored its share: the round-4 envelopes of all of them, signed with the
 * identities that the sealed record names. Those identities live in memory only, so nobody can make such a proof later.
 */
import { verifyEnvelope } from '../../enclave/channel/index.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import { keyStored, type Envelope } from '../../wire/messages/session.ts';
import { activationBytes, openPartHash, storedRound, type GenerationRecord } from './records.ts';

const refuse = (reason: string, holder: string, cause?: unknown): SymbolonError<'store/activation-refused'> =>
  new SymbolonError('store/activation-refused', { reason, holder }, cause === undefined ? {} : { cause });

/**
 * Checks that `confirmations` hold exactly one good round-4 envelope of each holder, and returns them sorted.
 * @throws SymbolonError `store/activation-refused`.
 */
export function checkConfirmations(record: GenerationRecord, confirmations: readonly Envelope[]): Envelope[] {
  const { holders, session, transcript } = record;
  const bySender = new Map<string, Envelope>();
  for (const envelope of confirmations) {
    // Duplicates first, then the count: a holder that speaks twice is not two holders (T23).
    if (bySender.has(envelope.from)) {
      throw refuse('a holder twice', holders.find(({ name }) => name === envelope.from)?.name ?? 'unknown');
    }
    bySender.set(envelope.from, envelope);
  }
  if (bySender.size > holders.length) {
    throw refuse('more confirmations than holders', 'unknown');
  }
  const payload = keyStored.encode({ v: 1, stored: record.id, generation: record.public.generation });
  return holders.map(({ name, identity }) => {
    const envelope = bySender.get(name);
    if (envelope === undefined) {
      throw refuse('a holder is missing', name);
    }
    let said: Uint8Array;
    try {
      // Session, round and transcript are under the signature: a confirmation of another key proves nothing here (T24).
      said = verifyEnvelope(envelope, {
        session,
        round: storedRound,
        sender: identity,
        from: name,
        transcript,
      });
    } catch (error) {
      throw refuse(isSymbolonError(error) ? error.code : 'not an envelope', name, error);
    }
    if (!equalBytes(said, payload)) {
      throw refuse('it confirms something else', name);
    }
    return envelope;
  });
}

/** The bytes of an activation file. @throws SymbolonError `store/activation-refused`. */
export function encodeActivation(
  record: GenerationRecord,
  open: Uint8Array,
  confirmations: readonly Envelope[],
): Uint8Array {
  return activationBytes.encode({
    v: 1,
    key: record.id,
    generation: record.public.generation,
    record: openPartHash(open),
    confirmations: checkConfirmations(record, confirmations),
  });
}

/**
 * Checks an activation file against the record it lies beside. Everything is verified again at each start: the file
 * itself carries no authority.
 * @returns the confirmations in it, sorted by sender
 * @throws SymbolonError `wire/*`, `store/activation-refused`.
 */
export function checkActivation(record: GenerationRecord, open: Uint8Array, file: Uint8Array): Envelope[] {
  const activation = activationBytes.decode(file);
  if (activation.key !== record.id || activation.generation !== record.public.generation) {
    throw refuse('it is of another key or generation', 'unknown');
  }
  if (!equalBytes(activation.record, openPartHash(open))) {
    throw refuse('it is of another record', 'unknown');
  }
  return checkConfirmations(record, activation.confirmations);
}
