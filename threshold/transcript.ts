/**
 * Everything that is hashed where shares are dealt or repaired, in one place. Each hash has its own label and covers the
 * scheme, the session, the parties in order and the threshold (T18), and where a key exists its public data with the
 * generation; the session id itself covers request, manifest and identities.
 */
import type { CborInput } from '../wire/cbor.ts';
import { encodeCbor } from '../wire/cbor.ts';
import { hashOf, type Scheme } from '../wire/ids.ts';
import type { Group } from './group/group.ts';

/** What a key generation is about, the same for all parties. */
export interface DkgContext {
  readonly scheme: Scheme;
  /** 32 bytes, fresh, agreed by all parties. */
  readonly session: Uint8Array;
  readonly participants: readonly number[];
  readonly threshold: number;
}

const contextParts = (context: DkgContext): readonly CborInput[] => [
  context.scheme,
  context.session,
  [...context.participants],
  context.threshold,
];

/** The commitment of round 1: 32 bytes over the context, the committing party and its opening. */
export const openingHash = (context: DkgContext, party: number, opening: Uint8Array): Uint8Array =>
  hashOf('symbolon/dkg-opening/1', ...contextParts(context), party, opening);

/** The joint chain code: 32 bytes over the context and all contributions, in the order of the participants. */
export const chainCodeOf = (context: DkgContext, contributions: readonly Uint8Array[]): Uint8Array =>
  hashOf('symbolon/chain-code/1', ...contextParts(context), [...contributions]);

/** What a confirmation covers: every broadcast as it was received, and what came of them. */
export interface ConfirmedParts {
  readonly generation: number;
  readonly commitments: readonly Uint8Array[];
  readonly openings: readonly Uint8Array[];
  readonly keyPublic: Uint8Array;
}
const confirmedParts = (parts: ConfirmedParts): readonly CborInput[] => [
  parts.generation,
  [...parts.commitments],
  [...parts.openings],
  parts.keyPublic,
];

/** What all parties of a key generation compare at the end (T16). */
export const confirmationOf = (context: DkgContext, parts: ConfirmedParts): Uint8Array =>
  hashOf('symbolon/dkg-confirmation/1', ...contextParts(context), ...confirmedParts(parts));

const proofTag = new TextEncoder().encode('symbolon/dkg-proof/1');

/**
 * The challenge of a proof of possession: bound to the context, the party, all its coefficient commitments and the
 * proof's own point, so that no proof fits another party, session or polynomial.
 */
export const proofChallenge = (
  group: Group,
  context: DkgContext,
  party: number,
  coefficients: readonly Uint8Array[],
  point: Uint8Array,
): bigint =>
  group.hashToScalar(proofTag, [encodeCbor([...contextParts(context), party, [...coefficients], point])]);

/** What a refresh or a reshare is about, the same for all parties. */
export interface RenewContext {
  readonly kind: 'refresh' | 'reshare';
  readonly scheme: Scheme;
  /** 32 bytes, fresh, agreed by all parties. */
  readonly session: Uint8Array;
  /** Public data of the key before (`encodeKeyPublic`): group key, verifying shares, holders, threshold, generation. */
  readonly present: Uint8Array;
  readonly dealers: readonly number[];
  /** The next holders, threshold and generation. */
  readonly participants: readonly number[];
  readonly threshold: number;
  readonly generation: number;
}

const renewParts = (context: RenewContext): readonly CborInput[] => [
  context.kind,
  context.scheme,
  context.session,
  context.present,
  [...context.dealers],
  [...context.participants],
  context.threshold,
  context.generation,
];

/** The commitment of round 1 of a refresh or reshare. */
export const renewOpeningHash = (context: RenewContext, party: number, opening: Uint8Array): Uint8Array =>
  hashOf('symbolon/renew-opening/1', ...renewParts(context), party, opening);

/** What all parties of a refresh or reshare compare at the end (T16). */
export const renewConfirmationOf = (context: RenewContext, parts: ConfirmedParts): Uint8Array =>
  hashOf('symbolon/renew-confirmation/1', ...renewParts(context), ...confirmedParts(parts));

/** What a share repair is about, the same for all parties. */
export interface RepairContext {
  readonly scheme: Scheme;
  /** 32 bytes, fresh, agreed by all parties. */
  readonly session: Uint8Array;
  /** Public data of the key (`encodeKeyPublic`). */
  readonly present: Uint8Array;
  readonly helpers: readonly number[];
  /** Index of the holder whose share is restored. */
  readonly lost: number;
}

const repairParts = (context: RepairContext): readonly CborInput[] => [
  context.scheme,
  context.session,
  context.present,
  [...context.helpers],
  context.lost,
];

/** What a party of a share repair saw in round 1, in the order of the parties. It is compared before anyone is blamed. */
export const repairViewOf = (context: RepairContext, first: readonly Uint8Array[]): Uint8Array =>
  hashOf('symbolon/repair-view/1', ...repairParts(context), [...first]);

/** What all parties of a share repair compare at the end: that they are done, with one view. */
export const repairConfirmationOf = (context: RepairContext, view: Uint8Array): Uint8Array =>
  hashOf('symbolon/repair-confirmation/1', ...repairParts(context), view);

/** What the receivers of a key that was split in one place compare before they store it (T16). */
export const splitConfirmationOf = (
  session: Uint8Array,
  broadcast: Uint8Array,
  keyPublic: Uint8Array,
): Uint8Array => hashOf('symbolon/split-confirmation/1', session, broadcast, keyPublic);
