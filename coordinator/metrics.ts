/** Metrics in the Prometheus text format (version 0.0.4). Labels are names of the manifest and codes, never free text. */
import type { NodeView } from './nodes/nodeSet.ts';

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

  /** A session ended: `outcome` is `signed`, `created` or `failed`; `node` is who failed. */
  session(action: 'sign' | 'key.create', outcome: 'done' | 'failed', node = ''): void {
    bump(this.#sessions, labels({ action, outcome, node }));
  }

  /** A request was answered after `ms` milliseconds. */
  request(action: 'sign' | 'key.create', outcome: 'done' | 'failed', ms: number): void {
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

  /** The API refused a call with a code of the catalogue. */
  refused(code: string): void {
    bump(this.#refused, labels({ code }));
  }

  /** The text of `GET /metrics`. */
  text(nodes: readonly NodeView[], ready: (name: string) => boolean, now: number): string {
    const lines: string[] = [];
    const head = (name: string, type: string, help: string): void => {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
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
    head('symbolon_evidence_expiry_seconds', 'gauge', 'Seconds until the present evidence of the node ends.');
    for (const { name, verified } of nodes) {
      if (verified !== undefined) {
        const seconds = Math.round((verified.appraisal.notAfter - now) / 1_000);
        lines.push(`symbolon_evidence_expiry_seconds{${labels({ node: name })}} ${seconds}`);
      }
    }
    return `${lines.join('\n')}\n`;
  }
}

const bump = (map: Map<string, number>, key: string): void => {
  map.set(key, (map.get(key) ?? 0) + 1);
};

/** Values are names and codes of closed patterns; what is not is replaced, so that no label can break the format. */
const labels = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}="${/^[a-z0-9./-]{0,64}$/.test(value) ? value : 'other'}"`)
    .join(',');
