/**
 * The insecure dev attester: documents of the exact form of a Nitro enclave's, made by the process itself. They pass
 * through the very same verifier; what they state about the program is what the program says of itself, so they
 * prove nothing, and only a manifest of mode `dev` accepts them.
 */
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { encodeCbor, type CborInput } from '../../wire/cbor.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import { signedPart, writeCoseSign1 } from '../evidence/nitro/cose.ts';
import { pcrBytes } from '../evidence/pcrs.ts';
import { makeCertificate } from '../x509/certificate.ts';
import { readCertificate } from '../x509/parse.ts';
import type { Attester } from './attester.ts';
import { checkBound } from './bound.ts';
import { instanceFile, readStrict } from './files.ts';
import {
  nameOf,
  openKey,
  serialFrom,
  type InsecureDevInstance,
  type RandomBytes,
} from './insecureDevRoot.ts';
import { insecureDevPcrs } from './program.ts';

/** Life of a leaf certificate, as AWS has it. */
const leafMs = 3 * 3_600_000;
/** A leaf with less left than this is replaced, so that evidence never ends in the middle of a session. */
const renewMs = 3_600_000;
/** A document has 16 registers; those that nothing was measured into are zeros. */
const registers = 16;

/** An insecure dev attester, and what it stands for. */
export interface InsecureDevAttester extends Attester, InsecureDevInstance {
  readonly platform: 'dev';
  /** Instance and enclave, new at every start. */
  readonly moduleId: string;
}

/** Clock and randomness. */
export interface DevModules {
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly random?: RandomBytes;
}

/** The authority of the instance, from its file. */
interface Issuer {
  readonly key: KeyObject;
  /** Its name, encoded. */
  readonly subject: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
}
interface Leaf {
  readonly key: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly certificate: Uint8Array;
}

/**
 * Opens the attester of an enrolled node.
 * @throws SymbolonError `attester/broken` where its file can't be used.
 */
export async function insecureDevAttester(
  options: {
    /** The node's folder, see `enrolInsecureDevInstance`. */
    readonly folder: string;
    /** Digest of the running program, 32 bytes, see `programDigest`. */
    readonly program: Uint8Array;
  } & DevModules,
): Promise<InsecureDevAttester> {
  const { folder, program, now, random = randomBytes } = options;
  const { key, chain, instanceId, roleArn } = await readStrict(folder, 'instance.cbor', instanceFile.decode);
  const issuer = openIssuer(key, chain);
  const moduleId = `${instanceId}-enc${toHex(random(8))}`;
  const { image, node } = insecureDevPcrs(program, { roleArn, instanceId });
  const shown = new Map([...image, ...node]);
  for (let index = shown.size; index < registers; index += 1) {
    shown.set(index, new Uint8Array(pcrBytes));
  }

  let leaf: Leaf | undefined;
  const currentLeaf = (at: number): Leaf => {
    const usable = leaf !== undefined && leaf.notBefore <= at && at <= leaf.notAfter - renewMs;
    leaf = usable && leaf !== undefined ? leaf : makeLeaf({ issuer, moduleId, at, random });
    return leaf;
  };
  return {
    platform: 'dev',
    instanceId,
    roleArn,
    moduleId,
    notAfter: () => currentLeaf(now()).notAfter,
    makeEvidence: (bound) =>
      // Run inside a promise, so that every refusal arrives as a rejection.
      Promise.resolve().then(() => {
        checkBound(bound);
        const at = now();
        const { key: leafKey, certificate } = currentLeaf(at);
        const payload = encodePayload([
          ['module_id', moduleId],
          ['digest', 'SHA384'],
          ['timestamp', at],
          ['pcrs', shown],
          ['certificate', certificate],
          ['cabundle', chain],
          ['public_key', bound.publicKey],
          ['user_data', bound.userData],
          ['nonce', bound.nonce],
        ]);
        const signature = sign('sha384', signedPart(payload), { key: leafKey, dsaEncoding: 'ieee-p1363' });
        return writeCoseSign1({ payload, signature });
      }),
  };
}

function openIssuer(key: Uint8Array, chain: readonly Uint8Array[]): Issuer {
  try {
    const { subject, notBefore, notAfter } = readCertificate(chain.at(-1) ?? new Uint8Array());
    return { key: openKey('instance.cbor', key), subject, notBefore, notAfter };
  } catch (cause) {
    throw new SymbolonError(
      'attester/broken',
      { file: 'instance.cbor', reason: 'certificate or key' },
      { cause },
    );
  }
}

/** A new key and its certificate, in the form of AWS's leaves: CA:FALSE, keyUsage not critical, three hours. */
function makeLeaf(input: {
  readonly issuer: Issuer;
  readonly moduleId: string;
  readonly at: number;
  readonly random: RandomBytes;
}): Leaf {
  const { issuer, moduleId, at, random } = input;
  const notBefore = Math.floor(at / 1000) * 1000;
  const notAfter = Math.min(notBefore + leafMs, issuer.notAfter);
  if (at < issuer.notBefore || notAfter - renewMs < at) {
    throw new SymbolonError('attester/expired', { notAfter: issuer.notAfter, now: at });
  }
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  const certificate = makeCertificate({
    subject: nameOf(`${moduleId}.local-1.dev`),
    issuer: issuer.subject,
    subjectKey: publicKey,
    issuerKey: issuer.key,
    serial: serialFrom(random),
    notBefore,
    notAfter,
    extensions: {
      basicConstraints: { ca: false },
      keyUsage: { bits: ['digitalSignature', 'nonRepudiation'], critical: false },
    },
  });
  return { key: privateKey, notBefore, notAfter, certificate };
}

/** A map of indefinite length with its keys in the hypervisor's order, as it writes them since 2025. */
function encodePayload(fields: readonly (readonly [string, CborInput])[]): Uint8Array {
  const parts = fields.flatMap(([key, value]) => [encodeCbor(key), encodeCbor(value)]);
  return new Uint8Array(Buffer.concat([Uint8Array.of(0xbf), ...parts, Uint8Array.of(0xff)]));
}
