/** Waits until the coordinator has verified the evidence of every node that can come up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isSymbolonError } from '../../wire/errors/index.ts';
import type { Api } from '../api.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { StartFailure } from '../cluster/start.ts';
import { readStatus, type StatusView } from '../statusView.ts';

const patienceMs = 20_000;
/** A node that answers and is refused will not be accepted by waiting; others may still be opening their keys. */
const settledMs = 2_000;
const pollMs = 50;

/**
 * The status once all nodes are ready, or once those that are not will not become so. Fewer ready nodes than the
 * threshold is for the caller to see.
 * @param signal - ends the wait with the signal's reason.
 */
export async function waitForNodes(
  api: Api,
  { facts }: Cluster,
  failures: readonly StartFailure[],
  signal?: AbortSignal,
): Promise<StatusView> {
  const failed = new Set(failures.map(({ process }) => process.split('.')[0]));
  const began = Date.now();
  for (;;) {
    const status = await readOnce(api);
    const waiting = (status?.nodes ?? []).filter(({ name, ready }) => !ready && !failed.has(name));
    const complete = status !== undefined && status.nodes.length >= facts.nodes.length;
    if (complete && waiting.length === 0) {
      return status;
    }
    const waited = Date.now() - began;
    const stuck = complete && waited > settledMs && waiting.every(({ state }) => state === 'refused');
    if (status !== undefined && (stuck || waited > patienceMs)) {
      return status;
    }
    if (waited > patienceMs) {
      return readStatus(api.client);
    }
    await sleep(pollMs, undefined, { signal });
  }
}

async function readOnce(api: Api): Promise<StatusView | undefined> {
  try {
    return await readStatus(api.client);
  } catch (error) {
    if (isSymbolonError(error, 'cli/not-running')) {
      return undefined;
    }
    throw error;
  }
}
