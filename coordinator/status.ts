/** Answers the operator's questions: can I sign now, with whom, until when, what expires next, and why not (T32, T08). */
import { toHex } from '../wire/ids.ts';
import type { ManifestClient } from '../wire/messages/manifest.ts';
import type { HealthBody, NodeStatusBody, StatusBody } from './api.ts';
import type { VerifiedManifest } from '../manifest/index.ts';
import type { Pairings } from './background/pairings.ts';
import type { PoolView } from './background/pools.ts';
import { pairBody } from './bodies.ts';
import { expiriesOf, nodeEnds, type ExpiryInput } from './expiries.ts';
import { keysStatus, keySummary, type KeyStatusInput, type KeySummary } from './keyStatus.ts';
import type { NodeSet } from './nodes/nodeSet.ts';

/** What the status is made of. */
export interface StatusInput extends KeyStatusInput {
  readonly manifest: VerifiedManifest;
  readonly nodes: Pick<NodeSet, 'views' | 'view' | 'whyNot' | 'whyNotReady' | 'usableFor'>;
  readonly addresses: ReadonlyMap<string, string>;
  readonly pairings: Pick<Pairings, 'list' | 'whyApart'>;
  readonly pools: readonly PoolView[];
  /** Whether the coordinator may make absent pairings. */
  readonly pairsItself: boolean;
  /** The coordinator's own client of the manifest; absent where the manifest does not name its key. */
  readonly self: ManifestClient | undefined;
  readonly now: number;
  readonly running: number;
}

/** The health: whether all keys can sign, and until when. It costs as much as there are groups of keys that stand alike. */
export function healthOf(input: KeyStatusInput & ExpiryInput): HealthBody {
  const { canSign, until } = keySummary(input, nodeEnds(input));
  return { canSign, until };
}

/** The status of the whole cluster. */
export function statusOf(input: StatusInput): StatusBody {
  const { manifest, now } = input;
  const { summary, body: keys } = keysStatus(input, nodeEnds(input));
  const ready = manifest.manifest.nodes
    .map(({ name }) => name)
    .filter((name) => input.nodes.whyNotReady(name) === undefined);
  const expiries = expiriesOf(input);
  return {
    cluster: {
      id: toHex(manifest.manifest.cluster),
      label: manifest.manifest.label,
      mode: manifest.manifest.mode,
      manifest: { hash: toHex(manifest.hash), version: manifest.version },
    },
    now,
    canSign: summary.canSign,
    sentence: sentenceOf(summary, ready.length, manifest.manifest.nodes.length),
    with: ready,
    until: summary.until,
    next: expiries[0] ?? null,
    expiries,
    keys,
    nodes: nodeBodies(input),
    pairings: input.pairings.list().map(pairBody),
    pairsItself: input.pairsItself,
    jobs: { running: input.running },
  };
}

function sentenceOf({ canSign, active, stuck }: KeySummary, ready: number, all: number): string {
  const nodes = `${ready} of ${all} nodes are ready`;
  switch (canSign) {
    case 'yes':
      return `Every key can sign; ${nodes}.`;
    case 'degraded':
      return `Every key can sign, but no further node may fail; ${nodes}.`;
    case 'no':
      return active === 0
        ? `There is no active key yet; ${nodes}.`
        : `${stuck} of ${active} keys can not sign now; ${nodes}.`;
  }
}

function nodeBodies({ manifest, nodes, addresses }: StatusInput): NodeStatusBody[] {
  const names = new Set([
    ...manifest.manifest.nodes.map(({ name }) => name),
    ...nodes.views().map(({ name }) => name),
  ]);
  return [...names].map((name) => {
    const view = nodes.view(name);
    const entry = manifest.manifest.nodes.find((node) => node.name === name);
    const reason = nodes.whyNotReady(name);
    const status = view?.status;
    const appraisal = view?.verified?.appraisal;
    return {
      name,
      index: entry?.index ?? null,
      address: addresses.get(name) ?? null,
      state: view?.state ?? 'unknown',
      ready: reason === undefined,
      phase: status?.phase ?? null,
      code: reason?.code ?? null,
      reason: reason?.sentence ?? null,
      since: view?.since ?? 0,
      lastSeenAt: view?.lastSeenAt ?? null,
      platform: entry?.platform ?? null,
      version: status?.version ?? null,
      boot: appraisal === undefined ? null : toHex(appraisal.boot),
      measurement: appraisal?.measurement ?? null,
      evidenceUntil: appraisal?.notAfter ?? null,
      latencyMs: view?.latencyMs === undefined ? null : Math.round(view.latencyMs * 10) / 10,
      clockSkewMs: view?.clockSkewMs ?? null,
      manifestVersion: status?.manifest.version ?? null,
      keys: status?.keys ?? null,
      keysRead: view?.keys.isWhole ?? false,
      sessions: status?.sessions ?? null,
      backends: Object.fromEntries((status?.backends ?? []).map(({ scheme, backend }) => [scheme, backend])),
      presignatures: status?.presignatures.total ?? null,
      behind: status?.evidence?.behind ?? null,
      refusals: status?.refusals ?? [],
    };
  });
}
