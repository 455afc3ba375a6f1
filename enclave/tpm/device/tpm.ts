/**
 * A TPM 2.0 by what we do with it. Every method is one turn: it waits for those before it, flushes what it made, and leaves no
 * session or transient object behind.
 */
import { SymbolonError } from '../../../wire/errors/index.ts';
import type { TpmHash } from '../algorithms.ts';
import { readAttested } from '../attested.ts';
import { pcrDigestOf, type PcrSelection } from '../pcrs.ts';
import { publicKeyOf, type EccPublic } from '../public.ts';
import type { Credential } from '../credential.ts';
import type { Random } from '../sharedSecret.ts';
import { readSignature, verifySignature } from '../signature.ts';
import {
  attestationTemplate,
  eccEndorsementTemplate,
  endorsementCertificateIndex,
  hierarchy,
  rsaEndorsementTemplate,
} from '../templates.ts';
import type { TpmAddress } from './address.ts';
import { property, randomBytesOf, readBanks, readHandles, readProperty, startUp } from './general.ts';
import {
  KeptKey,
  withHierarchy,
  withPrimary,
  withSession,
  withStorageRoot,
  type HierarchyAuth,
} from './keys.ts';
import { TpmLink, type Ask, type LinkOptions } from './link.ts';
import { defineCounter, incrementNv, readCounterPublic, readNv, readNvPublic, undefineNv } from './nv.ts';
import { activate, evictControl, quoteBy, readPublic, type OwnedKey, type SealedBlob } from './objects.ts';
import { extendPcr, readPcrValues } from './pcr.ts';
import { policyBySecret } from './policy.ts';
import { sealBelow, unsealBelow, type SealInput, type UnsealInput } from './sealing.ts';
import { plainEntity, type Session } from './session.ts';

/** How to reach a TPM and what it must be. */
export interface TpmOptions {
  readonly address: TpmAddress;
  /** Longest time for one command in milliseconds; a slow TPM may need 30,000 for an RSA key. */
  readonly timeoutMs: number;
  /** Fresh random bytes for nonces and salts. */
  readonly random: Random;
  /**
   * Name of the storage root key, 34 bytes, as it was at enrolment. `unpinned` is for the enrolment itself: whoever stands between
   * could put a key of his own there.
   */
  readonly storageRoot: Uint8Array | 'unpinned';
  /** Template of the attestation key, where a `unique` value makes it one of several; `attestationTemplate` unless told. */
  readonly attestation?: EccPublic;
  /** Auth values of the hierarchies; the caller's. */
  readonly hierarchyAuth?: HierarchyAuth;
  /** Opens the way; for tests. */
  readonly open?: LinkOptions['open'];
}

/** The public side of a key of this TPM. */
export interface TpmKey {
  /** TPMT_PUBLIC. */
  readonly publicArea: Uint8Array;
  /** 34 bytes. */
  readonly name: Uint8Array;
}

/** A quote that was verified here before it is handed out. */
export interface Quote {
  /** TPMS_ATTEST. */
  readonly attested: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
  readonly key: TpmKey;
  /** The quoted registers, by index; their digest is that of the quote. */
  readonly registers: ReadonlyMap<number, Uint8Array>;
}

/** What a TPM says of itself; not signed. */
export interface TpmStatus {
  /** Four characters, for example `INTC`. */
  readonly manufacturer: string;
  readonly firmwareVersion: string;
  /** Wrong auth values counted, and how many lock it. */
  readonly lockoutCounter: number;
  readonly maxAuthFail: number;
  /** Seconds after which one wrong value is forgotten. */
  readonly lockoutInterval: number;
  readonly inLockout: boolean;
}

/** Kind of an endorsement key. */
export type EndorsementKind = 'rsa' | 'ecc';

