/** The byte formats and file names of the key store (SPEC.md). Pure: bytes in, values out. */
import { decodeKeyPublic, encodeKeyPublic, type KeyPublic } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { hash32, hashOf, keyId, keyIdOf, name, purpose, toHex } from '../../wire/ids.ts';
import { maxNodes } from '../../wire/limits.ts';
import type { KeyInfo } from '../../wire/messages/node.ts';
import { envelopeShape, identityShape, type Identity } from '../../wire/messages/session.ts';
import { bytes, list, message, oneOf, optional, record, text, uint, type TypeOf } from '../../wire/shape.ts';

/** Public facts of a key, whatever its state on this node. */
export type KeyFacts = Omit<KeyInfo, 'state' | 'code'>;

/** One holder of a share: its name, its index in the key, and its identity in the session that made the key. */
export interface Holder {
  readonly name: string;
  /** Participant index of the threshold scheme, from 1. */
  readonly index: number;
  readonly identity: Identity;
}

/** The authenticated public part of a stored generation of a key, whether this node holds a share of it or not. */
export interface GenerationRecord {
  readonly id: string;
  readonly public: KeyPublic;
  readonly purpose: string;
  readonly label: string;
  /** All holders of the generation, sorted by name. */
  readonly holders: readonly Holder[];
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Id of the session that made the generation, 32 bytes. */
  readonly session: Uint8Array;
  /** When the request of that session was issued, in Unix milliseconds; 0 in records of version 1. */
  readonly requestedAt: number;
  /** Transcript hash that the round-4 envelopes of that session carry, 32 bytes. */
  readonly transcript: Uint8Array;
}

/** The authenticated public part of a stored share: this node is one of the holders. */
export interface KeyRecord extends GenerationRecord {
  /** This node's index. */
  readonly index: number;
}

/** Highest generation that a file name can carry. */
const maxGeneration = 0xffff_ffff;
const generation = uint(maxGeneration);

const common = {
  /** 2 has `requestedAt`. */
  v: oneOf(1, 2),
  /** `encodeKeyPublic`: scheme, threshold, participants, generation, commitments. */
  public: bytes(1, 2_048),
  purpose,
  label: text(64),
  holders: list(record({ name, index: uint(maxNodes, 1), identity: identityShape }), maxNodes, 2),
  createdAt: uint(),
  session: hash32,
  requestedAt: optional(uint()),
  transcript: hash32,
};
const departureShape = record(common);
const maxOpenPart = 32_768;

/** Byte format of the open part of a sealed share: what the seal authenticates and does not hide. */
export const keyRecordBytes = message(
  'key-record',
  maxOpenPart,
  record({ ...common, index: uint(maxNodes, 1) }),
);
/** Byte format of the open part of a departure: as {@link keyRecordBytes}, without an index of this node. */
export const departureBytes = message('key-departure', maxOpenPart, departureShape);

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

/** What a candidate is to this node: a share of its own, or its leave from the holders. */
export type CandidateKind = 'share' | 'departure';

/** Where a generation of a key lies, as the names of its files say. */
export interface Place {
  readonly id: string;
  readonly generation: number;
  /** First 16 hexadecimal digits of the session that made it; empty in names that version 1 wrote. */
  readonly session: string;
  readonly kind: CandidateKind;
}

/** The two files of a place: the sealed record, and the proof that all holders stored theirs. */
export type FilePart = 'record' | 'proof';

const endings = {
  share: { record: 'sealed', proof: 'active' },
  departure: { record: 'departure', proof: 'departed' },
} as const satisfies Record<CandidateKind, Record<FilePart, string>>;

/** Orders numbers by size and texts by their code units. */
export const compare = <T extends number | string>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);
/** The order of the candidates of a key as far as file names tell it: generation, session. */
export const comparePlaces = (a: Place, b: Place): number =>
  compare(a.generation, b.generation) || compare(a.session, b.session) || compare(a.kind, b.kind);

/** The session as a place names it. */
export const sessionOfName = (session: Uint8Array): string => toHex(session.subarray(0, 8));

/** Kind that the seal of a record carries. */
export const sealKinds = { share: 'key-share', departure: 'key-departure' } as const satisfies Record<
  CandidateKind,
  string
>;

/** File name of a part of a place: key id, generation, session, part. At most 75 characters. */
export const fileOf = ({ id, generation: of, session, kind }: Place, part: FilePart): string =>
  [id, of, ...(session === '' ? [] : [session]), endings[kind][part]].join('.');

