/**
 * The caps that an operator can meet, in one place; docs/limits.md lists them. A size is checked before parsing. The size
 * of a single field stands in its shape (messages/), what a platform's documents may hold in enclave/evidence/.
 */

/** Most nodes in one cluster. */
export const maxNodes = 32;
/** Longest node, client or key label in characters. */
export const maxName = 32;
/** Longest message that a `sign` request may carry, in bytes (a Solana transaction has at most 1232). */
export const maxSignMessage = 65_536;
/** Longest client-signed request in bytes: the message and its frame. */
export const maxRequest = maxSignMessage + 2_048;
/** Longest attestation document of AWS in bytes (the longest genuine one seen has 7,539). */
export const maxNitroDocument = 20_480;
/** Longest event log of a TPM's boot in bytes (the longest genuine one seen has 49,088). */
export const maxEventLog = 65_536;
/** Longest evidence of any platform in bytes: that of a TPM carries the event log where it is asked for over a channel. */
export const maxEvidence = maxEventLog + 16_384;
/** Longest signed manifest in bytes. */
export const maxManifest = 262_144;
/** Longest payload of one round message in bytes, before its envelope. */
export const maxRoundPayload = 65_536;
/** Longest envelope in bytes: payload, AEAD overhead, header, signature. */
export const maxEnvelope = maxRoundPayload + 512;
/** Longest body of any call to a node, in bytes: a full set of evidence, or of envelopes (broadcast and pairwise). */
export const maxNodeBody = 4_194_304;
/** Most values and map keys in one decoded input: a million empty strings in a megabyte would cost seconds. */
export const maxCborItems = 65_536;
/** Longest sealed record in bytes. */
export const maxSealedRecord = 65_536;
/** Sealed records of one node, of all keys and of generations that wait: it holds, and lists, at most as many keys. */
export const maxRecords = 100_000;
/** Longest frame on the private socket of the HSM process, in bytes. */
export const maxHsmFrame = 16_384;
/** Sessions that a node holds at once; one more is refused. */
export const maxSessions = 256;
/** Longest life of a session in milliseconds. */
export const maxSessionMs = 30_000;
/** Longest wait of a new session for the challenges of all, in milliseconds: one whose peers did not open takes no place. */
export const maxOpenMs = 5_000;
/** Longest life of a client-signed request in milliseconds (one day). */
export const maxRequestLifeMs = 86_400_000;
/** Sessions that one request may start (retries over other nodes). */
export const maxAttempts = 8;
/** Connections that a node's listener holds at once. */
export const maxConnections = 256;
/** Longest derivation path of a request, in steps. */
export const maxPath = 16;
/** Presignatures that a node holds for one key; one more is refused. */
export const maxPresignaturesPerKey = 64;
/** Presignatures that a node holds for all keys together. */
export const maxPresignatures = 1_024;
/** Longest life of a presignature in milliseconds; its key, its signers and the boot of the node may end it before. */
export const maxPresignatureAgeMs = 3_600_000;
/** How far the clocks of two attested machines may lie apart, in milliseconds. */
export const maxEvidenceSkewMs = 60_000;
/** How far the clock of a client may run ahead of a node's, in milliseconds. */
export const maxClientSkewMs = 30_000;
/** Changes of the governance keys that a node can follow from its anchor. */
export const maxGovernanceChanges = 16;
