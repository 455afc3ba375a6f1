/**
 * Authorization sessions (TPM 2.0 Part 1 section 19): HMAC and policy sessions with SHA-256, salted with a key of the TPM, with
 * AES-128-CFB for the first parameter (section 21). Holds the session's key and nonces; `command.ts` puts them to use.
 */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { alg } from '../algorithms.ts';
import { TpmReader, TpmWriter } from '../bytes.ts';
import { kdfA } from '../kdf.ts';
import type { TpmPublic } from '../public.ts';
import { shareSecret, type Random } from '../sharedSecret.ts';
import { hierarchy } from '../templates.ts';
import { commandCode, structureTag } from './codes.ts';
import type { Ask } from './link.ts';

/** Bits of TPMA_SESSION (Part 2 section 8.4). */
export const sessionBit = { continue: 0x01, decrypt: 0x20, encrypt: 0x40 } as const;
/** Bytes of nonces, HMACs and session keys: SHA-256. */
const hashBytes = 32;
const sessionType = { hmac: 0x00, policy: 0x01 } as const;

/** A key or object in the TPM, with the Name that all authorizations are bound to. */
export interface Entity {
  readonly handle: number;
  /** Name of the object or NV index; for everything else the handle itself, 4 bytes (Part 1 section 16). */
  readonly name: Uint8Array;
}

/** A loaded key. */
export interface LoadedKey extends Entity {
  readonly area: TpmPublic;
}

/** The entity of a hierarchy, register or session: its Name is its handle. */
export const plainEntity = (handle: number): Entity => ({ handle, name: new TpmWriter().u32(handle).done() });

/** An auth value as HMACs take it: without the zeros at its end (Part 1 section 19.6.4). */
function trimmed(auth: Uint8Array): Uint8Array {
  let end = auth.length;
  while (end > 0 && auth[end - 1] === 0) {
    end -= 1;
  }
  return auth.subarray(0, end);
}

/** A started session. Whoever started it flushes its handle and calls {@link Session.wipe}. */
export class Session {
  readonly handle: number;
  readonly kind: 'hmac' | 'policy';
  /** Set by TPM2_PolicyAuthValue: the object's auth value belongs to the HMAC key. */
  authValueNeeded: boolean;
  readonly #random: Random;
  readonly #key: Uint8Array;
  #nonceCaller: Uint8Array;
  #nonceTpm: Uint8Array;

  /**
   * TPM2_StartAuthSession (Part 3 section 11.1).
   * @param salt - a loaded decryption key that encrypts the salt. Without one the session key is empty, and the session is as
   * strong as the auth value that it shows: for hierarchies only.
   */
  static async start(
    ask: Ask,
    random: Random,
    kind: 'hmac' | 'policy',
    salt: LoadedKey | undefined,
  ): Promise<Session> {
    const nonceCaller = random(hashBytes);
    const shared = salt === undefined ? undefined : shareSecret(salt.area, 'SECRET', random);
    try {
      const parameters = new TpmWriter()
        .u32(salt?.handle ?? hierarchy.null)
        .u32(hierarchy.null)
        .sized(nonceCaller)
        .sized(shared?.encrypted ?? new Uint8Array())
        .u8(sessionType[kind])
        .u16(alg.aes)
        .u16(128)
        .u16(alg.cfb)
        .u16(alg.sha256)
        .done();
      const command = new TpmWriter()
        .u16(structureTag.noSessions)
        .u32(10 + parameters.length)
        .u32(commandCode.StartAuthSession)
        .raw(parameters)
        .done();
      const { body } = await ask('StartAuthSession', command);
      const reader = new TpmReader('StartAuthSession', body);
      const handle = reader.u32();
      const nonceTpm = reader.sized(hashBytes);
      if (nonceTpm.length !== hashBytes) {
        reader.refuse('a nonce of another length than was asked for');
      }
      reader.end();
      // Part 1 section 19.6.8: authValue of the bind entity (none here), then the salt.
      const key =
        shared === undefined
          ? new Uint8Array()
          : kdfA('sha256', shared.secret, 'ATH', nonceTpm, nonceCaller, hashBytes);
      return new Session(handle, kind, random, key, nonceCaller, nonceTpm);
    } finally {
      shared?.secret.fill(0);
    }
  }

