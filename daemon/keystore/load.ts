/** Reading one candidate from the disk: unseal, check against its public commitment, check its proof. */
import { openRecord, unsafeReadRecord, type HsmLink } from '../../hsm/index.ts';
import { checkKeyShare } from '../../threshold/index.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { maxSealedRecord } from '../../wire/limits.ts';
import type { Envelope } from '../../wire/messages/session.ts';
import type { Files } from '../files/atomic.ts';
import { checkActivation } from './activation.ts';
import {
  activationBytes,
  decodeDeparture,
  decodeOpenPart,
  fileOf,
  sealKinds,
  sessionOfName,
  type GenerationRecord,
  type KeyRecord,
  type Place,
} from './records.ts';

/** Why a file can't be used. */
export interface Fault {
  readonly kind: 'fault';
  readonly code: string;
  readonly detail: string;
}
/** An unsealed record. `open` is the authenticated open part as it lies in the seal. */
export type Opened =
  | {
      readonly kind: 'share';
      readonly record: KeyRecord;
      readonly open: Uint8Array;
      /** The secret of the share, 32 bytes in ordinary memory: who loaded it wipes it. */
      readonly secret: Uint8Array;
    }
  | { readonly kind: 'departure'; readonly record: GenerationRecord; readonly open: Uint8Array };
/** The proof beside a record. */
export type Proof =
  | { readonly kind: 'absent' }
  | { readonly kind: 'good'; readonly confirmations: readonly Envelope[] }
  | Fault;
/** One candidate as the disk has it. */
export interface Loaded {
  readonly place: Place;
  /** The unsealed record, or why there is none. */
  readonly opened: Opened | Fault;
  readonly proof: Proof;
  /** What the header claims where the record did not open. Not authenticated: for display only. */
  readonly claimed: GenerationRecord | undefined;
}

/** What reading works with. */
export interface LoadModules {
  readonly files: Files;
  readonly hsm: HsmLink;
}
/** Whose store it is. */
export interface StoreOwner {
  readonly cluster: Uint8Array;
  readonly node: string;
}

/** A catalogue error as a {@link Fault}. */
export const faultOf = ({ code, message }: SymbolonError): Fault => ({
  kind: 'fault',
  code,
  detail: message,
});

const fileFault = (file: string, reason: string): Fault =>
  faultOf(new SymbolonError('store/file-broken', { file, reason }));

/** Wipes the secrets of what was loaded. */
export function wipeLoaded(loaded: readonly Loaded[]): void {
  for (const { opened } of loaded) {
    if (opened.kind === 'share') {
      opened.secret.fill(0);
    }
  }
}

/**
 * Whether an error is about the record, and not about the token, its link, or this machine. Only then is the record
 * called broken: a token that is away for a moment, or a limit on locked memory, must not make keys look lost.
 */
export function isRecordFault(error: unknown): error is SymbolonError {
  return (
    isSymbolonError(error) &&
    !error.code.startsWith('native/') &&
    (!error.code.startsWith('hsm/') ||
      error.code.startsWith('hsm/record-') ||
      error.code === 'hsm/wrapped-refused')
  );
}

/**
 * Unseals one record and checks all of it (T28, T29). The caller wipes the secret.
 * @throws SymbolonError `hsm/*`, `wire/*`, `threshold/*`, `store/record-mismatch`.
 */
export async function openSealed(
  sealed: Uint8Array,
  place: Place,
  { cluster, node }: StoreOwner,
  hsm: HsmLink,
): Promise<Opened> {
  const { context, secret } = await openRecord(hsm, sealed, {
    cluster,
    node,
    kind: sealKinds[place.kind],
    subject: place.id,
    generation: place.generation,
  });
  try {
    const { open } = context;
    if (place.kind === 'departure') {
      const record = decodeDeparture(open, cluster, node);
      checkPlace(record, place);
      secret.fill(0);
      return { kind: 'departure', record, open };
    }
    const record = decodeOpenPart(open, cluster, node);
    checkPlace(record, place);
    if (secret.length !== 32) {
      throw new SymbolonError('store/record-mismatch', { reason: 'the share has not 32 bytes' });
    }
    // The token's answer came over a link that others can write to, and a public wrapping key lets anybody seal: only
    // the commitment that the holders agreed on says that this is the share (T29).
    checkKeyShare({ public: record.public, index: record.index, secret });
    return { kind: 'share', record, open, secret };
  } catch (error) {
    secret.fill(0);
    throw error;
  }
}

/** What is in the seal must be what the name of the file says (T28). */
function checkPlace(record: GenerationRecord, { id, generation, session }: Place): void {
  if (record.id !== id || record.public.generation !== generation) {
    throw new SymbolonError('store/record-mismatch', { reason: 'the open part is of another key' });
  }
  if (session !== '' && session !== sessionOfName(record.session)) {
    throw new SymbolonError('store/record-mismatch', { reason: 'the open part is of another session' });
  }
}

/**
 * Reads one candidate of a key. Faults of the files are results. The caller wipes the secret.
 * @throws SymbolonError `hsm/*` where the token or its link fails.
 */
export async function loadCandidate(
  pathOf: (file: string) => string,
  place: Place,
  owner: StoreOwner,
  { files, hsm }: LoadModules,
): Promise<Loaded> {
  const recordFile = fileOf(place, 'record');
  const sealed = await files.read(pathOf(recordFile), maxSealedRecord);
  if (sealed.kind !== 'value') {
    const reason =
      sealed.kind === 'broken' ? sealed.reason : 'the sealed record is gone, its activation is there';
    return {
      place,
      opened: fileFault(recordFile, reason),
      proof: { kind: 'absent' },
      claimed: undefined,
    };
  }
  let opened: Opened;
  try {
    opened = await openSealed(sealed.bytes, place, owner, hsm);
  } catch (error) {
    if (!isRecordFault(error)) {
      throw error;
    }
    const claimed = unsafeClaimedBy(sealed.bytes, place, owner.cluster);
    return { place, opened: faultOf(error), proof: { kind: 'absent' }, claimed };
  }
  return { place, opened, proof: await loadProof(pathOf, place, opened, files), claimed: undefined };
}

async function loadProof(
  pathOf: (file: string) => string,
  place: Place,
  { record, open }: Opened,
  files: Files,
): Promise<Proof> {
  const file = fileOf(place, 'proof');
  const proof = await files.read(pathOf(file), activationBytes.maxBytes);
  if (proof.kind === 'absent') {
    return { kind: 'absent' };
  }
  if (proof.kind === 'broken') {
    return fileFault(file, proof.reason);
  }
  try {
    return { kind: 'good', confirmations: checkActivation(record, open, proof.bytes) };
  } catch (error) {
    if (!isSymbolonError(error)) {
      throw error;
    }
    return error.code.startsWith('wire/') ? fileFault(file, error.message) : faultOf(error);
  }
}

/**
 * What the header of a sealed record says of itself, or `undefined` where it can't be read or says that it is of another
 * key. Nobody has checked it: so that a person can see which key it is, and for listings.
 */
export function unsafeClaimedBy(
  sealed: Uint8Array,
  { id, kind }: Place,
  cluster: Uint8Array,
): GenerationRecord | undefined {
  try {
    // The record of another node is shown as what it says it is: the refusal beside it has both names.
    const { context } = unsafeReadRecord(sealed);
    const decode = kind === 'share' ? decodeOpenPart : decodeDeparture;
    const record = decode(context.open, cluster, context.node);
    return record.id === id ? record : undefined;
  } catch (error) {
    if (isSymbolonError(error)) {
      return undefined;
    }
    throw error;
  }
}
