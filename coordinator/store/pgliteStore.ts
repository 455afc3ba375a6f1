/** The store on an embedded PostgreSQL: PGlite in a folder, synced to the disk. */
import type { PGlite, Results, Transaction } from '@electric-sql/pglite';
import { mkdirSync, renameSync, rmSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { openDurable, syncFolder, syncPath, type DurableDatabase } from './durableFolder.ts';
import { lockFolder } from './lock.ts';
import { migrations } from './migrations.ts';
import { activationOf, apiKeyOf, idempotencyOf, jobOf, keyOf, renewalOf, type Row } from './rows.ts';
import type {
  ApiKeyRecord,
  FinishedJob,
  IdempotencyRecord,
  Job,
  Store,
  StoredActivation,
  StoredKey,
  StoredRenewal,
} from './store.ts';

/** Where the database is. */
export interface PgliteStoreOptions {
  /** Folder of the coordinator's database; made where absent, mode 0700. */
  readonly folder: string;
}

/**
 * Opens the database of a folder, or makes it. The first start builds it under another name and renames it when it is
 * whole, so a process killed meanwhile leaves nothing half-made under the final name.
 * @throws SymbolonError `coordinator/store-locked`, `coordinator/store-newer`, `coordinator/store-broken`.
 */
export async function openPgliteStore({ folder }: PgliteStoreOptions): Promise<Store> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw broken(error, 'make folder');
  }
  const unlock = lockFolder(folder);
  let opened: DurableDatabase | undefined;
  try {
    opened = await openDatabase(folder);
    await migrate(opened.db);
    await opened.flush();
    return new PgliteStore(opened, unlock);
  } catch (error) {
    await opened?.db.close().catch(() => undefined);
    unlock();
    throw isSymbolonError(error) ? error : broken(error, 'open');
  }
}

async function openDatabase(folder: string): Promise<DurableDatabase> {
  const final = join(folder, 'pglite');
  if (!existsSync(final)) {
    const partial = join(folder, 'pglite.partial');
    rmSync(partial, { recursive: true, force: true });
    const fresh = await openDurable(partial);
    await fresh.db.close();
    syncFolder(partial);
    renameSync(partial, final);
    syncPath(folder);
  }
  return openDurable(final);
}

async function migrate(db: PGlite): Promise<void> {
  await db.exec('create table if not exists schema_version (version integer not null)');
  const found = await db.query<{ version: number }>('select version from schema_version');
  const version = found.rows[0]?.version ?? 0;
  if (version > migrations.length) {
    throw new SymbolonError('coordinator/store-newer', { found: version, known: migrations.length });
  }
  if (version === migrations.length) {
    return;
  }
  // All steps and the new version in one transaction: a kill leaves the old version, whole.
  await db.transaction(async (tx) => {
    for (const step of migrations.slice(version)) {
      await tx.exec(step);
    }
    await tx.exec('delete from schema_version');
    await tx.query('insert into schema_version (version) values ($1)', [migrations.length]);
  });
}

const broken = (cause: unknown, step: string): SymbolonError =>
  new SymbolonError('coordinator/store-broken', { reason: step }, { cause });

/** Runs SQL; errors of the database become `coordinator/store-broken`, without its texts, which may quote values. */
async function guarded<T>(step: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw isSymbolonError(error) ? error : broken(error, step);
  }
}

class PgliteStore implements Store {
  readonly #db: PGlite;
  readonly #flush: () => Promise<void>;
  readonly #unlock: () => void;
  #closed = false;

  constructor({ db, flush }: DurableDatabase, unlock: () => void) {
    this.#db = db;
    this.#flush = flush;
    this.#unlock = unlock;
  }

  async addKeys(keys: readonly StoredKey[]): Promise<void> {
    if (keys.length > 0) {
      await this.#query('add keys', insertKeys(keys.length), keys.flatMap(keyValues));
    }
  }

