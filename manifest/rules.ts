/** The rules that every manifest keeps, whoever signed it. Each throws `manifest/rule` with its name and the place. */
import { createHash } from 'node:crypto';
import { SymbolonError } from '../wire/errors/index.ts';
import type { ManifestRule } from '../wire/errors/manifest.ts';
import { toHex } from '../wire/ids.ts';
import {
  imageRules,
  machinePcrs,
  type Manifest,
  type ManifestMeasurement,
  type ManifestNode,
  type Platform,
} from '../wire/messages/manifest.ts';
import { isStrongPublicKey } from './ed25519.ts';

const breaks = (rule: ManifestRule, at: string): never => {
  throw new SymbolonError('manifest/rule', { rule, at });
};

/** Refuses the second of two equal values. */
function distinct(rule: ManifestRule, values: Iterable<readonly [value: string, at: string]>): void {
  const seen = new Set<string>();
  for (const [value, at] of values) {
    if (seen.has(value)) {
      breaks(rule, at);
    }
    seen.add(value);
  }
}

/** Platforms whose PCRs are those of a Nitro enclave. */
const isEnclave = (platform: Platform): boolean => platform === 'nitro' || platform === 'dev';
/** PCR4 of an enclave on an instance: SHA384(0^48 || id), see enclave/evidence/SPEC.md. */
const instanceTie = (instance: string): string =>
  createHash('sha384').update(new Uint8Array(48)).update(instance, 'ascii').digest('hex');

/** What ties a node to its machine, by name: role and instance of an enclave, instance or keys of a TPM. */
function machineTies(node: ManifestNode): ReadonlyMap<string, string> {
  const { platform, pcrs, instance, attestationKey, endorsementKey } = node;
  const ties = new Map<string, string>();
  const [role, machine] = isEnclave(platform) ? machinePcrs.map((index) => pcrs.get(index)) : [];
  if (role !== undefined) {
    ties.set('role', toHex(role));
  }
  if (machine !== undefined) {
    ties.set('instance', toHex(machine));
  }
  if (platform === 'nitro-tpm' && instance !== undefined) {
    ties.set('instance', instanceTie(instance));
  }
  if (platform === 'tpm2' && attestationKey !== undefined) {
    ties.set('attestationKey', toHex(attestationKey));
    if (endorsementKey !== undefined) {
      ties.set('endorsementKey', toHex(endorsementKey));
    }
  }
  return ties;
}

/** Whether no machine can be both nodes, as far as their entries tell. */
function areApart(a: ManifestNode, b: ManifestNode): boolean {
  const theirs = machineTies(b);
  const shared = [...machineTies(a)].filter(([tie]) => theirs.has(tie));
  // An instance, or a key of a TPM, is one machine's alone: where it is the same the machine is, whatever else differs, and
  // on whatever platform. A role is of many: it tells two nodes apart only by being another one.
  if (shared.some(([tie, ours]) => tie !== 'role' && theirs.get(tie) === ours)) {
    return false;
  }
  return a.platform !== b.platform || shared.some(([tie, ours]) => theirs.get(tie) !== ours);
}

/** Sizes of registers in bytes: SHA-384 everywhere, a TPM 2.0 may also show its SHA-256 bank. */
const isPcrOf = (platform: Platform, { length }: Uint8Array): boolean =>
  length === 48 || (platform === 'tpm2' && length === 32);

const hasZero = (pcrs: ReadonlyMap<number, Uint8Array>): boolean =>
  [...pcrs.values()].some((value) => value.every((byte) => byte === 0));

/** Checks every rule. @throws SymbolonError `manifest/rule`. */
export function checkManifestRules(manifest: Manifest): void {
  checkNames(manifest);
  checkKeys(manifest);
  checkNodes(manifest);
  checkMeasurements(manifest);
  checkMode(manifest);
}

function checkNames(manifest: Manifest): void {
  const { nodes, clients, governance, measurements } = manifest;
  distinct(
    'duplicate-name',
    nodes.map((node) => [node.name, `nodes.${node.name}`]),
  );
  distinct(
    'duplicate-name',
    clients.map((client) => [client.name, `clients.${client.name}`]),
  );
  distinct(
    'duplicate-name',
    governance.keys.map((key) => [key.name, `governance.${key.name}`]),
  );
  // One image may be accepted on several platforms under one name.
  distinct(
    'duplicate-name',
    measurements.map((one) => [`${one.platform} ${one.name}`, `measurements.${one.name}`]),
  );
}

