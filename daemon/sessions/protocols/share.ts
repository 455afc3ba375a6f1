/** The share of a key, looked up at the moment in which a run takes it. */
import type { KeyShare } from '../../../threshold/index.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { toHex } from '../../../wire/ids.ts';
import type { FoundKey, Keystore } from '../../keystore/keystore.ts';

/** A key that can be used here. */
export type ActiveKey = Extract<FoundKey, { kind: 'active' }>;

/**
 * The key, active and of this generation (T20). Its share is lent: it goes to a run before anything else is awaited.
 * @throws SymbolonError `session/unknown-key`, `session/key-not-active`, `session/wrong-generation`; `hsm/*`, `store/*`.
 */
export async function activeKey(
  keystore: Pick<Keystore, 'open'>,
  id: string,
  generation?: number,
): Promise<ActiveKey> {
  const found = await keystore.open(id);
  if (found.kind === 'absent') {
    throw new SymbolonError('session/unknown-key', { key: id });
  }
  if (found.kind !== 'active') {
    throw new SymbolonError('session/key-not-active', {
      key: id,
      state: found.kind === 'broken' ? found.code : found.kind,
    });
  }
  const { generation: got } = found.info;
  if (generation !== undefined && got !== generation) {
    throw new SymbolonError('session/wrong-generation', { key: id, wanted: generation, got });
  }
  return found;
}

/** Names the shares of a key that a node has: the session that made them. Two refreshes can make one generation twice. */
export const sharesOf = ({ record }: ActiveKey): string => toHex(record.session);

/**
 * The share that this key had when its session was opened, and nothing newer (T20). Lent: it goes to a run before anything
 * else is awaited.
 * @throws SymbolonError as {@link activeKey}.
 */
export async function lentShare(keystore: Pick<Keystore, 'open'>, opened: ActiveKey): Promise<KeyShare> {
  return (await sameKey(keystore, opened)).share;
}

/** The key as it was when its session was opened. @throws SymbolonError as {@link activeKey}. */
export async function sameKey(keystore: Pick<Keystore, 'open'>, opened: ActiveKey): Promise<ActiveKey> {
  const { id, generation } = opened.info;
  const found = await activeKey(keystore, id, generation);
  if (sharesOf(found) !== sharesOf(opened)) {
    throw new SymbolonError('session/wrong-generation', { key: id, wanted: generation, got: generation });
  }
  return found;
}