/** Reads a file name back, or `undefined` where it is not exactly what {@link fileOf} gives. */
export function parseFileName(file: string): { readonly place: Place; readonly part: FilePart } | undefined {
  const [, id, digits, session = '', ending] =
    /^([0-9a-f]{32})\.(0|[1-9][0-9]{0,9})(?:\.([0-9a-f]{16}))?\.([a-z]+)$/.exec(file) ?? [];
  const of = Number(digits);
  if (id === undefined || of > maxGeneration) {
    return undefined;
  }
  for (const kind of ['share', 'departure'] as const) {
    for (const part of ['record', 'proof'] as const) {
      // Version 1 knew no departures: a departure without a session is no name of this store.
      if (endings[kind][part] === ending && (kind === 'share' || session !== '')) {
        return { place: { id, generation: of, session, kind }, part };
      }
    }
  }
  return undefined;
}

/** Encodes the open part of a share. @throws SymbolonError as {@link decodeOpenPart}. */
export function encodeOpenPart(record: KeyRecord, cluster: Uint8Array, node: string): Uint8Array {
  checkKeyRecord(record, cluster, node);
  return keyRecordBytes.encode({ ...encodable(record), index: record.index });
}

/** Encodes the open part of a departure. @throws SymbolonError as {@link decodeDeparture}. */
export function encodeDeparture(record: GenerationRecord, cluster: Uint8Array, node: string): Uint8Array {
  checkDeparture(record, cluster, node);
  return departureBytes.encode(encodable(record));
}

const encodable = (record: GenerationRecord) => ({
  v: 2 as const,
  public: encodeKeyPublic(record.public),
  purpose: record.purpose,
  label: record.label,
  holders: [...record.holders],
  createdAt: record.createdAt,
  session: record.session,
  requestedAt: record.requestedAt,
  transcript: record.transcript,
});

/**
 * Decodes the open part of a share and checks that it fits together and belongs to this cluster and node. The key's id
 * follows from what is in it.
 * @throws SymbolonError `wire/*`, `threshold/*`, `store/record-mismatch`.
 */
export function decodeOpenPart(open: Uint8Array, cluster: Uint8Array, node: string): KeyRecord {
  const { index, ...rest } = keyRecordBytes.decode(open);
  const decoded = { ...decodedOf(rest, cluster), index };
  checkKeyRecord(decoded, cluster, node);
  return decoded;
}

/** As {@link decodeOpenPart}, of a departure: this node is none of the holders. @throws SymbolonError the same. */
export function decodeDeparture(open: Uint8Array, cluster: Uint8Array, node: string): GenerationRecord {
  const decoded = decodedOf(departureBytes.decode(open), cluster);
  checkDeparture(decoded, cluster, node);
  return decoded;
}

function decodedOf(fields: TypeOf<typeof departureShape>, cluster: Uint8Array): GenerationRecord {
  const { v: version, public: raw, requestedAt, ...rest } = fields;
  if ((version === 2) !== (requestedAt !== undefined)) {
    refuse('the fields are not those of the version');
  }
  const key = decodeKeyPublic(raw);
  const id = keyIdOf(cluster, key.scheme, rest.purpose, key.groupPublicKey);
  return { id, public: key, ...rest, requestedAt: requestedAt ?? 0 };
}

const refuse = (reason: string): never => {
  throw new SymbolonError('store/record-mismatch', { reason });
};

function checkKeyRecord(record: KeyRecord, cluster: Uint8Array, node: string): void {
  checkGeneration(record, cluster);
  if (record.holders.find((holder) => holder.name === node)?.index !== record.index) {
    refuse('the index is not the one of this node');
  }
}

function checkDeparture(record: GenerationRecord, cluster: Uint8Array, node: string): void {
  checkGeneration(record, cluster);
  if (record.holders.some((holder) => holder.name === node)) {
    refuse('a departure of a node that is a holder');
  }
}

function checkGeneration(record: GenerationRecord, cluster: Uint8Array): void {
  const { holders } = record;
  const { scheme, groupPublicKey, participants } = record.public;
  if (record.id !== keyIdOf(cluster, scheme, record.purpose, groupPublicKey)) {
    refuse('the id is not the one of this public key and purpose');
  }
  if (record.public.generation > maxGeneration) {
    refuse('a generation that no file name carries');
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
}

/** Public facts of a key. */
export function keyFactsOf(record: GenerationRecord): KeyFacts {
  const { scheme, threshold, generation: of, groupPublicKey } = record.public;
  return {
    id: record.id,
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

/** Public facts of a key for `GET /v1/keys`. */
export function keyInfoOf(record: GenerationRecord, state: 'pending' | 'active'): KeyInfo;
export function keyInfoOf(record: GenerationRecord, state: 'broken', code: string): KeyInfo;
export function keyInfoOf(record: GenerationRecord, state: KeyInfo['state'], code?: string): KeyInfo {
  return { ...keyFactsOf(record), state, ...(code === undefined ? {} : { code }) };
}
