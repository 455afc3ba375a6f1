/**
 * What key generation, refresh and reshare have in common: some parties deal a secret polynomial to some parties, with
 * hash commitments first (Feldman sharing; commit and open after ePrint 2023/602, protocol 9.1). A {@link Dealing} is
 * what differs between them, rounds.ts is what does not.
 */
import type { Element, Group, Random, SecretScalar } from '../group/group.ts';
import type { KeyPublic } from '../keyShare.ts';

/** What a party opened, decoded. */
export interface Opened {
  readonly party: number;
  /** Commitments to the coefficients of its polynomial, constant term first; none where it deals nothing. */
  readonly coefficients: readonly Element[];
}

/** What a party makes at the start. */
export interface Begun {
  /** Its round 2 broadcast. */
  readonly opening: Uint8Array;
  /** The secret coefficients of its polynomial, constant term first; none where it deals nothing. The rounds wipe them. */
  readonly coefficients: readonly SecretScalar[];
}

/** All broadcasts of a dealing as they were sent, in the order of the parties: what a confirmation covers. */
export interface Broadcasts {
  readonly commitments: readonly Uint8Array[];
  readonly openings: readonly Uint8Array[];
}

/** One party's view of a dealing. */
export interface Dealing<O extends Opened> {
  readonly group: Group;
  /** This party's index. */
  readonly index: number;
  /** Indices of all who take part, rising. */
  readonly parties: readonly number[];
  readonly dealers: readonly number[];
  readonly receivers: readonly number[];
  /** Names of the two broadcasts in errors, and the cap of the second, which is hashed before it is decoded. */
  readonly commitmentName: string;
  readonly openingName: string;
  readonly maxOpening: number;
  /** What the sum of the dealt shares is added to; `undefined` where that sum is the share. */
  readonly base: SecretScalar | undefined;

  /** Makes the own polynomial and opening. */
  begin(random: Random): Begun;
  /** The hash that a party commits to: over the context, its index and its opening. */
  openingHash(party: number, opening: Uint8Array): Uint8Array;
  /** The round 1 broadcast for a hash. */
  encodeCommitment(hash: Uint8Array): Uint8Array;
  /** The hash in a round 1 broadcast. @throws SymbolonError that names the party. */
  decodeCommitment(party: number, raw: Uint8Array): Uint8Array;
  /** Decodes an opening, with the number and the validity of its coefficients. @throws SymbolonError that names the party. */
  decodeOpening(party: number, raw: Uint8Array): O;
  /** Checks where the constant term of another party comes from. @throws SymbolonError that names the party. */
  checkConstant(opened: O): void;
  /** The public data that all openings, in the order of the parties, and the sums of their coefficients make. */
  nextKey(all: readonly O[], sums: readonly Element[]): KeyPublic;
  /** What all parties compare at the end (T16), 32 bytes. */
  confirmation(broadcasts: Broadcasts, key: KeyPublic): Uint8Array;
  /** Overwrites the secrets that this view holds. May be called more than once. */
  wipe(): void;
}

/** What a dealing comes to, for one party. */
export interface Outcome {
  /** This party's index. */
  readonly index: number;
  readonly public: KeyPublic;
  /** The new share, the receiver's to wipe; `undefined` where this party gets none. */
  readonly secret: SecretScalar | undefined;
  readonly confirmation: Uint8Array;
}
