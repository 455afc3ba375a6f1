/** The cluster manifest in the node: the rules themselves are in manifest/, which has no I/O; the file is kept here. */
export {
  anchorOf,
  makeManifest,
  signManifest,
  verifySignedManifest,
  type ManifestAuthority,
  type ManifestSigner,
  type VerifiedManifest,
} from '../../manifest/index.ts';
export {
  openManifestStore,
  verifyManifestFile,
  type ManifestStore,
  type ManifestStoreModules,
  type ManifestStoreOptions,
  type OpenedManifest,
} from './manifestStore.ts';
