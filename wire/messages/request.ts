/**
 * Requests: what a client asks for, signed with the key that the manifest names for it. A request carries its own
 * authority: the coordinator can carry or drop it, not change it.
 */
import { maxNodes, maxPath, maxRequest, maxSignMessage } from '../limits.ts';
import { hashOf, keyId, label, name, purpose, schemes } from '../ids.ts';
import { bytes, list, message, oneOf, optional, record, tagged, uint, type TypeOf } from '../shape.ts';

/** What is to be signed. The digest kinds take exactly 32 bytes. */
export const payloadShape = tagged('kind', {
  /** An Ed25519 message (a Solana transaction message), signed as it is. */
  message: { message: bytes(1, maxSignMessage) },
  /** A 32-byte BIP340 message, signed under the untweaked group key. */
  'bip340-digest': { digest: bytes(32) },
  /** A BIP341 signature hash, signed under the key tweaked for a key-path spend without script tree. */
  'bip341-key-spend': { digest: bytes(32) },
  /** ECDSA over the Keccak-256 hash of a message (an unsigned EVM transaction): the node hashes it itself. */
  'ecdsa-keccak256': { message: bytes(1, maxSignMessage) },
  /** ECDSA over the SHA-256 hash of a message (a Cosmos SignDoc): the node hashes it itself. */
  'ecdsa-sha256': { message: bytes(1, maxSignMessage) },
  /** ECDSA over 32 bytes that the client hashed: nobody sees what they stand for. */
  'ecdsa-digest': { digest: bytes(32) },
});
/** A payload. */
export type Payload = TypeOf<typeof payloadShape>;

/** How a message becomes the 32 bytes that ECDSA signs. */
export type EcdsaHash = 'keccak256' | 'sha256' | 'none';
/** What is signed for a payload: by FROST, or by ECDSA. */
export type Signable =
  | { readonly kind: 'frost'; readonly message: Uint8Array; readonly tweak: 'none' | 'bip341' }
  | { readonly kind: 'ecdsa'; readonly message: Uint8Array; readonly hash: EcdsaHash };

/** What is signed for a payload: the message bytes, and how. */
export function signedMessage(payload: Payload): Signable {
  switch (payload.kind) {
    case 'message':
      return { kind: 'frost', message: payload.message, tweak: 'none' };
    case 'bip340-digest':
      return { kind: 'frost', message: payload.digest, tweak: 'none' };
    case 'bip341-key-spend':
      return { kind: 'frost', message: payload.digest, tweak: 'bip341' };
    case 'ecdsa-keccak256':
      return { kind: 'ecdsa', message: payload.message, hash: 'keccak256' };
    case 'ecdsa-sha256':
      return { kind: 'ecdsa', message: payload.message, hash: 'sha256' };
    case 'ecdsa-digest':
      return { kind: 'ecdsa', message: payload.digest, hash: 'none' };
  }
}

const head = {
  v: oneOf(1),
  cluster: bytes(16),
  /** 16 random bytes chosen by the client; burned by each node when it takes part. */
  id: bytes(16),
  client: name,
  /** Unix milliseconds. */
  issuedAt: uint(),
  /** Unix milliseconds; at most a day after `issuedAt`. */
  expiresAt: uint(),
};

/** A client's request. */
export const requestShape = tagged('action', {
  'key.create': {
    ...head,
    scheme: oneOf(...schemes),
    threshold: uint(maxNodes, 2),
    /** Names of the nodes that will hold a share, sorted. */
    nodes: list(name, maxNodes, 2),
    purpose,
    label,
  },
  sign: {
    ...head,
    key: keyId,
    /** Must be the key's own purpose. */
    purpose,
    payload: payloadShape,
    /**
     * Derivation path under the key, non-hardened steps: the signature is under the derived key. Absent for the key itself.
     */
    path: optional(list(uint(0x7fff_ffff), maxPath, 1)),
  },
  /** New shares of the same key for the same holders: all of them take part. */
  'key.refresh': { ...head, key: keyId, purpose, generation: uint(0xffff_fffe, 1) },
  /** New shares of the same key for other holders or another threshold: `threshold` old holders deal. */
  'key.reshare': {
    ...head,
    key: keyId,
    purpose,
    /** Generation that the key has now. */
    generation: uint(0xffff_fffe, 1),
    /**
     * Public data of the key as every present holder has it (`encodeKeyPublic`): present holders compare it with their own
     * record, a holder to be learns it from here.
     */
    public: bytes(1, 2_048),
    /** The key's own label, for the same reason. */
    label,
    /** Names of the present holders that deal, sorted: exactly as many as the present threshold. */
    dealers: list(name, maxNodes, 2),
    /** Names of the new holders, sorted. */
    nodes: list(name, maxNodes, 2),
    /** The new threshold. */
    threshold: uint(maxNodes, 2),
  },
  /** Base OTs between each two of the nodes that have no usable pairing and no poisoned one. */
  pair: { ...head, nodes: list(name, maxNodes, 2) },
  /** Base OTs between each two of the nodes, in place of whatever they have: the way back from a poisoned pairing. */
  'pair.renew': { ...head, nodes: list(name, maxNodes, 2) },
  /** One presignature of an ECDSA key for one set of holders. */
  presign: { ...head, key: keyId, purpose, nodes: list(name, maxNodes, 2) },
});
/** A decoded request. */
export type Request = TypeOf<typeof requestShape>;
/** A request to make a key. */
export type KeyCreateRequest = Extract<Request, { action: 'key.create' }>;
/** A request to sign. */
export type SignRequest = Extract<Request, { action: 'sign' }>;
/** A request for new shares of a key. */
export type RenewRequest = Extract<Request, { action: 'key.refresh' | 'key.reshare' }>;
/** A request for pairings. */
export type PairRequest = Extract<Request, { action: 'pair' | 'pair.renew' }>;
/** A request for a presignature. */
export type PresignRequest = Extract<Request, { action: 'presign' }>;

/** Byte format of a request: what the client signs. */
export const requestBytes = message('request', maxRequest, requestShape);

/** Byte format of a request with its client's signature. */
export const signedRequest = message(
  'signed-request',
  maxRequest + 256,
  record({
    request: bytes(1, maxRequest),
    /** Ed25519 over {@link requestHash}. */
    signature: bytes(64),
  }),
);
/** A request with its signature. */
export type SignedRequest = ReturnType<typeof signedRequest.decode>;

/** The hash that names a request in sessions, in the replay guard and under the client's signature. */
export const requestHash = (request: Uint8Array): Uint8Array => hashOf('symbolon/request/1', request);
