/**
 * Keys of the channel between their raw form on the wire (32 bytes) and node:crypto. The DER prefixes are fixed
 * (RFC 8410 sections 4 and 7), so a raw key becomes a KeyObject without a text form in between.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { SymbolonError } from '../../wire/errors/index.ts';

/** Algorithms whose keys are 32 raw bytes here. */
export type RawAlgorithm = 'ed25519' | 'x25519';

const rawLength = 32;
/** Last byte of the object identifiers 1.3.101.112 (Ed25519) and 1.3.101.110 (X25519). */
const oidEnd = { ed25519: 0x70, x25519: 0x6e } as const;
/** SubjectPublicKeyInfo: SEQUENCE of the algorithm and a BIT STRING of 33 bytes. */
const publicPrefix = (of: RawAlgorithm): readonly number[] => [
  0x30,
  0x2a,
  0x30,
  0x05,
  0x06,
  0x03,
  0x2b,
  0x65,
  oidEnd[of],
  0x03,
  0x21,
  0x00,
];
/** PrivateKeyInfo version 0: the algorithm and an OCTET STRING in an OCTET STRING. */
const privatePrefix = (of: RawAlgorithm): readonly number[] => [
  0x30,
  0x2e,
  0x02,
  0x01,
  0x00,
  0x30,
  0x05,
  0x06,
  0x03,
  0x2b,
  0x65,
  oidEnd[of],
  0x04,
  0x22,
  0x04,
  0x20,
];

const framed = (prefix: readonly number[], raw: Uint8Array): Buffer => {
  // allocUnsafeSlow: memory of its own, so that wiping it wipes all of it and no pool keeps a copy.
  const out = Buffer.allocUnsafeSlow(prefix.length + rawLength);
  out.set(prefix);
  out.set(raw, prefix.length);
  return out;
};

/**
 * The public key of 32 raw bytes.
 * @throws SymbolonError `channel/bad-key` where the bytes are not a key.
 */
export function publicKeyFromRaw(of: RawAlgorithm, raw: Uint8Array): KeyObject {
  if (raw.length !== rawLength) {
    throw new SymbolonError('channel/bad-key', { what: `${of} public key`, reason: 'not 32 bytes' });
  }
  try {
    return createPublicKey({ key: framed(publicPrefix(of), raw), format: 'der', type: 'spki' });
  } catch (error) {
    throw new SymbolonError(
      'channel/bad-key',
      { what: `${of} public key`, reason: 'not accepted' },
      { cause: error },
    );
  }
}

/**
 * The private key of a 32-byte seed (Ed25519) or scalar (X25519). The copy made here is wiped; `raw` stays the caller's
 * to wipe.
 * @throws SymbolonError `channel/bad-key` where `raw` is not 32 bytes.
 */
export function privateKeyFromRaw(of: RawAlgorithm, raw: Uint8Array): KeyObject {
  if (raw.length !== rawLength) {
    throw new SymbolonError('channel/bad-key', { what: `${of} private key`, reason: 'not 32 bytes' });
  }
  const key = framed(privatePrefix(of), raw);
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } finally {
    key.fill(0);
  }
}

/** The 32 raw bytes of an Ed25519 or X25519 public key, or `undefined` for a key of another kind. */
export function rawPublicKey(key: KeyObject, of: RawAlgorithm): Uint8Array | undefined {
  return key.type === 'public' && key.asymmetricKeyType === of
    ? new Uint8Array(key.export({ format: 'der', type: 'spki' })).slice(-rawLength)
    : undefined;
}

/**
 * PEM of a private key as bytes, for `node:tls`, which takes no KeyObject. No string is made on the way, because a
 * string can't be wiped: the owner calls `fill(0)` once the TLS context exists.
 */
export function privateKeyPem(key: KeyObject): Buffer {
  const der = key.export({ format: 'der', type: 'pkcs8' });
  const head = '-----BEGIN PRIVATE KEY-----\n';
  const tail = '\n-----END PRIVATE KEY-----\n';
  const body = Math.ceil(der.length / 3) * 4;
  const pem = Buffer.allocUnsafeSlow(head.length + body + Math.floor((body - 1) / 64) + tail.length);
  let at = pem.write(head, 'latin1');
  // RFC 7468 section 2: 64 characters a line, that is 48 bytes.
  for (let line = 0; line < der.length; line += 48) {
    if (line > 0) {
      pem[at] = 0x0a;
      at += 1;
    }
    at = base64Into(pem, at, der.subarray(line, line + 48));
  }
  pem.write(tail, at, 'latin1');
  der.fill(0);
  return pem;
}

const base64Alphabet = Buffer.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
  'latin1',
);
const padding = 0x3d;

function base64Into(out: Buffer, start: number, part: Uint8Array): number {
  let at = start;
  for (let i = 0; i < part.length; i += 3) {
    const a = part[i] ?? 0;
    const b = part[i + 1];
    const c = part[i + 2];
    const triple = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    out[at] = base64Alphabet[triple >> 18] ?? padding;
    out[at + 1] = base64Alphabet[(triple >> 12) & 63] ?? padding;
    out[at + 2] = b === undefined ? padding : (base64Alphabet[(triple >> 6) & 63] ?? padding);
    out[at + 3] = c === undefined ? padding : (base64Alphabet[triple & 63] ?? padding);
    at += 4;
  }
  return at;
}
