/** Metrics in the Prometheus text format (version 0.0.4). Labels are names of the manifest and codes, never free text. */
import type { ExpiryBody } from './api.ts';
import type { PoolView } from './background/pools.ts';
import { evidenceLines } from './evidenceMetrics.ts';
import { family, labels } from './metricText.ts';
import type { NodeView } from './nodes/nodeSet.ts';
import { pairStates, type PairView } from './nodes/pairState.ts';
import type { JobKind } from './store/store.ts';

/** What sessions are about. */
export type SessionAction = JobKind | 'presign';

/** What is measured when the metrics are read. */
export interface Gauges {
  readonly nodes: readonly NodeView[];
  readonly ready: (name: string) => boolean;
  readonly pairings: readonly PairView[];
  readonly pools: readonly PoolView[];
  readonly expiries: readonly ExpiryBody[];
  /** Unix milliseconds. */
  readonly now: number;
}

/** Upper bounds of the latency histogram in seconds. */
export const latencyBuckets = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24] as const;

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

/** Counters of this process. */
export class Metrics {
  readonly #sessions = new Map<string, number>();
  readonly #requests = new Map<string, Histogram>();
  readonly #refused = new Map<string, number>();
  readonly #ecdsa = new Map<string, number>();
  readonly #evidence = new Map<string, number>();

  /** A session ended; `node` is who failed. */
  session(action: SessionAction, outcome: 'done' | 'failed', node = ''): void {
    bump(this.#sessions, labels({ action, outcome, node }));
  }

  /** A request was answered after `ms` milliseconds. */
  request(action: SessionAction, outcome: 'done' | 'failed', ms: number): void {
    const key = labels({ action, outcome });
    let histogram = this.#requests.get(key);
    if (histogram === undefined) {
      histogram = { counts: latencyBuckets.map(() => 0), sum: 0, count: 0 };
      this.#requests.set(key, histogram);
    }
    const seconds = ms / 1_000;
    histogram.sum += seconds;
    histogram.count += 1;
    latencyBuckets.forEach((bound, i) => {
      if (seconds <= bound && histogram.counts[i] !== undefined) {
        histogram.counts[i] += 1;
      }
    });
  }

  /** An ECDSA signature was made, with a presignature or without. */
  ecdsa(presigned: boolean): void {
    bump(this.#ecdsa, labels({ presigned: presigned ? 'yes' : 'no' }));
  }

  /** The API refused a call with a code of the catalogue. */
  refused(code: string): void {
    bump(this.#refused, labels({ code }));
  }

  /** This coordinator refused the evidence of a node, with a code of the catalogue. */
  evidenceRefused(node: string, code: string): void {
    bump(this.#evidence, labels({ node, code }));
  }

  /** The text of `GET /metrics`. */
  text({ nodes, ready, pairings, pools, expiries, now }: Gauges): string {
    const lines: string[] = [];
    const head = (name: string, type: 'counter' | 'gauge' | 'histogram', help: string): void => {
      lines.push(...family(name, type, help));
    };
    head('symbolon_sessions_total', 'counter', 'Sessions by action, outcome and the node that failed.');
    this.#sessions.forEach((n, key) => lines.push(`symbolon_sessions_total{${key}} ${n}`));
    head('symbolon_request_seconds', 'histogram', 'Time from request to answer.');
    this.#requests.forEach(({ counts, sum, count }, key) => {
      counts.forEach((n, i) => {
        lines.push(`symbolon_request_seconds_bucket{${key},le="${latencyBuckets[i] ?? 0}"} ${n}`);
      });
      lines.push(
        `symbolon_request_seconds_bucket{${key},le="+Inf"} ${count}`,
        `symbolon_request_seconds_sum{${key}} ${sum}`,
        `symbolon_request_seconds_count{${key}} ${count}`,
      );
    });
    head('symbolon_api_refusals_total', 'counter', 'Calls that the API refused, by code.');
    this.#refused.forEach((n, key) => lines.push(`symbolon_api_refusals_total{${key}} ${n}`));
    head('symbolon_node_up', 'gauge', '1 where the node is verified, reachable and ready.');
    for (const { name } of nodes) {
      lines.push(`symbolon_node_up{${labels({ node: name })}} ${ready(name) ? 1 : 0}`);
    }
    lines.push(...evidenceLines({ nodes, expiries, refused: this.#evidence, now }));
    head('symbolon_ecdsa_signatures_total', 'counter', 'ECDSA signatures, with a presignature or without.');
    this.#ecdsa.forEach((n, key) => lines.push(`symbolon_ecdsa_signatures_total{${key}} ${n}`));
    head('symbolon_presignatures', 'gauge', 'Presignatures that are ready, by key.');
    const byKey = new Map<string, number>();
    for (const { key, count } of pools) {
      byKey.set(key, (byKey.get(key) ?? 0) + count);
    }
    byKey.forEach((n, key) => lines.push(`symbolon_presignatures{${labels({ key })}} ${n}`));
    head('symbolon_pairings', 'gauge', 'Pairs of nodes by the state of their pairing.');
    for (const state of pairStates) {
      const n = pairings.filter((pair) => pair.state === state).length;
      lines.push(`symbolon_pairings{${labels({ state })}} ${n}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

const bump = (map: Map<string, number>, key: string): void => {
  map.set(key, (map.get(key) ?? 0) + 1);
};
