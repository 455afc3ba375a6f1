/**
 * Metrics of evidence: how old it is, when what it rests on ends (T08), what nodes and coordinator refused of it, and the
 * marks by which a restored or doubled node is known (T09).
 */
import type { ExpiryBody } from './api.ts';
import { expiryLevels } from './expiries.ts';
import { family, labels } from './metricText.ts';
import type { NodeView } from './nodes/nodeSet.ts';

/** What is read. */
export interface EvidenceGauges {
  readonly nodes: readonly NodeView[];
  readonly expiries: readonly ExpiryBody[];
  /** What this coordinator refused since its start: labels and how often. */
  readonly refused: ReadonlyMap<string, number>;
  /** Unix milliseconds. */
  readonly now: number;
}

type Samples = readonly (readonly [labels: string, value: number])[];

const seconds = (ms: number): number => Math.round(ms / 1_000);

/** The lines of all families about evidence. */
export const evidenceLines = (gauges: EvidenceGauges): string[] => [
  ...ownView(gauges),
  ...ends(gauges),
  ...refusals(gauges),
  ...nodesView(gauges),
];

/** The evidence that the coordinator's connections rest on. */
function ownView({ nodes, now }: EvidenceGauges): string[] {
  const shown = nodes.flatMap(({ name, verified }) =>
    verified === undefined ? [] : [{ node: labels({ node: name }), appraisal: verified.appraisal }],
  );
  return [
    ...family(
      'symbolon_evidence_age_seconds',
      'gauge',
      'Seconds since the present evidence of the node was made.',
      shown.map(({ node, appraisal }) => [node, seconds(now - appraisal.madeAt)]),
    ),
    ...family(
      'symbolon_evidence_expiry_seconds',
      'gauge',
      'Seconds until the present evidence of the node ends.',
      shown.map(({ node, appraisal }) => [node, seconds(appraisal.notAfter - now)]),
    ),
    ...family(
      'symbolon_clock_skew_seconds',
      'gauge',
      'How far the clock of the node is ahead of the one here (T37).',
      nodes.flatMap(({ name, clockSkewMs }) =>
        clockSkewMs === undefined ? [] : [[labels({ node: name }), clockSkewMs / 1_000] as const],
      ),
    ),
  ];
}

function ends({ expiries, now }: EvidenceGauges): string[] {
  const of = (what: ExpiryBody['what']): Samples =>
    expiries
      .filter((one) => one.what === what)
      .map(({ subject, at }) => [labels({ [what]: subject }), seconds(at - now)]);
  return [
    ...family(
      'symbolon_measurement_expiry_seconds',
      'gauge',
      'Seconds until an accepted image ends that a node runs; negative after.',
      of('measurement'),
    ),
    ...family(
      'symbolon_client_expiry_seconds',
      'gauge',
      'Seconds until the key of a client ends; negative after.',
      of('client'),
    ),
    ...family(
      'symbolon_expiries',
      'gauge',
      'What ends, by how near: warning from 7 days before, urgent from 1 day before, ended.',
      expiryLevels.map((level) => [labels({ level }), expiries.filter((one) => one.level === level).length]),
    ),
  ];
}

function refusals({ nodes, refused }: EvidenceGauges): string[] {
  return [
    ...family(
      'symbolon_evidence_refusals_total',
      'counter',
      'Evidence that the coordinator refused, by node and code.',
      [...refused],
    ),
    ...family(
      'symbolon_node_refusals_total',
      'counter',
      'What the gate of a node refused of others since its start, by code.',
      nodes.flatMap(({ name, status }) =>
        (status?.evidence?.refused ?? []).map(
          ({ code, count }) => [labels({ node: name, code }), count] as const,
        ),
      ),
    ),
  ];
}

/** What the nodes say of their own evidence and of each other's, by their own clocks. */
function nodesView({ nodes }: EvidenceGauges): string[] {
  const known = nodes.flatMap(({ name, status }) =>
    status?.evidence === undefined ? [] : [{ node: name, now: status.now, evidence: status.evidence }],
  );
  return [
    ...family(
      'symbolon_peer_evidence_age_seconds',
      'gauge',
      'Seconds since a node accepted the evidence of another one in a session.',
      known.flatMap(({ node, now, evidence }) =>
        evidence.peers.map(
          (peer) => [labels({ node, peer: peer.node }), seconds(now - peer.acceptedAt)] as const,
        ),
      ),
    ),
    ...family(
      'symbolon_node_mark',
      'gauge',
      'Boots and used requests that the node has counted on its disk.',
      known.map(({ node, evidence }) => [labels({ node }), evidence.mark]),
    ),
    ...family(
      'symbolon_node_behind_mark',
      'gauge',
      '1 where a peer has seen a higher mark of the node: it was rolled back, or started twice (T09).',
      known.map(({ node, evidence }) => [labels({ node }), evidence.behind === undefined ? 0 : 1]),
    ),
  ];
}
