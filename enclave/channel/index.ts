/** The attested channel: identities, TLS 1.3 that ends in the node, and envelopes between nodes. */
export { httpsAgentFor, type ChannelAgent, type ChannelAgentOptions } from './agent.ts';
export { channelCall, type ChannelAnswer, type ChannelCall } from './call.ts';
export {
  asSeenByPeer,
  isEnvelopeRefusal,
  openEnvelope,
  pairwiseOverhead,
  sealEnvelope,
  verifyEnvelope,
  type ExpectedEnvelope,
  type SealInput,
} from './envelope.ts';
export {
  makeNodeIdentity,
  spkiHash,
  type EnvelopeKeys,
  type IdentityModules,
  type NodeIdentity,
  type TlsKey,
} from './identity.ts';
export { isPresent, signPresence } from './presence.ts';
export { privateKeyFromRaw, publicKeyFromRaw, rawPublicKey } from './keys.ts';
export { clientTls, handshakeMs, peerEd25519Key, peerSpkiHash, serverTls } from './tls.ts';
