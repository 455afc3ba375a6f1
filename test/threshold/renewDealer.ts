/** A party of a refresh or reshare that does what a test tells it, and commits to what it then sends. */
import type { SecretScalar } from '../../threshold/group/group.ts';
import { encodeKeyPublic, type KeyPublic } from '../../threshold/index.ts';
import { evaluate } from '../../threshold/polynomial.ts';
import { renewCommitment, renewOpening, type RenewOpening } from '../../threshold/renew/messages.ts';
import { groupOf } from '../../threshold/scheme.ts';
import { renewOpeningHash, type RenewContext } from '../../threshold/transcript.ts';
import type { Delivery } from './run.ts';

/** What the party is told. */
export interface RenewDealerOptions {
  readonly party: number;
  readonly present: KeyPublic;
  readonly context: Pick<RenewContext, 'kind' | 'session' | 'dealers' | 'participants' | 'threshold'>;
  /** The polynomial, constant term first; none where it deals nothing. In a refresh the constant term is not sent. */
  readonly coefficients: readonly SecretScalar[];
  /** Changes the encoded commitments to the coefficients. */
  readonly points?: (encoded: Uint8Array[]) => Uint8Array[];
  readonly fields?: (fields: RenewOpening) => RenewOpening;
  /** Hashes with another context. */
  readonly hashedWith?: Partial<RenewContext>;
  /** Speaks of another generation. */
  readonly generation?: number;
  /** Deals another polynomial than it commits to. */
  readonly dealt?: readonly SecretScalar[];
}

/** Its messages. */
export interface RenewDealer {
  readonly party: number;
  readonly commitment: Uint8Array;
  readonly opening: Uint8Array;
  readonly shareFor: (party: number) => Uint8Array;
}

/** Makes the messages; without changes they are those of an honest party with this polynomial. */
export function makeRenewDealer(options: RenewDealerOptions): RenewDealer {
  const { party, present, coefficients } = options;
  const group = groupOf(present.scheme);
  const context: RenewContext = {
    ...options.context,
    scheme: present.scheme,
    present: encodeKeyPublic(present),
    generation: present.generation + 1,
    ...options.hashedWith,
  };
  const sent = options.context.kind === 'refresh' ? coefficients.slice(1) : coefficients;
  const honest = sent.map((one) => group.encode(group.baseProduct(one)));
  const made: RenewOpening = {
    v: 1,
    coefficients: options.points?.(honest) ?? honest,
    contribution: new Uint8Array(32).fill(party),
  };
  const opening = renewOpening.encode(options.fields?.(made) ?? made);
  return {
    party,
    opening,
    commitment: renewCommitment.encode({
      v: 1,
      generation: options.generation ?? present.generation,
      commitment: renewOpeningHash(context, party, opening),
    }),
    shareFor: (to) => evaluate(group, options.dealt ?? coefficients, to),
  };
}

/** Puts the dealer in the place of its party, for every receiver or for one. */
export const replacedByDealer =
  (dealer: RenewDealer, only?: number) =>
  ({ round, receiver, broadcasts, pairwise }: Delivery): void => {
    if (receiver === dealer.party || (only !== undefined && receiver !== only)) {
      return;
    }
    if (round === 2) {
      broadcasts.set(dealer.party, dealer.commitment);
    } else if (round === 3) {
      broadcasts.set(dealer.party, dealer.opening);
      if (pairwise.has(dealer.party)) {
        pairwise.set(dealer.party, dealer.shareFor(receiver));
      }
    }
  };
