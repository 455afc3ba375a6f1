/** The bounds of a coordinator. */
import type { NodeSetOptions } from './nodes/nodeSet.ts';

/** Times in milliseconds, and other bounds. */
export interface CoordinatorLimits {
  /** One step of a session. */
  readonly stepMs: number;
  /** A signing request from its start to its answer, all attempts together. */
  readonly signMs: number;
  /** A key ceremony, its activation included. */
  readonly createMs: number;
  /** One status or evidence call. */
  readonly callMs: number;
  readonly connectMs: number;
  /** The evidence of a connection is renewed at least this often. */
  readonly verifyEveryMs: number;
  /** Connections to one node. */
  readonly socketsPerNode: number;
  /** Requests at work at once. */
  readonly jobs: number;
  readonly polling: NodeSetOptions;
}

/** The limits that a coordinator runs with unless told. */
export const defaultLimits: CoordinatorLimits = {
  stepMs: 3_000,
  signMs: 15_000,
  createMs: 30_000,
  callMs: 3_000,
  connectMs: 2_000,
  verifyEveryMs: 180_000,
  socketsPerNode: 24,
  jobs: 64,
  polling: { pollMs: 2_000, backOffMs: [200, 4_000] },
};
