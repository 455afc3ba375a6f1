import { facts, type Entry } from './catalogue.ts';

/** Refusals of TPM 2.0 structures, and what can go wrong between this process and a TPM. */
export const tpmErrors = {
  'tpm/malformed': {
    http: 400,
    what: 'The bytes are not the TPM 2.0 structure that they should be.',
    todo: 'Check where they come from; the offset says where it broke.',
    facts: facts<{ what: string; reason: string; offset: number }>(),
  },
  'tpm/key-unusable': {
    http: 400,
    what: 'A TPM key can not be used for what was asked.',
    todo: 'Check that it is the key that was meant: an endorsement key, or an attestation key of this TPM.',
    facts: facts<{ reason: string }>(),
  },
  'tpm/bad-address': {
    http: 400,
    what: 'The address names no TPM.',
    todo: 'Write device:/dev/tpmrm0, or unix:PATH or tcp:127.0.0.1:PORT of an emulator.',
    facts: facts<{ reason: string }>(),
  },
  'tpm/unavailable': {
    http: 503,
    what: 'The TPM can not be reached, or did not answer in time; no other one is tried.',
    todo: 'Check that the device is there, that this user may open it (group tss), and the kernel log.',
    facts: facts<{ address: string; reason: string }>(),
  },
  'tpm/busy': {
    http: 503,
    what: 'The TPM asked to try again until the time for the command was over.',
    todo: 'Wait a minute; if it stays so, see the kernel log: the TPM may be in its self-test, or rate limits its memory.',
    facts: facts<{ command: string; name: string }>(),
  },
  'tpm/refused': {
    http: 503,
    what: 'The TPM refused a command.',
    todo: 'Look the name up in TPM 2.0 Part 2 section 6.6.3; TPM_RC_INITIALIZE means that the firmware did not start the TPM.',
    facts: facts<{ command: string; rc: string; name: string }>(),
  },
  'tpm/auth-refused': {
    http: 403,
    what: 'The TPM did not take the auth value.',
    todo: 'Give the right one; it is not tried again, since each wrong one counts towards the lockout.',
    facts: facts<{ command: string; name: string }>(),
  },
  'tpm/locked-out': {
    http: 403,
    what: 'The TPM is in lockout after wrong auth values.',
    todo: 'Wait for its recovery time, or reset the lockout with the lockout auth value; then find out who tried.',
    facts: facts<{ command: string }>(),
  },
  'tpm/policy-refused': {
    http: 403,
    what: 'The policy of the object does not hold: the machine is not in the state that it was sealed for.',
    todo: 'Compare the registers with those of the seal; after an intended update seal anew, else move the key to the other holders with `symbolon key reshare`.',
    facts: facts<{ command: string; name: string }>(),
  },
  'tpm/blob-refused': {
    http: 409,
    what: 'The TPM did not take a sealed blob or a credential: it was changed, or made for another TPM, key or owner.',
    todo: 'Check that it belongs to this machine; a TPM that was cleared opens nothing from before.',
    facts: facts<{ command: string; name: string }>(),
  },
  'tpm/response-not-authentic': {
    http: 503,
    what: 'A response did not come from the TPM as it stands: its HMAC, or its signature, is wrong.',
    todo: 'Treat the way between this machine and its TPM as tampered with; keep the node out of sessions.',
    facts: facts<{ command: string }>(),
  },
  'tpm/other-storage-root': {
    http: 403,
    what: 'The storage root key of the TPM is not the one that is pinned.',
    todo: 'This is another TPM, it was cleared, or something stands between: give the machine its own TPM back, or enrol anew.',
    facts: facts<{ wanted: string; found: string }>(),
  },
  'tpm/not-the-counter': {
    http: 409,
    what: 'What the TPM has at this index is not a counter as this program makes it: it could be set back.',
    todo: 'Find out who put it there; take the counter for lost, and its node out of sessions until it is enrolled anew.',
    facts: facts<{ index: string; attributes: string; size: number }>(),
  },
  'tpm/bank-absent': {
    http: 409,
    what: 'The TPM keeps no registers with this hash.',
    todo: 'Enable the PCR bank in the firmware of the machine.',
    facts: facts<{ bank: string; pcrs: readonly string[] }>(),
  },
} as const satisfies Record<string, Entry>;
