/** Verification and making of signed manifests: signatures of the governance set in force, rules, versions. */
import { SymbolonError } from '../wire/errors/index.ts';
import { equalBytes, hashOf, toHex } from '../wire/ids.ts';
import {
  manifestBytes,
  manifestHash,
  signedManifest,
  type Manifest,
  type SignedManifest,
} from '../wire/messages/manifest.ts';
import { signEd25519, verifyEd25519 } from './ed25519.ts';
import { checkManifestRules } from './rules.ts';

/** A manifest whose signatures and rules were checked. */
export interface VerifiedManifest {
  readonly manifest: Manifest;
  /** `manifestHash`, 32 bytes: names the manifest in evidence, sessions and requests. */
  readonly hash: Uint8Array;
  readonly version: number;
  /** The signed-manifest bytes as they came. */
  readonly signed: Uint8Array;
}

/** What a manifest is checked against: the one in force, or at first start the anchor from the configuration. */
export type ManifestAuthority =
  | { readonly kind: 'anchor'; readonly anchor: Uint8Array }
  | { readonly kind: 'current'; readonly current: VerifiedManifest };

/**
 * The anchor of a cluster, 32 bytes: hash over the cluster's id and its first governance record (threshold and keys in
 * their order). A node's configuration holds it; everything else follows from it.
 */
export function anchorOf({ cluster, governance }: Pick<Manifest, 'cluster' | 'governance'>): Uint8Array {
  return hashOf(
    'symbolon/governance-anchor/1',
    cluster,
    governance.threshold,
    governance.keys.map(({ name, publicKey }) => [name, publicKey]),
  );
}

/**
 * Checks a signed manifest completely. Returns `current` itself where it is the manifest already in force.
 * @throws SymbolonError `wire/*` where the bytes are malformed, `manifest/*` for every rule broken.
 */
export function verifySignedManifest(signed: Uint8Array, authority: ManifestAuthority): VerifiedManifest {
  const { manifest: body, signatures } = signedManifest.decode(signed);
  const manifest = manifestBytes.decode(body);
  const hash = manifestHash(body);
  if (authority.kind === 'current' && equalBytes(hash, authority.current.hash)) {
    // The very manifest in force. Its signatures may be those of the keys that it replaced: they were checked then.
    return authority.current;
  }
  const governance = governanceFor(manifest, authority);
  checkSignatures(signatures, hash, governance);
  checkManifestRules(manifest);
  if (authority.kind === 'current') {
    const { current } = authority;
    if (manifest.version === current.version) {
      throw new SymbolonError('manifest/version-conflict', { version: manifest.version });
    }
    if (manifest.version < current.version) {
      throw new SymbolonError('manifest/version-not-higher', {
        version: manifest.version,
        current: current.version,
      });
    }
  }
  return { manifest, hash, version: manifest.version, signed: signed.slice() };
}

/** The governance record whose keys must have signed: the one in force, never the one that the new manifest brings. */
function governanceFor(manifest: Manifest, authority: ManifestAuthority): Manifest['governance'] {
  if (authority.kind === 'anchor') {
    const got = anchorOf(manifest);
    if (!equalBytes(got, authority.anchor)) {
      throw new SymbolonError('manifest/foreign-governance', {
        wanted: toHex(authority.anchor),
        got: toHex(got),
      });
    }
    return manifest.governance;
  }
  const wanted = authority.current.manifest;
  if (!equalBytes(manifest.cluster, wanted.cluster)) {
    throw new SymbolonError('manifest/foreign-cluster', {
      wanted: toHex(wanted.cluster),
      got: toHex(manifest.cluster),
    });
  }
  return wanted.governance;
}

/** Counts here, in the node, and distinct keys only (T23). Any signature that does not count refuses the whole. */
function checkSignatures(
  signatures: SignedManifest['signatures'],
  hash: Uint8Array,
  governance: Manifest['governance'],
): void {
  const counted = new Set<string>();
  for (const { key: signer, signature } of signatures) {
    const key = governance.keys.find(({ name }) => name === signer);
    if (key === undefined) {
      throw new SymbolonError('manifest/unknown-signer', { signer });
    }
    // Duplicates are found before anything is counted: by key, not only by name.
    const id = toHex(key.publicKey);
    if (counted.has(id)) {
      throw new SymbolonError('manifest/duplicate-signer', { signer });
    }
    if (!verifyEd25519(key.publicKey, hash, signature)) {
      throw new SymbolonError('manifest/bad-signature', { signer });
    }
    counted.add(id);
  }
  if (counted.size < governance.threshold) {
    throw new SymbolonError('manifest/not-enough-signatures', {
      have: counted.size,
      wanted: governance.threshold,
    });
  }
}

/** Encodes a manifest after checking every rule. @throws SymbolonError `manifest/rule`, `wire/*`. */
export function makeManifest(manifest: Manifest): Uint8Array {
  const body = manifestBytes.encode(manifest);
  // Decoding what was encoded runs the same strict check that every reader runs.
  checkManifestRules(manifestBytes.decode(body));
  return body;
}

/** A governance key for signing: its name in the manifest and its Ed25519 seed (32 bytes, stays the caller's to wipe). */
export interface ManifestSigner {
  readonly name: string;
  readonly seed: Uint8Array;
}

/** Signs manifest bytes with governance keys: signed-manifest bytes. The caller wipes the seeds. */
export function signManifest(manifest: Uint8Array, signers: readonly ManifestSigner[]): Uint8Array {
  const hash = manifestHash(manifest);
  return signedManifest.encode({
    manifest,
    signatures: signers.map(({ name, seed }) => ({ key: name, signature: signEd25519(seed, hash) })),
  });
}
