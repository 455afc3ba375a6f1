/** Test only: a TPM 2.0 in software, as far as evidence shows one: attestation keys, quotes and event logs. */
import { constants, createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { alg, algOfHash, digestBytes, type TpmHash } from '../../enclave/tpm/algorithms.ts';
import { attribute } from '../../enclave/tpm/attributes.ts';
import { attestQuote, tpmGenerated } from '../../enclave/tpm/attested.ts';
import { TpmWriter } from '../../enclave/tpm/bytes.ts';
import { pcrDigestOf, writePcrSelections } from '../../enclave/tpm/pcrs.ts';
import { nameOf, writeTpmPublic, type TpmPublic } from '../../enclave/tpm/public.ts';
import { tpm2Document, tpm2QualifyingData, type Tpm2Evidence } from '../../enclave/evidence/tpm2/document.ts';

/** Schemes that the keys here sign with. */
export const quoteSchemes = ['ecdsa', 'rsassa', 'rsapss'] as const;
/** A scheme of {@link quoteSchemes}. */
export type QuoteScheme = (typeof quoteSchemes)[number];

const pairs = {
  ecdsa: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  rsassa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
};
/** The key pair behind the attestation key of a scheme; RSASSA and RSAPSS share one. */
export const pairOf = (scheme: QuoteScheme): { publicKey: KeyObject; privateKey: KeyObject } =>
  scheme === 'ecdsa' ? pairs.ecdsa : pairs.rsassa;

const field = (key: KeyObject, name: 'n' | 'x' | 'y'): Uint8Array =>
  new Uint8Array(Buffer.from(key.export({ format: 'jwk' })[name] ?? '', 'base64url'));

/** Attributes of a good attestation key. */
export const goodAttributes =
  attribute.restricted |
  attribute.sign |
  attribute.fixedTPM |
  attribute.fixedParent |
  attribute.sensitiveDataOrigin |
  attribute.userWithAuth;

/** Public area of an attestation key, as it should be but for the attributes and the hash given. */
export function attestationArea(
  scheme: QuoteScheme,
  attributes: number = goodAttributes,
  hash: TpmHash = 'sha256',
): TpmPublic {
  const { publicKey } = pairOf(scheme);
  const common = {
    nameAlg: 'sha256',
    attributes,
    authPolicy: new Uint8Array(),
    symmetric: undefined,
  } as const;
  return scheme === 'ecdsa'
    ? {
        ...common,
        type: 'ecc',
        scheme: { name: scheme, hash },
        curve: 'p256',
        x: field(publicKey, 'x'),
        y: field(publicKey, 'y'),
      }
    : {
        ...common,
        type: 'rsa',
        scheme: { name: scheme, hash },
        bits: 2048,
        exponent: 0,
        modulus: field(publicKey, 'n'),
      };
}

/** Registers of a measured boot, SHA-256 bank. */
export const bootPcrs: ReadonlyMap<number, Uint8Array> = new Map(
  [4, 7, 8, 9, 12].map((pcr) => [
    pcr,
    pcr === 12 ? new Uint8Array(32) : new Uint8Array(createHash('sha256').update(`pcr ${pcr}`).digest()),
  ]),
);

/** What a quote says, as it should be but for what is given. */
export interface QuoteInput {
  readonly scheme?: QuoteScheme;
  /** Hash of the scheme. */
  readonly hash?: TpmHash;
  readonly bank?: TpmHash;
  readonly pcrs?: ReadonlyMap<number, Uint8Array>;
  readonly extraData?: Uint8Array;
  readonly magic?: number;
  readonly type?: number;
  /** TPML_PCR_SELECTION. */
  readonly selection?: Uint8Array;
  readonly pcrDigest?: Uint8Array;
  /** Bytes after the structure. */
  readonly trailing?: Uint8Array;
  readonly safe?: number;
  readonly clock?: bigint;
}

/** A TPMS_ATTEST. */
export function attestBytes(input: QuoteInput = {}): Uint8Array {
  const { hash = 'sha256', bank = 'sha256', pcrs = bootPcrs } = input;
  const shown = [...pcrs].sort(([a], [b]) => a - b);
  return new TpmWriter()
    .u32(input.magic ?? tpmGenerated)
    .u16(input.type ?? attestQuote)
    .sized(nameOf(writeTpmPublic(attestationArea(input.scheme ?? 'ecdsa'))))
    .sized(input.extraData ?? new Uint8Array())
    .u64(input.clock ?? 123_456n)
    .u32(7)
    .u32(3)
    .u8(input.safe ?? 1)
    .u64(0x2020_0312_0012_0003n)
    .raw(input.selection ?? writePcrSelections([{ bank, pcrs: shown.map(([pcr]) => pcr) }]))
    .sized(
      input.pcrDigest ??
        pcrDigestOf(
          hash,
          shown.map(([, value]) => value),
        ),
    )
    .raw(input.trailing ?? new Uint8Array())
    .done();
}

/** A TPMT_SIGNATURE over `message`. */
export function signQuote(
  message: Uint8Array,
  scheme: QuoteScheme = 'ecdsa',
  hash: TpmHash = 'sha256',
): Uint8Array {
  const { privateKey: key } = pairOf(scheme);
  const writer = new TpmWriter().u16(alg[scheme]).u16(algOfHash[hash]);
  if (scheme === 'ecdsa') {
    const both = sign(hash, message, { key, dsaEncoding: 'ieee-p1363' });
    return writer.sized(both.subarray(0, 32)).sized(both.subarray(32)).done();
  }
  const padding =
    scheme === 'rsassa'
      ? { padding: constants.RSA_PKCS1_PADDING }
      : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: digestBytes[hash] };
  return writer.sized(sign(hash, message, { key, ...padding })).done();
}

