/** Reading a pairing from the disk. */
import { openRecord, type HsmLink, type WrappingAlgorithm } from '../../hsm/index.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { maxSealedRecord } from '../../wire/limits.ts';
import type { Files } from '../files/atomic.ts';
import { isRecordFault } from '../keystore/load.ts';
import {
  pairingFile,
  pairingRecordBytes,
  poisonMarkBytes,
  type PairingName,
  type PairingRecord,
  type PoisonMark,
} from './records.ts';

/** Kind that the seal of a pairing carries. */
export const pairingKind = 'pairing';

/** A generation of a pairing. */
export type PairingPlace = Omit<PairingName, 'part'>;
/** An unsealed pairing. */
export interface OpenedPairing {
  readonly record: PairingRecord;
  /** The authenticated open part as it lies in the seal. */
  readonly open: Uint8Array;
  /** In ordinary memory: who opened it wipes it. */
  readonly secret: Uint8Array;
}
/** A generation of a pairing as the disk has it. */
export type LoadedPairing =
  | { readonly kind: 'sealed'; readonly opened: OpenedPairing }
  | { readonly kind: 'poisoned'; readonly mark: PoisonMark }
  | { readonly kind: 'broken'; readonly file: string; readonly code: string; readonly detail: string };

/** What reading works with. */
export interface LoadModules {
  readonly files: Pick<Files, 'read'>;
  readonly hsm: HsmLink;
  /** Path of a file of the store. */
  readonly pathOf: (file: string) => string;
}
/** Whose pairings they are. */
export interface PairingsOwner {
  readonly cluster: Uint8Array;
  readonly node: string;
}

/**
 * Unseals a pairing that must be the one of its place (T28). The caller wipes the secret.
 * @throws SymbolonError `hsm/*`, `wire/*`, `store/record-mismatch`.
 */
export async function openPairingRecord(
  sealed: Uint8Array,
  { peer, generation }: PairingPlace,
  { cluster, node }: PairingsOwner,
  hsm: HsmLink,
): Promise<OpenedPairing> {
  const expected = { cluster, node, kind: pairingKind, subject: peer, generation };
  const { context, secret } = await openRecord(hsm, sealed, expected);
  try {
    const record = pairingRecordBytes.decode(context.open);
    if (record.peer !== peer) {
      throw new SymbolonError('store/record-mismatch', { reason: 'the open part is of another peer' });
    }
    return { record, open: context.open, secret };
  } catch (error) {
    secret.fill(0);
    throw error;
  }
}

/**
 * Whether nobody but the token can make a record that opens. Nothing public says what is in a pairing, so the seal alone
 * must say who made it: a node that took chosen seeds from the disk would hand its share to the peer who chose them (T29).
 */
const onlyTokenSeals = (algorithm: WrappingAlgorithm): boolean => algorithm === 'hmac-sha256';

/**
 * Reads one generation: a mark, whatever it says, means that the sealed record is not looked at. Faults of the files are
 * results; the caller wipes the secret.
 * @throws SymbolonError `hsm/*` where the token or its link fails.
 */
export async function loadPairing(
  place: PairingPlace,
  owner: PairingsOwner,
  { files, hsm, pathOf }: LoadModules,
): Promise<LoadedPairing> {
  const markFile = pairingFile({ ...place, part: 'poisoned' });
  const sealedFile = pairingFile({ ...place, part: 'sealed' });
  const mark = await files.read(pathOf(markFile), poisonMarkBytes.maxBytes);
  if (mark.kind === 'broken') {
    return fileFault(markFile, mark.reason);
  }
  if (mark.kind === 'value') {
    return readMark(mark.bytes, place, markFile);
  }
  const { algorithm } = hsm.token;
  if (!onlyTokenSeals(algorithm)) {
    const { code, message } = new SymbolonError('store/not-authentic', { file: sealedFile, algorithm });
    return { kind: 'broken', file: sealedFile, code, detail: message };
  }
  const sealed = await files.read(pathOf(sealedFile), maxSealedRecord);
  if (sealed.kind !== 'value') {
    return fileFault(sealedFile, sealed.kind === 'broken' ? sealed.reason : 'it is gone');
  }
  try {
    return { kind: 'sealed', opened: await openPairingRecord(sealed.bytes, place, owner, hsm) };
  } catch (error) {
    if (!isRecordFault(error)) {
      throw error;
    }
    return { kind: 'broken', file: sealedFile, code: error.code, detail: error.message };
  }
}

function readMark(raw: Uint8Array, { peer, generation }: PairingPlace, file: string): LoadedPairing {
  try {
    const mark = poisonMarkBytes.decode(raw);
    return mark.peer === peer && mark.generation === generation
      ? { kind: 'poisoned', mark }
      : fileFault(file, 'it is of another pairing');
  } catch (error) {
    if (isSymbolonError(error)) {
      return fileFault(file, error.message);
    }
    throw error;
  }
}

function fileFault(file: string, reason: string): LoadedPairing {
  const { code, message } = new SymbolonError('store/file-broken', { file, reason });
  return { kind: 'broken', file, code, detail: message };
}
