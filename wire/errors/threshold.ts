import { facts, type Entry } from './catalogue.ts';

/** Refusals of the protocols. `party` is the participant's index; the node that runs the session adds its name. */
export const thresholdErrors = {
  'threshold/bad-parameters': {
    http: 400,
    what: 'The parameters of the protocol run do not make sense together.',
    todo: 'Check threshold, participants and scheme of the request.',
    facts: facts<{ reason: string }>(),
  },
  'threshold/bad-randomness': {
    http: 500,
    what: 'The source of randomness gave something else than the bytes it was asked for.',
    todo: 'Stop the node: without randomness no key and no signature is safe.',
    facts: facts<{ wanted: number; got: number }>(),
  },
  'threshold/state-used': {
    http: 409,
    what: 'A one-use state was used already, was wiped, or is not a state of this step.',
    todo: 'Start a new session; nothing can be resumed from a used state.',
    facts: facts<{ what: string }>(),
  },
  'threshold/message-missing': {
    http: 400,
    what: 'A participant sent no message for this round.',
    todo: 'Start a new session; the named participant was down or its message was dropped.',
    facts: facts<{ party: number; message: string }>(),
  },
  'threshold/unexpected-party': {
    http: 400,
    what: 'There is a message from an index that does not take part.',
    todo: 'Find out who relayed it; the session is aborted.',
    facts: facts<{ party: number; message: string }>(),
  },
  'threshold/malformed-message': {
    http: 400,
    what: 'A message of a participant does not decode to valid values.',
    todo: 'The named participant runs another version or cheats; keep its signed message.',
    facts: facts<{ party: number; message: string; reason: string }>(),
  },
  'threshold/opening-mismatch': {
    http: 403,
    what: 'What a participant opened in round 2 is not what it committed to in round 1.',
    todo: 'The named participant cheats; keep its two signed messages and take the node out.',
    facts: facts<{ party: number }>(),
  },
  'threshold/bad-coefficients': {
    http: 403,
    what: 'The coefficient commitments of a participant are not valid for this threshold.',
    todo: 'The named participant cheats; keep its signed message and take the node out.',
    facts: facts<{ party: number; reason: string }>(),
  },
  'threshold/bad-proof': {
    http: 403,
    what: 'The proof of possession of a participant does not verify.',
    todo: 'The named participant cheats; keep its signed message and take the node out.',
    facts: facts<{ party: number }>(),
  },
  'threshold/bad-dealt-share': {
    http: 403,
    what: 'The share that a participant dealt to this node does not lie on its committed polynomial.',
    todo: 'The named participant cheats; keep its signed messages and take the node out.',
    facts: facts<{ party: number }>(),
  },
  'threshold/degenerate-value': {
    http: 500,
    what: 'A joint value came out as the identity, zero, or out of range.',
    todo: 'Start a new session; this does not happen by chance.',
    facts: facts<{ reason: string }>(),
  },
  'threshold/share-mismatch': {
    http: 409,
    what: 'The secret share does not belong to its public verifying share.',
    todo: 'The record is damaged or was put together from two keys; restore it from its backup.',
    facts: facts<{ index: number }>(),
  },
  'threshold/foreign-nonces': {
    http: 409,
    what: 'The nonces were made for another key, generation or participant.',
    todo: 'Start a new session; the nonces are wiped.',
    facts: facts<{ index: number }>(),
  },
  'threshold/own-commitment-changed': {
    http: 403,
    what: 'The list of commitments does not hold what this participant itself sent.',
    todo: 'The relay changed a message or mixed two sessions; start a new session.',
    facts: facts<{ party: number }>(),
  },
  'threshold/wrong-generation': {
    http: 409,
    what: 'A participant signs with shares of another generation of the key.',
    todo: 'Wait until the refresh is done on all nodes; see `symbolon status`.',
    facts: facts<{ party: number; wanted: number; got: number }>(),
  },
  'threshold/multiplication-failed': {
    http: 403,
    what: 'What a participant sent for the joint multiplication of an ECDSA signature does not fit together.',
    todo: 'The pairing with this node is poisoned and is not used again. Find out what the named node runs, then make a new pairing: `symbolon pair --renew`.',
    facts: facts<{ party: number }>(),
  },
  'threshold/other-pairing': {
    http: 409,
    what: 'A participant uses another pairing with this node than this node has.',
    todo: 'One of the two lost or renewed its pairing: `symbolon pair --renew` makes a new one.',
    facts: facts<{ party: number }>(),
  },
  'threshold/bad-pairing': {
    http: 403,
    what: 'The base oblivious transfers that a participant sent are not consistent.',
    todo: 'The named participant cheats; keep its signed messages and take the node out. No pairing was made.',
    facts: facts<{ party: number }>(),
  },
  'threshold/other-public-key': {
    http: 403,
    what: 'New shares would belong to another public key than the key has.',
    todo: 'A dealer cheats or its share is damaged; nothing was stored. Compare the records of the nodes.',
    facts: facts<{ party: number }>(),
  },
  'threshold/foreign-presignature': {
    http: 409,
    what: 'The presignature was made for another key, generation or set of signers.',
    todo: 'Sign again; the presignature is gone.',
    facts: facts<{ index: number }>(),
  },
  'threshold/split-view': {
    http: 403,
    what: 'A participant saw other messages of the first round than this node did.',
    todo: 'A node sent different messages to different peers, or the relay mixed two sessions; start a new session.',
    facts: facts<{ party: number }>(),
  },
  'threshold/bad-import': {
    http: 400,
    what: 'The shares that were handed in for import do not belong to one key.',
    todo: 'Check that all shares are of one key, curve and threshold, and that the public key is the right one.',
    facts: facts<{ reason: string }>(),
  },
  'threshold/bad-signature-shares': {
    http: 403,
    what: 'The signature shares of the named participants are wrong; no signature was made.',
    todo: 'The named participants cheat or hold a damaged share; sign with other nodes.',
    facts: facts<{ parties: readonly string[] }>(),
  },
  'threshold/bad-signature': {
    http: 500,
    what: 'All signature shares verify and the signature does not: the public data of the key is inconsistent.',
    todo: 'The record of the key is damaged; compare it with the records of the other nodes.',
    facts: facts<{ scheme: string }>(),
  },
} as const satisfies Record<string, Entry>;
