/**
 * Derivation of public keys under a key: children that everybody with the public data can compute, and that the holders
 * sign for with the shares they have. Only non-hardened steps exist: a hardened one hashes the joint secret, which is
 * nowhere.
 *
 * - secp256k1: BIP32 `CKDpub`, so that wallets watch derived keys from the extended public key of the joint key.
 * - P-256: the same as SLIP-10 has it.
 * - Ed25519: an additive derivation of our own. SLIP-10 has only hardened steps there, so no wallet derives these keys.
 */
import { createHmac } from 'node:crypto';
import { encodeCbor } from '../wire/cbor.ts';
import { SymbolonError } from '../wire/errors/index.ts';
import { hashOf, toHex } from '../wire/ids.ts';
import { maxPath } from '../wire/limits.ts';
import type { Element, Group } from './group/group.ts';
import { badParameters, type KeyPublic } from './keyShare.ts';
import { Recent } from './recent.ts';
import { groupOf } from './scheme.ts';

/** A key of the tree under a joint key. All public. */
export interface DerivedKey {
  /** In the encoding of the group, 32 or 33 bytes. */
  readonly publicKey: Uint8Array;
  /** Modulo the order: the derived secret is the joint secret plus this, and each share takes the whole of it. */
  readonly addend: bigint;
  /** 32 bytes: what further steps hash under. */
  readonly chainCode: Uint8Array;
}

/** A derived key with its point. */
export interface DerivedNode extends DerivedKey {
  readonly point: Element;
}

/** Steps are below this: from here on they are hardened. */
const firstHardened = 0x8000_0000;
const scalarBytes = 32;

/** Nodes of trees, those on the way to a key included: paths of one wallet share all but their last steps. */
const nodes = new Recent<DerivedNode>(1_024);

/**
 * The key at a path under a key, the key itself for the empty path.
 * @throws SymbolonError `threshold/bad-parameters` for a step outside 0 to 2^31 - 1 or more than 16 steps (check 24),
 * `threshold/degenerate-value` where a step has no valid key (check 25; chance 2^-127).
 */
export function deriveKey(key: KeyPublic, path: readonly number[]): DerivedKey {
  checkPath(path);
  const { publicKey, addend, chainCode } =
    path.length === 0
      ? { publicKey: key.groupPublicKey, addend: 0n, chainCode: key.chainCode }
      : nodeAt(groupOf(key.scheme), key, path);
  return { publicKey: publicKey.slice(), addend, chainCode: chainCode.slice() };
}

/** Check 24: the steps are non-hardened, and no more than a request may have. */
function checkPath(path: readonly number[]): void {
  if (path.length > maxPath) {
    throw badParameters(`a path has at most ${maxPath} steps`);
  }
  if (!path.every((step) => Number.isInteger(step) && step >= 0 && step < firstHardened)) {
    throw badParameters('a step of a path is not 0 to 2147483647');
  }
}

function nodeAt(group: Group, key: KeyPublic, path: readonly number[]): DerivedNode {
  const name = [group.name, toHex(key.groupPublicKey), toHex(key.chainCode), ...path].join('/');
  return nodes.get(name, () => {
    const last = path.at(-1);
    return last === undefined
      ? rootOf(group, key)
      : childOf(group, nodeAt(group, key, path.slice(0, -1)), last);
  });
}

function rootOf(group: Group, key: KeyPublic): DerivedNode {
  const point = group.decode(key.groupPublicKey);
  if (point === undefined) {
    throw badParameters('the group key is not a valid point');
  }
  return { point, publicKey: key.groupPublicKey.slice(), addend: 0n, chainCode: key.chainCode.slice() };
}

/** What a step adds, and the chain code behind it. */
interface Step {
  readonly tweak: bigint;
  readonly chainCode: Uint8Array;
}

/**
 * One step down.
 * @throws SymbolonError `threshold/degenerate-value`.
 */
export function childOf(group: Group, parent: DerivedNode, index: number): DerivedNode {
  // Check 25: a tweak not below the order, or a child at infinity. BIP32 says to take another index, which is the
  // caller's to choose; SLIP-10 hashes again.
  for (const step of stepsOf(group, parent, index)) {
    const point =
      step === undefined ? group.identity : group.add(parent.point, group.publicBaseProduct(step.tweak));
    if (step !== undefined && !group.isIdentity(point)) {
      const addend = group.reduce(parent.addend + step.tweak);
      return { point, publicKey: group.encode(point), addend, chainCode: step.chainCode };
    }
  }
  throw new SymbolonError('threshold/degenerate-value', { reason: 'derived key' });
}

/** The steps to try in order; `undefined` stands for one whose tweak is not below the order. */
function* stepsOf(group: Group, parent: DerivedNode, index: number): Generator<Step | undefined> {
  if (group.name === 'ed25519') {
    yield ed25519Step(group, parent, index);
    return;
  }
  // BIP32 and SLIP-10 "Public parent key to public child key": I = HMAC-SHA512(c, serP(K) || ser32(i)).
  let mac = hmac(parent.chainCode, parent.publicKey, ser32(index));
  yield bip32Step(group, mac);
  while (group.name === 'p256') {
    // SLIP-10: "let I = HMAC-SHA512(Key = c_par, Data = 0x01 || I_R || ser32(i)) and restart".
    mac = hmac(parent.chainCode, Uint8Array.of(1), mac.subarray(scalarBytes), ser32(index));
    yield bip32Step(group, mac);
  }
}

/** BIP32: the left half is the tweak, and not reduced; the right half is the chain code. */
function bip32Step(group: Group, mac: Uint8Array): Step | undefined {
  const tweak = group.decodeScalar(mac.subarray(0, scalarBytes));
  return tweak === undefined ? undefined : { tweak, chainCode: mac.slice(scalarBytes) };
}

const ed25519Tag = new TextEncoder().encode('symbolon/derive-ed25519/1');

/** The step of Ed25519: SHA-512 of a tag and the CBOR of chain code, key and index, reduced; a hash of its own for the chain code. */
function ed25519Step(group: Group, { chainCode, publicKey }: DerivedNode, index: number): Step {
  return {
    tweak: group.hashToScalar(ed25519Tag, [encodeCbor([chainCode, publicKey, index])]),
    chainCode: hashOf('symbolon/derive-ed25519-chain-code/1', chainCode, publicKey, index),
  };
}

function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac('sha512', key);
  for (const part of parts) {
    mac.update(part);
  }
  return new Uint8Array(mac.digest());
}

/** BIP32 "Conventions": a 32-bit unsigned integer, most significant byte first. */
function ser32(index: number): Uint8Array {
  const raw = new Uint8Array(4);
  new DataView(raw.buffer).setUint32(0, index);
  return raw;
}
