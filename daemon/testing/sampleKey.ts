/** A real key generation among three nodes in one process, for the tests of what happens to its result. */
import { randomBytes } from 'node:crypto';
import { makeNodeIdentity, sealEnvelope, type NodeIdentity } from '../../enclave/channel/index.ts';
import { dkgRound1, dkgRound2, dkgRound3, type KeyShare } from '../../threshold/index.ts';
import { keyIdOf, type Scheme } from '../../wire/ids.ts';
import { keyStored, type Envelope } from '../../wire/messages/session.ts';
import { storedRound, type Holder, type PendingKey } from '../keystore/keystore.ts';

/** Random bytes. */
export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
/** The cluster of the sample keys. */
export const sampleCluster: Uint8Array = new Uint8Array(16).fill(0x5c);
const names = ['node-1', 'node-2', 'node-3'] as const;

/** The result of one key generation. */
export interface SampleKey {
  readonly id: string;
  readonly shares: readonly KeyShare[];
  readonly identities: readonly NodeIdentity[];
  readonly holders: readonly Holder[];
  /** What node `i` (from 0) stores. */
  readonly pending: (i: number) => PendingKey;
  /** The round-4 envelopes of all holders. */
  readonly confirmations: () => Envelope[];
  /** The round-4 envelope of node `i` with something changed. */
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
  const transcript = random(32);
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
  const identities = names.map(() => makeNodeIdentity({ now: Date.now }));
  const holders = names.map((name, i) => {
    const identity = identities[i];
    if (identity === undefined) {
      throw new TypeError('one identity a node');
    }
    return { name, index: i + 1, identity: identity.public };
  });
  const [first] = shares;
  if (first === undefined) {
    throw new TypeError('no share');
  }
  const { groupPublicKey, generation } = first.public;
  const id = keyIdOf(sampleCluster, scheme, purpose, groupPublicKey);
  const confirmation: SampleKey['confirmation'] = (i, change = {}) => {
    const identity = identities[i];
    const from = names[i];
    if (identity === undefined || from === undefined) {
      throw new TypeError('no such node');
    }
    const payload = keyStored.encode({ v: 1, stored: id, generation });
    return sealEnvelope(identity, { session, round: storedRound, from, transcript, payload, ...change });
  };
  return {
    id,
    shares,
    identities,
    holders,
    pending: (i) => {
      const share = shares[i];
      if (share === undefined) {
        throw new TypeError('no such node');
      }
      return { share, purpose, label: 'main', holders, session, transcript };
    },
    confirmation,
    confirmations: () => names.map((_, i) => confirmation(i)),
  };
}
