/** Requests that the operator signs on this machine. The coordinator carries them; it can't make or change one. */
import { randomBytes } from 'node:crypto';
import { signRequest } from '../manifest/index.ts';
import { fromHex } from '../wire/ids.ts';
import type { Request } from '../wire/messages/request.ts';
import type { Cluster } from './cluster/cluster.ts';
import { readSecret } from './cluster/files.ts';

/** The client whose key `symbolon` signs requests with. */
export const operator = 'operator';
/** Life of a request: long enough for retries over other nodes, short enough to be forgotten soon. */
const lifeMs = 120_000;

type Head = 'v' | 'cluster' | 'id' | 'client' | 'issuedAt' | 'expiresAt';
type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** What differs from request to request. */
export type RequestBody = Without<Request, Head>;

/** A signed request, and its id as idempotency key. */
export interface SignedByOperator {
  readonly signed: Uint8Array;
  readonly idempotencyKey: string;
}

/**
 * Signs a request with the operator's key of a cluster folder.
 * @throws SymbolonError `cli/exposed-secret`, `cli/unreadable-file`.
 */
export function makeRequest({ facts, paths }: Cluster, body: RequestBody, now: number): SignedByOperator {
  const id = new Uint8Array(randomBytes(16));
  const seed = readSecret(paths.clientKey(operator), { exactly: 32 });
  try {
    const request = {
      v: 1,
      cluster: fromHex(facts.cluster) ?? new Uint8Array(),
      id,
      client: operator,
      issuedAt: now,
      expiresAt: now + lifeMs,
      ...body,
    } as const;
    return { signed: signRequest(request, seed), idempotencyKey: Buffer.from(id).toString('hex') };
  } finally {
    seed.fill(0);
  }
}
