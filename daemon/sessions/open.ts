/** What is checked before a session exists: the request, the manifest, the participants, the key and the pairings. */
import type { KeyPublic } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import type {
  KeyCreateRequest,
  PairRequest,
  PresignRequest,
  RenewRequest,
  Request,
  SignRequest,
} from '../../wire/messages/request.ts';
import type { sessionOpen } from '../../wire/messages/session.ts';
import {
  type VerifiedManifest,
  type VerifiedRequest,
  checkKeyUse,
  verifySignedRequest,
} from '../../manifest/index.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Pairings } from '../pairings/contract.ts';
import type { Participant } from './contract.ts';
import { badParticipants, checkNames, checkSame, holdersAmong, nodesOfManifest } from './participants.ts';
import { activeKey, type ActiveKey } from './protocols/share.ts';
import { checkReshare } from './reshare.ts';

/** Body of `POST /v1/sessions/open`, decoded. */
export type OpenCall = ReturnType<typeof sessionOpen.decode>;
type ReshareRequest = Extract<RenewRequest, { action: 'key.reshare' }>;
type RefreshRequest = Extract<RenewRequest, { action: 'key.refresh' }>;

/** An opening whose checks all passed. */
export type Opening = {
  readonly verified: VerifiedRequest;
  readonly manifest: VerifiedManifest;
  /** Sorted by name, this node included. */
  readonly participants: readonly Participant[];
} & (
  | { readonly kind: 'create'; readonly request: KeyCreateRequest }
  | {
      readonly kind: 'sign';
      readonly request: SignRequest;
      readonly key: ActiveKey;
      /** Id of the presignature that is to be used. */
      readonly presignature: Uint8Array | undefined;
    }
  | { readonly kind: 'presign'; readonly request: PresignRequest; readonly key: ActiveKey }
  | { readonly kind: 'refresh'; readonly request: RefreshRequest; readonly key: ActiveKey }
  | {
      readonly kind: 'reshare';
      readonly request: ReshareRequest;
      /** What this node has of the key now, if it has a share. */
      readonly own: ActiveKey | undefined;
      /** Public data of the present generation. */
      readonly public: KeyPublic;
      /** Indices of the present holders that deal, rising. */
      readonly dealers: readonly number[];
      /** Indices of the next holders, rising. */
      readonly next: readonly number[];
    }
  | { readonly kind: 'pair'; readonly request: PairRequest }
);

/** What opening looks at. */
export interface OpenModules {
  readonly node: string;
  readonly manifest: VerifiedManifest;
  readonly keystore: Pick<Keystore, 'open'>;
  readonly pairings: Pick<Pairings, 'find'>;
  /** Unix milliseconds. */
  readonly now: number;
}

/**
 * Checks everything that can be checked before peers are heard. Changes nothing: the replay guard counts the request
 * after this, never before (T10).
 * @throws SymbolonError `session/other-manifest`, `session/bad-participants`, `session/unknown-key`,
 * `session/key-not-active`, `session/wrong-generation`, `session/other-key-data`, `pairing/*`, `presignature/absent`,
 * `request/*`, `store/*`, `hsm/*`, `wire/*`.
 */
export async function checkOpening(call: OpenCall, modules: OpenModules): Promise<Opening> {
  const { manifest, node, now } = modules;
  if (!equalBytes(call.manifest, manifest.hash)) {
    throw new SymbolonError('session/other-manifest', {
      wanted: toHex(manifest.hash),
      got: toHex(call.manifest),
    });
  }
  const verified = verifySignedRequest(call.request, manifest.manifest, { now });
  checkNames(call.participants, node);
  const { request } = verified;
  // A presignature is for a signature of an ECDSA key; `sign` looks at its key.
  if (call.presignature !== undefined && request.action !== 'sign') {
    throw new SymbolonError('presignature/absent', { key: '' });
  }
  return { verified, manifest, ...(await checkAction(request, call, verified, modules)) };
}

type Checked = Opening extends infer O
  ? O extends Opening
    ? Omit<O, 'verified' | 'manifest'>
    : never
  : never;

async function checkAction(
  request: Request,
  call: OpenCall,
  { client }: VerifiedRequest,
  modules: OpenModules,
): Promise<Checked> {
  const { manifest, keystore } = modules;
  switch (request.action) {
    case 'key.create':
      checkSame(request.nodes, call.participants);
      return { kind: 'create', request, participants: nodesOfManifest(call.participants, manifest) };
    case 'pair':
    case 'pair.renew':
      checkSame(request.nodes, call.participants);
      checkPairable(request, modules);
      return { kind: 'pair', request, participants: nodesOfManifest(call.participants, manifest) };
    case 'key.reshare':
      return {
        kind: 'reshare',
        request,
        ...(await checkReshare(request, client, call.participants, modules)),
      };
    case 'sign': {
      const key = await activeKey(keystore, request.key);
      checkKeyUse(request, client, key.info);
      const participants = signersAmong(call.participants, key, manifest);
      return { kind: 'sign', request, key, presignature: call.presignature, participants };
    }
    case 'presign': {
      const key = await activeKey(keystore, request.key);
      checkKeyUse(request, client, key.info);
      checkSame(request.nodes, call.participants);
      return { kind: 'presign', request, key, participants: signersAmong(call.participants, key, manifest) };
    }
    case 'key.refresh': {
      const key = await activeKey(keystore, request.key, request.generation);
      checkKeyUse(request, client, key.info);
      checkSame(key.info.nodes, call.participants);
      return {
        kind: 'refresh',
        request,
        key,
        participants: holdersAmong(call.participants, key.record, manifest),
      };
    }
  }
}

/** Any set of at least the threshold signs (RFC 9591 section 5); exactly the threshold is the least that must be trusted. */
function signersAmong(
  names: readonly string[],
  { info, record }: ActiveKey,
  manifest: VerifiedManifest,
): Participant[] {
  if (names.length !== info.threshold) {
    badParticipants(`not exactly ${info.threshold} nodes`);
  }
  return holdersAmong(names, record, manifest);
}

/**
 * A poisoned pairing is replaced by the order to renew it, and by nothing else (T15). One that looks whole from here may
 * not be the peer's any more, after a crash between two ends: so `pair` makes it anew.
 */
function checkPairable(request: PairRequest, { node, pairings }: OpenModules): void {
  if (request.action === 'pair.renew') {
    return;
  }
  const poisoned = request.nodes.find((name) => name !== node && pairings.find(name).kind === 'poisoned');
  if (poisoned !== undefined) {
    throw new SymbolonError('pairing/poisoned', { peer: poisoned });
  }
}
