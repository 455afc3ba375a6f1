/** Health and metrics of the parent proxy over plain HTTP on its control address. Public facts only, no parameters. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { chunkBytes } from './limits.ts';
import type { Relay } from './relay.ts';

/** What the control listener is given. */
export interface ControlModules {
  readonly relay: Relay;
  /** Resolves with `undefined` where the node can be reached, else with the errno name. */
  readonly probe: () => Promise<string | undefined>;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** A probe's result is given again for this long, so that a poller can't make connections to the node. */
const probeAgeMs = 500;

/** Makes the control server: `GET /health` (JSON, 200 or 503) and `GET /metrics` (Prometheus text format 0.0.4). */
export function createControl(modules: ControlModules): Server {
  let last: { at: number; result: Promise<string | undefined> } | undefined;
  const reachable = (): Promise<string | undefined> => {
    const at = modules.now();
    if (last === undefined || at - last.at > probeAgeMs || at < last.at) {
      last = { at, result: modules.probe() };
    }
    return last.result;
  };
  const server = createServer(
    { maxHeaderSize: chunkBytes / 4, requestTimeout: 2_000, headersTimeout: 2_000, keepAliveTimeout: 5_000 },
    (request, response) => {
      // No call has a body: what one sends anyway is read to nowhere by node:http, within the time limits above.
      if (request.method !== 'GET') {
        send(response, 405, 'application/json', '{"error":"method"}\n');
      } else if (request.url === '/metrics') {
        send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', metricsText(modules.relay));
      } else if (request.url === '/health') {
        void reachable().then((reason) => {
          const { open } = modules.relay.counters;
          const body = {
            ok: reason === undefined,
            node: reason === undefined ? 'reachable' : 'unreachable',
            ...(reason === undefined ? {} : { reason }),
            connections: open,
          };
          send(response, reason === undefined ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`);
        });
      } else {
        send(response, 404, 'application/json', '{"error":"not-found"}\n');
      }
    },
  );
  server.maxConnections = 16;
  // accept(2) ran out of descriptors: that caller is lost, the proxy goes on. A failure to listen reaches who listens.
  server.on('error', () => undefined);
  return server;
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}

/** The counters of a relay as Prometheus text. All label values come from closed lists. */
export function metricsText({ counters, limits }: Relay): string {
  const lines: string[] = [];
  const family = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    values: readonly [string, number][],
  ): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of values) {
      lines.push(`${name}${labels} ${value}`);
    }
  };
  const labelled = (label: string, of: Readonly<Record<string, number>>): [string, number][] =>
    Object.entries(of).map(([name, value]) => [`{${label}="${name}"}`, value]);

  family('symbolon_parent_connections', 'gauge', 'Relayed connections that are open.', [['', counters.open]]);
  family('symbolon_parent_connections_limit', 'gauge', 'Most connections at once.', [
    ['', limits.maxConnections],
  ]);
  family('symbolon_parent_accepted_total', 'counter', 'Connections that were taken.', [
    ['', counters.accepted],
  ]);
  family(
    'symbolon_parent_refused_total',
    'counter',
    'Connections that were not taken, by reason.',
    labelled('reason', counters.refused),
  );
  family(
    'symbolon_parent_ended_total',
    'counter',
    'Connections that ended, by reason; all but "ended" were cut.',
    labelled('reason', counters.ended),
  );
  family(
    'symbolon_parent_bytes_total',
    'counter',
    'Bytes handed on, up to the node and down from it.',
    labelled('direction', counters.bytes),
  );
  return `${lines.join('\n')}\n`;
}