const noAuth: HierarchyAuth = { owner: new Uint8Array(), endorsement: new Uint8Array() };
/** Quotes that are made anew, since a register changed between reading and quoting. */
const maxRestarts = 8;
/** inLockout of TPMA_PERMANENT (Part 2 section 8.6). */
const inLockoutBit = 1 << 9;
const keyOf = ({ publicBytes, name }: OwnedKey): TpmKey => ({ publicArea: publicBytes, name });
const endorsementTemplates = { rsa: rsaEndorsementTemplate, ecc: eccEndorsementTemplate } as const;

/** A TPM. Connects with its first command; every method throws SymbolonError of the boundary `tpm`. */
export class Tpm {
  readonly #link: TpmLink;
  readonly #random: Random;
  readonly #storageRoot: Uint8Array | 'unpinned';
  readonly #auth: HierarchyAuth;
  readonly #attestation: KeptKey;

  constructor(options: TpmOptions) {
    const { address, timeoutMs, open } = options;
    this.#link = new TpmLink({ address, timeoutMs, ...(open === undefined ? {} : { open }) });
    this.#random = options.random;
    this.#storageRoot = options.storageRoot;
    this.#auth = options.hierarchyAuth ?? noAuth;
    this.#attestation = new KeptKey(options.attestation ?? attestationTemplate);
  }

  /** Starts an emulator after its reset. The firmware of a real machine has done it; then nothing happens. */
  startUp(): Promise<void> {
    return this.#link.turn(startUp);
  }

  /** Random bytes of the TPM, to be mixed with those of the system: they come in clear and unauthenticated. */
  getRandom(length: number): Promise<Uint8Array> {
    return this.#link.turn((ask) => randomBytesOf(ask, length));
  }

