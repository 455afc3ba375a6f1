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
    todo: 'Check which platform the node runs on; a TPM document is never accepted as an enclave.',
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
    what: 'The files of the dev attester are missing or can not be used.',
    todo: 'Enrol the node anew with the set-up; the manifest must then name its new PCRs.',
    facts: facts<{ file: string; reason: string }>(),
  },
  'attester/enrolled': {
    http: 409,
    what: 'The dev attester has this file already; an enrolment is never overwritten.',
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
  'attester/bad-input': {
    http: 400,
    what: 'The attester was asked to bind more than a document can carry.',
    todo: 'Send a nonce, public key and user data within the limits of the platform.',
    facts: facts<{ field: string; size: number; limit: number }>(),
  },
} as const satisfies Record<string, Entry>;
