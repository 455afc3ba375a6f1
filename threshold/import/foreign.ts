/**
 * Shares of a key that another library made, and how they become shares of ours without anyone joining them.
 *
 * Other libraries evaluate their polynomials at other points, or add their shares up. But any t of their shares, each
 * multiplied by a public number, are shares of the same secret at t indices of ours: y_i = x_i * l_i / m_i, where l_i is
 * the weight that x_i has among the t for them, and m_i the weight that index i has among t indices for us; the sum of
 * m_i * y_i is the secret. Each holder does that for itself. The t holders of that key are then the dealers of a reshare
 * to whom it may concern; before it nothing is stored.
 */
import { hashOf, equalBytes, type Scheme } from '../../wire/ids.ts';
import { onOnePolynomial, lagrangeWeights } from '../dealing/consistent.ts';
import type { Element, Group, SecretScalar } from '../group/group.ts';
import { checkParticipants, firstGeneration, type KeyPublic, type KeyShare } from '../keyShare.ts';
import { lagrangeCoefficient } from '../polynomial.ts';
import { groupOf } from '../scheme.ts';
import { badImport } from './json.ts';

/** Most holders that a foreign key may have. */
export const maxForeignHolders = 64;

/** Public data of a key of another library: the same in the files of all its holders. */
export interface ForeignKey {
  readonly scheme: Scheme;
  /** How many shares make the secret. */
  readonly threshold: number;
  /** Where the polynomial is evaluated for each holder, modulo the order; `undefined` where all shares are summands. */
  readonly points: readonly bigint[] | undefined;
  /** In our encoding. */
  readonly groupPublicKey: Uint8Array;
  /** Share times generator, for each holder. */
  readonly verifyingShares: readonly Uint8Array[];
  /** 32 bytes, where the file has a chain code. */
  readonly chainCode: Uint8Array | undefined;
}

/** One holder's share of such a key. The receiver wipes `secret`. */
export interface ForeignShare {
  readonly key: ForeignKey;
  /** Place of this holder in the lists of `key`, from 0. */
  readonly position: number;
  readonly secret: SecretScalar;
}

/**
 * Checks I3 to I5: the public shares make up the key, and the share is the one of its holder.
 * @throws SymbolonError `threshold/bad-import`.
 */
export function checkForeignShare(share: ForeignShare): void {
  checkForeignKey(share.key);
  checkSecret(share);
}

/** Check I5. */
function checkSecret({ key, position, secret }: ForeignShare): void {
  const wanted = key.verifyingShares[position];
  const group = groupOf(key.scheme);
  if (
    wanted === undefined ||
    !group.scalars.isCanonical(secret) ||
    group.scalars.isZero(secret) ||
    !equalBytes(group.encode(group.baseProduct(secret)), wanted)
  ) {
    throw badImport('the secret share does not belong to its public share');
  }
}

function checkForeignKey(key: ForeignKey): void {
  const { scheme, threshold, points, verifyingShares } = key;
  const count = verifyingShares.length;
  // I3.
  if (count < 2 || count > maxForeignHolders || threshold < 2 || threshold > count) {
    throw badImport('the threshold is not 2 to the number of holders');
  }
  const group = groupOf(scheme);
  const values = verifyingShares.map((share) => pointOf(group, share));
  const constant = pointOf(group, key.groupPublicKey);
  if (points === undefined) {
    const sum = values.reduce((all, value) => group.add(all, value), group.identity);
    // I4.
    if (threshold !== count || !group.equals(sum, constant)) {
      throw badImport('the public shares do not add up to the public key');
    }
    return;
  }
  if (points.length !== count || points.includes(0n) || new Set(points).size !== count) {
    throw badImport('the evaluation points are not distinct, not zero and one for each holder');
  }
  // I4.
  if (!onOnePolynomial(group, { points, values, threshold, constant })) {
    throw badImport('the public shares do not make up the public key with this threshold');
  }
}

function pointOf(group: Group, raw: Uint8Array): Element {
  const element = group.decode(raw);
  if (element === undefined) {
    throw badImport('a point is not valid on this curve');
  }
  return element;
}

