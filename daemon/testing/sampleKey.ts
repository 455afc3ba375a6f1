/** A real key generation among three nodes in one process, for the tests of what happens to its result. */
import { randomBytes } from 'node:crypto';
import { makeNodeIdentity, sealEnvelope, type NodeIdentity } from '../../enclave/channel/index.ts';
import { dkgRound1, dkgRound2, dkgRound3, type KeyShare } from '../../threshold/index.ts';
import { lagrangeCoefficient } from '../../threshold/polynomial.ts';
import { groupOf } from '../../threshold/scheme.ts';
import { keyIdOf, type Scheme } from '../../wire/ids.ts';
import { keyStored, type Envelope } from '../../wire/messages/session.ts';
import { storedRound, type Holder, type PendingDeparture, type PendingKey } from '../keystore/keystore.ts';
import { sessionOfName, type CandidateKind, type Place } from '../keystore/records.ts';

/** Random bytes. */
export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
/** The cluster of the sample keys. */
export const sampleCluster: Uint8Array = new Uint8Array(16).fill(0x5c);

/** The result of one key generation, refresh or reshare. */
export interface SampleKey {
  readonly id: string;
  readonly shares: readonly KeyShare[];
  readonly identities: readonly NodeIdentity[];
  readonly holders: readonly Holder[];
  readonly session: Uint8Array;
  /** What the `i`-th holder (from 0) stores. */
  readonly pending: (i: number) => PendingKey;
  /** What a node stores that deals and is no holder of this generation. */
  readonly departure: () => PendingDeparture;
  /** Where a node keeps it. */
  readonly place: (kind?: CandidateKind) => Place;
  /** The round-4 envelopes of all holders. */
  readonly confirmations: () => Envelope[];
  /** The round-4 envelope of the `i`-th holder with something changed. */
  readonly confirmation: (i: number, change?: Partial<Parameters<typeof sealEnvelope>[1]>) => Envelope;
}

const without = <T>(all: ReadonlyMap<number, T>, index: number): ReadonlyMap<number, T> =>
  new Map([...all].filter(([from]) => from !== index));
const get = <T>(map: ReadonlyMap<number, T>, index: number): T => {
  const value = map.get(index);
  if (value === undefined) {
    throw new TypeError(`no index ${index}`);
  }
  return value;
};

/** Runs the key generation, two of three. */
export function sampleKey(scheme: Scheme = 'frost-ed25519', purpose = 'treasury'): SampleKey {
  const participants = [1, 2, 3];
  const session = random(32);
  const base = { scheme, session, participants, threshold: 2, random };
  const one = new Map(participants.map((index) => [index, dkgRound1({ ...base, index })]));
  const said1 = new Map([...one].map(([index, { broadcast }]) => [index, broadcast]));
  const two = new Map(
    [...one].map(([index, { state }]) => [index, dkgRound2(state, without(said1, index))] as const),
  );
  const said2 = new Map([...two].map(([index, { broadcast }]) => [index, broadcast]));
  const shares = [...two].map(([index, { state }]) => {
    const dealt = new Map(
      [...without(two, index)].map(([from, { pairwise }]) => [from, get(pairwise, index)]),
    );
    return dkgRound3(state, without(said2, index), dealt).share;
  });
  return sampleOf(shares, purpose, session);
}

/** Every sample is asked for after the one before. */
let lastRequest = 1_000;

/** What a next generation is made for, where it is not the same nodes and threshold. */
export interface NextOptions {
  /** Indices of the holders; node `i` is `node-i`. */
  readonly participants?: readonly number[];
  readonly threshold?: number;
  /** Session id: 32 random bytes unless given. */
  readonly session?: Uint8Array;
  /** Time of the request: one later than any other sample's unless given. */
  readonly requestedAt?: number;
}

/** The next generation of a key: what a refresh, or a reshare to other holders, gives. */
export function nextGeneration(key: SampleKey, options: NextOptions = {}): SampleKey {
  const [first] = key.shares;
  if (first === undefined) {
    throw new TypeError('no share');
  }
  const { public: old } = first;
  const { participants = old.participants, threshold = old.threshold, session, requestedAt } = options;
  const group = groupOf(old.scheme);
  const number = (raw: Uint8Array): bigint => group.decodeScalar(raw) ?? 0n;
  const dealers = key.shares.slice(0, old.threshold);
  const indices = dealers.map(({ index }) => index);
  // In a test all shares lie in one process, so the secret may be put together and dealt anew.
  const secret = dealers.reduce(
    (sum, share) => sum + lagrangeCoefficient(group, indices, share.index) * number(share.secret),
    0n,
  );
  const coefficients = Array.from({ length: threshold - 1 }, () => number(group.scalars.random(random)));
  const at = (x: number): bigint =>
    group.reduce([secret, ...coefficients].reduceRight((sum, one) => sum * BigInt(x) + one, 0n));
  const verifyingShares = new Map(
    participants.map((index) => [index, group.encode(group.publicBaseProduct(at(index)))]),
  );
  const next = { ...old, participants, threshold, generation: old.generation + 1, verifyingShares };
  return sampleOf(
    participants.map((index) => ({ public: next, index, secret: group.encodeScalar(at(index)) })),
    key.pending(0).purpose,
    session ?? random(32),
    requestedAt,
  );
}

/** The same shares as a key with another purpose, so another key: for tests that need many. */
export const withPurpose = (key: SampleKey, purpose: string): SampleKey =>
  sampleOf(key.shares, purpose, random(32));

/** What the holders of these shares store and confirm. */
function sampleOf(
  shares: readonly KeyShare[],
  purpose: string,
  session: Uint8Array,
  requestedAt = (lastRequest += 1),
): SampleKey {
  const transcript = random(32);
  const identities = shares.map(() => makeNodeIdentity({ now: Date.now }));
  const holders = shares.map(({ index }, i) => {
    const identity = identities[i];
    if (identity === undefined) {
      throw new TypeError('one identity a node');
    }
    return { name: `node-${index}`, index, identity: identity.public };
  });
  const [first] = shares;
  if (first === undefined) {
    throw new TypeError('no share');
  }
  const { scheme, groupPublicKey, generation } = first.public;
  const id = keyIdOf(sampleCluster, scheme, purpose, groupPublicKey);
  const confirmation: SampleKey['confirmation'] = (i, change = {}) => {
    const identity = identities[i];
    const from = holders[i]?.name;
    if (identity === undefined || from === undefined) {
      throw new TypeError('no such node');
    }
    const payload = keyStored.encode({ v: 1, stored: id, generation });
    return sealEnvelope(identity, { session, round: storedRound, from, transcript, payload, ...change });
  };
  const common = { purpose, label: 'main', holders, session, requestedAt, transcript };
  return {
    id,
    shares,
    identities,
    holders,
    session,
    pending: (i) => {
      const share = shares[i];
      if (share === undefined) {
        throw new TypeError('no such node');
      }
      return { share, ...common };
    },
    departure: () => ({ public: first.public, ...common }),
    place: (kind = 'share') => ({ id, generation, session: sessionOfName(session), kind }),
    confirmation,
    confirmations: () => holders.map((_, i) => confirmation(i)),
  };
}