  status(): Promise<TpmStatus> {
    return this.#link.turn(async (ask) => {
      const read = async (id: number): Promise<number> => (await readProperty(ask, id)) ?? 0;
      const manufacturer = Buffer.alloc(4);
      manufacturer.writeUInt32BE(await read(property.manufacturer));
      const firmware = [await read(property.firmware1), await read(property.firmware2)];
      return {
        manufacturer: manufacturer.toString('latin1').replace(/[^\x20-\x7e]/g, ''),
        firmwareVersion: firmware.map((half) => half.toString(16).padStart(8, '0')).join('.'),
        lockoutCounter: await read(property.lockoutCounter),
        maxAuthFail: await read(property.maxAuthFail),
        lockoutInterval: await read(property.lockoutInterval),
        inLockout: ((await read(property.permanent)) & inLockoutBit) !== 0,
      };
    });
  }

  /** The PCR banks that are in use, each with its registers. */
  banks(): Promise<PcrSelection[]> {
    return this.#link.turn(readBanks);
  }

  /** Registers of one bank, all of one moment; not signed. */
  readPcrs(bank: TpmHash, pcrs: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>> {
    return this.#link.turn((ask) => readPcrValues(ask, bank, pcrs));
  }

  /** Extends one register in the given banks. */
  extendPcr(pcr: number, digests: Partial<Readonly<Record<TpmHash, Uint8Array>>>): Promise<void> {
    return this.#link.turn((ask) => extendPcr(ask, pcr, digests));
  }

  /** The storage root key; its Name is what is pinned at enrolment. */
  storageRoot(): Promise<TpmKey> {
    return this.#link.turn((ask) => this.#withRoot(ask, (root) => Promise.resolve(keyOf(root))));
  }

  /** Seals a secret. Throws RangeError for an input out of its limits. */
  seal(input: SealInput): Promise<SealedBlob> {
    return this.#link.turn((ask) => this.#withRoot(ask, (root) => sealBelow(ask, this.#random, root, input)));
  }

  /**
   * Opens a sealed secret, which the caller owns and wipes.
   * @throws SymbolonError `tpm/policy-refused` (registers), `tpm/auth-refused`, `tpm/locked-out`, `tpm/blob-refused`,
   * `tpm/other-storage-root`.
   */
  unseal(input: UnsealInput): Promise<Uint8Array> {
    return this.#link.turn((ask) =>
      this.#withRoot(ask, (root) => unsealBelow(ask, this.#random, root, input)),
    );
  }

  /** The attestation key: the same until the seed of its hierarchy changes. */
  attestationKey(): Promise<TpmKey> {
    return this.#link.turn((ask) => this.#withAttestation(ask, (key) => Promise.resolve(keyOf(key))));
  }

  /**
   * Quotes registers of one bank with the attestation key, and verifies the quote.
   * @param extraData - at most 64 bytes.
   * @throws SymbolonError `tpm/response-not-authentic` where the quote is not one of this key over what was asked.
   */
  quote(extraData: Uint8Array, selection: PcrSelection): Promise<Quote> {
    return this.#link.turn((ask) =>
      this.#withAttestation(ask, async (key) => {
        for (let i = 0; i < maxRestarts; i += 1) {
          const registers = await readPcrValues(ask, selection.bank, selection.pcrs);
          const { attested, signature } = await quoteBy(ask, key, extraData, [selection]);
          const { extraData: signed, selections, pcrDigest } = readAttested(attested);
          const verified = verifySignature(publicKeyOf(key.area), readSignature(signature), attested);
          if (!verified || Buffer.compare(signed, extraData) !== 0 || !sameSelection(selections, selection)) {
            throw new SymbolonError('tpm/response-not-authentic', { command: 'Quote' });
          }
          const values = selection.pcrs.map((pcr) => registers.get(pcr) ?? new Uint8Array());
          if (Buffer.compare(pcrDigestOf('sha256', values), pcrDigest) === 0) {
            return { attested, signature, key: keyOf(key), registers };
          }
        }
        throw new SymbolonError('tpm/busy', { command: 'Quote', name: 'registers change all the time' });
      }),
    );
  }

  /** Keeps the attestation key at a persistent handle (0x81000000 and up), for other programs. */
  keepAttestationKey(handle: number): Promise<void> {
    return this.#link.turn((ask) => this.#withAttestation(ask, (key) => this.#evict(ask, key, handle)));
  }

  /** Takes the object at a persistent handle away. */
  forgetPersistent(handle: number): Promise<void> {
    return this.#link.turn(async (ask) => {
      await this.#evict(ask, await readPublic(ask, handle), handle);
    });
  }

  /** The endorsement key of the TCG EK Credential Profile. An RSA key can take a real TPM many seconds. */
  endorsementKey(kind: EndorsementKind): Promise<TpmKey> {
    return this.#link.turn((ask) => this.#withEndorsement(ask, kind, (key) => Promise.resolve(keyOf(key))));
  }

  /** The certificate that the maker put into the TPM: one DER value; `undefined` where there is none. */
  endorsementCertificate(kind: EndorsementKind): Promise<Uint8Array | undefined> {
    return this.#link.turn(async (ask) => {
      const handle = endorsementCertificateIndex[kind];
      if (!(await readHandles(ask, handle, 1)).includes(handle)) {
        return undefined;
      }
      return withoutPadding(await readNv(ask, await readNvPublic(ask, handle), 'empty'));
    });
  }

  /**
   * Proves that the attestation key is in the TPM of the endorsement key, by giving a credential's secret. The caller owns it.
   * @throws SymbolonError `tpm/blob-refused` where the credential is for another key, or another TPM.
   */
  activateCredential(kind: EndorsementKind, credential: Credential): Promise<Uint8Array> {
    return this.#link.turn((ask) =>
      this.#withAttestation(ask, (key) =>
        this.#withEndorsement(ask, kind, (ek) =>
          withSession(ask, this.#random, 'policy', ek, async (session) => {
            await withHierarchy(ask, this.#random, this.#auth.endorsement, (auth) =>
              policyBySecret(ask, session, plainEntity(hierarchy.endorsement), auth),
            );
            return await activate(ask, key, ek, session, credential);
          }),
        ),
      ),
    );
  }

  /** Makes a counter in the TPM's memory (index 0x01000000 to 0x01bfffff): 8 bytes that only grow. */
  defineCounter(index: number): Promise<void> {
    return this.#link.turn((ask) =>
      withHierarchy(ask, this.#random, this.#auth.owner, (auth) =>
        defineCounter(ask, plainEntity(hierarchy.owner), auth, index),
      ),
    );
  }

  /**
   * Counts one up; gives the new value, authenticated.
   * @throws SymbolonError `tpm/not-the-counter` where another index, or one with other attributes, stands there.
   */
  incrementCounter(index: number): Promise<bigint> {
    return this.#link.turn((ask) =>
      this.#withSalted(ask, async (session) => {
        const auth = { session, auth: new Uint8Array() };
        await incrementNv(ask, await readCounterPublic(ask, index), auth);
        return bigOf(await readNv(ask, await readCounterPublic(ask, index), auth));
      }),
    );
  }

  /**
   * The value of a counter, authenticated. Before the first increment the TPM refuses (`NV_UNINITIALIZED`).
   * @throws SymbolonError `tpm/not-the-counter` where another index, or one with other attributes, stands there.
   */
  readCounter(index: number): Promise<bigint> {
    return this.#link.turn((ask) =>
      this.#withSalted(ask, async (session) =>
        bigOf(await readNv(ask, await readCounterPublic(ask, index), { session, auth: new Uint8Array() })),
      ),
    );
  }

  /** Removes an NV index of the owner. A counter that is made again begins above the old one. */
  undefineIndex(index: number): Promise<void> {
    return this.#link.turn((ask) =>
      withHierarchy(ask, this.#random, this.#auth.owner, async (auth) => {
        await undefineNv(ask, plainEntity(hierarchy.owner), auth, await readNvPublic(ask, index));
      }),
    );
  }

  /** Ends the connection after the turns that wait. */
  close(): Promise<void> {
    return this.#link.close();
  }

  #withRoot<T>(ask: Ask, work: (root: OwnedKey) => Promise<T>): Promise<T> {
    return withStorageRoot(ask, this.#random, this.#auth.owner, this.#storageRoot, work);
  }

  #withSalted<T>(ask: Ask, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#withRoot(ask, (root) => withSession(ask, this.#random, 'hmac', root, work));
  }

  #withAttestation<T>(ask: Ask, work: (key: OwnedKey) => Promise<T>): Promise<T> {
    return this.#attestation.use(ask, this.#random, this.#auth.endorsement, work);
  }

  #withEndorsement<T>(ask: Ask, kind: EndorsementKind, work: (key: OwnedKey) => Promise<T>): Promise<T> {
    const parent = { handle: hierarchy.endorsement, auth: this.#auth.endorsement };
    return withPrimary(ask, this.#random, parent, endorsementTemplates[kind], work);
  }

  #evict(ask: Ask, key: OwnedKey, handle: number): Promise<void> {
    return withHierarchy(ask, this.#random, this.#auth.owner, (auth) =>
      evictControl(ask, auth, hierarchy.owner, key, handle),
    );
  }
}

const sameSelection = (found: readonly PcrSelection[], wanted: PcrSelection): boolean =>
  found.length === 1 && found[0]?.bank === wanted.bank && String(found[0].pcrs) === String(wanted.pcrs);

/** The 8 bytes of a counter. */
function bigOf(bytes: Uint8Array): bigint {
  if (bytes.length !== 8) {
    throw new SymbolonError('tpm/malformed', { what: 'counter', reason: 'not of 8 bytes', offset: 0 });
  }
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
}

/** Makers leave bytes after a certificate; its DER says where it ends. What is no DER comes back as it is. */
function withoutPadding(bytes: Uint8Array): Uint8Array {
  const long = bytes[0] === 0x30 && bytes[1] === 0x82;
  const end = 4 + ((bytes[2] ?? 0) << 8) + (bytes[3] ?? 0);
  return long && end <= bytes.length ? bytes.slice(0, end) : bytes;
}
