/**
 * The identity of a node for one boot: three fresh key pairs and a boot id, never stored. Its public part goes into
 * evidence, which is what ties the keys to a measured machine.
 */
import { createHash, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { identityBytes, type Identity } from '../../wire/messages/session.ts';
import { certificatePem, selfSigned } from '../x509/index.ts';
import { privateKeyPem, rawPublicKey } from './keys.ts';
import { SymbolonError } from '../../wire/errors/index.ts';

/** The private keys that seal and open envelopes. Only the gate holds them. */
export interface EnvelopeKeys {
  readonly public: Identity;
  /** Ed25519 private key. */
  readonly signKey: KeyObject;
  /** X25519 private key. */
  readonly encryptKey: KeyObject;
}

/** What `node:tls` needs to end a connection: the PEM of a private key, as bytes that can be wiped, and a certificate. */
export interface TlsKey {
  /** PEM of the private key. Wipe it with `fill(0)` once the TLS server or agent is made. */
  readonly key: Buffer;
  /** PEM of the self-signed certificate. */
  readonly cert: string;
}

/** A node's identity with its private keys. */
export interface NodeIdentity extends EnvelopeKeys {
  /** The bytes of `public`: the `public_key` of evidence. */
  readonly publicBytes: Uint8Array;
  /** P-256 key and certificate of the node's TLS listener. */
  readonly tls: TlsKey;
  /** 16 random bytes of this boot. */
  readonly boot: Uint8Array;
}

/** The clock, and randomness for the boot id and serial numbers; keys always come from OpenSSL's own generator. */
export interface IdentityModules {
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly random?: (length: number) => Uint8Array;
}

const dayMs = 86_400_000;
/**
 * The certificate is a container for the key: nobody checks its validity, the evidence says what it is worth. A wide
 * window keeps TLS libraries with a wrong clock from refusing it.
 */
export const certificateLife = { before: 2 * dayMs, after: 3_650 * dayMs } as const;

/** A positive serial number of 16 bytes (RFC 5280 section 4.1.2.2: not zero, not negative). */
export function serialNumber(random: (length: number) => Uint8Array): Uint8Array {
  const serial = Uint8Array.from(random(16));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

/** SHA-256 of the DER SubjectPublicKeyInfo of a public key, 32 bytes: how TLS keys are named in evidence and pins. */
export function spkiHash(key: KeyObject): Uint8Array {
  return new Uint8Array(
    createHash('sha256')
      .update(key.export({ format: 'der', type: 'spki' }))
      .digest(),
  );
}

/** Makes a fresh identity: Ed25519 to sign, X25519 to decrypt, P-256 for TLS, 16 random bytes for the boot. */
export function makeNodeIdentity(modules: IdentityModules): NodeIdentity {
  const random = modules.random ?? ((length: number) => new Uint8Array(randomBytes(length)));
  const sign = generateKeyPairSync('ed25519');
  const encrypt = generateKeyPairSync('x25519');
  const tls = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = modules.now();
  const certificate = selfSigned({
    name: [['CN', 'symbolon node']],
    publicKey: tls.publicKey,
    privateKey: tls.privateKey,
    serial: serialNumber(random),
    notBefore: now - certificateLife.before,
    notAfter: now + certificateLife.after,
  });
  const identity: Identity = {
    v: 1,
    sign: rawOf(sign.publicKey, 'ed25519'),
    encrypt: rawOf(encrypt.publicKey, 'x25519'),
    tls: spkiHash(tls.publicKey),
  };
  return {
    public: identity,
    publicBytes: identityBytes.encode(identity),
    tls: { key: privateKeyPem(tls.privateKey), cert: certificatePem(certificate) },
    boot: Uint8Array.from(random(16)),
    signKey: sign.privateKey,
    encryptKey: encrypt.privateKey,
  };
}

function rawOf(key: KeyObject, of: 'ed25519' | 'x25519'): Uint8Array {
  const raw = rawPublicKey(key, of);
  if (raw === undefined) {
    throw new SymbolonError('channel/bad-key', { what: `${of} public key`, reason: 'of another kind' });
  }
  return raw;
}
