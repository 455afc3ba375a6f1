/**
 * Who may ask for what: client-signed requests against the manifest. Default is deny (T25): what no grant names as a
 * whole is refused.
 */
import { SymbolonError } from '../wire/errors/index.ts';
import { maxClientSkewMs, maxRequestLifeMs } from '../wire/limits.ts';
import { equalBytes, isEcdsa, toHex, type Scheme } from '../wire/ids.ts';
import type { Action, Manifest, ManifestClient, PayloadKind } from '../wire/messages/manifest.ts';
import {
  requestBytes,
  requestHash,
  signedRequest,
  type PresignRequest,
  type RenewRequest,
  type Request,
  type SignRequest,
} from '../wire/messages/request.ts';
import { signEd25519, verifyEd25519 } from './ed25519.ts';

/** A request that its client signed and may make, as far as the request alone can tell. */
export interface VerifiedRequest {
  readonly request: Request;
  /** `requestHash`, 32 bytes. */
  readonly hash: Uint8Array;
  readonly client: ManifestClient;
}

/** Unix milliseconds at which a check is made. */
export interface At {
  readonly now: number;
}

/** A request about a key that exists. */
export type KeyUseRequest = SignRequest | RenewRequest | PresignRequest;

type Grant = ManifestClient['may'][number];

/**
 * Checks signature, times and grants of a signed request. Where it names a key, the key decides too: see
 * {@link checkKeyUse}.
 * The signature comes before times, grants and nodes: a refusal tells a stranger no more than whether a name is a
 * client's (T10).
 * @throws SymbolonError `wire/*` where the bytes are malformed, `request/*` otherwise.
 */
export function verifySignedRequest(signed: Uint8Array, manifest: Manifest, { now }: At): VerifiedRequest {
  const { request: body, signature } = signedRequest.decode(signed);
  const request = requestBytes.decode(body);
  const hash = requestHash(body);
  const client = manifest.clients.find(({ name }) => name === request.client);
  if (client === undefined) {
    throw new SymbolonError('request/unknown-client', { client: request.client });
  }
  if (!verifyEd25519(client.publicKey, hash, signature)) {
    throw new SymbolonError('request/bad-signature', { client: client.name });
  }
  // The cluster is under the signature: a request for another cluster is worth nothing here (T24).
  if (!equalBytes(request.cluster, manifest.cluster)) {
    throw new SymbolonError('request/foreign-cluster', {
      wanted: toHex(manifest.cluster),
      got: toHex(request.cluster),
    });
  }
  checkClient(client, now);
  checkTimes(request, now);
  checkGranted(request, client);
  checkNodes(request, manifest);
  return { request, hash, client };
}

/**
 * Checks that one grant of the client covers the request, as far as the request alone can tell.
 * @throws SymbolonError `request/not-granted`.
 */
export function checkGranted(request: Request, client: ManifestClient): void {
  const { action } = request;
  switch (action) {
    case 'sign':
      requireGrant(client, action, signWants(request), (grant) =>
        coversSign(grant, request.purpose, request.payload.kind),
      );
      return;
    case 'key.create':
      requireGrant(
        client,
        action,
        `${request.purpose} ${request.scheme}`,
        (grant) => grant.purposes.includes(request.purpose) && grant.schemes.includes(request.scheme),
      );
      return;
    case 'key.refresh':
    case 'key.reshare':
    case 'presign':
      requireGrant(client, action, request.purpose, (grant) => grant.purposes.includes(request.purpose));
      return;
    case 'pair':
    case 'pair.renew':
      // A pairing belongs to no key: whoever may make pairings may make them between any nodes.
      requireGrant(client, action, 'pairings', () => true);
  }
}

const signWants = ({ purpose, payload }: SignRequest): string => `${purpose} ${payload.kind}`;
const coversSign = (grant: Grant, purpose: string, payload: PayloadKind): boolean =>
  grant.purposes.includes(purpose) && grant.payloads.includes(payload);

function checkClient(client: ManifestClient, now: number): void {
  if (now >= client.notAfter) {
    throw new SymbolonError('request/client-expired', { client: client.name, notAfter: client.notAfter });
  }
}

function checkTimes({ issuedAt, expiresAt }: Request, now: number): void {
  const life = expiresAt - issuedAt;
  // Bounded life bounds the replay guard: an id is remembered until its request expires.
  if (life <= 0 || life > maxRequestLifeMs) {
    throw new SymbolonError('request/bad-life', { life, limit: maxRequestLifeMs });
  }
  if (issuedAt > now + maxClientSkewMs) {
    throw new SymbolonError('request/not-yet-valid', { issuedAt, now });
  }
  // No tolerance here: the guard forgets an id after its end.
  if (now >= expiresAt) {
    throw new SymbolonError('request/expired', { expiresAt, now });
  }
}

/** One grant must cover all of what is asked: halves of two grants do not add up. */
function requireGrant(
  client: ManifestClient,
  action: Action,
  wanted: string,
  covers: (grant: Grant) => boolean,
): void {
  if (!client.may.some((grant) => grant.action === action && covers(grant))) {
    throw new SymbolonError('request/not-granted', { client: client.name, action, wanted });
  }
}

