/**
 * Enrolment, the node's side: the request that shows the TPM's keys, and the answer that only this TPM can give. The
 * verifier's side and the bytes of the files are in enclave/evidence/tpm2/.
 */
import { randomBytes } from 'node:crypto';
import { isSymbolonError, SymbolonError } from '../../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../../wire/ids.ts';
import {
  tpm2EnrolmentAnswer,
  tpm2EnrolmentChallenge,
  tpm2EnrolmentRequest,
} from '../../evidence/tpm2/enrolmentMessages.ts';
import { Tpm, tpmAddressText, type EndorsementKind, type TpmAddress } from '../../tpm/device/index.ts';
import { Turns } from '../turns.ts';
import { readKeyFile, writeKeyFile } from './keyFile.ts';

/** Longest time for a step in milliseconds: an RSA endorsement key can take a TPM half a minute. */
const stepMs = 120_000;
/** The kinds in the order in which a certificate is looked for. */
const kinds: readonly EndorsementKind[] = ['ecc', 'rsa'];

/** Where the TPM is, and the attester's folder. */
export interface Tpm2EnrolmentOptions {
  readonly tpm: TpmAddress;
  /** Made where it is absent; afterwards it holds the Name of the key. */
  readonly folder: string;
}

/** A request, and what it is for. */
export interface Tpm2Request {
  /** The file for the verifier: `tpm2EnrolmentRequest`. */
  readonly request: Uint8Array;
  /** Name of the attestation key, 34 bytes. */
  readonly name: Uint8Array;
}

/**
 * Makes the request of a node. Asked again, it shows the same keys.
 * @throws SymbolonError `attester/no-endorsement`, `attester/no-device`, `attester/device-failed`, `attester/other-key` where
 * the folder belongs to another TPM, `attester/broken`.
 */
export function requestTpm2Enrolment(options: Tpm2EnrolmentOptions): Promise<Tpm2Request> {
  return withTpm(options.tpm, 'enrolment', async (tpm) => {
    const { kind, certificate } = await endorsementOf(tpm, options.tpm);
    const { publicArea: ek } = await tpm.endorsementKey(kind);
    const { publicArea: ak, name } = await tpm.attestationKey();
    await keepName(options.folder, { v: 1, endorsement: kind, name });
    return { request: tpm2EnrolmentRequest.encode({ v: 1, ek, ak, certificates: [certificate] }), name };
  });
}

/**
 * Answers a challenge: the TPM gives its secret only where both keys are in it (TPM 2.0 Part 3 section 12.5).
 * @throws SymbolonError `attester/not-enrolled`, `attester/other-key` where the challenge is for another key, `wire/*` where it
 * is none, `attester/device-failed` where the TPM does not open it, `attester/no-device`.
 */
export async function answerTpm2Challenge(
  options: Tpm2EnrolmentOptions,
  challenge: Uint8Array,
): Promise<Uint8Array> {
  const { endorsement, name } = await readKeyFile(options.folder);
  const { name: wanted, ...credential } = tpm2EnrolmentChallenge.decode(challenge);
  requireSame(name, wanted);
  return withTpm(options.tpm, 'ActivateCredential', async (tpm) => {
    const secret = await tpm.activateCredential(endorsement, credential);
    try {
      return tpm2EnrolmentAnswer.encode({ v: 1, name, secret });
    } finally {
      secret.fill(0);
    }
  });
}

async function endorsementOf(
  tpm: Tpm,
  address: TpmAddress,
): Promise<{ readonly kind: EndorsementKind; readonly certificate: Uint8Array }> {
  for (const kind of kinds) {
    const certificate = await tpm.endorsementCertificate(kind);
    if (certificate !== undefined) {
      return { kind, certificate };
    }
  }
  throw new SymbolonError('attester/no-endorsement', {
    device: tpmAddressText(address),
    reason: 'no certificate in NV index 0x01c00002 or 0x01c0000a',
  });
}

/** Writes the key file, or finds it the same. */
async function keepName(folder: string, file: Parameters<typeof writeKeyFile>[1]): Promise<void> {
  try {
    await writeKeyFile(folder, file);
  } catch (error) {
    if (!isSymbolonError(error, 'attester/enrolled')) {
      throw error;
    }
    requireSame((await readKeyFile(folder)).name, file.name);
  }
}

function requireSame(ours: Uint8Array, got: Uint8Array): void {
  if (!equalBytes(ours, got)) {
    throw new SymbolonError('attester/other-key', { wanted: toHex(ours), got: toHex(got) });
  }
}

/** Runs `work` with the TPM and closes the way to it; refusals of the TPM become those of this boundary. */
async function withTpm<T>(address: TpmAddress, step: string, work: (tpm: Tpm) => Promise<T>): Promise<T> {
  const tpm = new Tpm({ address, timeoutMs: stepMs, random: randomBytes, storageRoot: 'unpinned' });
  try {
    return await new Turns(tpmAddressText(address), stepMs).take(step, () => work(tpm));
  } finally {
    await tpm.close();
  }
}
