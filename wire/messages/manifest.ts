/**
 * The cluster manifest: the signed, versioned statement of who is who and who may ask for what. Default is deny: what
 * it does not name is refused. See wire/SPEC.md for the bytes.
 */
import { maxManifest, maxNodes } from '../limits.ts';
import { hashOf, hash32, label, name, purpose, schemes } from '../ids.ts';
import { bytes, indexed, list, message, oneOf, optional, record, text, uint, type TypeOf } from '../shape.ts';

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

/** What a measurement of a platform must say, so that an image is known by it. */
export interface ImageRules {
  /** Registers that it lists, all of them. */
  readonly all: readonly number[];
  /** Registers of which it lists at least one, where there are any here. */
  readonly any: readonly number[];
  /** Pairs of registers: where it lists the first, it lists the second too. */
  readonly pairs: readonly (readonly [first: number, second: number])[];
  /** Registers that the measurement or the node lists: what ran before the boot loader could change all that came after. */
  readonly firmware: readonly number[];
  /** Registers that must be zeros in the evidence unless the measurement lists them: what came from outside shows there. */
  readonly zero: readonly number[];
}
const enclaveImage: ImageRules = { all: [0, 1, 2], any: [], pairs: [], firmware: [], zero: [] };
/**
 * Image rules by platform. Enclaves: image, kernel and application (EIF rules). TPMs (TCG PC Client Platform Firmware
 * Profile; systemd's TPM2 PCR measurements): boot loader and Secure Boot state; then kernel, initrd and command line as a
 * boot loader (8, 9) or a unified kernel image (11) measures them. What came from outside the image shows in 8 (commands that
 * GRUB ran), 12 (a command line or credentials that were added) and 13 (system extensions). Who lists 8 means a boot by
 * GRUB: what it loads, the initrd among it, shows in 9 only. Drivers from a card or from the firmware's settings run before the
 * boot loader and show in 2 only, the firmware itself in 0 (AWS's own is AWS's word). AWS tells an Attestable AMI by 4, 7 and
 * 12, which is enough only where one unified kernel image is the whole boot.
 */
export const imageRules: Readonly<Record<Platform, ImageRules>> = {
  nitro: enclaveImage,
  dev: enclaveImage,
  'nitro-tpm': { all: [4, 7], any: [9, 11], pairs: [[8, 9]], firmware: [2], zero: [8, 12, 13] },
  tpm2: { all: [4, 7], any: [9, 11], pairs: [[8, 9]], firmware: [0, 2], zero: [8, 12, 13] },
};
/** PCRs that tie an enclave to one machine: the role and the id of its instance. Its node lists at least one. */
export const machinePcrs = [3, 4] as const;

const time = uint();

/** A node: its place in the threshold scheme and what only it must show. */
export const manifestNode = record({
  name,
  /** The participant's index in every key of the cluster, from 1 (RFC 9591 identifier). */
  index: uint(maxNodes, 1),
  platform: oneOf(...platforms),
  /** PCRs that tie the evidence to this one machine (enclaves: PCR3 role, PCR4 instance), 48 bytes each, TPM 2.0 also 32. */
  pcrs: indexed(bytes(32, 48), 31),
  /** Platform `nitro-tpm`: the id of the instance, as in the module id of its documents. */
  instance: optional(text(32, /^i-[0-9a-f]{8}(?:[0-9a-f]{9})?$/)),
  /**
   * Platform `tpm2`: the Name of the TPM's attestation key (Part 1 section 16), 34 bytes; who signed the manifest has seen
   * that this key and the endorsement key are in one TPM (enclave/evidence/tpm2/SPEC.md, Enrolment).
   */
  attestationKey: optional(bytes(34)),
  /**
   * Platform `tpm2`: SHA-256 of the endorsement key's SubjectPublicKeyInfo, as enrolment gives it: a TPM can make many attestation
   * keys, and has one endorsement key of a kind. Absent where a CA's certificate of the attestation key was taken instead.
   */
  endorsementKey: optional(hash32),
});
/** A measured event of an accepted boot. */
export const manifestEvent = record({
  pcr: uint(23),
  name: text(64, /^[a-z0-9][a-z0-9._-]*$/),
  /** 32 bytes (SHA-256 bank) or 48 (SHA-384 bank). */
  digest: bytes(32, 48),
});
/** An accepted image: its measurements, why it is accepted, and the window in which it is. */
export const manifestMeasurement = record({
  name,
  platform: oneOf(...platforms),
  /** PCR values of the image, 48 bytes each; of a TPM 2.0 all of one bank, 32 or 48. Zeros can never be listed. */
  pcrs: indexed(bytes(32, 48), 31),
  /**
   * Platform `tpm2`: in the place of a PCR's value, everything that is extended into it, in order. What a refusal then
   * says is which event differs. A register is listed here or in `pcrs`, never in both.
   */
  events: optional(list(manifestEvent, 256, 1)),
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
  roots: list(record({ platform: oneOf(...platforms), sha256: hash32 }), 16),
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
