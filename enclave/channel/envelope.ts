/**
 * Envelopes: round messages between nodes that do not trust what carries them. SPEC.md beside this file has the bytes.
 *
 * Every envelope is signed by its sender's attested Ed25519 key over all its fields. A pairwise one is encrypted first,
 * to the attested X25519 key of its receiver, under a key that belongs to this session, pair, direction and round.
 */
import {
  createCipheriv,
  createDecipheriv,
  diffieHellman,
  hkdfSync,
  randomBytes,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { encodeCbor } from '../../wire/cbor.ts';
import { SymbolonError, isSymbolonError, type CodeOf } from '../../wire/errors/index.ts';
import { equalBytes, hashOf } from '../../wire/ids.ts';
import { maxRoundPayload } from '../../wire/limits.ts';
import type { Envelope, Identity } from '../../wire/messages/session.ts';
import type { EnvelopeKeys } from './identity.ts';
import { publicKeyFromRaw, type RawAlgorithm } from './keys.ts';

const ivLength = 12;
const tagLength = 16;
/** Bytes that encryption adds to a payload: the random IV before it and the tag behind it. */
export const pairwiseOverhead = ivLength + tagLength;

/** What the sender says. `to` and `receiver` come together for a pairwise message, and not at all for a broadcast. */
export interface SealInput {
  /** Session id, 32 bytes. */
  readonly session: Uint8Array;
  /** 1 to 16. */
  readonly round: number;
  /** The sender's own name. */
  readonly from: string;
  /** The receiver's name. */
  readonly to?: string;
  /** The receiver's identity, as this session's evidence showed it. */
  readonly receiver?: Identity;
  /** Transcript hash before this round, 32 bytes. */
  readonly transcript: Uint8Array;
  /** 1 to 65,536 bytes (`maxRoundPayload`). Stays the caller's, who wipes it where it is secret. */
  readonly payload: Uint8Array;
}

/** What the receiver knows before it looks at an envelope. */
export interface ExpectedEnvelope {
  readonly session: Uint8Array;
  readonly round: number;
  /** The sender's identity, as this session's evidence showed it. */
  readonly sender: Identity;
  /** The sender's name. */
  readonly from: string;
  /** Transcript hash before this round, as this node saw it. */
  readonly transcript: Uint8Array;
}

type Header = Pick<Envelope, 'session' | 'round' | 'from' | 'transcript'> & { readonly to?: string };

/** SPEC.md section 2: the signed message. `null` stands for no receiver, so no name can mean "all". */
const signedHash = (header: Header, payload: Uint8Array): Uint8Array =>
  hashOf(
    'symbolon/envelope/1',
    header.session,
    header.round,
    header.from,
    header.to ?? null,
    header.transcript,
    hashOf('symbolon/envelope-payload/1', payload),
  );

/** SPEC.md section 3: what the cipher authenticates beside the payload. */
const associatedData = (header: Header): Uint8Array =>
  encodeCbor([
    'symbolon/envelope-aad/1',
    header.session,
    header.round,
    header.from,
    header.to ?? null,
    header.transcript,
  ]);

/**
 * SPEC.md section 3: HKDF-SHA256 (RFC 5869) over the X25519 shared secret (RFC 7748). The public keys of both ends are
 * in `info`, because X25519 alone does not bind them, and sender and receiver stand in order, so the two directions
 * have different keys.
 */
function pairwiseKey(
  own: KeyObject,
  peer: KeyObject,
  header: Header,
  ends: { readonly sender: Identity; readonly receiver: Identity },
): Uint8Array {
  const shared = diffieHellman({ privateKey: own, publicKey: peer });
  const info = encodeCbor([
    'symbolon/envelope-key/1',
    header.from,
    header.to ?? null,
    header.round,
    ends.sender.encrypt,
    ends.receiver.encrypt,
  ]);
  try {
    return new Uint8Array(hkdfSync('sha256', shared, header.session, info, 32));
  } finally {
    shared.fill(0);
  }
}

const peerKeys = new Map<string, KeyObject>();
/** Two keys for each of the most nodes of a cluster, over two boots. */
const maxPeerKeys = 128;

/** Imported public keys of peers, kept because the import costs as much as its use. Public data, bounded, oldest out. */
function peerKey(of: RawAlgorithm, raw: Uint8Array): KeyObject {
  const name = of + Buffer.from(raw).toString('latin1');
  const known = peerKeys.get(name);
  if (known !== undefined) {
    return known;
  }
  const key = publicKeyFromRaw(of, raw);
  const oldest = peerKeys.keys().next();
  if (peerKeys.size >= maxPeerKeys && oldest.done !== true) {
    peerKeys.delete(oldest.value);
  }
  peerKeys.set(name, key);
  return key;
}

/**
 * Makes the envelope of one round message. With `to` and `receiver` the payload is encrypted; without, it is broadcast
 * in the clear, signed.
 * @throws SymbolonError `wire/oversize` above 65,536 bytes; `channel/bad-key` where the receiver's key can't be used.
 * @throws TypeError where only one of `to` and `receiver` is given, or the payload is empty: mistakes of the program.
 */
export function sealEnvelope(
  identity: EnvelopeKeys,
  input: SealInput,
  random: (length: number) => Uint8Array = randomBytes,
): Envelope {
  const { session, round, from, to, receiver, transcript, payload } = input;
  if ((to === undefined) !== (receiver === undefined)) {
    throw new TypeError('a pairwise envelope needs both the name and the identity of its receiver');
  }
  if (payload.length === 0) {
    throw new TypeError('an envelope needs a payload');
  }
  if (payload.length > maxRoundPayload) {
    throw new SymbolonError('wire/oversize', {
      what: 'round payload',
      size: payload.length,
      limit: maxRoundPayload,
    });
  }
  const header: Header = { session, round, from, ...(to === undefined ? {} : { to }), transcript };
  const carried =
    receiver === undefined ? payload.slice() : encrypt(identity, receiver, header, payload, random);
  const signature = new Uint8Array(sign(null, signedHash(header, carried), identity.signKey));
  return { ...header, payload: carried, signature };
}

function encrypt(
  identity: EnvelopeKeys,
  receiver: Identity,
  header: Header,
  payload: Uint8Array,
  random: (length: number) => Uint8Array,
): Uint8Array {
  let key: Uint8Array;
  try {
    key = pairwiseKey(identity.encryptKey, peerKey('x25519', receiver.encrypt), header, {
      sender: identity.public,
      receiver,
    });
  } catch (error) {
    // RFC 7748 section 6.1: a public key of small order gives the all-zero secret, which OpenSSL refuses.
    throw isSymbolonError(error)
      ? error
      : new SymbolonError(
          'channel/bad-key',
          { what: 'x25519 public key of the receiver', reason: 'no shared secret' },
          { cause: error },
        );
  }
  const out = new Uint8Array(payload.length + pairwiseOverhead);
  const iv = random(ivLength);
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagLength });
  key.fill(0);
  cipher.setAAD(associatedData(header));
  out.set(iv);
  out.set(cipher.update(payload), ivLength);
  cipher.final();
  out.set(cipher.getAuthTag(), ivLength + payload.length);
  return out;
}

