/**
 * The one owner of the PKCS#11 session: finds the token and its wrapping key (exactly one of each, T31), logs in once
 * (T30), makes and recovers key material. Lives in the HSM process only.
 */
import { SymbolonError, isSymbolonError } from '../wire/errors/index.ts';
import { fromHex, toHex } from '../wire/ids.ts';
import type { KeyMaterial, TokenIdentity, WrappingAlgorithm } from './material.ts';
import {
  attribute,
  call,
  findObjects,
  isReturn,
  loadCryptoki,
  presentTokens,
  unpad,
  VendorError,
  type Cryptoki,
  type Handle,
  type PresentToken,
} from './pkcs11.ts';
import { probe } from './probe.ts';
import { identityOf, type Profile } from './profiles.ts';
import type { Random } from './random.ts';
import {
  makeKeyMaterial,
  openWrappingKey,
  publicKeyHash,
  recoverKeyMaterial,
  type WrappingKey,
} from './wrapping.ts';

/** Return values of C_Decrypt that may speak of the data and not of the token; vendors do not agree on one. */
const dataReturns = [
  'CKR_ENCRYPTED_DATA_INVALID',
  'CKR_ENCRYPTED_DATA_LEN_RANGE',
  'CKR_DATA_INVALID',
  'CKR_DATA_LEN_RANGE',
  'CKR_ARGUMENTS_BAD',
  'CKR_FUNCTION_FAILED',
  'CKR_GENERAL_ERROR',
];
/** Return values of C_Login after which the PIN is never tried again (T30). */
const pinReturns: Readonly<Record<string, string>> = {
  CKR_PIN_INCORRECT: 'incorrect',
  CKR_PIN_INVALID: 'incorrect',
  CKR_PIN_LEN_RANGE: 'incorrect',
  CKR_PIN_LOCKED: 'locked',
  CKR_PIN_EXPIRED: 'expired',
  CKR_USER_PIN_NOT_INITIALIZED: 'not set',
};

/** An open token. After any error but a refusal of the data the process must end: see hsm/process.ts. */
export interface Token {
  readonly identity: TokenIdentity;
  /** Fresh key material; the caller wipes `ikm`. */
  make(): KeyMaterial;
  /** Recovers key material; the caller wipes it. Throws `hsm/wrapped-refused` where the token is sound and says no. */
  recover(wrapped: Uint8Array): Uint8Array;
  /** Asks the token whether it is there and is still the same one. */
  check(): void;
  /** Makes a 32-byte secret go round. */
  probe(): void;
  /** Logs out and closes the session. */
  close(): void;
}

/**
 * Opens the token of a profile. `readPin` is called once, after the token was recognised and found unlocked; the bytes
 * are wiped here.
 * @throws SymbolonError `hsm/*`; VendorError of the PKCS#11 calls, see `toCatalogue`
 */
export function openToken(profile: Profile, readPin: () => Uint8Array, random: Random): Token {
  const cryptoki = loadCryptoki(profile.module);
  const present = chooseToken(presentTokens(cryptoki), profile.tokenLabel, profile.tokenSerial);
  const session = openSession(cryptoki, present.slot);
  login(cryptoki, session, present.flags, readPin);
  const found = findWrappingKey(cryptoki, session, profile.keyLabel, profile.keyId, profile.algorithm);
  checkProtection(cryptoki, session, found, profile.keyId);
  const key = openWrappingKey(cryptoki, session, found, profile.algorithm);
  const hash = publicKeyHash(key);
  if (hash !== undefined && toHex(hash) !== profile.publicKeySha256) {
    throw new SymbolonError('hsm/key-mismatch', { keyId: profile.keyId });
  }
  return new OpenToken(profile, present.slot, key, random);
}

class OpenToken implements Token {
  readonly identity: TokenIdentity;
  readonly #profile: Profile;
  readonly #slot: Handle;
  readonly #random: Random;
  #key: WrappingKey;

  constructor(profile: Profile, slot: Handle, key: WrappingKey, random: Random) {
    this.identity = identityOf(profile);
    this.#profile = profile;
    this.#slot = slot;
    this.#key = key;
    this.#random = random;
  }