/** One key, one role (T23): an approver who is counted under two names is two approvals of one person. */
function checkKeys({ clients, governance }: Manifest): void {
  const keys = [
    ...governance.keys.map((key) => ({ ...key, at: `governance.${key.name}` })),
    ...clients.map((client) => ({ ...client, at: `clients.${client.name}` })),
  ];
  distinct(
    'key-in-two-roles',
    keys.map(({ publicKey, at }) => [toHex(publicKey), at]),
  );
  for (const { publicKey, at } of keys) {
    if (!isStrongPublicKey(publicKey)) {
      breaks('weak-key', at);
    }
  }
  if (governance.threshold > governance.keys.length) {
    breaks('governance-threshold', 'governance.threshold');
  }
}

function checkNodes({ nodes, measurements, roots }: Manifest): void {
  const indexes = new Set(nodes.map((node) => node.index));
  for (const node of nodes) {
    // Indexes are exactly 1..n: RFC 9591 section 4.3 wants them distinct and not zero, and a gap has no use.
    if (node.index > nodes.length || indexes.size !== nodes.length) {
      breaks('bad-index', `nodes.${node.name}`);
    }
    // Without PCRs of its own any machine with the right image could say it is this node (T01), and where the PCRs of
    // two nodes fit one machine, that machine could hold the shares of both (T09).
    if (machineTies(node).size === 0 || !nodes.every((other) => other === node || areApart(node, other))) {
      breaks('node-not-distinct', `nodes.${node.name}`);
    }
    if (hasZero(node.pcrs)) {
      breaks('zero-measurement', `nodes.${node.name}`);
    }
    if (![...node.pcrs.values()].every((value) => isPcrOf(node.platform, value))) {
      breaks('pcr-size', `nodes.${node.name}`);
    }
    if (!measurements.some(({ platform }) => platform === node.platform)) {
      breaks('no-measurement', `nodes.${node.name}`);
    }
    // Drivers that ran before the boot loader change everything after it, and show in registers of their own (T01).
    if (!measurements.every((one) => one.platform !== node.platform || coversFirmware(one, node))) {
      breaks('no-measurement', `nodes.${node.name}`);
    }
    // A TPM's endorsement chain is checked when its key is enrolled: the manifest then names the key itself.
    if (node.platform !== 'tpm2' && !roots.some(({ platform }) => platform === node.platform)) {
      breaks('no-root', `nodes.${node.name}`);
    }
  }
}

const coversFirmware = ({ platform, pcrs, events = [] }: ManifestMeasurement, node: ManifestNode): boolean =>
  imageRules[platform].firmware.every(
    (index) => pcrs.has(index) || node.pcrs.has(index) || events.some(({ pcr }) => pcr === index),
  );

function checkMeasurements({ measurements }: Manifest): void {
  for (const { name, platform, pcrs, events = [], notBefore, notAfter } of measurements) {
    // Zeros are what a debug enclave shows for PCR 0 to 2: never acceptable, listed or not (T04).
    if (hasZero(pcrs)) {
      breaks('zero-measurement', `measurements.${name}`);
    }
    const sizes = [...pcrs.values(), ...events.map(({ digest }) => digest)];
    // One bank of the TPM speaks for an image, not a mixture.
    if (!sizes.every((one) => isPcrOf(platform, one) && one.length === sizes[0]?.length)) {
      breaks('pcr-size', `measurements.${name}`);
    }
    if (events.some(({ pcr }) => platform !== 'tpm2' || pcrs.has(pcr))) {
      breaks('event-place', `measurements.${name}`);
    }
    // An entry without them would accept any image (T01); an appraisal asks for all, see enclave/evidence/SPEC.md.
    const listed = new Set([...pcrs.keys(), ...events.map(({ pcr }) => pcr)]);
    const { all, any, pairs } = imageRules[platform];
    const some = any.length === 0 || any.some((pcr) => listed.has(pcr));
    const whole = pairs.every(([first, second]) => !listed.has(first) || listed.has(second));
    if (!all.every((pcr) => listed.has(pcr)) || !some || !whole) {
      breaks('no-measurement', `measurements.${name}`);
    }
    if (notBefore >= notAfter) {
      breaks('empty-window', `measurements.${name}`);
    }
  }
}

function checkMode({ mode, nodes, measurements, roots }: Manifest): void {
  if (mode === 'dev') {
    return;
  }
  for (const [list, entries] of [
    ['nodes', nodes],
    ['measurements', measurements],
    ['roots', roots],
  ] as const) {
    if (entries.some(({ platform }) => platform === 'dev')) {
      breaks('dev-in-production', list);
    }
  }
}
