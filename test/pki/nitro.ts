/**
 * Test only: a certificate hierarchy of the Nitro shape under a root of its own, and documents of enclaves and of
 * NitroTPMs in which one thing at a time is not as it should be. Everything is correctly signed unless a test breaks the
 * signature itself, so only the broken rule can refuse.
 */
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { makeCertificate, type CertificateInput, type Name } from '../../enclave/x509/certificate.ts';
import { der, derBits, DerReader, readDer, tag } from '../../enclave/x509/der.ts';
import { protectedHeader } from '../../enclave/evidence/nitro/cose.ts';
import type { DocumentKind } from '../../enclave/evidence/nitro/payload.ts';
import { instancePcr, measureInto, rolePcr } from '../../enclave/evidence/pcrs.ts';
import { encodeCbor, type CborInput, type CborKey } from '../../wire/cbor.ts';

/** Places of a chain, root first. */
export const places = ['root', 'region', 'zonal', 'instance', 'leaf'] as const;
/** A place of a chain. */
export type Place = (typeof places)[number];
/** When every document here is made: 2026-06-01T12:00:00Z. */
export const madeAt = 1_780_315_200_000;
/** The instance that every document here comes from. */
export const instanceId = 'i-0123456789abcdef0';
/** The enclave that every document here comes from. */
export const moduleId = `${instanceId}-enc0199e44e62de784b`;
/** The NitroTPM that every document of that kind here comes from. */
export const tpmModuleId = `${instanceId}-tpm0000000000000000`;
/** The module by kind of document. */
export const moduleIds: Readonly<Record<DocumentKind, string>> = {
  nitro: moduleId,
  'nitro-tpm': tpmModuleId,
};
/** The field of the registers by kind of document. */
export const registerFields = { nitro: 'pcrs', 'nitro-tpm': 'nitrotpm_pcrs' } as const;
/** Its role. */
export const roleArn = 'arn:aws:iam::000000000000:role/node-a';

const hour = 3_600_000;
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
/** SHA-256 in bytes. */
export const sha256 = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(bytes).digest());
const newKeys = (curve: string): { publicKey: KeyObject; privateKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: curve });

const keys: Readonly<Record<Place, { publicKey: KeyObject; privateKey: KeyObject }>> = {
  root: newKeys('secp384r1'),
  region: newKeys('secp384r1'),
  zonal: newKeys('secp384r1'),
  instance: newKeys('secp384r1'),
  leaf: newKeys('secp384r1'),
};
/** Keys that belong to nobody in the chain. */
export const strangerKeys = newKeys('secp384r1');
/** Keys of another curve. */
export const p256Keys = newKeys('prime256v1');

const nameOf = (commonName: string): Name => [
  ['C', 'US'],
  ['O', 'Test'],
  ['CN', commonName],
];
const names: Readonly<Record<Exclude<Place, 'leaf'>, Name>> = {
  root: nameOf('test.nitro-enclaves'),
  region: nameOf('region.test.nitro-enclaves'),
  zonal: nameOf('zonal.test.nitro-enclaves'),
  instance: nameOf(`${instanceId}.test.nitro-enclaves`),
};
const lives: Readonly<Record<Place, readonly [number, number]>> = {
  root: [-20_000 * hour, 200_000 * hour],
  region: [-200 * hour, 280 * hour],
  zonal: [-50 * hour, 94 * hour],
  instance: [-5 * hour, 19 * hour],
  leaf: [-hour / 60, 3 * hour],
};

/** What a certificate says unless a test changes it. The leaf names the module, which depends on the kind. */
export function usual(place: Place, kind: DocumentKind = 'nitro'): CertificateInput {
  const above = places[Math.max(0, places.indexOf(place) - 1)] ?? 'root';
  const [from, until] = lives[place];
  const pathLength = { root: undefined, region: 2, zonal: 1, instance: 0, leaf: undefined }[place];
  return {
    subject: place === 'leaf' ? nameOf(`${moduleIds[kind]}.us-east-1.aws`) : names[place],
    issuer: names[above === 'leaf' ? 'instance' : above],
    subjectKey: keys[place].publicKey,
    issuerKey: keys[above].privateKey,
    serial: Uint8Array.of(0x40, places.indexOf(place), 7),
    notBefore: madeAt + from,
    notAfter: madeAt + until,
    extensions:
      place === 'leaf'
        ? {
            basicConstraints: { ca: false },
            keyUsage: { bits: ['digitalSignature', 'nonRepudiation'], critical: false },
          }
        : {
            basicConstraints: { ca: true, ...(pathLength === undefined ? {} : { pathLength }) },
            keyUsage: {
              bits: place === 'instance' ? ['keyCertSign'] : ['digitalSignature', 'keyCertSign', 'cRLSign'],
            },
            subjectKeyId: true,
          },
  };
}

