/**
 * The appraisal policy (RFC 9334 section 8.5): what a verified document must show for one node, taken from the manifest
 * whole. A policy with a gap is refused when it is made, so that nothing is accepted because nobody asked (T01).
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import { maxEvidenceSkewMs, maxSessionMs } from '../../wire/limits.ts';
import {
  imagePcrs,
  machinePcrs,
  type Manifest,
  type ManifestMeasurement,
  type Platform,
} from '../../wire/messages/manifest.ts';
import type { VerifiedDocument } from './document.ts';
import { instancePcr, isZeroPcr } from './pcrs.ts';

/** How the common name of every root of the insecure dev attester starts. */
export const devRootPrefix = 'insecure-dev.';

/** What evidence of one node must show. Made by {@link policyFor} only: an appraisal refuses any other. */
export interface AppraisalPolicy {
  readonly node: string;
  readonly platform: Platform;
  readonly mode: Manifest['mode'];
  /** SHA-256 of accepted roots, at least one. */
  readonly roots: readonly Uint8Array[];
  /** Accepted images of the platform, at least one; each names PCR0, PCR1 and PCR2. */
  readonly measurements: readonly ManifestMeasurement[];
  /** PCRs of the one machine; names PCR3 or PCR4. */
  readonly nodePcrs: ReadonlyMap<number, Uint8Array>;
  /** Longest age of the document in milliseconds, by its own timestamp, clock skew included. */
  readonly maxAgeMs: number;
}

const made = new WeakSet<AppraisalPolicy>();
/** Whether {@link policyFor} made this very policy, so that nothing is missing in it (T01). */
export const isComplete = (policy: AppraisalPolicy): boolean => made.has(policy);

/** What is judged: a verified document, and when. */
export interface Judged {
  readonly document: VerifiedDocument;
  /** Unix milliseconds. */
  readonly now: number;
}

/**
 * The policy for evidence of `node`, from the manifest.
 * @throws SymbolonError `evidence/no-policy`, `evidence/zeros-listed`, `evidence/dev-refused` or
 * `evidence/platform-unsupported`.
 */
export function policyFor(manifest: Manifest, node: string): AppraisalPolicy {
  const gap = (reason: string): SymbolonError<'evidence/no-policy'> =>
    new SymbolonError('evidence/no-policy', { node, reason });
  const entry = manifest.nodes.find((one) => one.name === node);
  if (entry === undefined) {
    throw gap('the manifest does not name this node');
  }
  const { platform } = entry;
  if (platform === 'dev' && manifest.mode !== 'dev') {
    throw new SymbolonError('evidence/dev-refused', { node, mode: manifest.mode });
  }
  if (platform === 'nitro-tpm' || platform === 'tpm2') {
    throw new SymbolonError('evidence/platform-unsupported', { platform });
  }
  const roots = manifest.roots.filter((root) => root.platform === platform).map((root) => root.sha256);
  if (roots.length === 0) {
    throw gap('the manifest names no root for the platform of this node');
  }
  const measurements = manifest.measurements.filter((one) => one.platform === platform);
  if (measurements.length === 0) {
    throw gap('the manifest accepts no measurement for the platform of this node');
  }
  for (const measurement of measurements) {
    refuseZeros(`measurement ${measurement.name}`, measurement.pcrs);
    if (!imagePcrs.every((index) => measurement.pcrs.has(index))) {
      throw gap(`measurement ${measurement.name} does not name PCR0, PCR1 and PCR2`);
    }
  }
  refuseZeros(`node ${node}`, entry.pcrs);
  if (!machinePcrs.some((index) => entry.pcrs.has(index))) {
    throw gap('the node names neither PCR3 nor PCR4: any machine could show its evidence');
  }
  const policy: AppraisalPolicy = {
    node,
    platform,
    mode: manifest.mode,
    roots,
    measurements,
    nodePcrs: entry.pcrs,
    maxAgeMs: Math.max(manifest.evidenceMaxAgeMs, maxSessionMs) + maxEvidenceSkewMs,
  };
  made.add(policy);
  return policy;
}

/** T04: a list that contains zeros would let debug enclaves in. */
export function refuseZeros(where: string, pcrs: ReadonlyMap<number, Uint8Array>): void {
  for (const [pcr, value] of pcrs) {
    if (isZeroPcr(value)) {
      throw new SymbolonError('evidence/zeros-listed', { where, pcr });
    }
  }
}

/**
 * The time that the document gives itself, against this machine's clock (T37). The nonce is what makes it fresh; this
 * bounds how long a nonce is good for, and shows a clock that is wrong.
 */
export function checkAge({ document, now }: Judged, maxAgeMs: number): void {
  const madeAt = document.timestamp;
  if (madeAt > now + maxEvidenceSkewMs) {
    throw new SymbolonError('evidence/from-the-future', { madeAt, now, limitMs: maxEvidenceSkewMs });
  }
  if (madeAt < now - maxAgeMs) {
    throw new SymbolonError('evidence/too-old', { madeAt, now, limitMs: maxAgeMs });
  }
}