  make(): KeyMaterial {
    return makeKeyMaterial(this.#key, this.#random);
  }

  recover(wrapped: Uint8Array): Uint8Array {
    try {
      return recoverKeyMaterial(this.#key, wrapped);
    } catch (error) {
      if (!(
        error instanceof VendorError &&
        error.operation === 'C_Decrypt' &&
        dataReturns.includes(error.rv)
      )) {
        throw error;
      }
    }
    // Vendors answer bad data with general errors too, and some leave the operation active: a fresh session that
    // passes the probe shows that the data was at fault. Anything else counts as a failure of the token.
    this.#renewSession();
    probe(this.#key, this.#random);
    throw new SymbolonError('hsm/wrapped-refused', { algorithm: this.#profile.algorithm });
  }

  check(): void {
    const { cryptoki, session } = this.#key;
    const info = call('C_GetTokenInfo', () => cryptoki.lib.C_GetTokenInfo(this.#slot));
    const serial = unpad(info.serialNumber);
    if (serial !== this.#profile.tokenSerial) {
      throw new SymbolonError('hsm/token-mismatch', { wanted: this.#profile.tokenSerial, found: serial });
    }
    // Reading an attribute of the key is the cheapest call that fails when the token's store is gone.
    attribute(cryptoki, session, this.#key.key, cryptoki.ck.CKA_ID);
  }

  probe(): void {
    probe(this.#key, this.#random);
  }

  close(): void {
    const { cryptoki, session } = this.#key;
    call('C_CloseSession', () => {
      cryptoki.lib.C_CloseSession(session);
    });
    call('C_Finalize', () => {
      cryptoki.lib.C_Finalize();
    });
  }

  /** The new session is opened before the old one is closed: with the last session the login would go (no second PIN). */
  #renewSession(): void {
    const { cryptoki, session: old, algorithm } = this.#key;
    const session = openSession(cryptoki, this.#slot);
    call('C_CloseSession', () => {
      cryptoki.lib.C_CloseSession(old);
    });
    const { keyLabel, keyId } = this.#profile;
    const key = findWrappingKey(cryptoki, session, keyLabel, keyId, algorithm);
    this.#key = { ...this.#key, session, key };
  }
}

/**
 * The one token with this label and serial number: exactly one match or stop (T31).
 * @throws SymbolonError `hsm/token-absent`, `hsm/token-mismatch`, `hsm/token-ambiguous`
 */
export function chooseToken(present: readonly PresentToken[], label: string, serial: string): PresentToken {
  const labelled = present.filter((token) => token.label === label);
  const matching = labelled.filter((token) => token.serial === serial);
  const [only] = matching;
  if (matching.length > 1) {
    throw new SymbolonError('hsm/token-ambiguous', { label, serial, found: matching.length });
  }
  if (only !== undefined) {
    return only;
  }
  const [stranger] = labelled;
  throw stranger === undefined
    ? new SymbolonError('hsm/token-absent', { label })
    : new SymbolonError('hsm/token-mismatch', { wanted: serial, found: stranger.serial });
}

/** Opens a session. Read and write: CloudHSM has no read-only sessions. */
export function openSession({ lib, ck }: Cryptoki, slot: Handle): Handle {
  return call('C_OpenSession', () => lib.C_OpenSession(slot, ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION));
}

/**
 * Logs in once. Refuses before asking for the PIN where the token is locked or one wrong PIN away from it (T30).
 * @throws SymbolonError `hsm/pin-refused`
 */
export function login(
  { lib, ck }: Cryptoki,
  session: Handle,
  flags: number,
  readPin: () => Uint8Array,
): void {
  if ((flags & ck.CKF_USER_PIN_LOCKED) !== 0) {
    throw new SymbolonError('hsm/pin-refused', { reason: 'locked' });
  }
  if ((flags & ck.CKF_USER_PIN_FINAL_TRY) !== 0) {
    throw new SymbolonError('hsm/pin-refused', { reason: 'one try is left' });
  }
  const pin = readPin();
  try {
    call('C_Login', () => {
      // pkcs11js takes strings only; this copy can't be wiped, which is one reason for the process of its own.
      lib.C_Login(session, ck.CKU_USER, Buffer.from(pin).toString('latin1'));
    });
  } catch (error) {
    if (isReturn(error, 'CKR_USER_ALREADY_LOGGED_IN')) {
      return;
    }
    const reason = error instanceof VendorError ? pinReturns[error.rv] : undefined;
    throw reason === undefined ? error : new SymbolonError('hsm/pin-refused', { reason });
  } finally {
    pin.fill(0);
  }
}

/** The one wrapping key with this label and CKA_ID: exactly one match or stop (T31). */
export function findWrappingKey(
  cryptoki: Cryptoki,
  session: Handle,
  label: string,
  keyId: string,
  algorithm: WrappingAlgorithm,
): Handle {
  const { ck } = cryptoki;
  const matches = findObjects(cryptoki, session, [
    { type: ck.CKA_CLASS, value: algorithm === 'hmac-sha256' ? ck.CKO_SECRET_KEY : ck.CKO_PRIVATE_KEY },
    { type: ck.CKA_LABEL, value: label },
    { type: ck.CKA_ID, value: Buffer.from(fromHex(keyId) ?? []) },
  ]);
  const [only] = matches;
  if (only === undefined) {
    throw new SymbolonError('hsm/key-absent', { label, keyId });
  }
  if (matches.length > 1) {
    throw new SymbolonError('hsm/key-ambiguous', { label, keyId, found: matches.length });
  }
  return only;
}

/** The key was made in the token and can't leave it (PKCS#11 2.40 sections 4.9 and 4.10). */
export function checkProtection(cryptoki: Cryptoki, session: Handle, key: Handle, keyId: string): void {
  const { ck } = cryptoki;
  const wanted: readonly (readonly [string, number, boolean])[] = [
    ['CKA_SENSITIVE', ck.CKA_SENSITIVE, true],
    ['CKA_ALWAYS_SENSITIVE', ck.CKA_ALWAYS_SENSITIVE, true],
    ['CKA_EXTRACTABLE', ck.CKA_EXTRACTABLE, false],
    ['CKA_NEVER_EXTRACTABLE', ck.CKA_NEVER_EXTRACTABLE, true],
    ['CKA_LOCAL', ck.CKA_LOCAL, true],
  ];
  for (const [name, type, value] of wanted) {
    if ((attribute(cryptoki, session, key, type)[0] !== 0) !== value) {
      throw new SymbolonError('hsm/key-exposed', { keyId, attribute: name });
    }
  }
}

/** Whether the process that met this error may go on: it was about the request's bytes, not about the token. */
export const isDataRefusal = (error: unknown): boolean => isSymbolonError(error, 'hsm/wrapped-refused');
