/**
 * The signature schemes as data: the group of each, and the ciphersuites of FROST: FROST(Ed25519, SHA-512) after RFC 9591
 * section 6.1, and FROST for BIP340 signatures over secp256k1, which follows RFC 9591 section 6.5 with the challenge of
 * BIP340.
 */
import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { secp256k1 as nativeSecp256k1 } from '../native/curves.ts';
import { SymbolonError } from '../wire/errors/index.ts';
import { isEcdsa, schemes, type FrostScheme, type Scheme } from '../wire/ids.ts';
import { ed25519Group } from './group/ed25519.ts';
import type { Group, SecretScalar } from './group/group.ts';
import { integerOf } from './group/integers.ts';
import { p256Group } from './group/p256.ts';
import { secp256k1Group } from './group/secp256k1.ts';
import { Recent } from './recent.ts';

/** A FROST ciphersuite (RFC 9591 section 6). */
export interface Suite {
  readonly scheme: FrostScheme;
  readonly group: Group;
  /** H1: binding factors. */
  readonly bindingFactor: (...parts: Uint8Array[]) => bigint;
  /** H3: nonces, which are secret. */
  readonly nonce: (...parts: Uint8Array[]) => SecretScalar;
  /** H4: the message. */
  readonly hashMessage: (message: Uint8Array) => Uint8Array;
  /** H5: the list of commitments. */
  readonly hashCommitments: (...parts: Uint8Array[]) => Uint8Array;
  /** H2: the challenge over the encodings of R and of the key, and the message. */
  readonly challenge: (r: Uint8Array, key: Uint8Array, message: Uint8Array) => bigint;
  /** Whether only the x coordinates of R and of the key are signed for, with both y even (BIP340). */
  readonly xOnly: boolean;
  /** Plain verification of a 64-byte signature under a 32-byte public key. */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;
}

const utf8 = new TextEncoder();

function digest(algorithm: string, tag: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash(algorithm).update(tag);
  for (const part of parts) {
    hash.update(part);
  }
  return new Uint8Array(hash.digest());
}

/** What the two suites share: RFC 9591 section 6 forms each tag of the context string and a word. */
function hashes(
  context: string,
  algorithm: string,
  group: Group,
): Pick<Suite, 'bindingFactor' | 'nonce' | 'hashMessage' | 'hashCommitments'> {
  const [rho, nonce, msg, com] = ['rho', 'nonce', 'msg', 'com'].map((word) =>
    utf8.encode(context + word),
  ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  return {
    bindingFactor: (...parts) => group.hashToScalar(rho, parts),
    nonce: (...parts) => group.hashToSecretScalar(nonce, parts),
    hashMessage: (message) => digest(algorithm, msg, [message]),
    hashCommitments: (...parts) => digest(algorithm, com, parts),
  };
}

const noTag = new Uint8Array();

const ed25519Suite: Suite = {
  scheme: 'frost-ed25519',
  group: ed25519Group,
  ...hashes('FROST-ED25519-SHA512-v1', 'sha512', ed25519Group),
  // RFC 9591 section 6.1: H2 has no tag, so that the signature is an RFC 8032 one.
  challenge: (r, key, message) => ed25519Group.hashToScalar(noTag, [r, key, message]),
  xOnly: false,
  verify: verifyEd25519,
};

const ed25519Keys = new Recent<{ readonly key: KeyObject | undefined }>(256);

/**
 * RFC 8032 section 5.1.7 without the cofactor (OpenSSL checks S below the order and compares the bytes of R). The key
 * must be canonical and in the prime-order subgroup: a signature under a key of small order says nothing.
 */
function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const x = Buffer.from(publicKey).toString('base64url');
  const { key } = ed25519Keys.get(x, () => ({
    key:
      ed25519Group.decode(publicKey) === undefined
        ? undefined
        : createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }),
  }));
  return key !== undefined && verify(null, message, key, signature);
}

/** BIP340 "Design": SHA-256 with a tag, its hash put twice in front. */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const prefix = createHash('sha256').update(tag).digest();
  return digest('sha256', prefix, [prefix, ...parts]);
}

const taprootSuite: Suite = {
  scheme: 'frost-secp256k1-tr',
  group: secp256k1Group,
  ...hashes('FROST-secp256k1-SHA256-TR-v1', 'sha256', secp256k1Group),
  // BIP340 "Verification": the challenge is over the x coordinates; a 256-bit hash is reduced as the BIP says.
  challenge: (r, key, message) =>
    secp256k1Group.reduce(
      integerOf(taggedHash('BIP0340/challenge', r.subarray(1), key.subarray(1), message), false),
    ),
  xOnly: true,
  // BIP340 "Verification", by libsecp256k1.
  verify: (publicKey, message, signature) => nativeSecp256k1().verifySchnorr(signature, message, publicKey),
};

const suites: Readonly<Record<FrostScheme, Suite>> = {
  'frost-ed25519': ed25519Suite,
  'frost-secp256k1-tr': taprootSuite,
};

const groups: Readonly<Record<Scheme, Group>> = {
  'frost-ed25519': ed25519Group,
  'frost-secp256k1-tr': secp256k1Group,
  'dkls23-secp256k1': secp256k1Group,
  'dkls23-p256': p256Group,
};

/** The group that the keys of a scheme live in. */
export const groupOf = (scheme: Scheme): Group => groups[scheme];

/**
 * The FROST ciphersuite of a scheme.
 * @throws SymbolonError `threshold/bad-parameters` for a scheme of ECDSA: its keys never sign with FROST.
 */
export function suiteOf(scheme: Scheme): Suite {
  if (isEcdsa(scheme)) {
    throw new SymbolonError('threshold/bad-parameters', { reason: 'the scheme makes no Schnorr signatures' });
  }
  return suites[scheme];
}

/** The name of the arithmetic backend that runs for each scheme. A node reports it in its status. */
export const backends: ReadonlyMap<Scheme, string> = new Map(
  schemes.map((scheme) => [scheme, groupOf(scheme).backend]),
);
