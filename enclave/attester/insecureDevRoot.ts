/**
 * A throw-away attestation hierarchy of AWS's shape: root, region, zone, instance, all P-384. Anybody who reads its
 * files can show any measurement; a manifest accepts its root in mode `dev` only.
 */
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { toHex } from '../../wire/ids.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { makeCertificate, type Extensions, type Name } from '../x509/certificate.ts';
import { readCertificate } from '../x509/parse.ts';
import { devRootPrefix } from '../evidence/policy.ts';
import {
  authorityFile,
  instanceFile,
  instanceIdPattern,
  makePrivateFolder,
  readStrict,
  writeNew,
} from './files.ts';

/** Bytes of randomness; the operating system's unless a test brings its own. */
export type RandomBytes = (length: number) => Uint8Array;

const tenYears = 3_652 * 86_400_000;
const rootName = `${devRootPrefix}nitro`;
/** The distinguished names of this hierarchy. */
export const nameOf = (commonName: string): Name => [
  ['C', 'US'],
  ['O', 'Nobody'],
  ['OU', 'Dev'],
  ['CN', commonName],
];
const newKeys = (): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
const pkcs8 = (key: KeyObject): Uint8Array => new Uint8Array(key.export({ format: 'der', type: 'pkcs8' }));
/** A serial number of 16 bytes that is never zero. */
export const serialFrom = (random: RandomBytes): Uint8Array => Uint8Array.of(0x40, ...random(15));

/** Extensions of an authority as AWS sets them; an instance authority may sign certificates and nothing else. */
const authorityExtensions = (pathLength: number | undefined, instance = false): Extensions => ({
  basicConstraints: pathLength === undefined ? { ca: true } : { ca: true, pathLength },
  keyUsage: { bits: instance ? ['keyCertSign'] : ['digitalSignature', 'keyCertSign', 'cRLSign'] },
  subjectKeyId: true,
  authorityKeyId: pathLength !== undefined,
});

/** A root that was made. */
export interface InsecureDevRoot {
  /** SHA-256 of the DER, 32 bytes: what the manifest pins for platform `dev`. */
  readonly sha256: Uint8Array;
  readonly der: Uint8Array;
}

/**
 * Makes root, region and zone in `folder` (mode 0700): `root.der`, and `authority.cbor` (mode 0600), which holds the
 * zone's key. The keys of root and region are not kept. Valid for ten years.
 * @throws SymbolonError `attester/enrolled` where the folder has a root already, `attester/broken`.
 */
export async function makeInsecureDevRoot(options: {
  readonly folder: string;
  /** Unix milliseconds. */
  readonly now: number;
  readonly random?: RandomBytes;
}): Promise<InsecureDevRoot> {
  const { folder, now, random = randomBytes } = options;
  const serial = (): Uint8Array => serialFrom(random);
  const [top, region, zone] = [newKeys(), newKeys(), newKeys()];
  const topName = nameOf(rootName);
  const regionName = nameOf(`${toHex(random(8))}.local-1.${rootName}`);
  const zoneName = nameOf(`${toHex(random(8))}.zonal.local-1.${rootName}`);
  const validity = { notBefore: now, notAfter: now + tenYears };
  const root = makeCertificate({
    subject: topName,
    issuer: topName,
    subjectKey: top.publicKey,
    issuerKey: top.privateKey,
    serial: serial(),
    ...validity,
    extensions: authorityExtensions(undefined),
  });
  const regional = makeCertificate({
    subject: regionName,
    issuer: topName,
    subjectKey: region.publicKey,
    issuerKey: top.privateKey,
    serial: serial(),
    ...validity,
    extensions: authorityExtensions(2),
  });
  const zonal = makeCertificate({
    subject: zoneName,
    issuer: regionName,
    subjectKey: zone.publicKey,
    issuerKey: region.privateKey,
    serial: serial(),
    ...validity,
    extensions: authorityExtensions(1),
  });
  await makePrivateFolder(folder);
  const key = pkcs8(zone.privateKey);
  await writeNew(
    folder,
    'authority.cbor',
    authorityFile.encode({ v: 1, chain: [root, regional, zonal], key }),
  );
  key.fill(0);
  await writeNew(folder, 'root.der', root);
  return describeRoot(root);
}

/**
 * The root of a folder that {@link makeInsecureDevRoot} made.
 * @throws SymbolonError `attester/broken`.
 */
export async function readInsecureDevRoot(folder: string): Promise<InsecureDevRoot> {
  return describeRoot(await readStrict(folder, 'root.der', (raw) => raw));
}

const describeRoot = (der: Uint8Array): InsecureDevRoot => ({
  sha256: new Uint8Array(createHash('sha256').update(der).digest()),
  der,
});

/** An instance that was enrolled. */
export interface InsecureDevInstance {
  /** `i-` and 17 hexadecimal digits. */
  readonly instanceId: string;
  readonly roleArn: string;
}

/**
 * Enrols a node: makes `instance.cbor` (mode 0600) in the node's `folder`, with the authority of a new instance.
 * @throws SymbolonError `attester/enrolled` where the node is enrolled already, `attester/broken` where the authority
 * can't be read.
 */
export async function enrolInsecureDevInstance(options: {
  /** Folder of {@link makeInsecureDevRoot}. */
  readonly authority: string;
  /** Folder of the node's attester. */
  readonly folder: string;
  /** At most 256 characters, for example `arn:aws:iam::000000000000:role/symbolon-a`. */
  readonly roleArn: string;
  /** Unix milliseconds. */
  readonly now: number;
  /** A new one is made unless given. */
  readonly instanceId?: string;
  readonly random?: RandomBytes;
}): Promise<InsecureDevInstance> {
  const { authority, folder, roleArn, now, random = randomBytes } = options;
  const instanceId = options.instanceId ?? `i-${toHex(random(9)).slice(0, 17)}`;
  if (!instanceIdPattern.test(instanceId) || roleArn === '' || roleArn.length > 256) {
    throw new SymbolonError('attester/broken', { file: 'instance.cbor', reason: 'instance id or role ARN' });
  }
  const above = await readStrict(authority, 'authority.cbor', authorityFile.decode);
  const issuerKey = openKey('authority.cbor', above.key);
  const keys = newKeys();
  const certificate = makeCertificate({
    subject: nameOf(`${instanceId}.local-1.${rootName}`),
    issuer: readCertificate(above.chain.at(-1) ?? new Uint8Array()).subject,
    subjectKey: keys.publicKey,
    issuerKey,
    serial: serialFrom(random),
    notBefore: now,
    notAfter: now + tenYears,
    extensions: authorityExtensions(0, true),
  });
  await makePrivateFolder(folder);
  const key = pkcs8(keys.privateKey);
  const chain = [...above.chain, certificate];
  await writeNew(folder, 'instance.cbor', instanceFile.encode({ v: 1, chain, key, instanceId, roleArn }));
  key.fill(0);
  return { instanceId, roleArn };
}

/** A Buffer over the same memory: `Buffer.from(bytes)` would leave a copy that nobody wipes. */
const bufferOver = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Opens a key of one of the files and wipes its bytes. */
export function openKey(file: string, key: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: bufferOver(key), format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new SymbolonError('attester/broken', { file, reason: 'the key can not be read' }, { cause });
  } finally {
    key.fill(0);
  }
}