/** What is to be different in a document. */
export interface Changes {
  /** An enclave's document unless told. */
  readonly kind?: DocumentKind;
  /** Changes to what a certificate says, by place. */
  readonly certificates?: Partial<Record<Place, Partial<CertificateInput>>>;
  /** Changes the finished DER of a certificate. */
  readonly der?: Partial<Record<Place, (der: Uint8Array) => Uint8Array>>;
  /** Changes the list of authorities. */
  readonly bundle?: (authorities: Uint8Array[]) => Uint8Array[];
  /** Changes the payload's fields. */
  readonly fields?: (fields: Map<CborKey, CborInput>) => void;
  /** Puts these bytes in the place of a field's encoded value. */
  readonly encodings?: ReadonlyMap<CborKey, Uint8Array>;
  /** Changes the encoded payload before it is signed. */
  readonly payload?: (payload: Uint8Array) => Uint8Array;
  /** The key that signs the document. */
  readonly signer?: KeyObject;
  /** What is signed in another way than RFC 9052 section 4.4 and ES384 ask for; the envelope carries this header. */
  readonly signed?: {
    readonly header?: Uint8Array;
    readonly context?: string;
    readonly externalData?: Uint8Array;
    readonly hash?: 'sha256' | 'sha512';
  };
  /** Writes the envelope. */
  readonly envelope?: (parts: Envelope) => Uint8Array;
  /** Writes the payload map with a definite length, as until 2025. */
  readonly definite?: boolean;
}
/** The four parts of a COSE_Sign1. */
export interface Envelope {
  readonly header: Uint8Array;
  readonly unprotected: CborInput;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}
/** Writes the usual envelope: four elements, no tag. */
export const envelopeOf = ({ header, unprotected, payload, signature }: Envelope): Uint8Array =>
  encodeCbor([header, unprotected, payload, signature]);

/** The image's registers and the machine's, as every document here shows them. */
export const shownPcrs = new Map([
  [0, measureInto(ascii('image'))],
  [1, measureInto(ascii('kernel'))],
  [2, measureInto(ascii('application'))],
  [3, rolePcr(roleArn)],
  [4, instancePcr(instanceId)],
]);

/**
 * The registers of a NitroTPM as every document of that kind here shows them, all 24 as genuine ones do: the boot of an
 * Attestable AMI, whose unified kernel image measures itself into PCR11.
 */
export const shownTpmPcrs = new Map(
  Array.from({ length: 24 }, (_, index): [number, Uint8Array] => {
    const measured = index <= 7 || index === 9 || index === 11;
    const byte = index >= 17 && index <= 22 ? 0xff : 0;
    return [index, measured ? measureInto(ascii(`boot ${index}`)) : new Uint8Array(48).fill(byte)];
  }),
);

/** A document and the fingerprint of its root. */
export interface TestDocument {
  readonly document: Uint8Array;
  readonly root: Uint8Array;
  readonly fields: ReadonlyMap<CborKey, CborInput>;
}

/** Makes a document with the given changes. */
export function makeDocument(changes: Changes = {}): TestDocument {
  const { kind = 'nitro', signed = {} } = changes;
  const chain = places.map((place) => {
    const made = makeCertificate({ ...usual(place, kind), ...changes.certificates?.[place] });
    return changes.der?.[place]?.(made) ?? made;
  });
  const leaf = chain.pop() ?? new Uint8Array();
  const fields = new Map<CborKey, CborInput>([
    ['module_id', moduleIds[kind]],
    ['digest', 'SHA384'],
    ['timestamp', madeAt],
    [registerFields[kind], kind === 'nitro' ? enclavePcrs() : new Map(shownTpmPcrs)],
    ['certificate', leaf],
    ['cabundle', changes.bundle?.([...chain]) ?? chain],
    ['public_key', ascii('a public key')],
    ['user_data', ascii('user data')],
    ['nonce', new Uint8Array(32).fill(0x33)],
  ]);
  changes.fields?.(fields);
  const plain = encodeMap([...fields], changes.definite !== true, changes.encodings);
  const payload = changes.payload?.(plain) ?? plain;
  const header = signed.header ?? protectedHeader;
  const { context = 'Signature1', externalData = new Uint8Array() } = signed;
  const signature = sign(signed.hash ?? 'sha384', encodeCbor([context, header, externalData, payload]), {
    key: changes.signer ?? keys.leaf.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return {
    document: (changes.envelope ?? envelopeOf)({ header, unprotected: new Map(), payload, signature }),
    root: sha256(chain[0] ?? new Uint8Array()),
    fields,
  };
}

/** The 16 registers of an enclave: those that are shown, then zeros. */
function enclavePcrs(): Map<CborKey, CborInput> {
  const pcrs = new Map<CborKey, CborInput>(shownPcrs);
  for (let index = pcrs.size; index < 16; index += 1) {
    pcrs.set(index, new Uint8Array(48));
  }
  return pcrs;
}

/**
 * Changes the signed part of a certificate and signs it anew with the key of its issuer, so that only the change can be
 * refused. `change` keeps the length.
 */
export function resigned(place: Place, change: (body: Uint8Array) => void): (der: Uint8Array) => Uint8Array {
  return (certificate) => {
    const outer = DerReader.inside(readDer(certificate, tag.sequence));
    const body = outer.next(tag.sequence).raw.slice();
    const algorithm = outer.next(tag.sequence).raw;
    change(body);
    return der(tag.sequence, body, algorithm, derBits(sign('sha384', body, usual(place).issuerKey)));
  };
}

/** A map in the given order of its keys, duplicates included; `encodings` stand in the place of values. */
export function encodeMap(
  entries: readonly (readonly [CborKey, CborInput])[],
  indefinite: boolean,
  encodings: ReadonlyMap<CborKey, Uint8Array> = new Map(),
): Uint8Array {
  const body = entries.flatMap(([key, value]) => [encodeCbor(key), encodings.get(key) ?? encodeCbor(value)]);
  const head = indefinite ? Uint8Array.of(0xbf) : Uint8Array.of(0xa0 | entries.length);
  const end = indefinite ? [Uint8Array.of(0xff)] : [];
  return new Uint8Array(Buffer.concat([head, ...body, ...end]));
}
