/** Who takes part in a share repair, and what is checked of what they send. */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import { decodeCoefficients } from '../dealing/coefficients.ts';
import type { Element, Group } from '../group/group.ts';
import {
  badParameters,
  checkKeyShare,
  checkParticipants,
  decodeKeyPublic,
  encodeKeyPublic,
  verifyingShareOf,
  type KeyPublic,
  type KeyShare,
} from '../keyShare.ts';
import { lagrangeAt } from '../polynomial.ts';
import { decodeFrom } from '../received.ts';
import { groupOf } from '../scheme.ts';
import type { RepairContext } from '../transcript.ts';
import { repairSummands } from './messages.ts';

/** What a party of a share repair is given. */
export interface RepairPlan {
  /** Public data of the key. The lost holder has it from the others; all of it is bound in what they compare. */
  readonly public: KeyPublic;
  /** This party's index: a helper's or the lost holder's. */
  readonly index: number;
  /** A helper's share, lent; absent for the lost holder. */
  readonly share: KeyShare | undefined;
  /** Holders that help, rising: exactly as many as the threshold, the lost one not among them. */
  readonly helpers: readonly number[];
  /** The holder whose share is to be restored. */
  readonly lost: number;
  /** 32 bytes, fresh and agreed by all parties. */
  readonly session: Uint8Array;
}

/** A party's public view of a share repair. */
export interface RepairParty {
  readonly group: Group;
  readonly key: KeyPublic;
  readonly context: RepairContext;
  readonly index: number;
  readonly helpers: readonly number[];
  readonly lost: number;
  /** Helpers and the lost holder, rising. */
  readonly parties: readonly number[];
}

/**
 * Checks H1 and H2: exactly t helpers, all of them holders; a lost holder beside them; a helper's own share.
 * @throws SymbolonError `threshold/bad-parameters`, `threshold/share-mismatch`.
 */
export function repairParty(plan: RepairPlan): RepairParty {
  const { public: present, index, share, helpers, lost } = plan;
  const encoded = encodeKeyPublic(present);
  checkParticipants(helpers, present.threshold);
  const holds = (party: number): boolean => present.participants.includes(party);
  if (helpers.length !== present.threshold || !helpers.every(holds)) {
    throw badParameters('the helpers are not as many holders as the threshold');
  }
  if (!holds(lost) || helpers.includes(lost)) {
    throw badParameters('the lost share is of no holder beside the helpers');
  }
  if (index !== lost && !helpers.includes(index)) {
    throw badParameters('the own index takes no part');
  }
  if (plan.session.length !== 32) {
    throw badParameters('the session id has not 32 bytes');
  }
  if (index !== lost) {
    if (share?.index !== index || !equalBytes(encodeKeyPublic(share.public), encoded)) {
      throw badParameters('the helping share is of another index or key');
    }
    checkKeyShare(share);
  }
  const context: RepairContext = {
    scheme: present.scheme,
    session: plan.session.slice(),
    present: encoded,
    helpers: [...helpers],
    lost,
  };
  return {
    group: groupOf(present.scheme),
    key: decodeKeyPublic(encoded),
    context,
    index,
    helpers: context.helpers,
    lost,
    parties: [...helpers, lost].sort((a, b) => a - b),
  };
}

/** The weight of a helper's share in the lost one. */
export const weightOf = ({ group, helpers, lost }: RepairParty, helper: number): bigint =>
  lagrangeAt(group, helpers, helper, lost);

/**
 * Checks H3 to H6 on a round 1 broadcast; gives the commitments to the summands, in the order of the helpers.
 * @throws SymbolonError `threshold/malformed-message`, `threshold/wrong-generation`, `threshold/bad-coefficients`,
 * `threshold/other-public-key`, with the party.
 */
export function readSummands(party: RepairParty, from: number, raw: Uint8Array): Element[] {
  const { group, key, helpers, lost } = party;
  const { generation, summands } = decodeFrom(from, raw, repairSummands);
  // H3: nobody helps with a share of another generation (T20).
  if (generation !== key.generation) {
    throw new SymbolonError('threshold/wrong-generation', {
      party: from,
      wanted: key.generation,
      got: generation,
    });
  }
  // H4 and H5: a summand for each helper, nothing from the lost holder.
  const decoded = decodeCoefficients(group, from, summands, from === lost ? 0 : helpers.length);
  if (from !== lost) {
    // H6: they add up to the helper's part of the lost share.
    const share = group.decode(verifyingShareOf(key, from));
    if (share === undefined) {
      throw badParameters('a point of the key does not decode');
    }
    const sum = decoded.reduce((all, one) => group.add(all, one), group.identity);
    if (!group.equals(sum, group.publicSum([[share, weightOf(party, from)]]))) {
      throw new SymbolonError('threshold/other-public-key', { party: from });
    }
  }
  return decoded;
}
