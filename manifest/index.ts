/** Who is who and who may ask for what. Pure: the node, the coordinator and the CLI decide with the same code. */
export {
  checkGranted,
  checkKeyUse,
  mayConnect,
  signRequest,
  verifySignedRequest,
  type At,
  type KeyUseRequest,
  type VerifiedRequest,
} from './authority.ts';
export { maxClientSkewMs as clockSkewMs, maxGovernanceChanges } from '../wire/limits.ts';
export { linksAfter, manifestLinks, verifyManifestChain } from './chain.ts';
export { publicKeyOfSeed } from './ed25519.ts';
export { checkManifestRules } from './rules.ts';
export {
  anchorOf,
  makeManifest,
  signManifest,
  verifySignedManifest,
  type ManifestAuthority,
  type ManifestSigner,
  type VerifiedManifest,
} from './verify.ts';
