/** The store in memory, for tests that are not about the store. */
import type {
  ApiKeyRecord,
  IdempotencyRecord,
  Job,
  Store,
  StoredActivation,
  StoredKey,
  StoredRenewal,
} from '../store/store.ts';

/** Makes an empty store. It outlives `close`, so that a second coordinator can be given what a first one left. */
export function memoryStore(): Store {
  const keys = new Map<string, StoredKey>();
  const activations = new Map<string, { confirmations: Uint8Array; done: Set<string> }>();
  const renewals = new Map<string, Omit<StoredRenewal, 'done'> & { readonly done: Set<string> }>();
  const jobs = new Map<string, Job>();
  const idempotency = new Map<string, IdempotencyRecord>();
  const apiKeys = new Map<string, ApiKeyRecord>();
  const change = (id: string, next: Partial<Job>): void => {
    const job = jobs.get(id);
    if (job !== undefined) {
      jobs.set(id, { ...job, ...next });
    }
  };
  const finish = (id: string, state: 'done' | 'failed', outcome: string, at: number): void => {
    if (jobs.get(id)?.state !== 'done') {
      change(id, { state, outcome, finishedAt: at });
    }
  };
  return {
    addKeys: (added) => {
      for (const key of added) {
        if (!keys.has(key.id)) {
          keys.set(key.id, key);
        }
      }
      return Promise.resolve();
    },
    addPendingKey: (key, confirmations, { id, outcome, at }) => {
      finish(id, 'done', outcome, at);
      keys.set(key.id, { ...key, state: 'pending' });
      activations.set(key.id, { confirmations, done: new Set() });
      return Promise.resolve();
    },
    keys: () => Promise.resolve([...keys.values()]),
    activations: () =>
      Promise.resolve(
        [...activations].map(([key, { confirmations, done }]): StoredActivation => ({
          key,
          confirmations,
          done: [...done],
        })),
      ),
    activatedBy: (key, node) => {
      activations.get(key)?.done.add(node);
      return Promise.resolve();
    },
    activate: (id) => {
      const key = keys.get(id);
      if (key !== undefined) {
        keys.set(id, { ...key, state: 'active' });
      }
      activations.delete(id);
      return Promise.resolve();
    },
    addRenewal: (renewal, { id, outcome, at }) => {
      finish(id, 'done', outcome, at);
      renewals.set(renewal.key, { ...renewal, done: new Set() });
      return Promise.resolve();
    },
    renewals: () =>
      Promise.resolve([...renewals.values()].map((one): StoredRenewal => ({ ...one, done: [...one.done] }))),
    renewedBy: (key, node) => {
      renewals.get(key)?.done.add(node);
      return Promise.resolve();
    },
    replaceKey: ({ id, generation, threshold, nodes, public: raw }) => {
      const key = keys.get(id);
      if (key !== undefined && key.generation < generation) {
        keys.set(id, { ...key, generation, threshold, nodes, public: raw });
      }
      if ((renewals.get(id)?.generation ?? Infinity) <= generation) {
        renewals.delete(id);
      }
      return Promise.resolve();
    },
    addJob: (job) => {
      const present = jobs.get(job.id);
      const made: Job = present ?? { ...job, state: 'running', finishedAt: undefined, outcome: undefined };
      jobs.set(job.id, made);
      return Promise.resolve({ job: made, added: present === undefined });
    },
    restartJob: (id) => {
      if (jobs.get(id)?.state === 'failed') {
        change(id, { state: 'running', finishedAt: undefined, outcome: undefined });
      }
      return Promise.resolve();
    },
    finishJob: (id, state, outcome, at) => {
      finish(id, state, outcome, at);
      return Promise.resolve();
    },
    job: (id) => Promise.resolve(jobs.get(id)),
    runningJobs: () => Promise.resolve([...jobs.values()].filter(({ state }) => state === 'running')),
    claimIdempotency: (record) => {
      const name = JSON.stringify([record.caller, record.key]);
      const present = idempotency.get(name) ?? record;
      idempotency.set(name, present);
      return Promise.resolve(present);
    },
    prune: () => Promise.resolve(),
    addApiKey: (key) => {
      apiKeys.set(key.name, key);
      return Promise.resolve();
    },
    apiKeys: () => Promise.resolve([...apiKeys.values()]),
    removeApiKey: (name) => Promise.resolve(apiKeys.delete(name)),
    close: () => Promise.resolve(),
  };
}
