import { facts, type Entry } from './catalogue.ts';

/** Facts of a record that belongs elsewhere: what was expected, and what its header names. */
const other = facts<{ wanted: string; found: string }>();

/** Refusals of the token, the HSM process and the sealed records. */
export const hsmErrors = {
  'hsm/unavailable': {
    http: 503,
    what: 'The HSM process does not answer.',
    todo: 'See the log of the HSM process; it is restarted with back-off, and the node goes on when it answers.',
    facts: facts<{ reason: string }>(),
  },
  'hsm/bad-frame': {
    http: 400,
    what: 'A frame on the private socket of the HSM process is not of the protocol; its connection was closed.',
    todo: 'Check that both ends run versions that belong together, and that nothing else uses the socket.',
    facts: facts<{ reason: string }>(),
  },
  'hsm/socket-exposed': {
    http: 500,
    what: 'The folder of the HSM socket can be entered by other users.',
    todo: 'Give the folder mode 0700 and the owner that the HSM process runs as.',
    facts: facts<{ folder: string; mode: string }>(),
  },
  'hsm/already-running': {
    http: 409,
    what: 'Another HSM process answers on this socket.',
    todo: 'Stop the other process first; one token has one owner.',
    facts: facts<{ socket: string }>(),
  },
  'hsm/config-broken': {
    http: 500,
    what: 'A configuration file of the HSM process is absent or not of the wanted form.',
    todo: 'Restore the file or run the enrolment in an empty folder; the reason says what is wrong.',
    facts: facts<{ file: string; reason: string }>(),
  },
  'hsm/profile-broken': {
    http: 500,
    what: 'The profile of the token is absent or not of the wanted form.',
    todo: 'Restore profile.json from the enrolment; it is never rewritten by hand.',
    facts: facts<{ file: string; reason: string }>(),
  },
  'hsm/enrolment-incomplete': {
    http: 409,
    what: 'An enrolment was begun in this folder and not finished.',
    todo: 'No share was sealed under it: move the folder away and enrol again.',
    facts: facts<{ folder: string; found: readonly string[]; missing: readonly string[] }>(),
  },
  'hsm/enrolment-other': {
    http: 409,
    what: 'The folder holds the enrolment of another token.',
    todo: 'Use the folder of this node, or an empty one.',
    facts: facts<{ folder: string; wanted: string; found: string }>(),
  },
  'hsm/module-absent': {
    http: 503,
    what: 'The PKCS#11 module or its binding could not be loaded.',
    todo: 'Install the module (Debian: softhsm2) and build pkcs11js with the set-up.',
    facts: facts<{ tried: readonly string[] }>(),
  },
  'hsm/no-algorithm': {
    http: 500,
    what: 'The token can do none of the allowed wrapping algorithms.',
    todo: 'Use a token with RSA-OAEP SHA-256 or HMAC-SHA256; RSA-OAEP SHA-1 needs an explicit flag at enrolment.',
    facts: facts<{ tried: readonly string[] }>(),
  },
  'hsm/probe-failed': {
    http: 503,
    what: 'A secret did not come back from the token as it went in.',
    todo: 'Do not seal with this token; see its own log, and replace it.',
    facts: facts<{ algorithm: string }>(),
  },
  'hsm/token-failed': {
    http: 503,
    what: 'The token or its library reported an error; the HSM process ends and is started anew.',
    todo: 'If it repeats, see the vendor log for the named call and return value.',
    facts: facts<{ operation: string; rv: string }>(),
  },
  'hsm/token-absent': {
    http: 503,
    what: 'No slot holds a token with the label of the profile.',
    todo: 'Attach the token, or check that the token folder is where the enrolment made it.',
    facts: facts<{ label: string }>(),
  },
  'hsm/token-ambiguous': {
    http: 409,
    what: 'More than one token has this label and serial number.',
    todo: 'Remove the copy; one token must match and no other.',
    facts: facts<{ label: string; serial: string; found: number }>(),
  },
  'hsm/token-mismatch': {
    http: 403,
    what: 'The token is not the one that this node was enrolled with.',
    todo: 'Give this node its own token back; a node never uses the token of another.',
    facts: facts<{ wanted: string; found: string }>(),
  },
  'hsm/key-absent': {
    http: 503,
    what: 'The token holds no wrapping key with this label and id.',
    todo: 'Check that the token is the enrolled one and was not initialised again; without its key, records stay shut.',
    facts: facts<{ label: string; keyId: string }>(),
  },
  'hsm/key-ambiguous': {
    http: 409,
    what: 'More than one object of the token has this label and id; none is used.',
    todo: 'Remove the copy with the tool of the token; one object must match and no other.',
    facts: facts<{ label: string; keyId: string; found: number }>(),
  },
  'hsm/key-mismatch': {
    http: 403,
    what: 'The public half of the wrapping key is not the one of the enrolment.',
    todo: 'Treat the token and its link as tampered with; do not seal anything under it.',
    facts: facts<{ keyId: string }>(),
  },
  'hsm/key-exposed': {
    http: 403,
    what: 'The wrapping key could leave the token: an attribute that protects it is not as it was made.',
    todo: 'Enrol again with a key that the token itself makes, sensitive and never extractable.',
    facts: facts<{ keyId: string; attribute: string }>(),
  },
  'hsm/pin-refused': {
    http: 403,
    what: 'The token did not take the PIN, or would lock at the next wrong one; it is not tried again.',
    todo: 'Put the right PIN into a new PIN file, after a reset with the SO PIN where the token is locked.',
    facts: facts<{ reason: string }>(),
  },
  'hsm/pin-file-exposed': {
    http: 403,
    what: 'The PIN file can be read or written by other users.',
    todo: 'Give it mode 0600 and the owner that the HSM process runs as, then change the PIN: it may be known.',
    facts: facts<{ file: string; mode: string }>(),
  },
  'hsm/pin-file-broken': {
    http: 500,
    what: 'The PIN file is absent, empty, too long, or holds more than one line of printable characters.',
    todo: 'Restore the PIN file of this node.',
    facts: facts<{ file: string; reason: string }>(),
  },
  'hsm/wrapped-refused': {
    http: 409,
    what: 'The token is sound and did not unwrap these bytes.',
    todo: 'The record was changed or sealed under another key: restore it, or move the key to the other holders with `symbolon key reshare`.',
    facts: facts<{ algorithm: string }>(),
  },
  'hsm/record-broken': {
    http: 409,
    what: 'A sealed record is not intact.',
    todo: 'Restore the record from a copy, or move the key to the other holders with `symbolon key reshare`.',
    facts: facts<{ reason: string }>(),
  },
  'hsm/record-version': {
    http: 409,
    what: 'A sealed record has a version that this build does not open.',
    todo: 'Use the build that sealed it.',
    facts: facts<{ wanted: number; found: number }>(),
  },
  'hsm/record-other-cluster': {
    http: 403,
    what: 'A sealed record belongs to another cluster.',
    todo: 'Put the record back to the node that it was sealed for.',
    facts: other,
  },
  'hsm/record-other-node': {
    http: 403,
    what: 'A sealed record belongs to another node.',
    todo: 'Put the record back to the node that it was sealed for.',
    facts: other,
  },
  'hsm/record-other-kind': {
    http: 409,
    what: 'A sealed record is of another kind than this place holds.',
    todo: 'Find out who moved the files of the store; restore them.',
    facts: other,
  },
  'hsm/record-other-subject': {
    http: 409,
    what: 'A sealed record is of another key than its place says: records were swapped.',
    todo: 'Find out who moved the files of the store; restore them.',
    facts: other,
  },
  'hsm/record-other-generation': {
    http: 409,
    what: 'A sealed record is of another generation of the share: an old record was put back, or a newer one is there.',
    todo: 'Restore the record of the present generation, or move the key to the other holders with `symbolon key reshare`.',
    facts: facts<{ wanted: number; found: number }>(),
  },
  'hsm/record-other-token': {
    http: 403,
    what: 'A sealed record was made with another token.',
    todo: 'Give the node the token that sealed the record.',
    facts: other,
  },
  'hsm/record-other-wrapping-key': {
    http: 403,
    what: 'A sealed record was made with another wrapping key of the token.',
    todo: 'Use the profile that sealed the record.',
    facts: other,
  },
  'hsm/record-other-algorithm': {
    http: 403,
    what: 'A sealed record names another wrapping algorithm than the one fixed at enrolment; it is never changed to fit.',
    todo: 'Use the profile that sealed the record.',
    facts: other,
  },
} as const satisfies Record<string, Entry>;
