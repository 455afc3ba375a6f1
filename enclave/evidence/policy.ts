/**
 * The appraisal policy (RFC 9334 section 8.5): what a verified statement must show for one node, taken from the manifest
 * whole. A policy with a gap is refused when it is made, so that nothing is accepted because nobody asked (T01).
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import { maxEvidenceSkewMs, maxSessionMs } from '../../wire/limits.ts';
import {
  imageRules,
  machinePcrs,
  type Manifest,
  type ManifestMeasurement,
  type ManifestNode,
  type Platform,
} from '../../wire/messages/manifest.ts';
import { instancePcr, isZeroPcr, replayDigests } from './pcrs.ts';
import type { NamedEvent, Statement } from './statement.ts';

/** How the common name of every root of the insecure dev attester starts. */
export const devRootPrefix = 'insecure-dev.';

/** An accepted image: every register that evidence must show, and when. */
export interface AcceptedImage extends Pick<ManifestMeasurement, 'name' | 'notBefore' | 'notAfter'> {
  /** All wanted registers, those that the manifest gives as events too. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** The events that make up registers of `pcrs`, in order; empty on platforms without. */
  readonly events: readonly NamedEvent[];
}

/** What evidence of one node must show. Made by {@link policyFor} only: an appraisal refuses any other. */
export interface AppraisalPolicy {
  readonly node: string;
  readonly platform: Platform;
  readonly mode: Manifest['mode'];
  /** SHA-256 of accepted roots, at least one; none on platform `tpm2`, whose key the manifest names itself. */
  readonly roots: readonly Uint8Array[];
  /** Accepted images of the platform, at least one; each names what `imageRules` asks for. */
  readonly images: readonly AcceptedImage[];
  /** PCRs of the one machine; an enclave's policy names PCR3 or PCR4. */
  readonly nodePcrs: ReadonlyMap<number, Uint8Array>;
  /** What the statement must say of its machine where registers do not: instance id (`nitro-tpm`), key Name in hexadecimal (`tpm2`). */
  readonly machine: string | undefined;
  /** Longest age of the statement in milliseconds, by its own timestamp, clock skew included. */
  readonly maxAgeMs: number;
}

const made = new WeakSet<AppraisalPolicy>();
/** Whether {@link policyFor} made this very policy, so that nothing is missing in it (T01). */
export const isComplete = (policy: AppraisalPolicy): boolean => made.has(policy);

/** What is judged: a verified statement, and when. */
export interface Judged {
  readonly statement: Statement;
  /** Unix milliseconds. */
  readonly now: number;
}

const gap = (node: string, reason: string): SymbolonError<'evidence/no-policy'> =>
  new SymbolonError('evidence/no-policy', { node, reason });

/**
 * The policy for evidence of `node`, from the manifest.
 * @throws SymbolonError `evidence/no-policy`, `evidence/zeros-listed` or `evidence/dev-refused`.
 */
export function policyFor(manifest: Manifest, node: string): AppraisalPolicy {
  const entry = manifest.nodes.find((one) => one.name === node);
  if (entry === undefined) {
    throw gap(node, 'the manifest does not name this node');
  }
  const { platform } = entry;
  if (platform === 'dev' && manifest.mode !== 'dev') {
    throw new SymbolonError('evidence/dev-refused', { node, mode: manifest.mode });
  }
  const roots = manifest.roots.filter((root) => root.platform === platform).map((root) => root.sha256);
  if (roots.length === 0 && platform !== 'tpm2') {
    throw gap(node, 'the manifest names no root for the platform of this node');
  }
  const images = manifest.measurements
    .filter((one) => one.platform === platform)
    .map((one) => acceptedImage(entry, one));
  if (images.length === 0) {
    throw gap(node, 'the manifest accepts no measurement for the platform of this node');
  }
  refuseZeros(`node ${node}`, entry.pcrs);
  const policy: AppraisalPolicy = {
    node,
    platform,
    mode: manifest.mode,
    roots,
    images,
    nodePcrs: entry.pcrs,
    machine: machineOf(entry),
    maxAgeMs: Math.max(manifest.evidenceMaxAgeMs, maxSessionMs) + maxEvidenceSkewMs,
  };
  made.add(policy);
  return policy;
}

