/**
 * Everything that is hashed in key generation, in one place. Each hash has its own label and covers the scheme, the
 * session, the parties in order and the threshold (T18); the session id itself covers request, manifest, identities
 * and generation.
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

/** What all parties compare at the end (T16): every broadcast as it was received, and what came of them. */
export const confirmationOf = (
  context: DkgContext,
  parts: {
    readonly generation: number;
    readonly commitments: readonly Uint8Array[];
    readonly openings: readonly Uint8Array[];
    readonly keyPublic: Uint8Array;
  },
): Uint8Array =>
  hashOf(
    'symbolon/dkg-confirmation/1',
    ...contextParts(context),
    parts.generation,
    [...parts.commitments],
    [...parts.openings],
    parts.keyPublic,
  );

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
