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
