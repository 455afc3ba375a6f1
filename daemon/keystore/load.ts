/** Reading one record from the disk: unseal, check against its public commitment, check its activation. */
import { openRecord, unsafeReadRecord, type HsmLink } from '../../hsm/index.ts';
import { checkKeyShare, type KeyShare } from '../../threshold/index.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { maxSealedRecord } from '../../wire/limits.ts';
import type { Absent, Broken, Files, FileValue } from '../files/atomic.ts';
import { checkActivation } from './activation.ts';
import { activationBytes, decodeOpenPart, recordFile, type KeyRecord } from './records.ts';
import type { SecretMemory } from './secretMemory.ts';

/** Why a file can't be used. */
export interface Fault {
  readonly code: string;
  readonly detail: string;
}
/** An unsealed record with its share. */
export interface OpenedRecord {
  readonly record: KeyRecord;
  /** The authenticated open part as it lies in the seal. */
  readonly open: Uint8Array;
  readonly share: KeyShare;
}
/** One generation of a key as the disk has it. */
export interface Loaded {
  readonly id: string;
  readonly generation: number;
  /** The unsealed record, or why there is none. */
  readonly opened: OpenedRecord | Fault;
  /** What the header claims where the record did not open. Not authenticated: for display only. */
  readonly claimed: KeyRecord | undefined;
  readonly activation: 'absent' | 'good' | Fault;
}

/** What reading works with. */
export interface LoadModules {
  readonly files: Files;
  readonly hsm: HsmLink;
  readonly memory: SecretMemory;
}
/** Whose store it is. */
export interface StoreOwner {
  readonly cluster: Uint8Array;
  readonly node: string;
}

/** True for a {@link Fault}. */
export const isFault = (value: OpenedRecord | 'absent' | 'good' | Fault): value is Fault =>
  typeof value === 'object' && 'code' in value;

/** A catalogue error as a {@link Fault}. */
export const faultOf = ({ code, message }: SymbolonError): Fault => ({ code, detail: message });

/**
 * Whether an error is about the record, and not about the token, its link, or this machine. Only then is the record
 * called broken: a token that is away for a moment, or a limit on locked memory, must not make keys look lost.
 */
function isRecordFault(error: unknown): error is SymbolonError {
  return (
    isSymbolonError(error) &&
    !error.code.startsWith('native/') &&
    (!error.code.startsWith('hsm/') ||
      error.code.startsWith('hsm/record-') ||
      error.code === 'hsm/wrapped-refused')
  );
}

/** Unseals one record and checks all of it (T28, T29). The share's secret lies in `memory`. */
export async function openSealed(
  sealed: Uint8Array,
  expected: { readonly id: string; readonly generation: number },
  { cluster, node }: StoreOwner,
  { hsm, memory }: Pick<LoadModules, 'hsm' | 'memory'>,
): Promise<OpenedRecord> {
  const { context, secret } = await openRecord(hsm, sealed, {
    cluster,
    node,
    kind: 'key-share',
    subject: expected.id,
    generation: expected.generation,
  });
  try {
    const { open } = context;
    const record = decodeOpenPart(open, cluster, node);
    if (record.id !== expected.id || record.public.generation !== expected.generation) {
      throw new SymbolonError('store/record-mismatch', { reason: 'the open part is of another key' });
    }
    if (secret.length !== 32) {
      throw new SymbolonError('store/record-mismatch', { reason: 'the share has not 32 bytes' });
    }
    // The token's answer came over a link that others can write to, and a public wrapping key lets anybody seal: only
    // the commitment that the holders agreed on says that this is the share (T29).
    checkKeyShare({ public: record.public, index: record.index, secret });
    return {
      record,
      open,
      share: { public: record.public, index: record.index, secret: memory.adopt(secret) },
    };
  } finally {
    secret.fill(0);
  }
}

/**
 * Reads one generation of a key. Faults of the files are results.
 * @throws SymbolonError `hsm/*` where the token or its link fails, `native/*` where there is no memory for secrets.
 */
export async function loadRecord(
  folder: (file: string) => string,
  key: { readonly id: string; readonly generation: number },
  owner: StoreOwner,
  modules: LoadModules,
): Promise<Loaded> {
  const sealedName = recordFile({ ...key, part: 'sealed' });
  const activeName = recordFile({ ...key, part: 'active' });
  const sealed = await modules.files.read(folder(sealedName), maxSealedRecord);
  const active = await modules.files.read(folder(activeName), activationBytes.maxBytes);
  if (sealed.kind !== 'value') {
    const reason =
      sealed.kind === 'broken' ? sealed.reason : 'the sealed record is gone, its activation is there';
    return { ...key, opened: fileFault(sealedName, reason), claimed: undefined, activation: 'absent' };
  }
  let opened: OpenedRecord;
  try {
    opened = await openSealed(sealed.bytes, key, owner, modules);
  } catch (error) {
    if (!isRecordFault(error)) {
      throw error;
    }
    return {
      ...key,
      opened: faultOf(error),
      claimed: unsafeClaimedBy(sealed.bytes, key.id, owner),
      activation: 'absent',
    };
  }
  return { ...key, opened, claimed: undefined, activation: activationState(active, activeName, opened) };
}

function activationState(
  active: Absent | FileValue | Broken,
  file: string,
  { record, open }: OpenedRecord,
): Loaded['activation'] {
  if (active.kind === 'absent') {
    return 'absent';
  }
  if (active.kind === 'broken') {
    return fileFault(file, active.reason);
  }
  try {
    checkActivation(record, open, active.bytes);
    return 'good';
  } catch (error) {
    if (!isSymbolonError(error)) {
      throw error;
    }
    return error.code.startsWith('wire/') ? fileFault(file, error.message) : faultOf(error);
  }
}

const fileFault = (file: string, reason: string): Fault =>
  faultOf(new SymbolonError('store/file-broken', { file, reason }));

/** What the header of a record that did not open says of itself, so that a person can see which key it was. */
function unsafeClaimedBy(sealed: Uint8Array, id: string, { cluster }: StoreOwner): KeyRecord | undefined {
  try {
    // The record of another node is shown as what it says it is: the refusal beside it has both names.
    const { context } = unsafeReadRecord(sealed);
    const record = decodeOpenPart(context.open, cluster, context.node);
    return record.id === id ? record : undefined;
  } catch (error) {
    if (isSymbolonError(error)) {
      return undefined;
    }
    throw error;
  }
}
