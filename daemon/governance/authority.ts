/** Who may ask for what, as the node decides it: the rules themselves are in manifest/, which has no I/O. */
export {
  checkKeyUse,
  clockSkewMs,
  mayConnect,
  signRequest,
  verifySignedRequest,
  type At,
  type VerifiedRequest,
} from '../../manifest/index.ts';