  async addPendingKey(key: StoredKey, confirmations: Uint8Array, made: FinishedJob): Promise<void> {
    await this.#transaction('add pending key', async (tx) => {
      await tx.query(insertKeys(1, replaced), keyValues({ ...key, state: 'pending' }));
      await tx.query('delete from activated where key = $1', [key.id]);
      await tx.query(
        `insert into activations (key, confirmations) values ($1, $2)
         on conflict (key) do update set confirmations = excluded.confirmations`,
        [key.id, confirmations],
      );
      await tx.query(finishJob, [made.id, 'done', made.outcome, made.at]);
    });
  }

  async keys(): Promise<StoredKey[]> {
    const { rows } = await this.#query(
      'keys',
      `select id, scheme, purpose, label, threshold, nodes, generation, created_at, state,
         encode(public, 'base64') as public
       from keys order by created_at, id`,
    );
    return rows.map(keyOf);
  }

  async activations(): Promise<StoredActivation[]> {
    const { rows } = await this.#query(
      'activations',
      `select a.key, a.confirmations,
         array(select node from activated d where d.key = a.key order by node) as done
       from activations a order by a.key`,
    );
    return rows.map(activationOf);
  }

  async activatedBy(key: string, node: string): Promise<void> {
    await this.#query(
      'activated',
      'insert into activated (key, node) values ($1, $2) on conflict do nothing',
      [key, node],
    );
  }

  async activate(key: string): Promise<void> {
    await this.#transaction('activate', async (tx) => {
      await tx.query(`update keys set state = 'active' where id = $1`, [key]);
      await tx.query('delete from activations where key = $1', [key]);
      await tx.query('delete from activated where key = $1', [key]);
    });
  }

  async addRenewal(renewal: Omit<StoredRenewal, 'done'>, made: FinishedJob): Promise<void> {
    const { key, generation, threshold, nodes, confirmations, told } = renewal;
    await this.#transaction('add renewal', async (tx) => {
      // One that was given up for this one takes its deliveries with it.
      await tx.query('delete from renewals where key = $1', [key]);
      await tx.query(
        `insert into renewals (key, generation, threshold, nodes, confirmations, told)
         values ($1, $2, $3, $4, $5, $6)`,
        [key, generation, threshold, [...nodes], confirmations, [...told]],
      );
      await tx.query(finishJob, [made.id, 'done', made.outcome, made.at]);
    });
  }

  async renewals(): Promise<StoredRenewal[]> {
    const { rows } = await this.#query(
      'renewals',
      `select r.*, array(select node from renewed d where d.key = r.key order by node) as done
       from renewals r order by r.key`,
    );
    return rows.map(renewalOf);
  }

  async renewedBy(key: string, node: string): Promise<void> {
    await this.#query('renewed', 'insert into renewed (key, node) values ($1, $2) on conflict do nothing', [
      key,
      node,
    ]);
  }

  async replaceKey(key: StoredKey): Promise<void> {
    await this.#transaction('replace key', async (tx) => {
      await tx.query(
        `update keys set generation = $2, threshold = $3, nodes = $4, public = $5
         where id = $1 and generation < $2`,
        [key.id, key.generation, key.threshold, [...key.nodes], key.public],
      );
      await tx.query('delete from renewals where key = $1 and generation <= $2', [key.id, key.generation]);
    });
  }

  async addJob(
    job: Omit<Job, 'state' | 'finishedAt' | 'outcome'>,
  ): Promise<{ readonly job: Job; readonly added: boolean }> {
    const { rows } = await this.#query(
      'add job',
      `insert into jobs (id, kind, request, hash, key, state, created_at, expires_at)
       values ($1, $2, $3, $4, $5, 'running', $6, $7) on conflict do nothing returning *`,
      [job.id, job.kind, job.request, job.hash, job.key ?? null, job.createdAt, job.expiresAt],
    );
    if (rows[0] !== undefined) {
      return { job: jobOf(rows[0]), added: true };
    }
    const present = await this.job(job.id);
    if (present === undefined) {
      throw broken(undefined, 'add job');
    }
    return { job: present, added: false };
  }

  async restartJob(id: string): Promise<void> {
    await this.#query(
      'restart job',
      `update jobs set state = 'running', finished_at = null, outcome = null where id = $1 and state = 'failed'`,
      [id],
    );
  }

  async finishJob(id: string, state: 'done' | 'failed', outcome: string, at: number): Promise<void> {
    await this.#query('finish job', finishJob, [id, state, outcome, at]);
  }

  async job(id: string): Promise<Job | undefined> {
    const { rows } = await this.#query('job', 'select * from jobs where id = $1', [id]);
    return rows[0] === undefined ? undefined : jobOf(rows[0]);
  }

  async runningJobs(): Promise<Job[]> {
    const { rows } = await this.#query(
      'running jobs',
      `select * from jobs where state = 'running' order by created_at, id`,
    );
    return rows.map(jobOf);
  }

  async claimIdempotency(record: IdempotencyRecord): Promise<IdempotencyRecord> {
    await this.#query(
      'claim idempotency key',
      `insert into idempotency (caller, key, route, body_hash, created_at)
       values ($1, $2, $3, $4, $5) on conflict do nothing`,
      [record.caller, record.key, record.route, record.bodyHash, record.createdAt],
    );
    const { rows } = await this.#query(
      'idempotency key',
      'select * from idempotency where caller = $1 and key = $2',
      [record.caller, record.key],
    );
    const [row] = rows;
    if (row === undefined) {
      throw broken(undefined, 'claim idempotency key');
    }
    return idempotencyOf(row);
  }

  async prune(before: number): Promise<void> {
    await this.#query('prune', 'delete from idempotency where created_at < $1', [before]);
    await this.#query('prune', `delete from jobs where state = 'failed' and finished_at < $1`, [before]);
  }

  async addApiKey(key: ApiKeyRecord): Promise<void> {
    await this.#query(
      'add api key',
      `insert into api_keys (name, hash, created_at) values ($1, $2, $3)
       on conflict (name) do update set hash = excluded.hash, created_at = excluded.created_at`,
      [key.name, key.hash, key.createdAt],
    );
  }

  async apiKeys(): Promise<ApiKeyRecord[]> {
    const { rows } = await this.#query('api keys', 'select * from api_keys order by name');
    return rows.map(apiKeyOf);
  }

  async removeApiKey(name: string): Promise<boolean> {
    const { rows } = await this.#query(
      'remove api key',
      'delete from api_keys where name = $1 returning name',
      [name],
    );
    return rows.length > 0;
  }

  async close(): Promise<void> {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    try {
      await guarded('close', () => this.#db.close());
    } finally {
      this.#unlock();
    }
  }

  #query(step: string, sql: string, values: readonly unknown[] = []): Promise<Results<Row>> {
    return guarded(step, async () => {
      const results = await this.#db.query<Row>(sql, [...values]);
      await this.#flush();
      return results;
    });
  }

  async #transaction(step: string, run: (tx: Transaction) => Promise<void>): Promise<void> {
    await guarded(step, async () => {
      await this.#db.transaction(run);
      await this.#flush();
    });
  }
}

const finishJob = `update jobs set state = $2, outcome = $3, finished_at = $4 where id = $1 and state <> 'done'`;
/** What becomes of a key that is there under the same id: all of it is put anew. */
const replaced = `(id) do update set scheme = excluded.scheme, purpose = excluded.purpose, label = excluded.label,
  threshold = excluded.threshold, nodes = excluded.nodes, generation = excluded.generation,
  created_at = excluded.created_at, public = excluded.public, state = excluded.state`;
/** Puts `count` keys, with {@link keyValues} of each. One that is there stays, unless told. */
const insertKeys = (count: number, conflict = 'do nothing'): string => {
  const rows = Array.from({ length: count }, (_, row) => {
    const places = Array.from({ length: 10 }, (__, i) => `$${row * 10 + i + 1}`);
    return `(${places.join(', ')})`;
  });
  return `insert into keys
    (id, scheme, purpose, label, threshold, nodes, generation, created_at, public, state)
    values ${rows.join(', ')} on conflict ${conflict}`;
};

const keyValues = (key: StoredKey): unknown[] => [
  key.id,
  key.scheme,
  key.purpose,
  key.label,
  key.threshold,
  [...key.nodes],
  key.generation,
  key.createdAt,
  key.public,
  key.state,
];
