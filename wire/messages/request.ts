/**
 * Requests: what a client asks for, signed with the key that the manifest names for it. A request carries its own
 * authority: the coordinator can carry or drop it, not change it.
 */
import { maxNodes, maxRequest, maxSignMessage } from '../limits.ts';
import { hashOf, keyId, label, name, purpose, schemes } from '../ids.ts';
import { bytes, list, message, oneOf, record, tagged, uint, type TypeOf } from '../shape.ts';

/** What is to be signed. The digest kinds take exactly 32 bytes. */
export const payloadShape = tagged('kind', {
  /** An Ed25519 message (a Solana transaction message), signed as it is. */
  message: { message: bytes(1, maxSignMessage) },
  /** A 32-byte BIP340 message, signed under the untweaked group key. */
  'bip340-digest': { digest: bytes(32) },
  /** A BIP341 signature hash, signed under the key tweaked for a key-path spend without script tree. */
  'bip341-key-spend': { digest: bytes(32) },
});
/** A payload. */
export type Payload = TypeOf<typeof payloadShape>;

/** What is signed for a payload: the message bytes, and whether the key is tweaked as BIP341 says. */
export function signedMessage(payload: Payload): {
  readonly message: Uint8Array;
  readonly tweak: 'none' | 'bip341';
} {
  switch (payload.kind) {
    case 'message':
      return { message: payload.message, tweak: 'none' };
    case 'bip340-digest':
      return { message: payload.digest, tweak: 'none' };
    case 'bip341-key-spend':
      return { message: payload.digest, tweak: 'bip341' };
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
  },
});
/** A decoded request. */
export type Request = TypeOf<typeof requestShape>;
/** A request to make a key. */
export type KeyCreateRequest = Extract<Request, { action: 'key.create' }>;
/** A request to sign. */
export type SignRequest = Extract<Request, { action: 'sign' }>;

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