/** What is bound unless told otherwise. */
export const boundFields = {
  madeAt: Date.UTC(2026, 5, 1),
  nonce: new Uint8Array(32).fill(0x33),
  publicKey: Uint8Array.of(1, 2, 3),
  userData: Uint8Array.of(4, 5),
} as const;

/** One piece of evidence, as it should be but for what is given. */
export interface Tpm2Changes {
  readonly bound?: Partial<Pick<Tpm2Evidence, 'madeAt' | 'nonce' | 'publicKey' | 'userData'>>;
  readonly attest?: QuoteInput;
  readonly attributes?: number;
  /** Changes of the message after the quote was signed. */
  readonly shown?: Partial<Tpm2Evidence>;
  readonly eventLog?: Uint8Array;
}

/** The Name of the attestation key of a scheme, 34 bytes. */
export const nameOfScheme = (scheme: QuoteScheme = 'ecdsa'): Uint8Array =>
  nameOf(writeTpmPublic(attestationArea(scheme)));

/** Evidence of a TPM 2.0, decoded. */
export function makeTpm2Evidence(changes: Tpm2Changes = {}): Tpm2Evidence {
  const { attest = {}, attributes, eventLog } = changes;
  const { scheme = 'ecdsa', hash = 'sha256', bank = 'sha256', pcrs = bootPcrs } = attest;
  const bound = { ...boundFields, ...changes.bound };
  const quote = attestBytes({ extraData: tpm2QualifyingData(bound), ...attest });
  return {
    v: 1,
    quote,
    signature: signQuote(quote, scheme, hash),
    key: writeTpmPublic(attestationArea(scheme, attributes, hash)),
    bank: bank === 'sha384' ? 'sha384' : 'sha256',
    pcrs: new Map(pcrs),
    ...bound,
    ...(eventLog === undefined ? {} : { eventLog }),
    ...changes.shown,
  };
}

/** Evidence of a TPM 2.0, encoded. */
export const makeTpm2Document = (changes: Tpm2Changes = {}): Uint8Array =>
  tpm2Document.encode(makeTpm2Evidence(changes));

/** One event of a log that {@link makeEventLog} writes. */
export interface LogInput {
  readonly pcr: number;
  readonly type: number;
  readonly data: Uint8Array | string;
  /** What is hashed for the digests, where it is not `data`. */
  readonly measured?: Uint8Array | string;
  /** Digests in place of the computed ones. */
  readonly digests?: readonly (readonly [algorithm: number, digest: Uint8Array])[];
}

const raw = (data: Uint8Array | string): Uint8Array =>
  typeof data === 'string' ? new TextEncoder().encode(data) : data;
const little = (size: 1 | 2 | 4, value: number): Uint8Array => {
  const out = Buffer.alloc(size);
  out.writeUIntLE(value, 0, size);
  return new Uint8Array(out);
};
const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** The data of the first event of a crypto-agile log. */
export const specId = (banks: readonly TpmHash[], vendor: Uint8Array = new Uint8Array()): Uint8Array =>
  join(
    raw('Spec ID Event03\0'),
    little(4, 0),
    Uint8Array.of(0, 2, 0, 2),
    little(4, banks.length),
    ...banks.flatMap((bank) => [little(2, algOfHash[bank]), little(2, digestBytes[bank])]),
    little(1, vendor.length),
    vendor,
  );

/** An event of the older form. */
export const sha1Event = (
  pcr: number,
  type: number,
  data: Uint8Array,
  digest: Uint8Array = new Uint8Array(20),
): Uint8Array => join(little(4, pcr), little(4, type), digest, little(4, data.length), data);

/** A crypto-agile log. */
export function makeEventLog(
  events: readonly LogInput[],
  banks: readonly TpmHash[] = ['sha1', 'sha256'],
  first: Uint8Array = sha1Event(0, 3, specId(banks)),
): Uint8Array {
  return join(
    first,
    ...events.map(({ pcr, type, data, measured, digests }) => {
      const content = raw(measured ?? data);
      const pairsOf =
        digests ??
        banks.map(
          (bank) => [algOfHash[bank], new Uint8Array(createHash(bank).update(content).digest())] as const,
        );
      return join(
        little(4, pcr),
        little(4, type),
        little(4, pairsOf.length),
        ...pairsOf.flatMap(([algorithm, digest]) => [little(2, algorithm), digest]),
        little(4, raw(data).length),
        raw(data),
      );
    }),
  );
}

/** Registers after the digests of SHA-256 over `contents` were extended into one that starts as zeros. */
export const extended = (...contents: readonly (Uint8Array | string)[]): Uint8Array =>
  contents.reduce<Uint8Array>(
    (register, content) =>
      new Uint8Array(
        createHash('sha256')
          .update(register)
          .update(createHash('sha256').update(raw(content)).digest())
          .digest(),
      ),
    new Uint8Array(32),
  );
