/**
 * What ends, when, and how near that is (T08): accepted images, attestation chains that nobody renews, and keys of clients.
 * One rule for all of them, which status, command line and metrics share.
 */
import type { VerifiedManifest } from '../manifest/index.ts';
import type { Manifest, ManifestClient } from '../wire/messages/manifest.ts';
import type { ExpiryBody, ExpiryLevel } from './api.ts';
import type { NodeSet, NodeView } from './nodes/nodeSet.ts';

/** All levels, the furthest end first. */
export const expiryLevels: readonly ExpiryLevel[] = ['ok', 'warning', 'urgent', 'ended'];

const day = 86_400_000;
/** From how long before an end its level is `warning`, in milliseconds: time for a manifest to be signed by several people. */
export const warningMs = 7 * day;
/** From how long before an end its level is `urgent`, in milliseconds. */
export const urgentMs = day;

/**
 * The level of an end at `at`. What renews itself warns of nothing before it has ended.
 * @param now - Unix milliseconds, as `at`.
 */
export function levelOf(at: number, now: number, renewsItself = false): ExpiryLevel {
  const left = at - now;
  // Written so that a time that is no number is an end, not a free pass.
  if (!(left > 0)) {
    return 'ended';
  }
  if (renewsItself || left > warningMs) {
    return 'ok';
  }
  return left > urgentMs ? 'warning' : 'urgent';
}

/** What the ends are read from. */
export interface ExpiryInput {
  readonly manifest: Pick<VerifiedManifest, 'manifest'>;
  readonly nodes: Pick<NodeSet, 'views'>;
  /** The coordinator's own client of the manifest; absent where the manifest does not name its key. */
  readonly self: ManifestClient | undefined;
  /** Unix milliseconds. */
  readonly now: number;
}

/** Until when each node can take part without anybody doing anything, Unix milliseconds by name. */
export function nodeEnds({ nodes, manifest, self }: ExpiryInput): ReadonlyMap<string, number> {
  const ends = new Map<string, number>();
  for (const view of nodes.views()) {
    const { verified } = view;
    if (verified !== undefined) {
      const window = measurementEnd(manifest.manifest, view);
      const own = renewsItself(view) ? window : verified.appraisal.notAfter;
      ends.set(view.name, Math.min(own ?? verified.appraisal.notAfter, self?.notAfter ?? 0));
    }
  }
  return ends;
}

const measurementEnd = ({ measurements }: Manifest, { verified }: NodeView): number | undefined =>
  measurements.find(({ name }) => name === verified?.appraisal.measurement)?.notAfter;

/**
 * Whether a node's attestation certificates are replaced without anybody doing anything: it was seen, or the platform
 * does so and is not late with it (a leaf lasts three hours and is replaced before its last one).
 */
const renewsItself = ({ renews, verified }: NodeView): boolean =>
  verified !== undefined &&
  (renews || ['nitro', 'nitro-tpm', 'dev'].includes(verified.appraisal.platform)) &&
  verified.appraisal.notAfter - verified.at > renewalMs;
/** Evidence that was made with less left than this comes from a chain that ends. */
const renewalMs = 3_000_000;

/** Everything that ends, the nearest first: evidence, images that a node runs, clients. */
export function expiriesOf(input: ExpiryInput): ExpiryBody[] {
  return [...evidenceEnds(input), ...imageEnds(input), ...clientEnds(input)].sort((a, b) => a.at - b.at);
}

function evidenceEnds({ manifest, nodes, now }: ExpiryInput): ExpiryBody[] {
  return nodes.views().flatMap((view): ExpiryBody[] => {
    const { verified, name } = view;
    // Where the measurement's window is what ends the evidence, the line of the measurement says it.
    if (verified === undefined || verified.appraisal.notAfter === measurementEnd(manifest.manifest, view)) {
      return [];
    }
    const at = verified.appraisal.notAfter;
    const renews = renewsItself(view);
    return [
      {
        what: 'evidence',
        subject: name,
        nodes: [name],
        at,
        level: levelOf(at, now, renews),
        renewsItself: renews,
        note: renews
          ? 'The platform renews its certificates by itself.'
          : 'The attestation certificates of this node end: renew them before.',
      },
    ];
  });
}

function imageEnds({ manifest, nodes, now }: ExpiryInput): ExpiryBody[] {
  return manifest.manifest.measurements.flatMap(({ name, notAfter: at }): ExpiryBody[] => {
    const runs = nodes.views().filter(({ verified }) => verified?.appraisal.measurement === name);
    // An image that no node runs stops nothing when it ends.
    return runs.length === 0
      ? []
      : [
          {
            what: 'measurement',
            subject: name,
            nodes: runs.map((view) => view.name),
            at,
            level: levelOf(at, now),
            renewsItself: false,
            note: 'The accepted image ages out: sign a manifest with a later window, or upgrade the nodes.',
          },
        ];
  });
}

function clientEnds({ manifest, self, now }: ExpiryInput): ExpiryBody[] {
  return manifest.manifest.clients.map(({ name, notAfter: at }) => ({
    what: 'client',
    subject: name,
    nodes: [],
    at,
    level: levelOf(at, now),
    renewsItself: false,
    note:
      name === self?.name
        ? 'The key of this coordinator ends: sign a manifest with a later end before.'
        : 'The key of this client ends: sign a manifest with a later end before.',
  }));
}
