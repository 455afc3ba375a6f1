/**
 * From the anchor to the manifest in force. The anchor is only a hash of the first governance record; where the keys
 * changed since, the manifests that changed them are the proof.
 */
import { SymbolonError } from '../wire/errors/index.ts';
import { equalBytes } from '../wire/ids.ts';
import { maxGovernanceChanges } from '../wire/limits.ts';
import { manifestBytes, signedManifest, type Manifest } from '../wire/messages/manifest.ts';
import { bytes, list, message, oneOf, record } from '../wire/shape.ts';
import { anchorOf, verifySignedManifest, type ManifestAuthority, type VerifiedManifest } from './verify.ts';

/** Byte format of the links: signed manifests, oldest first, each verified under the keys of the one before. */
export const manifestLinks = message(
  'manifest-links',
  (maxGovernanceChanges + 1) * (signedManifest.maxBytes + 16),
  record({ v: oneOf(1), links: list(bytes(1, signedManifest.maxBytes), maxGovernanceChanges + 1, 2) }),
);

/**
 * Verifies the links from the anchor on and then the manifest under the last of them. A manifest with a lower version
 * than the last link is what a crash between two writes leaves: the last link is in force then.
 * @param links - signed manifests, oldest first; empty where the keys never changed
 * @throws SymbolonError `wire/*`, `manifest/*`.
 */
export function verifyManifestChain(
  anchor: Uint8Array,
  links: readonly Uint8Array[],
  signed: Uint8Array,
): VerifiedManifest {
  let authority: ManifestAuthority = { kind: 'anchor', anchor };
  for (const link of links) {
    authority = { kind: 'current', current: verifySignedManifest(link, authority) };
  }
  if (authority.kind === 'current' && unsafeVersionOf(signed) < authority.current.version) {
    return authority.current;
  }
  return verifySignedManifest(signed, authority);
}

/** The version that a signed manifest claims, before any signature was checked. */
const unsafeVersionOf = (signed: Uint8Array): number =>
  manifestBytes.decode(signedManifest.decode(signed).manifest).version;

/**
 * The links that belong to `next` once it follows `before`: the same ones, or one more where it changes the keys.
 * @throws SymbolonError `manifest/too-many-governance-changes`.
 */
export function linksAfter(
  links: readonly Uint8Array[],
  before: VerifiedManifest,
  next: VerifiedManifest,
): readonly Uint8Array[] {
  if (sameGovernance(before.manifest, next.manifest)) {
    return links;
  }
  if (links.length > maxGovernanceChanges) {
    throw new SymbolonError('manifest/too-many-governance-changes', { limit: maxGovernanceChanges });
  }
  // The first link is the last manifest under the anchor's keys: it shows the keys that the anchor only hashes.
  return [...(links.length === 0 ? [before.signed] : links), next.signed];
}

const sameGovernance = (a: Manifest, b: Manifest): boolean => equalBytes(anchorOf(a), anchorOf(b));
