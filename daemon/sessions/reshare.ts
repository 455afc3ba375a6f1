/**
 * What is checked before a reshare. Holders to be learn the key from the request: its public data follow from nothing that
 * they have, except that the key's id is a hash over them. What present holders have, they compare, and a dealer without
 * the key, or with other public data of it, deals nothing.
 */
import { decodeKeyPublic, encodeKeyPublic, type KeyPublic } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, keyIdOf } from '../../wire/ids.ts';
import type { ManifestClient } from '../../wire/messages/manifest.ts';
import type { RenewRequest } from '../../wire/messages/request.ts';
import { checkKeyUse, type VerifiedManifest } from '../../manifest/index.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Participant } from './contract.ts';
import { badParticipants, checkSame, indicesOf, nodesOfManifest } from './participants.ts';
import { activeKey, type ActiveKey } from './protocols/share.ts';

type ReshareRequest = Extract<RenewRequest, { action: 'key.reshare' }>;

/** What a reshare is about, checked. */
export interface Reshare {
  /** Sorted by name: dealers and next holders. */
  readonly participants: readonly Participant[];
  /** What this node has of the key now, if it has a share. */
  readonly own: ActiveKey | undefined;
  readonly public: KeyPublic;
  /** Indices, rising. */
  readonly dealers: readonly number[];
  /** Indices, rising. */
  readonly next: readonly number[];
}

/**
 * Checks a reshare.
 * @throws SymbolonError `session/bad-participants`, `session/other-key-data`, `session/wrong-generation`,
 * `session/unknown-key`, `session/key-not-active`, `request/*`, `wire/*`, `threshold/bad-parameters`, `store/*`, `hsm/*`.
 */
export async function checkReshare(
  request: ReshareRequest,
  client: ManifestClient,
  names: readonly string[],
  modules: {
    readonly node: string;
    readonly manifest: VerifiedManifest;
    readonly keystore: Pick<Keystore, 'open'>;
  },
): Promise<Reshare> {
  const { node, manifest, keystore } = modules;
  checkSame([...new Set([...request.dealers, ...request.nodes])].sort(), names);
  const key = publicOf(request, manifest);
  checkKeyUse(request, client, { id: request.key, scheme: key.scheme, purpose: request.purpose });
  const found = await keystore.open(request.key);
  const own = found.kind === 'active' && !hasLeft(found, request, key, node) ? found : undefined;
  if (own !== undefined) {
    compare(request, own);
  } else if (request.dealers.includes(node)) {
    await activeKey(keystore, request.key);
  }
  const dealers = indicesOf(nodesOfManifest(request.dealers, manifest));
  if (dealers.length !== key.threshold || !dealers.every((index) => key.participants.includes(index))) {
    badParticipants(`the dealers are not exactly ${key.threshold} present holders`);
  }
  return {
    participants: nodesOfManifest(names, manifest),
    own,
    public: key,
    dealers,
    next: indicesOf(nodesOfManifest(request.nodes, manifest)),
  };
}

/** The public data in the request, of this key and generation. */
function publicOf(request: ReshareRequest, { manifest }: VerifiedManifest): KeyPublic {
  const key = decodeKeyPublic(request.public);
  const { scheme, groupPublicKey, generation } = key;
  if (
    keyIdOf(manifest.cluster, scheme, request.purpose, groupPublicKey) !== request.key ||
    generation !== request.generation
  ) {
    throw new SymbolonError('session/other-key-data', { key: request.key });
  }
  return key;
}

/**
 * Whether this node was a holder before and took no part when the key got new shares without it: its share is of an older
 * generation of this very key. It deals nothing, and comes back like any holder to be.
 */
function hasLeft(
  { info, record }: ActiveKey,
  { dealers }: ReshareRequest,
  key: KeyPublic,
  node: string,
): boolean {
  return (
    info.generation < key.generation &&
    !dealers.includes(node) &&
    equalBytes(record.public.groupPublicKey, key.groupPublicKey) &&
    equalBytes(record.public.chainCode, key.chainCode)
  );
}

/** A node that holds the key now compares all of it: whether it deals or not. */
function compare(request: ReshareRequest, { info, record }: ActiveKey): void {
  const { key, generation: wanted } = request;
  if (info.generation !== wanted) {
    throw new SymbolonError('session/wrong-generation', { key, wanted, got: info.generation });
  }
  // T41: the encoding is deterministic, so equal data are equal bytes.
  if (!equalBytes(encodeKeyPublic(record.public), request.public) || record.label !== request.label) {
    throw new SymbolonError('session/other-key-data', { key });
  }
}