const badParticipants = (reason: string): never => {
  throw new SymbolonError('request/bad-participants', { reason });
};

/** The nodes that a request names are nodes of the manifest, and new holders keep the rule of the threshold. */
function checkNodes(request: Request, manifest: Manifest): void {
  switch (request.action) {
    case 'sign':
    case 'key.refresh':
      return;
    case 'key.reshare':
      checkNames(request.dealers, manifest);
      checkHolders(request, manifest);
      return;
    case 'key.create':
      checkHolders(request, manifest);
      return;
    case 'pair':
    case 'pair.renew':
    case 'presign':
      checkNames(request.nodes, manifest);
  }
}

/** Sorted, each once, each in the manifest. */
function checkNames(nodes: readonly string[], manifest: Manifest): void {
  let before = '';
  for (const node of nodes) {
    if (!manifest.nodes.some(({ name }) => name === node)) {
      badParticipants('a node that the manifest does not have');
    }
    if (node === before) {
      badParticipants('a node twice');
    }
    if (node < before) {
      badParticipants('nodes not sorted');
    }
    before = node;
  }
}

function checkHolders(
  { nodes, threshold }: { readonly nodes: readonly string[]; readonly threshold: number },
  manifest: Manifest,
): void {
  checkNames(nodes, manifest);
  if (threshold < 2 || threshold > nodes.length) {
    badParticipants('threshold not within 2 and the number of nodes');
  }
  // Above half: two disjoint groups can never both sign. After a reshare the same rule keeps the holders of the
  // generation before that took no part below its threshold.
  if (threshold * 2 <= nodes.length) {
    badParticipants('threshold not above half of the nodes');
  }
}

const ecdsaPayloads: readonly PayloadKind[] = ['ecdsa-keccak256', 'ecdsa-sha256', 'ecdsa-digest'];
/** Payload kinds that a key of each scheme signs. */
const payloadsOf: Readonly<Record<Scheme, readonly PayloadKind[]>> = {
  'frost-ed25519': ['message'],
  'frost-secp256k1-tr': ['bip340-digest', 'bip341-key-spend'],
  'dkls23-secp256k1': ecdsaPayloads,
  'dkls23-p256': ecdsaPayloads,
};

/**
 * Checks a verified request against the key it names: same purpose (T19); where it signs, a payload that the scheme signs;
 * and one grant that covers action, purpose, payload and scheme together.
 * @throws SymbolonError `request/wrong-purpose`, `request/wrong-payload`, `request/not-granted`.
 */
export function checkKeyUse(
  request: KeyUseRequest,
  client: ManifestClient,
  key: { readonly id: string; readonly scheme: Scheme; readonly purpose: string },
): void {
  if (request.purpose !== key.purpose) {
    throw new SymbolonError('request/wrong-purpose', {
      key: key.id,
      wanted: key.purpose,
      got: request.purpose,
    });
  }
  if (request.action === 'sign') {
    const { kind } = request.payload;
    if (!payloadsOf[key.scheme].includes(kind)) {
      throw new SymbolonError('request/wrong-payload', { scheme: key.scheme, payload: kind });
    }
    requireGrant(
      client,
      'sign',
      `${signWants(request)} ${key.scheme}`,
      (grant) => grant.schemes.includes(key.scheme) && coversSign(grant, key.purpose, kind),
    );
    return;
  }
  if (request.action === 'presign' && !isEcdsa(key.scheme)) {
    throw new SymbolonError('request/wrong-payload', { scheme: key.scheme, payload: 'presignature' });
  }
  requireGrant(
    client,
    request.action,
    `${key.purpose} ${key.scheme}`,
    (grant) => grant.schemes.includes(key.scheme) && grant.purposes.includes(key.purpose),
  );
}

/**
 * The client that holds this Ed25519 key (32 bytes) and may do `action` on a connection (`relay`, `status`).
 * @throws SymbolonError `request/unknown-client`, `request/client-expired`, `request/not-granted`.
 */
export function mayConnect(
  manifest: Manifest,
  clientKey: Uint8Array,
  action: Action,
  { now }: At,
): ManifestClient {
  const client = manifest.clients.find(({ publicKey }) => equalBytes(publicKey, clientKey));
  if (client === undefined) {
    // The key of a stranger is not repeated: it would be text of a peer in our log.
    throw new SymbolonError('request/unknown-client', { client: 'unknown key' });
  }
  checkClient(client, now);
  requireGrant(client, action, 'connection', () => true);
  return client;
}

/** Signs a request with its client's Ed25519 seed (32 bytes, stays the caller's to wipe): signed-request bytes. */
export function signRequest(request: Request, seed: Uint8Array): Uint8Array {
  const body = requestBytes.encode(request);
  return signedRequest.encode({ request: body, signature: signEd25519(seed, requestHash(body)) });
}
