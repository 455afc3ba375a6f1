import { facts, type Entry } from './catalogue.ts';

/**
 * Refusals of evidence (RFC 9334), of the certificates in it, and of the attesters that make it. The appraiser gives
 * the detail; an unauthenticated peer sees none of it. `certificate` is `root`, `ca 1` .. `ca N` or `leaf`; times are
 * Unix milliseconds; PCR values and hashes are hexadecimal.
 */
export const evidenceErrors = {
  'certificate/malformed-der': {
    http: 400,
    what: 'The bytes are not strict DER (X.690).',
    todo: 'Check where the certificate comes from; the offset says where it broke.',
    facts: facts<{ reason: string; offset: number }>(),
  },
  'certificate/bad-form': {
    http: 400,
    what: 'A certificate is not of the form that this product reads or writes (RFC 5280, version 3).',
    todo: 'Check where the certificate comes from and how it was made.',
    facts: facts<{ reason: string }>(),
  },
  'evidence/no-policy': {
    http: 403,
    what: 'There is no complete appraisal policy for this node, so nothing that it shows can be accepted.',
    todo: 'Correct the manifest: it must name the node, a root, a measurement and what ties evidence to the machine.',
    facts: facts<{ node: string; reason: string }>(),
  },
  'evidence/zeros-listed': {
    http: 403,
    what: 'The manifest lists a PCR of only zeros, which any debug enclave shows.',
    todo: 'Take the value out of the manifest: zeros can never be an accepted measurement.',
    facts: facts<{ where: string; pcr: number }>(),
  },
  'evidence/dev-refused': {
    http: 403,
    what: 'The insecure dev attester is named or used under a manifest whose mode is not dev.',
    todo: 'Use a real platform, or a manifest of mode dev on a machine that holds nothing of value.',
    facts: facts<{ node: string; mode: string }>(),
  },
  'evidence/platform-unsupported': {
    http: 400,
    what: 'This build does not appraise evidence of this platform.',
    todo: 'Use a node of a platform that docs/status.md lists, or dev for trials.',
    facts: facts<{ platform: string }>(),
  },
  'evidence/wrong-platform': {
    http: 403,
    what: 'The evidence is of another platform than the one that the manifest names for this node.',
    todo: 'Check that the node runs where the manifest says.',
    facts: facts<{ node: string; wanted: string; got: string }>(),
  },
  'evidence/oversize': {
    http: 413,
    what: 'The evidence is larger than any genuine document; it was not parsed.',
    todo: 'Find out which machine sent it.',
    facts: facts<{ size: number; limit: number }>(),
  },
  'evidence/malformed': {
    http: 400,
    what: 'The attestation document breaks a rule of its format.',
    todo: 'Find out which machine made it; a genuine document of the platform never breaks this rule.',
    facts: facts<{ part: string; reason: string }>(),
  },
  'evidence/wrong-document-type': {
    http: 403,
    what: 'The document is a genuine kind of attestation, but not the kind that this platform shows.',
    todo: 'Check which platform the node runs on; a NitroTPM document is never taken for that of an enclave.',
    facts: facts<{ wanted: string; got: string }>(),
  },
  'evidence/untrusted-root': {
    http: 403,
    what: 'The certificate chain does not start at an accepted root.',
    todo: 'Compare the fingerprint with the one that the platform publishes and with the manifest.',
    facts: facts<{ wanted: readonly string[]; got: string }>(),
  },
  'evidence/bad-certificate': {
    http: 403,
    what: 'A certificate of the chain breaks a rule for its place.',
    todo: 'Find out which machine made the document; the platform never issues such a certificate.',
    facts: facts<{ certificate: string; rule: string }>(),
  },
  'evidence/bad-certificate-signature': {
    http: 403,
    what: 'A certificate of the chain is not signed by the one before it.',
    todo: 'Find out which machine made the document; somebody put this chain together.',
    facts: facts<{ certificate: string }>(),
  },
  'evidence/certificate-not-valid': {
    http: 403,
    what: 'A certificate of the chain is not valid at this time.',
    todo: 'Ask for fresh evidence; where that is refused too, compare the clocks of both machines.',
    facts: facts<{ certificate: string; clock: string; at: number; notBefore: number; notAfter: number }>(),
  },
  'evidence/bad-signature': {
    http: 403,
    what: 'The signature of the attestation document is wrong.',
    todo: 'Find out which machine sent it: the document was changed or put together.',
    facts: facts<{ moduleId: string }>(),
  },
  'evidence/inconsistent': {
    http: 403,
    what: 'Two statements of the document that belong together contradict each other.',
    todo: 'Find out which machine made the document; the platform never makes such a one.',
    facts: facts<{ what: string; wanted: string; got: string }>(),
  },
  'evidence/bad-claims': {
    http: 403,
    what: 'The document does not carry the claims and the identity of a node of this product.',
    todo: 'Check that the machine runs a node image of a version that belongs to this one.',
    facts: facts<{ field: string; reason: string }>(),
  },
  'evidence/claim-mismatch': {
    http: 403,
    what: 'The evidence was made for another use, cluster, node or manifest.',
    todo: 'Where the manifest differs, bring both nodes to the same one; otherwise evidence was relayed: find out by whom.',
    facts: facts<{ claim: string; wanted: string; got: string }>(),
  },
  'evidence/nonce-mismatch': {
    http: 403,
    what: 'The evidence was not made over the nonce that this verifier chose.',
    todo: 'Evidence was replayed or relayed: find out which machine sent it before trying again.',
    facts: facts<{ wanted: string; got: string }>(),
  },
  'evidence/too-old': {
    http: 403,
    what: 'The evidence is older than the manifest accepts.',
    todo: 'Ask for fresh evidence; where that is refused too, compare the clocks of both machines.',
    facts: facts<{ madeAt: number; now: number; limitMs: number }>(),
  },
  'evidence/from-the-future': {
    http: 403,
    what: 'The evidence is dated later than now.',
    todo: 'Compare the clocks of both machines: one of them is wrong or lied to.',
    facts: facts<{ madeAt: number; now: number; limitMs: number }>(),
  },
  'evidence/debug-mode': {
    http: 403,
    what: 'The enclave runs in debug mode: its console and memory are open, and its measurements are zeros.',
    todo: 'Start the enclave without --debug-mode.',
    facts: facts<{ moduleId: string }>(),
  },
  'evidence/measurement-mismatch': {
    http: 403,
    what: 'The node runs an image that the manifest does not accept.',
    todo: 'Roll the node back to an accepted image, or have a manifest signed that accepts this one.',
    facts: facts<{ node: string; measurement: string; pcr: number; wanted: string; got: string }>(),
  },
  'evidence/measurement-not-yet': {
    http: 403,
    what: 'The node runs an image that the manifest accepts only from a later time on.',
    todo: 'Wait for that time, or run the image that is accepted now.',
    facts: facts<{ node: string; measurement: string; notBefore: number; now: number }>(),
  },
  'evidence/measurement-retired': {
    http: 403,
    what: 'The node runs an image whose time in the manifest has run out.',
    todo: 'Upgrade the node to an accepted image, or have a manifest signed that extends this one.',
    facts: facts<{ node: string; measurement: string; notAfter: number; now: number }>(),
  },
  'evidence/event-mismatch': {
    http: 403,
    what: 'The node was booted otherwise than the manifest accepts: a measured event of its boot differs.',
    todo: 'Boot the node from an accepted image, or have a manifest signed that accepts this event.',
    facts: facts<{
      node: string;
      measurement: string;
      pcr: number;
      event: string;
      wanted: string;
      got: string;
    }>(),
  },
  'evidence/weak-hash': {
    http: 403,
    what: 'The quote of the TPM rests on SHA-1, for its registers or for its signature.',
    todo: 'Have the TPM use its SHA-256 or SHA-384 bank (a firmware setting), and an attestation key that signs with SHA-256 or more.',
    facts: facts<{ where: string; hash: string }>(),
  },
  'evidence/bad-attestation-key': {
    http: 403,
    what: 'The key that signed the quote is not one that only signs what its TPM made.',
    todo: 'Enrol the node with an attestation key that its TPM made: restricted, for signing, fixed to the TPM.',
    facts: facts<{ key: string; rule: string }>(),
  },
  'evidence/bad-endorsement-key': {
    http: 403,
    what: 'The endorsement key is not one that a TPM has, or not the one in its certificate.',
    todo: 'Ask the operator of the machine for a new request; check the endorsement certificate with the vendor of the TPM.',
    facts: facts<{ rule: string }>(),
  },
  'evidence/activation-failed': {
    http: 403,
    what: 'The answer does not show that the attestation key and the endorsement key are in one TPM.',
    todo: 'Give the challenge to the machine that made the request, and bring back its answer to this very challenge.',
    facts: facts<{ key: string; reason: string }>(),
  },
  'evidence/log-mismatch': {
    http: 403,
    what: 'The event log does not lead to a register as the TPM signed it.',
    todo: 'Ask for fresh evidence; where that is refused too, the log was changed, or something extended the register after the boot.',
    facts: facts<{ pcr: number; wanted: string; got: string }>(),
  },
  'evidence/nothing-measured': {
    http: 403,
    what: 'A register that an image is known by has only zeros: nothing was measured into it.',
    todo: 'Boot the machine with measured boot and Secure Boot; without them its evidence says nothing about its image.',
    facts: facts<{ machine: string; pcr: number }>(),
  },
  'evidence/measured-outside': {
    http: 403,
    what: 'Something that the manifest does not list was measured into a register that must be zeros.',
    todo: 'Take away what was added to the boot (a command line, an overlay), or have a manifest signed that lists it.',
    facts: facts<{ machine: string; pcr: number; got: string }>(),
  },
  'evidence/other-machine': {
    http: 403,
    what: 'The evidence comes from another machine than the one that the manifest names for this node.',
    todo: 'Check which machine the node runs on; a moved node is enrolled anew and needs a new manifest.',
    facts: facts<{ node: string; wanted: string; got: string }>(),
  },
  'evidence/node-pcr-mismatch': {
    http: 403,
    what: 'The evidence comes from another machine or role than the one that the manifest names for this node.',
    todo: 'Check which instance and role the node runs on; a moved node needs a new manifest.',
    facts: facts<{ node: string; pcr: number; wanted: string; got: string }>(),
  },
  'attester/broken': {
    http: 500,
    what: 'A file of the attester is missing or can not be used.',
    todo: 'Restore the file, or enrol the node anew; the manifest must then name its new PCRs or key.',
    facts: facts<{ file: string; reason: string }>(),
  },
  'attester/enrolled': {
    http: 409,
    what: 'The attester has this file already; an enrolment is never overwritten.',
    todo: 'Use the enrolment that is there, or move its folder away before enrolling anew.',
    facts: facts<{ file: string }>(),
  },
  'attester/bad-program': {
    http: 500,
    what: 'The folder of the built program can not be measured.',
    todo: 'Build the program anew into a folder of its own; it may hold no symbolic link.',
    facts: facts<{ file: string; reason: string }>(),
  },
  'attester/expired': {
    http: 503,
    what: 'The certificate of the attester can not be renewed any more.',
    todo: 'Enrol the node anew with the set-up.',
    facts: facts<{ notAfter: number; now: number }>(),
  },
  'attester/no-device': {
    http: 500,
    what: 'The device that makes evidence of this platform is not there or can not be opened.',
    todo: 'Run the node on a machine of its platform, with rights to the device, or correct the attester in its configuration.',
    facts: facts<{ platform: string; device: string; reason: string }>(),
  },
  'attester/device-failed': {
    http: 503,
    what: 'The device that makes evidence failed, or gave an answer that can not be used.',
    todo: 'Look into the log of the kernel; where it goes on, restart the machine.',
    facts: facts<{ device: string; request: string; reason: string }>(),
  },
  'attester/device-refused': {
    http: 503,
    what: 'The device that makes evidence refused a request.',
    todo: 'See the answer of the device; a register that is locked already means that the enclave must be started anew.',
    facts: facts<{ device: string; request: string; answer: string }>(),
  },
  'attester/timeout': {
    http: 504,
    what: 'The device that makes evidence did not answer in time.',
    todo: 'Look for what else uses the device; restart the node, and the machine where that does not help.',
    facts: facts<{ device: string; request: string; ms: number }>(),
  },
  'attester/measured-before': {
    http: 500,
    what: 'The register that binds the identity of the node was measured into or locked before this start.',
    todo: 'Start the enclave anew: one enclave carries one identity, and nothing else may use the register.',
    facts: facts<{ pcr: number; got: string }>(),
  },
  'attester/read-back': {
    http: 500,
    what: 'The evidence that the device made is not what it was asked for; it was not handed out.',
    todo: 'Do not use this machine: its device, or what stands between it and the node, can not be relied on.',
    facts: facts<{ field: string; wanted: string; got: string }>(),
  },
  'attester/not-enrolled': {
    http: 500,
    what: 'This node has no attestation key in its TPM yet.',
    todo: 'Enrol it with `symbolon tpm request`, have the answer accepted, and name its key in the manifest.',
    facts: facts<{ file: string }>(),
  },
  'attester/other-key': {
    http: 500,
    what: 'The TPM does not make the attestation key that this node was enrolled with: it is another TPM, or its endorsement seed was changed.',
    todo: 'Bring the node back to its machine, or move its folder away and enrol it anew; the manifest then names the new key.',
    facts: facts<{ wanted: string; got: string }>(),
  },
  'attester/no-endorsement': {
    http: 500,
    what: 'The TPM shows no endorsement key certificate that belongs to its endorsement key.',
    todo: 'Get the certificate from the vendor of the TPM; enrolment needs a chain to a root that the operator accepts.',
    facts: facts<{ device: string; reason: string }>(),
  },
  'attester/bad-input': {
    http: 400,
    what: 'The attester was asked to bind more than a document can carry.',
    todo: 'Send a nonce, public key and user data within the limits of the platform.',
    facts: facts<{ field: string; size: number; limit: number }>(),
  },
} as const satisfies Record<string, Entry>;