/** @throws SymbolonError `evidence/no-policy` where an image would not be known by what is listed. */
function acceptedImage(entry: ManifestNode, measurement: ManifestMeasurement): AcceptedImage {
  const { name: node } = entry;
  const { name, platform, events = [], notBefore, notAfter } = measurement;
  const pcrs = new Map(measurement.pcrs);
  for (const pcr of new Set(events.map((event) => event.pcr))) {
    const replayed = replayDigests(events.filter((event) => event.pcr === pcr).map(({ digest }) => digest));
    if (replayed === undefined || pcrs.has(pcr)) {
      throw gap(node, `measurement ${name} lists PCR${pcr} twice`);
    }
    pcrs.set(pcr, replayed);
  }
  refuseZeros(`measurement ${name}`, pcrs);
  const { all, any, pairs, firmware } = imageRules[platform];
  const missing =
    all.find((pcr) => !pcrs.has(pcr)) ?? firmware.find((pcr) => !pcrs.has(pcr) && !entry.pcrs.has(pcr));
  if (missing !== undefined) {
    throw gap(node, `measurement ${name} does not name PCR${missing}`);
  }
  if (any.length > 0 && !any.some((pcr) => pcrs.has(pcr))) {
    throw gap(node, `measurement ${name} names none of PCR${any.join(', PCR')}`);
  }
  const half = pairs.find(([first, second]) => pcrs.has(first) && !pcrs.has(second));
  if (half !== undefined) {
    throw gap(node, `measurement ${name} names PCR${half[0]} without PCR${half[1]}`);
  }
  return { name, pcrs, events, notBefore, notAfter };
}