  private constructor(
    handle: number,
    kind: 'hmac' | 'policy',
    random: Random,
    key: Uint8Array,
    nonceCaller: Uint8Array,
    nonceTpm: Uint8Array,
  ) {
    this.handle = handle;
    this.kind = kind;
    this.authValueNeeded = kind === 'hmac';
    this.#random = random;
    this.#key = key;
    this.#nonceCaller = nonceCaller;
    this.#nonceTpm = nonceTpm;
  }

  /** The TPM's newest nonce. */
  get nonceTpm(): Uint8Array {
    return this.#nonceTpm;
  }

  /** The nonce of the command under way. */
  get nonceCaller(): Uint8Array {
    return this.#nonceCaller;
  }

  /** A new nonce of ours, at the begin of each command. */
  roll(): void {
    this.#nonceCaller = this.#random(hashBytes);
  }

  /** Encrypts the first parameter of a command, in place (Part 1 section 21.3). */
  encrypt(data: Uint8Array, auth: Uint8Array): void {
    this.#cfb(createCipheriv, data, auth, this.#nonceCaller, this.#nonceTpm);
  }

  /** Decrypts the first parameter of a response, in place; after {@link Session.answered}. */
  decrypt(data: Uint8Array, auth: Uint8Array): void {
    this.#cfb(createDecipheriv, data, auth, this.#nonceTpm, this.#nonceCaller);
  }

  /**
   * HMAC of a command (Part 1 section 19.6.5).
   * @param others - the TPM's nonces of other sessions that en- and decrypt, in the HMAC of the first session only.
   */
  commandHmac(
    cpHash: Uint8Array,
    auth: Uint8Array,
    attributes: number,
    others: readonly Uint8Array[],
  ): Uint8Array {
    return this.#hmac(auth, [
      cpHash,
      this.#nonceCaller,
      this.#nonceTpm,
      ...others,
      Uint8Array.of(attributes),
    ]);
  }

  /** Takes the TPM's new nonce, and says whether the HMAC of its response is right. */
  answered(
    rpHash: Uint8Array,
    auth: Uint8Array,
    answer: { readonly nonce: Uint8Array; readonly attributes: number; readonly hmac: Uint8Array },
  ): boolean {
    const { nonce, attributes, hmac } = answer;
    const wanted = this.#hmac(auth, [rpHash, nonce, this.#nonceCaller, Uint8Array.of(attributes)]);
    if (nonce.length !== hashBytes || hmac.length !== hashBytes || !timingSafeEqual(wanted, hmac)) {
      return false;
    }
    this.#nonceTpm = nonce;
    return true;
  }

  /** Forgets the session's key. */
  wipe(): void {
    this.#key.fill(0);
  }

  #hmac(auth: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
    return this.#withKey(this.authValueNeeded ? auth : new Uint8Array(), (key) => {
      const hmac = createHmac('sha256', key);
      for (const part of parts) {
        hmac.update(part);
      }
      return new Uint8Array(hmac.digest());
    });
  }

  #cfb(
    make: typeof createCipheriv | typeof createDecipheriv,
    data: Uint8Array,
    auth: Uint8Array,
    newer: Uint8Array,
    older: Uint8Array,
  ): void {
    // The auth value of the object always belongs to this key, also where the policy did not ask for it.
    const keyAndIv = this.#withKey(auth, (key) => kdfA('sha256', key, 'CFB', newer, older, 32));
    try {
      const cipher = make('aes-128-cfb', keyAndIv.subarray(0, 16), keyAndIv.subarray(16));
      const out = cipher.update(data);
      data.set(out);
      out.fill(0);
    } finally {
      keyAndIv.fill(0);
    }
  }

  #withKey<T>(auth: Uint8Array, use: (key: Uint8Array) => T): T {
    const tail = trimmed(auth);
    const key = new Uint8Array(this.#key.length + tail.length);
    key.set(this.#key);
    key.set(tail, this.#key.length);
    try {
      return use(key);
    } finally {
      key.fill(0);
    }
  }
}
