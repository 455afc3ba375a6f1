/** What a document of AWS says, of an enclave, of an instance with a NitroTPM, or of the insecure dev attester. */
import { instancePcr, isZeroPcr, unsafeReadDocument } from '../../enclave/evidence/index.ts';
import { devRootPrefix } from '../../enclave/evidence/policy.ts';
import { equalBytes } from '../../wire/ids.ts';
import { imageRules } from '../../wire/messages/manifest.ts';
import type { PartialReading } from './contract.ts';

/**
 * Reads a document of either kind, unverified.
 * @throws SymbolonError `evidence/malformed`, `evidence/oversize`, `evidence/wrong-document-type`.
 */
export function readNitro(bytes: Uint8Array): PartialReading {
  const document = unsafeReadDocument(bytes);
  const { kind, moduleId, instanceId, timestamp, pcrs, certificates, nonce, publicKey, userData } = document;
  const notes: string[] = [];
  if (certificates[0]?.commonName?.startsWith(devRootPrefix) === true) {
    notes.push('The root names itself a root of the insecure dev attester: such a document attests nothing.');
  }
  if (kind === 'nitro') {
    if (imageRules.nitro.all.some((index) => isZero(pcrs.get(index)))) {
      notes.push('PCR0, PCR1 or PCR2 is zeros: an enclave in debug mode, whose memory and console are open.');
    }
    const own = pcrs.get(4);
    notes.push(
      own !== undefined && equalBytes(own, instancePcr(instanceId))
        ? `PCR4 is that of ${instanceId}, as the module id says.`
        : `PCR4 is not that of ${instanceId}: no genuine document is like this.`,
    );
  } else if (imageRules['nitro-tpm'].all.some((index) => isZero(pcrs.get(index)))) {
    notes.push('PCR4 or PCR7 is zeros: nothing was measured into what an image is known by.');
  }
  return {
    kind,
    machine: moduleId,
    madeAt: timestamp,
    banks: new Map([['sha384', pcrs]]),
    certificates: certificates.map(({ commonName, notBefore, notAfter }, i) => ({
      place: i === 0 ? 'root' : i === certificates.length - 1 ? 'leaf' : `ca ${i}`,
      commonName: commonName ?? '-',
      notBefore,
      notAfter,
    })),
    nonce,
    publicKey,
    userData,
    events: undefined,
    facts: { instance: instanceId },
    notes,
  };
}

const isZero = (value: Uint8Array | undefined): boolean => value === undefined || isZeroPcr(value);