/** T04: a debug enclave shows zeros in PCR0, PCR1 and PCR2; one of them zero or absent is enough to refuse. */
export function refuseDebug(document: VerifiedDocument): void {
  for (const index of imagePcrs) {
    const value = document.pcrs.get(index);
    if (value === undefined || isZeroPcr(value)) {
      throw new SymbolonError('evidence/debug-mode', { moduleId: document.moduleId });
    }
  }
}

/**
 * The last step: an accepted image, in its time, on the machine that the manifest names.
 * @returns the measurement that accepted the document.
 * @throws SymbolonError `evidence/dev-refused`, `evidence/debug-mode`, `evidence/inconsistent`,
 * `evidence/measurement-mismatch`, `evidence/measurement-not-yet`, `evidence/measurement-retired` or
 * `evidence/node-pcr-mismatch`.
 */
export function checkPolicy(policy: AppraisalPolicy, judged: Judged): ManifestMeasurement {
  const { document } = judged;
  // A second fence: the dev root pinned under another platform's name is still the dev root.
  if (policy.mode !== 'dev' && document.rootName?.startsWith(devRootPrefix) === true) {
    throw new SymbolonError('evidence/dev-refused', { node: policy.node, mode: policy.mode });
  }
  refuseDebug(document);
  checkInstance(document);
  const measurement = checkMeasurement(policy, judged);
  const difference = firstDifference(policy.nodePcrs, document.pcrs);
  if (difference !== undefined) {
    throw new SymbolonError('evidence/node-pcr-mismatch', { node: policy.node, ...difference });
  }
  return measurement;
}

/** PCR4 of every genuine document, debug ones too, is that of the instance that its module id names. */
function checkInstance({ instanceId, pcrs }: VerifiedDocument): void {
  const difference = firstDifference(new Map([[4, instancePcr(instanceId)]]), pcrs);
  if (difference !== undefined) {
    const { wanted, got } = difference;
    throw new SymbolonError('evidence/inconsistent', { what: 'PCR4 and module_id', wanted, got });
  }
}

function checkMeasurement(policy: AppraisalPolicy, { document, now }: Judged): ManifestMeasurement {
  const { node } = policy;
  const matching = policy.measurements.filter(
    (one) => firstDifference(one.pcrs, document.pcrs) === undefined,
  );
  // Where two entries list the same image, the one that lasts longest speaks.
  const [current] = matching
    .filter((one) => one.notBefore <= now && now <= one.notAfter)
    .sort((a, b) => b.notAfter - a.notAfter);
  if (current !== undefined) {
    return current;
  }
  const future = matching.find((one) => now < one.notBefore);
  if (future !== undefined) {
    throw new SymbolonError('evidence/measurement-not-yet', {
      node,
      measurement: future.name,
      notBefore: future.notBefore,
      now,
    });
  }
  const [past] = matching.sort((a, b) => b.notAfter - a.notAfter);
  if (past !== undefined) {
    throw new SymbolonError('evidence/measurement-retired', {
      node,
      measurement: past.name,
      notAfter: past.notAfter,
      now,
    });
  }
  throw nearestMismatch(policy, document);
}

/** Names the difference to the listed image that has the most registers in common: most likely the one meant. */
function nearestMismatch(policy: AppraisalPolicy, document: VerifiedDocument): SymbolonError {
  const ranked = policy.measurements
    .map((measurement) => ({
      measurement,
      same: [...measurement.pcrs].filter(([pcr, value]) => isSame(value, document.pcrs.get(pcr))).length,
      difference: firstDifference(measurement.pcrs, document.pcrs),
    }))
    .sort((a, b) => b.same - a.same);
  const [nearest] = ranked;
  if (nearest?.difference === undefined) {
    return new SymbolonError('evidence/no-policy', {
      node: policy.node,
      reason: 'no measurement to compare with',
    });
  }
  return new SymbolonError('evidence/measurement-mismatch', {
    node: policy.node,
    measurement: nearest.measurement.name,
    ...nearest.difference,
  });
}

const isSame = (wanted: Uint8Array, got: Uint8Array | undefined): boolean =>
  got !== undefined && equalBytes(wanted, got);

/** The lowest PCR that is not as wanted, with both values in hexadecimal. */
export function firstDifference(
  wanted: ReadonlyMap<number, Uint8Array>,
  shown: ReadonlyMap<number, Uint8Array>,
): { readonly pcr: number; readonly wanted: string; readonly got: string } | undefined {
  for (const [pcr, value] of [...wanted].sort(([a], [b]) => a - b)) {
    const got = shown.get(pcr);
    if (!isSame(value, got)) {
      return { pcr, wanted: toHex(value), got: got === undefined ? 'absent' : toHex(got) };
    }
  }
  return undefined;
}
