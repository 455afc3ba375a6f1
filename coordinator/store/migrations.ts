/**
 * The schema, one step a version. A step that was released is never changed; a new one is added. The statements are
 * plain PostgreSQL: the same ones run on a PostgreSQL server.
 */

/** The steps, in order; the version of the schema is their number. */
export const migrations: readonly string[] = [
  `
  create table keys (
    id text primary key,
    scheme text not null,
    purpose text not null,
    label text not null,
    threshold integer not null,
    nodes text[] not null,
    generation bigint not null,
    created_at bigint not null,
    public bytea not null,
    state text not null check (state in ('pending', 'active'))
  );
  create table activations (
    key text primary key references keys (id),
    confirmations bytea not null
  );
  create table activated (
    key text not null references keys (id),
    node text not null,
    primary key (key, node)
  );
  create table jobs (
    id text primary key,
    kind text not null check (kind in ('sign', 'key.create')),
    request bytea not null,
    hash bytea not null,
    key text,
    state text not null check (state in ('running', 'done', 'failed')),
    created_at bigint not null,
    expires_at bigint not null,
    finished_at bigint,
    outcome text
  );
  create index jobs_running on jobs (created_at) where state = 'running';
  create table idempotency (
    caller text not null,
    key text not null,
    route text not null,
    body_hash bytea not null,
    created_at bigint not null,
    primary key (caller, key)
  );
  create table api_keys (
    name text primary key,
    hash bytea not null unique,
    created_at bigint not null
  );
  `,
  `
  alter table jobs drop constraint jobs_kind_check;
  alter table jobs add constraint jobs_kind_check
    check (kind in ('sign', 'key.create', 'key.refresh', 'key.reshare', 'pair'));
  create table renewals (
    key text primary key references keys (id),
    generation bigint not null,
    threshold integer not null,
    nodes text[] not null,
    confirmations bytea not null,
    told text[] not null
  );
  create table renewed (
    key text not null references renewals (key) on delete cascade,
    node text not null,
    primary key (key, node)
  );
  `,
];
