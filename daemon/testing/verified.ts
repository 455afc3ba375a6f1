/** Signed-manifest bytes, verified under an anchor. */
import { verifySignedManifest, type VerifiedManifest } from '../../manifest/index.ts';

/** Verifies a signed manifest as a node does at its first start. */
export const verifiedOf = (signed: Uint8Array, anchor: Uint8Array): VerifiedManifest =>
  verifySignedManifest(signed, { kind: 'anchor', anchor });
