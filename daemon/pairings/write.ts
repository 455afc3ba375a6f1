/** Writing a pairing to the disk. */
import { sealRecord } from '../../hsm/index.ts';
import type { Random } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes } from '../../wire/ids.ts';
import { maxSealedRecord } from '../../wire/limits.ts';
import type { Files } from '../files/atomic.ts';
import {
  openPairingRecord,
  pairingKind,
  type LoadModules,
  type PairingPlace,
  type PairingsOwner,
} from './load.ts';
import { pairingFile } from './records.ts';

/** What writing works with. */
export interface WriteModules extends LoadModules {
  readonly files: Pick<Files, 'read' | 'replace'>;
  readonly random: Random;
}

/**
 * Seals and writes; the copy on the disk opens and holds the same, before anybody is told that it is stored.
 * @throws SymbolonError `store/write-failed`, `store/record-mismatch`, `wire/oversize`, `hsm/*`.
 */
export async function writePairing(
  place: PairingPlace,
  open: Uint8Array,
  secret: Uint8Array,
  owner: PairingsOwner,
  { files, hsm, random, pathOf }: WriteModules,
): Promise<void> {
  const { cluster, node } = owner;
  const { peer, generation } = place;
  const context = { cluster, node, kind: pairingKind, subject: peer, generation, open };
  const sealed = await sealRecord(hsm, context, secret, random);
  const file = pairingFile({ ...place, part: 'sealed' });
  await files.replace(pathOf(file), sealed);
  const back = await files.read(pathOf(file), maxSealedRecord);
  if (back.kind !== 'value') {
    const reason = back.kind === 'broken' ? back.reason : 'it is gone';
    throw new SymbolonError('store/write-failed', { step: 'read back', file, reason });
  }
  const opened = await openPairingRecord(back.bytes, place, owner, hsm);
  try {
    if (!equalBytes(opened.open, open) || !equalBytes(opened.secret, secret)) {
      throw new SymbolonError('store/record-mismatch', { reason: 'another record came back from the disk' });
    }
  } finally {
    opened.secret.fill(0);
  }
}
