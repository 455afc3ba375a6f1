/** The byte formats and file names of the key store (SPEC.md). Pure: bytes in, values out. */
import { decodeKeyPublic, encodeKeyPublic, type KeyPublic } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { hash32, hashOf, keyId, keyIdOf, name, purpose } from '../../wire/ids.ts';
import { maxNodes } from '../../wire/limits.ts';
import type { KeyInfo } from '../../wire/messages/node.ts';
import { envelopeShape, identityShape, type Identity } from '../../wire/messages/session.ts';
import { bytes, list, message, oneOf, record, text, uint } from '../../wire/shape.ts';

/** One holder of a share: its name, its index in the key, and its identity in the session that made the key. */
export interface Holder {
  readonly name: string;
  /** Participant index of the threshold scheme, from 1. */
  readonly index: number;
  readonly identity: Identity;
}

/** The authenticated public part of a stored key. */
export interface KeyRecord {
  readonly id: string;
  readonly public: KeyPublic;
  readonly purpose: string;
  readonly label: string;
  /** All holders, this node included, sorted by name. */
  readonly holders: readonly Holder[];
  /** This node's index. */
  readonly index: number;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Id of the session that made the key, 32 bytes. */
  readonly session: Uint8Array;
  /** Transcript hash that the round-4 envelopes of that session carry, 32 bytes. */
  readonly transcript: Uint8Array;
}

const generation = uint(0xffff_ffff);

/** Byte format of the open part of a sealed record: what the seal authenticates and does not hide. */
export const keyRecordBytes = message(
  'key-record',
  32_768,
  record({
    v: oneOf(1),
    /** `encodeKeyPublic`: scheme, threshold, participants, generation, commitments. */
    public: bytes(1, 2_048),
    purpose,
    label: text(64),
    holders: list(record({ name, index: uint(maxNodes, 1), identity: identityShape }), maxNodes, 2),
    index: uint(maxNodes, 1),
    createdAt: uint(),
    session: hash32,
    transcript: hash32,
  }),
);

/** Byte format of an activation: the proof that every holder stored its share. */
export const activationBytes = message(
  'key-activation',
  65_536,
  record({
    v: oneOf(1),
    key: keyId,
    generation,
    /** {@link openPartHash} of the record that it activates. */
    record: hash32,
    /** The round-4 envelopes of all holders, sorted by `from`. */
    confirmations: list(envelopeShape, maxNodes, 2),
  }),
);

/** Names the open part of a record; survives sealing the same share anew. */
export const openPartHash = (open: Uint8Array): Uint8Array => hashOf('symbolon/key-record/1', open);

/** Round of a key generation in which the holders confirm that they stored their shares. */
export const storedRound = 4;

/** What a file of the store is, by its name. */
export interface RecordName {
  readonly id: string;
  readonly generation: number;
  readonly part: 'sealed' | 'active';
}
/** File name of a part of a record: key id, generation, part. */
export const recordFile = ({ id, generation: of, part }: RecordName): string => `${id}.${of}.${part}`;

/** Reads a file name back, or `undefined` where it is not exactly what {@link recordFile} gives. */
export function parseRecordFile(file: string): RecordName | undefined {
  const [, id, digits, part] = /^([0-9a-f]{32})\.(0|[1-9][0-9]{0,9})\.(sealed|active)$/.exec(file) ?? [];
  const of = Number(digits);
  if (id === undefined || (part !== 'sealed' && part !== 'active') || of > 0xffff_ffff) {
    return undefined;
  }
  return { id, generation: of, part };
}

/** Encodes the open part. @throws SymbolonError as {@link decodeOpenPart}. */
export function encodeOpenPart(record: KeyRecord, cluster: Uint8Array, node: string): Uint8Array {
  checkKeyRecord(record, cluster, node);
  const { purpose: tag, label, holders, index, createdAt, session, transcript } = record;
  return keyRecordBytes.encode({
    v: 1,
    public: encodeKeyPublic(record.public),
    purpose: tag,
    label,
    holders: [...holders],
    index,
    createdAt,
    session,
    transcript,
  });
}

/**
 * Decodes the open part and checks that it fits together and belongs to this cluster and node. The key's id follows from
 * what is in it.
 * @throws SymbolonError `wire/*`, `threshold/*`, `store/record-mismatch`.
 */
export function decodeOpenPart(open: Uint8Array, cluster: Uint8Array, node: string): KeyRecord {
  const { v: version, public: raw, ...rest } = keyRecordBytes.decode(open);
  version satisfies 1;
  const key = decodeKeyPublic(raw);
  const id = keyIdOf(cluster, key.scheme, rest.purpose, key.groupPublicKey);
  const decoded = { id, public: key, ...rest };
  checkKeyRecord(decoded, cluster, node);
  return decoded;
}

function checkKeyRecord(record: KeyRecord, cluster: Uint8Array, node: string): void {
  const refuse = (reason: string): never => {
    throw new SymbolonError('store/record-mismatch', { reason });
  };
  const { holders, index } = record;
  const { scheme, groupPublicKey, participants } = record.public;
  if (record.id !== keyIdOf(cluster, scheme, record.purpose, groupPublicKey)) {
    refuse('the id is not the one of this public key and purpose');
  }
  // Strictly rising: sorted, and no name twice.
  if (holders.some((holder, i) => i > 0 && (holders[i - 1]?.name ?? '') >= holder.name)) {
    refuse('holders not sorted or not distinct');
  }
  const indexes = new Set(holders.map((holder) => holder.index));
  if (indexes.size !== holders.length || indexes.size !== participants.length) {
    refuse('not one holder a participant');
  }
  if (!participants.every((participant) => indexes.has(participant))) {
    refuse('a participant without a holder');
  }
  if (holders.find((holder) => holder.name === node)?.index !== index) {
    refuse('the index is not the one of this node');
  }
}

/** Public facts of a key for `GET /v1/keys`. */
export function keyInfoOf(record: KeyRecord, state: 'pending' | 'active'): KeyInfo;
export function keyInfoOf(record: KeyRecord, state: 'broken', code: string): KeyInfo;
export function keyInfoOf(record: KeyRecord, state: KeyInfo['state'], code?: string): KeyInfo {
  const { scheme, threshold, generation: of, groupPublicKey } = record.public;
  return {
    id: record.id,
    state,
    ...(code === undefined ? {} : { code }),
    scheme,
    purpose: record.purpose,
    label: record.label,
    threshold,
    nodes: record.holders.map((holder) => holder.name),
    generation: of,
    createdAt: record.createdAt,
    groupPublicKey,
    // The encoding is deterministic: these are the bytes that the seal authenticates.
    public: encodeKeyPublic(record.public),
  };
}
