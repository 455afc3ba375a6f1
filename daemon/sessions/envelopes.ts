/**
 * Reading what a round was delivered: exactly one envelope for each slot that the round before fills, each signed by the
 * attested identity of its sender. Nothing here changes a session.
 */
import { verifyEnvelope, type ExpectedEnvelope } from '../../enclave/channel/index.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, hashOf } from '../../wire/ids.ts';
import type { Envelope, Identity } from '../../wire/messages/session.ts';

/** What a session knows before it reads the messages of the round before. */
export interface ExpectedRound {
  /** Session id, 32 bytes. */
  readonly session: Uint8Array;
  /** The round whose messages are read. */
  readonly round: number;
  /** Transcript that those messages were sent under, 32 bytes. */
  readonly transcript: Uint8Array;
  /** This node's name. */
  readonly self: string;
  /** The other participants' attested identities. */
  readonly peers: ReadonlyMap<string, Identity>;
  /** The peers who each also sent this node a message of its own. */
  readonly pairwiseFrom: ReadonlySet<string>;
}

/** What was read. `pairwise` is secret: its owner wipes it. */
export interface ReadRound {
  /** Payloads of the broadcasts, by sender. */
  readonly broadcasts: ReadonlyMap<string, Uint8Array>;
  /** Decrypted payloads addressed to this node, by sender. */
  readonly pairwise: ReadonlyMap<string, Uint8Array>;
  /** Hash of what was signed in each slot, to recognise a second, different message. */
  readonly slots: ReadonlyMap<string, Uint8Array>;
}

/** Opens a pairwise envelope: the gate's. */
export type Open = (envelope: Envelope, expected: ExpectedEnvelope) => Uint8Array;

const slotOf = (envelope: Envelope): string => `${envelope.from} ${envelope.to ?? '*'}`;
const contentOf = (envelope: Envelope): Uint8Array =>
  hashOf('symbolon/slot/1', envelope.transcript, envelope.payload);

/** Wipes decrypted payloads. */
export function wipeAll(payloads: ReadonlyMap<unknown, Uint8Array>): void {
  for (const payload of payloads.values()) {
    payload.fill(0);
  }
}

/**
 * Reads the envelopes of one round.
 * @throws SymbolonError `round/unexpected-input`, `channel/envelope-*` where the delivery is not what the senders signed for
 * this place: the relay may deliver again. `round/split-view`, `round/equivocation`, `round/peer-cheated` where a sender
 * signed what an honest one does not: the session is over.
 */
export function readRound(envelopes: readonly Envelope[], expected: ExpectedRound, open: Open): ReadRound {
  const broadcasts = new Map<string, Uint8Array>();
  const pairwise = new Map<string, Uint8Array>();
  const slots = new Map<string, Uint8Array>();
  try {
    for (const envelope of envelopes) {
      const payload = readOne(envelope, expected, open);
      const isPairwise = envelope.to !== undefined;
      if (isPairwise) {
        // Into the map first, so that a refusal below wipes it.
        pairwise.set(`${envelope.from}${pairwise.has(envelope.from) ? ' again' : ''}`, payload);
      }
      const slot = slotOf(envelope);
      const before = slots.get(slot);
      const content = contentOf(envelope);
      if (before !== undefined) {
        throw equalBytes(before, content)
          ? new SymbolonError('round/unexpected-input', {
              reason: 'the same message twice',
              peer: envelope.from,
            })
          : new SymbolonError('round/equivocation', { peer: envelope.from, round: expected.round });
      }
      slots.set(slot, content);
      if (!isPairwise) {
        broadcasts.set(envelope.from, payload);
      }
    }
    for (const peer of expected.peers.keys()) {
      if (!broadcasts.has(peer) || pairwise.has(peer) !== expected.pairwiseFrom.has(peer)) {
        throw new SymbolonError('round/unexpected-input', { reason: 'a message is missing', peer });
      }
    }
    return { broadcasts, pairwise, slots };
  } catch (error) {
    wipeAll(pairwise);
    throw error;
  }
}

function readOne(envelope: Envelope, expected: ExpectedRound, open: Open): Uint8Array {
  const { from } = envelope;
  const sender = expected.peers.get(from);
  // A stranger's name is not repeated: it is the relay's text.
  if (sender === undefined) {
    throw new SymbolonError('round/unexpected-input', { reason: 'the sender is not another participant' });
  }
  if (envelope.to !== undefined && (!expected.pairwiseFrom.has(from) || envelope.to !== expected.self)) {
    throw new SymbolonError('round/unexpected-input', {
      reason: 'a pairwise message that is not for this node and round',
      peer: from,
    });
  }
  const { session, round, transcript } = expected;
  const wanted: ExpectedEnvelope = { session, round, sender, from, transcript };
  try {
    return envelope.to === undefined ? verifyEnvelope(envelope, wanted) : open(envelope, wanted);
  } catch (error) {
    if (isSymbolonError(error, 'channel/envelope-split-view')) {
      // T16, T36: signed by the sender, for this session and round, over other broadcasts than this node saw.
      throw new SymbolonError('round/split-view', { peer: from, round }, { cause: error });
    }
    if (isSymbolonError(error, 'channel/envelope-undecryptable')) {
      throw new SymbolonError(
        'round/peer-cheated',
        { peer: from, round, code: error.code },
        { cause: error },
      );
    }
    throw error;
  }
}

/**
 * Finds a participant who signed a second, different message for a slot that was read before. A delivery that only the
 * relay changed names nobody.
 */
export function findEquivocation(
  envelopes: readonly Envelope[],
  expected: ExpectedRound,
  slots: ReadonlyMap<string, Uint8Array>,
): string | undefined {
  for (const envelope of envelopes) {
    const { from, to, transcript } = envelope;
    const before = slots.get(slotOf(envelope));
    const sender = expected.peers.get(from);
    if (before === undefined || sender === undefined || equalBytes(before, contentOf(envelope))) {
      continue;
    }
    const { session, round } = expected;
    try {
      verifyEnvelope(envelope, {
        session,
        round,
        sender,
        from,
        transcript,
        ...(to === undefined ? {} : { to }),
      });
      return from;
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
    }
  }
  return undefined;
}