/** Check I6: whether two files speak of one key with the same holders. */
export const isSameForeignKey = (a: ForeignKey, b: ForeignKey): boolean =>
  equalBytes(digestOf(a), digestOf(b));

const digestOf = (key: ForeignKey): Uint8Array =>
  hashOf(
    'symbolon/foreign-key/1',
    key.scheme,
    key.threshold,
    key.points?.map((point) => groupOf(key.scheme).encodeScalar(point)) ?? null,
    key.groupPublicKey,
    [...key.verifyingShares],
    key.chainCode ?? null,
  );

/** How the holders of a foreign key map to indices of ours. */
export interface ImportOptions {
  /** Which of our indices each of t holders has, by its position; no more and no fewer than t. */
  readonly holders: ReadonlyMap<number, number>;
  /**
   * Chain code for a key whose file has none. Where neither has one it is a hash of the public key: whoever knows the key
   * then knows its children, and two imports of one key come to the same children.
   */
  readonly chainCode?: Uint8Array;
}

/**
 * The public data of the converted key: t of t, generation 1. All dealers must come to the same: it is bound in every hash of
 * the reshare that follows.
 * @throws SymbolonError `threshold/bad-import`, `threshold/bad-parameters`.
 */
export function importedKey(key: ForeignKey, options: ImportOptions): KeyPublic {
  checkForeignKey(key);
  const group = groupOf(key.scheme);
  const converted = [...factors(key, options)].map(([position, factor]) => {
    const share = pointOf(group, key.verifyingShares[position] ?? new Uint8Array());
    const index = options.holders.get(position) ?? 0;
    return [index, group.encode(group.publicSum([[share, factor]]))] as const;
  });
  const verifyingShares = new Map(converted.sort(([a], [b]) => a - b));
  return {
    scheme: key.scheme,
    threshold: key.threshold,
    participants: [...verifyingShares.keys()],
    generation: firstGeneration,
    groupPublicKey: key.groupPublicKey,
    verifyingShares,
    chainCode: chainCodeOf(key, options.chainCode),
  };
}

/**
 * The share in our form: what a dealer of a reshare (`reshareRun`) takes. Its owner wipes it; the foreign share stays the
 * caller's to wipe.
 * @throws SymbolonError `threshold/bad-import`, `threshold/bad-parameters`.
 */
export function importedShare(share: ForeignShare, options: ImportOptions): KeyShare {
  const key = importedKey(share.key, options);
  checkSecret(share);
  const index = options.holders.get(share.position);
  const factor = factors(share.key, options).get(share.position);
  if (index === undefined || factor === undefined) {
    throw badImport('the holder of this share is none of the dealers');
  }
  const group = groupOf(share.key.scheme);
  return {
    public: key,
    index,
    secret: group.scalars.multiply(group.encodeScalar(factor), share.secret),
  };
}

/** l_i / m_i for each of the t holders, by position. Public. */
function factors(key: ForeignKey, { holders }: ImportOptions): Map<number, bigint> {
  const group = groupOf(key.scheme);
  const positions = [...holders.keys()];
  const indices = [...holders.values()].sort((a, b) => a - b);
  checkParticipants(indices, key.threshold);
  if (positions.length !== key.threshold || positions.some((one) => key.verifyingShares[one] === undefined)) {
    throw badImport('there are not as many dealers as the threshold of the key');
  }
  const theirs =
    key.points === undefined
      ? positions.map(() => 1n)
      : lagrangeWeights(
          group,
          positions.map((position) => key.points?.[position] ?? 0n),
          0n,
        );
  return new Map(
    positions.map((position, i) => {
      const ours = lagrangeCoefficient(group, indices, holders.get(position) ?? 0);
      return [position, group.reduce((theirs[i] ?? 0n) * group.publicInvert(ours))];
    }),
  );
}

function chainCodeOf(key: ForeignKey, given: Uint8Array | undefined): Uint8Array {
  if (given !== undefined && (key.chainCode !== undefined || given.length !== 32)) {
    throw badImport('a chain code of 32 bytes is given where the file has none, and only there');
  }
  return (
    key.chainCode ??
    given?.slice() ??
    hashOf('symbolon/imported-chain-code/1', key.scheme, key.groupPublicKey)
  );
}
