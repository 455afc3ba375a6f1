/** What is checked before a session exists: the request, the manifest, the participants and the key. */
import type { KeyShare } from '../../threshold/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import type { KeyCreateRequest, SignRequest } from '../../wire/messages/request.ts';
import type { sessionOpen } from '../../wire/messages/session.ts';
import {
  type VerifiedManifest,
  type VerifiedRequest,
  checkKeyUse,
  verifySignedRequest,
} from '../../manifest/index.ts';
import type { FoundKey, Keystore } from '../keystore/keystore.ts';
import type { Participant } from './contract.ts';

/** Body of `POST /v1/sessions/open`, decoded. */
export type OpenCall = ReturnType<typeof sessionOpen.decode>;

/** An opening whose checks all passed. */
export type Opening = {
  readonly verified: VerifiedRequest;
  readonly manifest: VerifiedManifest;
  /** Sorted by name, this node included. */
  readonly participants: readonly Participant[];
} & (
  | { readonly kind: 'keygen'; readonly request: KeyCreateRequest }
  | {
      readonly kind: 'sign';
      readonly request: SignRequest;
      readonly key: Extract<FoundKey, { kind: 'active' }>;
      readonly share: KeyShare;
    }
);

/** What opening looks at. */
export interface OpenModules {
  readonly node: string;
  readonly manifest: VerifiedManifest;
  readonly keystore: Pick<Keystore, 'find'>;
  /** Unix milliseconds. */
  readonly now: number;
}

/**
 * Checks everything that can be checked before peers are heard. Changes nothing: the replay guard counts the request
 * after this, never before (T10).
 * @throws SymbolonError `session/other-manifest`, `session/bad-participants`, `session/unknown-key`,
 * `session/key-not-active`, `request/*`, `store/*`, `wire/*`.
 */
export function checkOpening(call: OpenCall, modules: OpenModules): Opening {
  const { manifest, node, now } = modules;
  if (!equalBytes(call.manifest, manifest.hash)) {
    throw new SymbolonError('session/other-manifest', {
      wanted: toHex(manifest.hash),
      got: toHex(call.manifest),
    });
  }
  const verified = verifySignedRequest(call.request, manifest.manifest, { now });
  const { request, client } = verified;
  checkNames(call.participants, node);
  if (request.action === 'key.create') {
    return {
      kind: 'keygen',
      verified,
      manifest,
      request,
      participants: keygenParticipants(call, request, manifest),
    };
  }
  const key = modules.keystore.find(request.key);
  if (key.kind === 'absent') {
    throw new SymbolonError('session/unknown-key', { key: request.key });
  }
  if (key.kind !== 'active') {
    throw new SymbolonError('session/key-not-active', {
      key: request.key,
      state: key.kind === 'broken' ? key.code : key.kind,
    });
  }
  checkKeyUse(request, client, key.info);
  return {
    kind: 'sign',
    verified,
    manifest,
    request,
    key,
    share: key.share,
    participants: signParticipants(call, key, manifest),
  };
}

const bad = (reason: string): never => {
  throw new SymbolonError('session/bad-participants', { reason });
};

/** Sorted and distinct, this node among them: one set of nodes has one list, and so one session id. */
function checkNames(names: readonly string[], self: string): void {
  for (const [i, name] of names.entries()) {
    const before = names[i - 1];
    if (before !== undefined && before >= name) {
      bad('not sorted, or a name twice');
    }
  }
  if (!names.includes(self)) {
    bad('this node is not among them');
  }
}

function keygenParticipants(
  call: OpenCall,
  request: KeyCreateRequest,
  { manifest }: VerifiedManifest,
): Participant[] {
  const same = request.nodes.length === call.participants.length;
  if (!same || request.nodes.some((name, i) => name !== call.participants[i])) {
    bad('not exactly the nodes of the request');
  }
  return call.participants.map((name) => {
    const node = manifest.nodes.find((one) => one.name === name);
    return node === undefined ? bad('a name is not in the manifest') : { name, index: node.index };
  });
}

function signParticipants(
  call: OpenCall,
  key: Extract<FoundKey, { kind: 'active' }>,
  { manifest }: VerifiedManifest,
): Participant[] {
  // RFC 9591 section 5: any set of at least the threshold signs; exactly the threshold is the least that must be trusted.
  if (call.participants.length !== key.info.threshold) {
    bad(`not exactly ${key.info.threshold} nodes`);
  }
  return call.participants.map((name) => {
    const holder = key.record.holders.find((one) => one.name === name);
    if (holder === undefined) {
      return bad('a node does not hold the key');
    }
    // The index is the key's own; the manifest must still mean the same node by the name.
    const named = manifest.nodes.find((one) => one.name === name);
    return named?.index === holder.index
      ? { name, index: holder.index }
      : bad('a holder of the key is not in the manifest');
  });
}