/** What ties evidence to the one machine. @throws SymbolonError `evidence/no-policy` where nothing does. */
function machineOf({ name, platform, pcrs, instance, attestationKey }: ManifestNode): string | undefined {
  switch (platform) {
    case 'nitro':
    case 'dev':
      if (!machinePcrs.some((index) => pcrs.has(index))) {
        throw gap(name, 'the node names neither PCR3 nor PCR4: any machine could show its evidence');
      }
      return undefined;
    case 'nitro-tpm':
      if (instance === undefined) {
        throw gap(name, 'the node names no instance: any machine could show its evidence');
      }
      return instance;
    case 'tpm2':
      if (attestationKey === undefined) {
        throw gap(name, 'the node names no attestation key: any machine could show its evidence');
      }
      return toHex(attestationKey);
  }
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
export function checkAge({ statement, now }: Judged, maxAgeMs: number): void {
  const { madeAt } = statement;
  if (madeAt > now + maxEvidenceSkewMs) {
    throw new SymbolonError('evidence/from-the-future', { madeAt, now, limitMs: maxEvidenceSkewMs });
  }
  if (madeAt < now - maxAgeMs) {
    throw new SymbolonError('evidence/too-old', { madeAt, now, limitMs: maxAgeMs });
  }
}

/** T04: a debug enclave shows zeros in PCR0, PCR1 and PCR2; one of them zero or absent is enough to refuse. */
export function refuseDebug({ machine, pcrs }: Pick<Statement, 'machine' | 'pcrs'>): void {
  for (const index of imageRules.nitro.all) {
    const value = pcrs.get(index);
    if (value === undefined || isZeroPcr(value)) {
      throw new SymbolonError('evidence/debug-mode', { moduleId: machine });
    }
  }
}

/**
 * T04 for TPMs: a machine without measured boot shows zeros.
 * @throws SymbolonError `evidence/nothing-measured`.
 */
export function refuseUnmeasured({
  platform,
  machine,
  pcrs,
}: Pick<Statement, 'platform' | 'machine' | 'pcrs'>): void {
  for (const pcr of imageRules[platform].all) {
    const value = pcrs.get(pcr);
    if (value === undefined || isZeroPcr(value)) {
      throw new SymbolonError('evidence/nothing-measured', { machine, pcr });
    }
  }
}

/**
 * The last step: an accepted image, in its time, on the machine that the manifest names.
 * @returns the image that accepted the statement.
 * @throws SymbolonError `evidence/dev-refused`, `evidence/debug-mode`, `evidence/nothing-measured`,
 * `evidence/inconsistent`, `evidence/measured-outside`, `evidence/measurement-mismatch`, `evidence/event-mismatch`,
 * `evidence/measurement-not-yet`, `evidence/measurement-retired`, `evidence/other-machine` or
 * `evidence/node-pcr-mismatch`.
 */
export function checkPolicy(policy: AppraisalPolicy, judged: Judged): AcceptedImage {
  const { statement } = judged;
  // A second fence: the dev root pinned under another platform's name is still the dev root.
  if (policy.mode !== 'dev' && statement.rootName?.startsWith(devRootPrefix) === true) {
    throw new SymbolonError('evidence/dev-refused', { node: policy.node, mode: policy.mode });
  }
  switch (statement.platform) {
    case 'nitro':
    case 'dev':
      refuseDebug(statement);
      checkInstance(statement);
      break;
    case 'nitro-tpm':
    case 'tpm2':
      refuseUnmeasured(statement);
  }
  checkMachine(policy, statement);
  const image = checkImage(policy, judged);
  refuseOutside(image, statement);
  const difference = firstDifference(policy.nodePcrs, statement.pcrs);
  if (difference !== undefined) {
    throw new SymbolonError('evidence/node-pcr-mismatch', { node: policy.node, ...difference });
  }
  return image;
}

/** PCR4 of every genuine enclave document, debug ones too, is that of the instance that its module id names. */
function checkInstance({ instanceId = '', pcrs }: Statement): void {
  const difference = firstDifference(new Map([[4, instancePcr(instanceId)]]), pcrs);
  if (difference !== undefined) {
    const { wanted, got } = difference;
    throw new SymbolonError('evidence/inconsistent', { what: 'PCR4 and module_id', wanted, got });
  }
}

/** The one machine, where registers do not tell it. Compared exactly: both sides are short public names. */
function checkMachine({ node, machine }: AppraisalPolicy, statement: Statement): void {
  const got = statement.platform === 'nitro-tpm' ? (statement.instanceId ?? '') : statement.machine;
  if (machine !== undefined && machine !== got) {
    throw new SymbolonError('evidence/other-machine', { node, wanted: machine, got });
  }
}

/** Registers that show what was added from outside must be zeros where the image does not list them. */
function refuseOutside(image: AcceptedImage, { platform, machine, pcrs }: Statement): void {
  for (const pcr of imageRules[platform].zero) {
    const value = pcrs.get(pcr);
    if (!image.pcrs.has(pcr) && (value === undefined || !isZeroPcr(value))) {
      const got = value === undefined ? 'absent' : toHex(value);
      throw new SymbolonError('evidence/measured-outside', { machine, pcr, got });
    }
  }
}

function checkImage(policy: AppraisalPolicy, { statement, now }: Judged): AcceptedImage {
  const { node } = policy;
  const matching = policy.images.filter((one) => firstDifference(one.pcrs, statement.pcrs) === undefined);
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
  throw nearestMismatch(policy, statement);
}

/** Names the difference to the listed image that has the most registers in common: most likely the one meant. */
function nearestMismatch(policy: AppraisalPolicy, statement: Statement): SymbolonError {
  const { node } = policy;
  const ranked = policy.images
    .map((image) => ({
      image,
      same: [...image.pcrs].filter(([pcr, value]) => isSame(value, statement.pcrs.get(pcr))).length,
      difference: firstDifference(image.pcrs, statement.pcrs),
    }))
    .sort((a, b) => b.same - a.same);
  const [nearest] = ranked;
  if (nearest?.difference === undefined) {
    return gap(node, 'no measurement to compare with');
  }
  const { image, difference } = nearest;
  const measurement = image.name;
  const event = firstEventDifference(difference.pcr, image.events, statement.events);
  return event === undefined
    ? new SymbolonError('evidence/measurement-mismatch', { node, measurement, ...difference })
    : new SymbolonError('evidence/event-mismatch', { node, measurement, pcr: difference.pcr, ...event });
}

/** The first event of a register that differs; `undefined` where the image or the evidence does not tell the events. */
function firstEventDifference(
  pcr: number,
  wanted: readonly NamedEvent[],
  shown: readonly NamedEvent[] | undefined,
): { readonly event: string; readonly wanted: string; readonly got: string } | undefined {
  const ours = wanted.filter((event) => event.pcr === pcr);
  const theirs = shown?.filter((event) => event.pcr === pcr);
  if (ours.length === 0 || theirs === undefined) {
    return undefined;
  }
  for (let i = 0; i < Math.max(ours.length, theirs.length); i += 1) {
    const [want, got] = [ours[i], theirs[i]];
    if (want === undefined || got === undefined || !equalBytes(want.digest, got.digest)) {
      const named = (event: NamedEvent | undefined): string =>
        event === undefined ? 'absent' : `${event.name} ${toHex(event.digest)}`;
      return { event: want?.name ?? got?.name ?? 'none', wanted: named(want), got: named(got) };
    }
  }
  return undefined;
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
