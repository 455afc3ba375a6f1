/** Rows of the database as the values of store.ts. Every column is checked: a row that does not fit is a broken store. */
import { SymbolonError } from '../../wire/errors/index.ts';
import { schemes } from '../../wire/ids.ts';
import {
  jobKinds,
  type ApiKeyRecord,
  type IdempotencyRecord,
  type Job,
  type StoredActivation,
  type StoredKey,
  type StoredRenewal,
} from './store.ts';

/** A row as the database gives it. */
export type Row = Readonly<Record<string, unknown>>;

const unreadable = (column: string): SymbolonError =>
  new SymbolonError('coordinator/store-broken', { reason: `column ${column}` });

function textOf(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') {
    throw unreadable(column);
  }
  return value;
}
function numberOf(row: Row, column: string): number {
  const value = row[column];
  const number = typeof value === 'bigint' || typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) {
    throw unreadable(column);
  }
  return number;
}
function bytesOf(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) {
    throw unreadable(column);
  }
  return value;
}
function textsOf(row: Row, column: string): string[] {
  const value = row[column];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw unreadable(column);
  }
  return value;
}
function oneOfTexts<const T extends string>(row: Row, column: string, wanted: readonly T[]): T {
  const value = wanted.find((item) => item === row[column]);
  if (value === undefined) {
    throw unreadable(column);
  }
  return value;
}
const orAbsent = <T>(row: Row, column: string, read: (row: Row, column: string) => T): T | undefined =>
  row[column] === null ? undefined : read(row, column);

/** A row of `keys` with `public` as base64: for ten thousand rows the driver takes five times as long for bytes. */
export const keyOf = (row: Row): StoredKey => ({
  id: textOf(row, 'id'),
  scheme: oneOfTexts(row, 'scheme', schemes),
  purpose: textOf(row, 'purpose'),
  label: textOf(row, 'label'),
  threshold: numberOf(row, 'threshold'),
  nodes: textsOf(row, 'nodes'),
  generation: numberOf(row, 'generation'),
  createdAt: numberOf(row, 'created_at'),
  public: new Uint8Array(Buffer.from(textOf(row, 'public'), 'base64')),
  state: oneOfTexts(row, 'state', ['pending', 'active']),
});
/** A row of `jobs`. */
export const jobOf = (row: Row): Job => ({
  id: textOf(row, 'id'),
  kind: oneOfTexts(row, 'kind', jobKinds),
  request: bytesOf(row, 'request'),
  hash: bytesOf(row, 'hash'),
  key: orAbsent(row, 'key', textOf),
  state: oneOfTexts(row, 'state', ['running', 'done', 'failed']),
  createdAt: numberOf(row, 'created_at'),
  expiresAt: numberOf(row, 'expires_at'),
  finishedAt: orAbsent(row, 'finished_at', numberOf),
  outcome: orAbsent(row, 'outcome', textOf),
});
/** A row of `activations` with its `done`. */
export const activationOf = (row: Row): StoredActivation => ({
  key: textOf(row, 'key'),
  confirmations: bytesOf(row, 'confirmations'),
  done: textsOf(row, 'done'),
});
/** A row of `renewals` with its `done`. */
export const renewalOf = (row: Row): StoredRenewal => ({
  key: textOf(row, 'key'),
  generation: numberOf(row, 'generation'),
  threshold: numberOf(row, 'threshold'),
  nodes: textsOf(row, 'nodes'),
  confirmations: bytesOf(row, 'confirmations'),
  told: textsOf(row, 'told'),
  done: textsOf(row, 'done'),
});
/** A row of `idempotency`. */
export const idempotencyOf = (row: Row): IdempotencyRecord => ({
  caller: textOf(row, 'caller'),
  key: textOf(row, 'key'),
  route: textOf(row, 'route'),
  bodyHash: bytesOf(row, 'body_hash'),
  createdAt: numberOf(row, 'created_at'),
});
/** A row of `api_keys`. */
export const apiKeyOf = (row: Row): ApiKeyRecord => ({
  name: textOf(row, 'name'),
  hash: bytesOf(row, 'hash'),
  createdAt: numberOf(row, 'created_at'),
});