/**
 * The signature first: a field that something on the way changed must not be blamed on the named sender. What fails
 * after it was signed by that sender just so.
 */
function checkSigned(envelope: Envelope, expected: ExpectedEnvelope, to: string | undefined): void {
  const { from } = expected;
  const signed = signedHash(envelope, envelope.payload);
  let valid: boolean;
  try {
    valid = verify(null, signed, peerKey('ed25519', expected.sender.sign), envelope.signature);
  } catch {
    // A sender key or a signature that is no key or signature at all is refused like a wrong one.
    valid = false;
  }
  if (!valid) {
    throw new SymbolonError('channel/envelope-signature', { from });
  }
  if (envelope.from !== from) {
    throw new SymbolonError('channel/envelope-sender', { from });
  }
  if (!equalBytes(envelope.session, expected.session)) {
    throw new SymbolonError('channel/envelope-session', { from });
  }
  if (envelope.round !== expected.round) {
    throw new SymbolonError('channel/envelope-round', { from, wanted: expected.round, got: envelope.round });
  }
  // A pairwise message is never taken for a broadcast, nor the reverse: the others would not know of it (T16).
  if (envelope.to !== to) {
    throw new SymbolonError('channel/envelope-receiver', { from });
  }
  // T16, T36: the sender saw other broadcasts than this node.
  if (!equalBytes(envelope.transcript, expected.transcript)) {
    throw new SymbolonError('channel/envelope-split-view', { from, round: expected.round });
  }
}

/**
 * Checks a broadcast and returns a copy of its payload. With `to` it checks a pairwise envelope for that receiver and returns
 * what is encrypted, still encrypted: a relay can tell who is to blame without being able to read.
 * @throws SymbolonError `channel/envelope-*`.
 */
export function verifyEnvelope(
  envelope: Envelope,
  expected: ExpectedEnvelope & { readonly to?: string },
): Uint8Array {
  checkSigned(envelope, expected, expected.to);
  return envelope.payload.slice();
}

/**
 * Checks a pairwise envelope addressed to `self` and returns the decrypted payload, which the caller owns and wipes.
 * @throws SymbolonError `channel/envelope-*`.
 */
export function openEnvelope(
  identity: EnvelopeKeys,
  envelope: Envelope,
  expected: ExpectedEnvelope & { readonly self: string },
): Uint8Array {
  const { from, sender } = expected;
  checkSigned(envelope, expected, expected.self);
  const sealed = envelope.payload;
  const end = sealed.length - tagLength;
  if (end <= ivLength) {
    throw new SymbolonError('channel/envelope-undecryptable', { from });
  }
  let plain: Buffer | undefined;
  try {
    const key = pairwiseKey(identity.encryptKey, peerKey('x25519', sender.encrypt), envelope, {
      sender,
      receiver: identity.public,
    });
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, ivLength), {
      authTagLength: tagLength,
    });
    key.fill(0);
    decipher.setAAD(associatedData(envelope));
    decipher.setAuthTag(sealed.subarray(end));
    plain = decipher.update(sealed.subarray(ivLength, end));
    decipher.final();
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.byteLength);
  } catch (error) {
    // GCM gives the plaintext before it has checked the tag: what failed is wiped, nobody sees it.
    plain?.fill(0);
    throw new SymbolonError('channel/envelope-undecryptable', { from }, { cause: error });
  }
}

/**
 * What the other side is told of a refusal. All refusals of an envelope look the same from outside, so that nobody can
 * probe which check failed; the operator's log has the real code.
 */
export function asSeenByPeer(error: SymbolonError): SymbolonError {
  return isEnvelopeRefusal(error) ? new SymbolonError('channel/envelope-refused', {}) : error;
}

/** Whether an error is one of the refusals of this file. */
export const isEnvelopeRefusal = (
  error: unknown,
): error is SymbolonError<Extract<CodeOf<'channel'>, `channel/envelope-${string}`>> =>
  isSymbolonError(error) && error.code.startsWith('channel/envelope-');
