/** Numbers of the TCG Algorithm Registry and of TPM 2.0 Part 2, by the names that the specifications use. */

/** Algorithms (TPM_ALG_ID). */
export const alg = {
  rsa: 0x0001,
  sha1: 0x0004,
  hmac: 0x0005,
  aes: 0x0006,
  keyedHash: 0x0008,
  sha256: 0x000b,
  sha384: 0x000c,
  sha512: 0x000d,
  null: 0x0010,
  rsassa: 0x0014,
  rsapss: 0x0016,
  oaep: 0x0017,
  ecdsa: 0x0018,
  ecdh: 0x0019,
  ecc: 0x0023,
  symcipher: 0x0025,
  cfb: 0x0043,
} as const;

/** Curves (TPM_ECC_CURVE). */
export const curve = { p256: 0x0003, p384: 0x0004 } as const;

/** A hash of the registry by the name that node:crypto and policy use. */
export type TpmHash = 'sha1' | 'sha256' | 'sha384' | 'sha512';

const hashes: ReadonlyMap<number, TpmHash> = new Map([
  [alg.sha1, 'sha1'],
  [alg.sha256, 'sha256'],
  [alg.sha384, 'sha384'],
  [alg.sha512, 'sha512'],
]);
/** The hash of an algorithm number; `undefined` for any other. */
export const hashOfAlg = (id: number): TpmHash | undefined => hashes.get(id);

/** Digest sizes in bytes. */
export const digestBytes: Readonly<Record<TpmHash, number>> = {
  sha1: 20,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};
/** Algorithm numbers of hashes. */
export const algOfHash: Readonly<Record<TpmHash, number>> = {
  sha1: alg.sha1,
  sha256: alg.sha256,
  sha384: alg.sha384,
  sha512: alg.sha512,
};
