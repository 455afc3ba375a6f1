/** What an attestation key must be, so that what it signs as a quote was made by its TPM. */
import type { KeyObject } from 'node:crypto';
import { attribute, hasAttributes } from '../../tpm/attributes.ts';
import { nameOf, publicKeyOf, readTpmPublic, type TpmPublic } from '../../tpm/public.ts';
import { isWeakRsa } from '../../tpm/weakRsa.ts';
import { isSymbolonError, SymbolonError } from '../../../wire/errors/index.ts';
import { toHex } from '../../../wire/ids.ts';

/** An attestation key whose attributes were checked. Whose TPM it is in is not known from this: enrolment tells. */
export interface AttestationKey {
  readonly area: TpmPublic;
  readonly key: KeyObject;
  /** Name of the key: hash id and digest over its public area (TPM 2.0 Part 1 section 16), 34 bytes with SHA-256. */
  readonly name: Uint8Array;
  /** `name` in hexadecimal, as a statement names the machine. */
  readonly machine: string;
}

/** Runs a reader of TPM structures; what it refuses becomes `evidence/malformed` of `part`. */
export function readPart<T>(part: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (isSymbolonError(cause)) {
      throw new SymbolonError('evidence/malformed', { part, reason: cause.message }, { cause });
    }
    throw cause;
  }
}

/** Attributes that must be set (Part 2 section 8.3.3), and what a key without them could do. */
const needed: readonly (readonly [bit: number, rule: string])[] = [
  // 8.3.3.10: a restricted key signs no digest that begins with TPM_GENERATED unless the TPM made it.
  [attribute.restricted, 'not restricted: it could sign a quote that no TPM made'],
  [attribute.sign, 'not a signing key'],
  // 8.3.3.2 and 8.3.3.4: it never leaves this TPM.
  [attribute.fixedTPM, 'not fixed to its TPM'],
  [attribute.fixedParent, 'not fixed to its parent'],
  // 8.3.3.5: nobody else has the private part.
  [attribute.sensitiveDataOrigin, 'its private part was not made by the TPM'],
];

/**
 * Reads the TPMT_PUBLIC of an attestation key and checks what it is. Sizes: RSA 2048, 3072 or 4096, P-256, P-384; the
 * reader takes no other.
 * @throws SymbolonError `evidence/malformed` (part `attestation key`), `evidence/bad-attestation-key` or
 * `evidence/weak-hash`.
 */
export function readAttestationKey(bytes: Uint8Array): AttestationKey {
  const area = readPart('attestation key', () => readTpmPublic(bytes));
  const name = nameOf(bytes);
  const machine = toHex(name);
  const refuse = (rule: string): never => {
    throw new SymbolonError('evidence/bad-attestation-key', { key: machine, rule });
  };
  for (const [bit, rule] of needed) {
    if (!hasAttributes(area.attributes, bit)) {
      refuse(rule);
    }
  }
  // Part 2 section 8.3.3.10: restricted and decrypt make a storage key; no key is both.
  if (hasAttributes(area.attributes, attribute.decrypt)) {
    refuse('a decryption key too');
  }
  if (area.type === 'keyedHash' || area.scheme?.name === 'oaep' || area.scheme?.name === 'ecdh') {
    return refuse('not a key of a signature scheme');
  }
  // Part 2 sections 12.2.3.5 and 12.2.3.6: a restricted signing key has a scheme, and no symmetric algorithm.
  if (area.scheme === undefined || area.symmetric !== undefined) {
    return refuse('without a signature scheme, or with a symmetric algorithm');
  }
  if (area.type === 'rsa' && isWeakRsa(area.modulus)) {
    refuse('an RSA key of a generator whose keys can be factored (CVE-2017-15361)');
  }
  if (area.scheme.hash === 'sha1') {
    throw new SymbolonError('evidence/weak-hash', { where: 'attestation key', hash: 'sha1' });
  }
  return { area, key: readPart('attestation key', () => publicKeyOf(area)), name, machine };
}
