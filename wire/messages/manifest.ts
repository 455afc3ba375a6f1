/**
 * The cluster manifest: the signed, versioned statement of who is who and who may ask for what. Default is deny: what
 * it does not name is refused. See wire/SPEC.md for the bytes.
 */
import { maxManifest, maxNodes } from '../limits.ts';
import { hashOf, hash32, label, name, purpose, schemes } from '../ids.ts';
import { bytes, indexed, list, message, oneOf, record, text, uint, type TypeOf } from '../shape.ts';

/** Platforms that evidence can come from (RFC 9334 attester types). */
export const platforms = ['nitro', 'nitro-tpm', 'tpm2', 'dev'] as const;
/** A platform. */
export type Platform = (typeof platforms)[number];
/** What a client may ask for. `relay` is the coordinator's: open a connection and carry sessions, nothing else. */
export const actions = [
  'relay',
  'key.create',
  'sign',
  'status',
  'key.refresh',
  'key.reshare',
  'pair',
  'pair.renew',
  'presign',
] as const;
/** An action of {@link actions}. */
export type Action = (typeof actions)[number];
/** Kinds of payload that a `sign` request may carry. */
export const payloadKinds = [
  'message',
  'bip340-digest',
  'bip341-key-spend',
  'ecdsa-keccak256',
  'ecdsa-sha256',
  'ecdsa-digest',
] as const;
/** A kind of {@link payloadKinds}. */
export type PayloadKind = (typeof payloadKinds)[number];

/** PCRs that a measurement of platform `nitro` or `dev` must list: the image, its kernel, its application (EIF rules). */
export const imagePcrs = [0, 1, 2] as const;
/** PCRs that tie an enclave to one machine: the role and the id of its instance. A node lists at least one. */
export const machinePcrs = [3, 4] as const;

const time = uint();

/** A node: its place in the threshold scheme and what only it must show. */
export const manifestNode = record({
  name,
  /** The participant's index in every key of the cluster, from 1 (RFC 9591 identifier). */
  index: uint(maxNodes, 1),
  platform: oneOf(...platforms),
  /** PCRs that tie the evidence to this one machine (PCR3: role, PCR4: instance), 48 bytes each. */
  pcrs: indexed(bytes(48), 31),
});
/** An accepted image: its measurements, why it is accepted, and the window in which it is. */
export const manifestMeasurement = record({
  name,
  platform: oneOf(...platforms),
  /** PCR values of the image, 48 bytes each. Zeros can never be listed. */
  pcrs: indexed(bytes(48), 31),
  reason: text(256),
  notBefore: time,
  notAfter: time,
});
/** A client key and what it may ask. */
export const manifestClient = record({
  name,
  /** Ed25519 public key, 32 bytes. */
  publicKey: bytes(32),
  may: list(
    record({
      action: oneOf(...actions),
      /** Purposes of the keys that it may make or use; an empty list is none. */
      purposes: list(purpose, 64),
      schemes: list(oneOf(...schemes), schemes.length),
      payloads: list(oneOf(...payloadKinds), payloadKinds.length),
    }),
    actions.length,
  ),
  notAfter: time,
});
/** A governance key: who may sign the next manifest. */
export const governanceKey = record({ name, publicKey: bytes(32) });

/** The manifest itself. */
export const manifestShape = record({
  v: oneOf(1),
  /** 16 random bytes, for the life of the cluster. */
  cluster: bytes(16),
  label,
  /** Strictly rising: a node refuses a lower one, and another one of the same version. */
  version: uint(Number.MAX_SAFE_INTEGER, 1),
  /** `dev` is the only mode in which the insecure dev attester's root and debug measurements may be named. */
  mode: oneOf('production', 'dev'),
  issuedAt: time,
  nodes: list(manifestNode, maxNodes, 2),
  measurements: list(manifestMeasurement, 64, 1),
  /** SHA-256 of the DER of each accepted attestation root, by platform. */
  roots: list(record({ platform: oneOf(...platforms), sha256: hash32 }), 16, 1),
  /** Longest age of a peer's evidence in milliseconds; 0 asks for evidence made in the session. */
  evidenceMaxAgeMs: uint(3_600_000),
  clients: list(manifestClient, 64),
  governance: record({ threshold: uint(16, 1), keys: list(governanceKey, 16, 1) }),
});
/** A decoded manifest. */
export type Manifest = TypeOf<typeof manifestShape>;
/** A node of a manifest. */
export type ManifestNode = TypeOf<typeof manifestNode>;
/** An accepted measurement of a manifest. */
export type ManifestMeasurement = TypeOf<typeof manifestMeasurement>;
/** A client of a manifest. */
export type ManifestClient = TypeOf<typeof manifestClient>;

/** Byte format of a manifest: what the governance keys sign. */
export const manifestBytes = message('manifest', maxManifest, manifestShape);

/** Byte format of a manifest with its signatures: the file `manifest.cbor`. */
export const signedManifest = message(
  'signed-manifest',
  maxManifest + 4_096,
  record({
    manifest: bytes(1, maxManifest),
    /** Ed25519 over {@link manifestHash}, by distinct governance keys. */
    signatures: list(record({ key: name, signature: bytes(64) }), 16, 1),
  }),
);
/** A manifest with its signatures. */
export type SignedManifest = ReturnType<typeof signedManifest.decode>;

/** The hash that names a manifest everywhere: in evidence, sessions and signatures. */
export const manifestHash = (manifest: Uint8Array): Uint8Array => hashOf('symbolon/manifest/1', manifest);
