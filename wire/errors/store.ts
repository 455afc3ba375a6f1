import { facts, type Entry } from './catalogue.ts';

/** Refusals of what a node keeps on disk: the key store, the pairings and the replay guard. */
export const storeErrors = {
  'store/unusable': {
    http: 500,
    what: 'The store is there and can not be used.',
    todo: 'Look at the folder: owner, mode 0700, a folder and no link; the node starts when it can read it, and never starts anew over it.',
    facts: facts<{ reason: string }>(),
  },
  'store/write-failed': {
    http: 500,
    what: 'A change of the store did not reach the disk.',
    todo: 'Check space and health of the disk, then restart the node: it recovers to the state before or after the change.',
    facts: facts<{ step: string; file: string; reason: string }>(),
  },
  'store/file-broken': {
    http: 500,
    what: 'A file of the store can not be read as what its name says.',
    todo: 'Put the file back from a copy of this node and restart; other keys go on.',
    facts: facts<{ file: string; reason: string }>(),
  },
  'store/unexpected-file': {
    http: 500,
    what: 'The store holds a file whose name it does not know.',
    todo: 'Move the file out of the store; a record that was renamed is accepted under its own name only.',
    facts: facts<{ file: string }>(),
  },
  'store/record-mismatch': {
    http: 500,
    what: 'A sealed record opened, and what it says does not fit together.',
    todo: 'Keep the file for analysis and put back the genuine one: somebody who could seal for this token made it.',
    facts: facts<{ reason: string }>(),
  },
  'store/not-authentic': {
    http: 409,
    what: 'A pairing from before the start is not used: whoever knows the public wrapping key of the token could have sealed it.',
    todo: 'Make the pairing anew: `symbolon pair`; the coordinator does so by itself when both nodes are up. A token that wraps with hmac-sha256 keeps pairings over a restart.',
    facts: facts<{ file: string; algorithm: string }>(),
  },
  'store/activation-refused': {
    http: 403,
    what: 'The confirmations do not prove that every holder stored its share.',
    todo: 'Fetch the round-4 envelopes of the very session that made the key, one of each holder, and activate again.',
    facts: facts<{ reason: string; holder: string }>(),
  },
  'store/key-exists': {
    http: 409,
    what: 'The store already has a record of this key and generation.',
    todo: 'Nothing was changed; make a new key, or activate the one that is there.',
    facts: facts<{ key: string; generation: number }>(),
  },
  'store/later-candidate': {
    http: 409,
    what: 'The store holds unfinished shares of the key that were asked for later, or in the same request by a session that counts for more.',
    todo: 'Nothing was changed; start a new session, or sign a new request: its shares come after all that wait.',
    facts: facts<{ key: string; generation: number }>(),
  },
  'store/candidates-full': {
    http: 409,
    what: 'The store holds as many unfinished generations of the key as it may.',
    todo: 'Nothing was removed, because any of them may be active on another node. Finish one: deliver its confirmations, `symbolon key show` names the nodes that have them.',
    facts: facts<{ key: string; limit: number }>(),
  },
  'store/unknown-key': {
    http: 404,
    what: 'This node holds no usable record of the key.',
    todo: 'See `symbolon key show` for the nodes that hold a share.',
    facts: facts<{ key: string }>(),
  },
  'store/full': {
    http: 503,
    what: 'The store holds as many records as it may.',
    todo: 'Move keys to other nodes with `symbolon key reshare`, or add a cluster; docs/limits.md gives the number.',
    facts: facts<{ limit: number }>(),
  },
  'store/closed': {
    http: 503,
    what: 'The store was closed; its secrets are wiped.',
    todo: 'Wait until the node is ready again.',
    facts: facts<Record<string, never>>(),
  },
  'guard/missing': {
    http: 500,
    what: 'The replay journal existed and is gone.',
    todo: 'Put it back. Starting without it would forget which requests were used: see The way back in daemon/guard/SPEC.md before doing that.',
    facts: facts<{ file: string }>(),
  },
  'guard/broken': {
    http: 500,
    what: 'The replay journal can not be read to its end.',
    todo: 'Put back a good copy; the node does not start with a journal that it understands in part.',
    facts: facts<{ reason: string; offset: number }>(),
  },
  'guard/write-failed': {
    http: 503,
    what: 'A use of a request could not be made durable, so nothing was released.',
    todo: 'Check space and health of the disk and restart the node.',
    facts: facts<{ reason: string }>(),
  },
  'guard/full': {
    http: 503,
    what: 'The replay guard holds as many unexpired requests as it may.',
    todo: 'Wait until requests expire, or have clients ask with shorter lives.',
    facts: facts<{ limit: number }>(),
  },
  'guard/attempts-exhausted': {
    http: 409,
    what: 'The request has started as many sessions as one request may.',
    todo: 'Find out why the sessions failed, then sign a new request.',
    facts: facts<{ id: string; attempts: number }>(),
  },
  'guard/not-begun': {
    http: 409,
    what: 'A request was to be burned that no session of this boot has begun.',
    todo: 'Start a new session; report this, it is an error of the program.',
    facts: facts<{ id: string }>(),
  },
  'node/request-id-conflict': {
    http: 409,
    what: 'The id of the request was used for another request.',
    todo: 'Choose a new random id for each request.',
    facts: facts<{ id: string }>(),
  },
  'node/request-replayed': {
    http: 409,
    what: 'The request was already carried out.',
    todo: 'Use the result of the first time, or sign a new request.',
    facts: facts<{ id: string }>(),
  },
} as const satisfies Record<string, Entry>;
