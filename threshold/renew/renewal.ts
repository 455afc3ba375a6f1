/** What refresh and reshare share: their messages, their context, and the next public data. */
import { SymbolonError } from '../../wire/errors/index.ts';
import type { Opened, Dealing } from '../dealing/dealing.ts';
import type { Element, Group } from '../group/group.ts';
import { badParameters, encodeKeyPublic, type KeyPublic } from '../keyShare.ts';
import { decodeFrom } from '../received.ts';
import { renewConfirmationOf, renewOpeningHash, type RenewContext } from '../transcript.ts';
import { renewCommitment, renewOpening, type RenewOpening } from './messages.ts';

/** The context of a renewal of `present`. @throws SymbolonError `threshold/bad-parameters`. */
export function renewContext(
  present: KeyPublic,
  rest: Pick<RenewContext, 'kind' | 'session' | 'dealers' | 'participants' | 'threshold'>,
): RenewContext {
  if (rest.session.length !== 32) {
    throw badParameters('the session id has not 32 bytes');
  }
  if (present.generation >= Number.MAX_SAFE_INTEGER) {
    throw badParameters('no generation comes after this one');
  }
  return {
    kind: rest.kind,
    scheme: present.scheme,
    session: rest.session.slice(),
    present: encodeKeyPublic(present),
    dealers: [...rest.dealers],
    participants: [...rest.participants],
    threshold: rest.threshold,
    generation: present.generation + 1,
  };
}

/** The parts of a {@link Dealing} that are the same for both. */
export type RenewalPart = Pick<
  Dealing<Opened>,
  | 'dealers'
  | 'receivers'
  | 'commitmentName'
  | 'openingName'
  | 'maxOpening'
  | 'openingHash'
  | 'encodeCommitment'
  | 'decodeCommitment'
  | 'confirmation'
>;
/** Makes those parts. */
export function renewalPart(context: RenewContext): RenewalPart {
  // Both messages of a party speak of the generation that it has now.
  const present = context.generation - 1;
  return {
    dealers: context.dealers,
    receivers: context.participants,
    commitmentName: renewCommitment.name,
    openingName: renewOpening.name,
    maxOpening: renewOpening.maxBytes,
    openingHash: (party, opening) => renewOpeningHash(context, party, opening),
    encodeCommitment: (commitment) => renewCommitment.encode({ v: 1, generation: present, commitment }),
    decodeCommitment: (party, raw) => {
      const { generation, commitment } = decodeFrom(party, raw, renewCommitment);
      // Check R4: nobody deals to, or with, a party of another generation (T20).
      if (generation !== present) {
        throw new SymbolonError('threshold/wrong-generation', { party, wanted: present, got: generation });
      }
      return commitment;
    },
    confirmation: (broadcasts, key) =>
      renewConfirmationOf(context, {
        ...broadcasts,
        generation: key.generation,
        keyPublic: encodeKeyPublic(key),
      }),
  };
}

/** Encodes an opening. */
export const encodeOpening = (coefficients: readonly Uint8Array[], contribution: Uint8Array): Uint8Array =>
  renewOpening.encode({ v: 1, coefficients: [...coefficients], contribution });

/** Decodes an opening. */
export const decodeOpening = (party: number, raw: Uint8Array): RenewOpening =>
  decodeFrom(party, raw, renewOpening);

/** Decodes a point of a key's own record. @throws SymbolonError `threshold/bad-parameters`. */
export function pointOfRecord(group: Group, raw: Uint8Array): Element {
  const element = group.decode(raw);
  if (element === undefined) {
    throw badParameters('a point of the key does not decode');
  }
  return element;
}

/**
 * The next public data: what does not change is taken from `present`.
 * @throws SymbolonError `threshold/degenerate-value` where a verifying share is the identity.
 */
export function nextPublic(
  group: Group,
  present: KeyPublic,
  context: RenewContext,
  verifyingShares: readonly Element[],
): KeyPublic {
  if (verifyingShares.some((share) => group.isIdentity(share))) {
    throw new SymbolonError('threshold/degenerate-value', { reason: 'verifying share' });
  }
  const encoded = group.encodeAll(verifyingShares);
  return {
    scheme: present.scheme,
    threshold: context.threshold,
    participants: context.participants,
    generation: context.generation,
    groupPublicKey: present.groupPublicKey,
    verifyingShares: new Map(context.participants.map((party, i) => [party, encoded[i] ?? new Uint8Array()])),
    chainCode: present.chainCode,
  };
}

/** T41: the new shares would belong to another key. `party` is whose values do. */
export const otherPublicKey = (party: number): SymbolonError<'threshold/other-public-key'> =>
  new SymbolonError('threshold/other-public-key', { party });
