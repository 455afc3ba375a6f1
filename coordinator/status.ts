/** Answers the operator's questions: can I sign now, with whom, until when, what expires next, and why not (T32, T08). */
import { isEcdsa, toHex } from '../wire/ids.ts';
import type { Manifest, ManifestClient } from '../wire/messages/manifest.ts';
import type { ExpiryBody, KeyStatusBody, NodeStatusBody, StatusBody } from './api.ts';
import type { VerifiedManifest } from '../manifest/index.ts';
import type { Pairings } from './background/pairings.ts';
import type { PoolView } from './background/pools.ts';
import { pairBody } from './bodies.ts';
import { generationsOf, type Key, type KeyGeneration, type Renewing } from './keys.ts';
import type { NodeSet, NodeView } from './nodes/nodeSet.ts';
import { pairsOf } from './nodes/pairState.ts';
import { chooseSet } from './signing/chooseSet.ts';

/** What the status is made of. */
export interface StatusInput {
  readonly manifest: VerifiedManifest;
  readonly nodes: Pick<NodeSet, 'views' | 'view' | 'whyNot' | 'whyNotReady' | 'usableFor'>;
  readonly addresses: ReadonlyMap<string, string>;
  readonly keys: readonly Key[];
  /** The next generation of a key that is on its way, and the nodes that have not taken it. */
  readonly renewing: (key: string) => Renewing | undefined;
  readonly waitingFor: (key: string) => readonly string[];
  readonly pairings: Pick<Pairings, 'list' | 'whyApart'>;
  readonly pools: readonly PoolView[];
  /** Whether the coordinator may make absent pairings. */
  readonly pairsItself: boolean;
  /** The coordinator's own client of the manifest; absent where the manifest does not name its key. */
  readonly self: ManifestClient | undefined;
  readonly now: number;
  readonly running: number;
}

/** The status of the whole cluster. */
export function statusOf(input: StatusInput): StatusBody {
  const { manifest, keys, now } = input;
  const ends = nodeEnds(input);
  const statuses = keys.map((key) => keyStatus(key, input, ends));
  const keyBodies = statuses.map(({ body }) => body);
  const active = keyBodies.filter(({ state }) => state === 'active');
  const spare = new Map(statuses.map(({ body, hasSpare }) => [body.id, hasSpare]));
  const ready = manifest.manifest.nodes
    .map(({ name }) => name)
    .filter((name) => input.nodes.whyNotReady(name) === undefined);
  const canSign = answer(active, (id) => spare.get(id) === true);
  const untils = active.map(({ until }) => until).filter((until) => until !== null);
  const until = untils.length === 0 ? null : Math.min(...untils);
  const expiries = expiriesOf(input);
  return {
    cluster: {
      id: toHex(manifest.manifest.cluster),
      label: manifest.manifest.label,
      mode: manifest.manifest.mode,
      manifest: { hash: toHex(manifest.hash), version: manifest.version },
    },
    now,
    canSign,
    sentence: sentenceOf(canSign, active, ready.length, manifest.manifest.nodes.length),
    with: ready,
    until,
    next: expiries[0] ?? null,
    expiries,
    keys: keyBodies,
    nodes: nodeBodies(input),
    pairings: input.pairings.list().map(pairBody),
    pairsItself: input.pairsItself,
    jobs: { running: input.running },
  };
}

function answer(active: readonly KeyStatusBody[], hasSpare: (id: string) => boolean): StatusBody['canSign'] {
  if (active.length === 0 || active.some(({ canSign }) => !canSign)) {
    return 'no';
  }
  return active.every(({ id }) => hasSpare(id)) ? 'yes' : 'degraded';
}

function sentenceOf(
  canSign: StatusBody['canSign'],
  active: readonly KeyStatusBody[],
  ready: number,
  all: number,
): string {
  const nodes = `${ready} of ${all} nodes are ready`;
  switch (canSign) {
    case 'yes':
      return `Every key can sign; ${nodes}.`;
    case 'degraded':
      return `Every key can sign, but no further node may fail; ${nodes}.`;
    case 'no': {
      const stuck = active.filter((key) => !key.canSign).length;
      return active.length === 0
        ? `There is no active key yet; ${nodes}.`
        : `${stuck} of ${active.length} keys can not sign now; ${nodes}.`;
    }
  }
}

