/** The byte formats and file names of the pairings (SPEC.md). Pure: bytes in, values out. */
import { name, namePattern } from '../../wire/ids.ts';
import { maxNodes } from '../../wire/limits.ts';
import { bytes, message, oneOf, record, uint, type TypeOf } from '../../wire/shape.ts';

/** Highest generation that a file name can carry. */
export const maxGeneration = 0xffff_ffff;
const pairingId = bytes(16);

const pairingShape = record({
  v: oneOf(1),
  peer: name,
  /** The peer's participant index. */
  index: uint(maxNodes, 1),
  id: pairingId,
  /** Unix milliseconds. */
  createdAt: uint(),
  /** Unclean starts of the node when the pairing was made. */
  unclean: uint(),
});
/** The authenticated public part of a stored pairing. */
export type PairingRecord = TypeOf<typeof pairingShape>;
/** Byte format of the open part of a sealed pairing: what the seal authenticates and does not hide. */
export const pairingRecordBytes = message('pairing-record', 512, pairingShape);

const markShape = record({
  v: oneOf(1),
  peer: name,
  generation: uint(maxGeneration),
  id: pairingId,
  /** When the pairing was poisoned, in Unix milliseconds. */
  at: uint(),
});
/** The mark of a poisoned pairing. */
export type PoisonMark = TypeOf<typeof markShape>;
/** Byte format of a {@link PoisonMark}. */
export const poisonMarkBytes = message('pairing-poisoned', 512, markShape);

/** Byte format of the note that pairings are in use. */
export const inUseBytes = message('pairings-in-use', 64, record({ v: oneOf(1), since: uint() }));
/** Byte format of the count of unclean starts. */
export const uncleanBytes = message('unclean-starts', 64, record({ v: oneOf(1), count: uint() }));

/** Name of the note that pairings are in use. No peer's file has a name without dots. */
export const inUseFile = 'in-use';
/** Name of the count of unclean starts. */
export const uncleanFile = 'unclean-starts';

/** What a file of a pairing is, by its name. */
export interface PairingName {
  readonly peer: string;
  readonly generation: number;
  readonly part: 'sealed' | 'poisoned';
}

/** File name of a part of a pairing: peer, generation, part. At most 52 characters. */
export const pairingFile = ({ peer, generation, part }: PairingName): string =>
  `${peer}.${generation}.${part}`;

/** Reads a file name back, or `undefined` where it is not exactly what {@link pairingFile} gives. */
export function parsePairingFile(file: string): PairingName | undefined {
  const [, peer, digits, part] =
    /^([a-z0-9-]{1,32})\.(0|[1-9][0-9]{0,9})\.(sealed|poisoned)$/.exec(file) ?? [];
  const generation = Number(digits);
  if (peer === undefined || !namePattern.test(peer) || generation > maxGeneration) {
    return undefined;
  }
  return part === 'sealed' || part === 'poisoned' ? { peer, generation, part } : undefined;
}