/** Until when each node can take part without anybody doing anything. */
function nodeEnds({ nodes, manifest, self }: StatusInput): ReadonlyMap<string, number> {
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
  (renews || ['nitro', 'dev'].includes(verified.appraisal.platform)) &&
  verified.appraisal.notAfter - verified.at > renewalMs;
/** Evidence that was made with less left than this comes from a chain that ends. */
const renewalMs = 3_000_000;

interface KeyStatus {
  readonly body: KeyStatusBody;
  /** Whether any one of the nodes may fail that can take part now, as far as the key has nodes to spare at all. */
  readonly hasSpare: boolean;
}

function keyStatus(key: Key, input: StatusInput, ends: ReadonlyMap<string, number>): KeyStatus {
  const { nodes, pairings, pools, renewing, waitingFor } = input;
  const apart = (a: string, b: string): boolean =>
    isEcdsa(key.scheme) && pairings.whyApart(a, b) !== undefined;
  const setOf = (candidates: readonly string[], { threshold }: KeyGeneration): string[] | undefined =>
    chooseSet(candidates, threshold, { quarrels: [], apart });
  // While a renewal is under way some nodes have one generation and some the other: the newer one counts where it can sign.
  const generations = generationsOf(key);
  const now = generations.find((one) => setOf(nodes.usableFor(one), one) !== undefined) ?? key;
  const usable = nodes.usableFor(now);
  const without = now.nodes.flatMap((node) => {
    const reason = nodes.whyNot(node, now);
    return reason === undefined ? [] : [{ node, code: reason.code, reason: reason.sentence }];
  });
  const canSign = key.state === 'active' && setOf(usable, now) !== undefined;
  const latest = usable.map((name) => ends.get(name) ?? 0).sort((a, b) => b - a);
  const survives = usable.every(
    (name) =>
      setOf(
        usable.filter((one) => one !== name),
        now,
      ) !== undefined,
  );
  const isWhole = without.length === 0 && pairsOf(now.nodes).every(([a, b]) => !apart(a, b));
  const body: KeyStatusBody = {
    id: key.id,
    label: key.label,
    purpose: key.purpose,
    scheme: key.scheme,
    state: key.state,
    threshold: now.threshold,
    canSign,
    with: [...usable].sort(),
    without,
    // The key stops when its t-th longest lasting node does.
    until: canSign ? (latest[now.threshold - 1] ?? null) : null,
    generation: now.generation,
    next: renewing(key.id)?.generation ?? null,
    waitingFor: waitingFor(key.id),
    presignatures: pools
      .filter((pool) => pool.key === key.id)
      .map(({ nodes: set, count }) => ({ nodes: set, count })),
  };
  return { body, hasSpare: survives || isWhole };
}

function expiriesOf({ manifest, nodes, self }: StatusInput): ExpiryBody[] {
  const { manifest: content } = manifest;
  const used = new Set(nodes.views().map(({ verified }) => verified?.appraisal.measurement));
  const evidence = nodes.views().flatMap((view): ExpiryBody[] => {
    const { verified, name } = view;
    const renews = renewsItself(view);
    // Where the measurement's window is what ends the evidence, the line of the measurement says it.
    return verified === undefined || verified.appraisal.notAfter === measurementEnd(content, view)
      ? []
      : [
          {
            what: 'evidence',
            subject: name,
            at: verified.appraisal.notAfter,
            renewsItself: renews,
            note: renews
              ? 'The platform renews its certificates by itself.'
              : 'The attestation certificates of this node end: renew them before.',
          },
        ];
  });
  const measurements = content.measurements
    .filter(({ name }) => used.has(name))
    .map(({ name, notAfter }): ExpiryBody => ({
      what: 'measurement',
      subject: name,
      at: notAfter,
      renewsItself: false,
      note: 'The accepted image ages out: sign a manifest with a later window, or upgrade the nodes.',
    }));
  const clients = content.clients.map(({ name, notAfter }): ExpiryBody => ({
    what: 'client',
    subject: name,
    at: notAfter,
    renewsItself: false,
    note:
      name === self?.name
        ? 'The key of this coordinator ends: sign a manifest with a later end before.'
        : 'The key of this client ends: sign a manifest with a later end before.',
  }));
  return [...evidence, ...measurements, ...clients].sort((a, b) => a.at - b.at);
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
      sessions: status?.sessions ?? null,
      backends: Object.fromEntries((status?.backends ?? []).map(({ scheme, backend }) => [scheme, backend])),
      presignatures: status?.presignatures.total ?? null,
      refusals: status?.refusals ?? [],
    };
  });
}
