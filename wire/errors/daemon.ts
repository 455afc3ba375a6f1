import { facts, type Entry } from './catalogue.ts';

/** Rules that every manifest keeps, whoever signed it. */
export type ManifestRule =
  | 'duplicate-name'
  | 'bad-index'
  | 'key-in-two-roles'
  | 'weak-key'
  | 'governance-threshold'
  | 'zero-measurement'
  | 'no-measurement'
  | 'no-root'
  | 'node-not-distinct'
  | 'dev-in-production'
  | 'empty-window';

/** Refusals of the signer node. */
export const daemonErrors = {
  'store/unusable': {
    http: 500,
    what: 'The key store is there and can not be used.',
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
  'store/unknown-key': {
    http: 404,
    what: 'This node holds no usable record of the key.',
    todo: 'See `symbolon key show` for the nodes that hold a share.',
    facts: facts<{ key: string }>(),
  },
  'store/full': {
    http: 503,
    what: 'The store holds as many records as it may.',
    todo: 'Retire keys or add a cluster; docs/limits.md gives the number.',
    facts: facts<{ limit: number }>(),
  },
  'store/closed': {
    http: 503,
    what: 'The key store was closed; its shares are wiped.',
    todo: 'Wait until the node is ready again.',
    facts: facts<Record<string, never>>(),
  },
  'guard/missing': {
    http: 500,
    what: 'The replay journal existed and is gone.',
    todo: 'Put it back. Starting without it would forget which requests were used: see the recovery page before doing that.',
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
  'manifest/absent': {
    http: 503,
    what: 'The node has no manifest.',
    todo: 'Install the signed manifest of the cluster.',
    facts: facts<{ file: string }>(),
  },
  'manifest/broken': {
    http: 500,
    what: 'The file of the manifest can not be read as one.',
    todo: 'Put back the signed manifest of the cluster.',
    facts: facts<{ file: string; reason: string }>(),
  },
  'manifest/foreign-governance': {
    http: 403,
    what: 'The governance keys of the manifest are not the ones that this node was set up with.',
    todo: 'Check the anchor in the configuration against the governance record of the cluster.',
    facts: facts<{ wanted: string; got: string }>(),
  },
  'manifest/foreign-cluster': {
    http: 403,
    what: 'The manifest is of another cluster.',
    todo: 'Use the manifest of this cluster.',
    facts: facts<{ wanted: string; got: string }>(),
  },
  'manifest/unknown-signer': {
    http: 403,
    what: 'The manifest is signed by a key that is not in the governance set in force.',
    todo: 'Collect signatures of the present governance keys only.',
    facts: facts<{ signer: string }>(),
  },
  'manifest/duplicate-signer': {
    http: 403,
    what: 'A governance key signed twice; each counts once and is listed once.',
    todo: 'Collect signatures of distinct governance keys.',
    facts: facts<{ signer: string }>(),
  },
  'manifest/bad-signature': {
    http: 403,
    what: 'A signature of the manifest does not verify.',
    todo: 'Find out what the signer signed: the manifest was changed after it, or the signature is not theirs.',
    facts: facts<{ signer: string }>(),
  },
  'manifest/not-enough-signatures': {
    http: 403,
    what: 'Fewer governance keys than the threshold signed the manifest.',
    todo: 'Collect the missing signatures.',
    facts: facts<{ have: number; wanted: number }>(),
  },
  'manifest/version-not-higher': {
    http: 409,
    what: 'The version of the manifest is lower than the one in force.',
    todo: 'Propose a manifest with a higher version.',
    facts: facts<{ version: number; current: number }>(),
  },
  'manifest/version-conflict': {
    http: 409,
    what: 'Another manifest of the same version is in force.',
    todo: 'Two manifests of one version were signed: find out why, then propose a higher version.',
    facts: facts<{ version: number }>(),
  },
  'manifest/rule': {
    http: 400,
    what: 'The manifest breaks a rule that every manifest keeps.',
    todo: 'Correct the named place and have it signed again.',
    facts: facts<{ rule: ManifestRule; at: string }>(),
  },
  'manifest/too-many-governance-changes': {
    http: 409,
    what: 'The governance keys changed more often than a node can keep the proof of.',
    todo: 'Set the node up anew with an anchor of the present governance keys.',
    facts: facts<{ limit: number }>(),
  },
  'request/unknown-client': {
    http: 401,
    what: 'The request names a client that the manifest does not have.',
    todo: 'Check the name of the client, and that all nodes hold the manifest that names it.',
    facts: facts<{ client: string }>(),
  },
  'request/bad-signature': {
    http: 401,
    what: 'The signature of the request does not verify under the key of its client.',
    todo: 'Sign with the key that the manifest names for the client.',
    facts: facts<{ client: string }>(),
  },
  'request/client-expired': {
    http: 403,
    what: 'The client key is past its end in the manifest.',
    todo: 'Have governance sign a manifest with a new key or a later end.',
    facts: facts<{ client: string; notAfter: number }>(),
  },
  'request/foreign-cluster': {
    http: 403,
    what: 'The request is for another cluster.',
    todo: 'Sign a request with the id of this cluster.',
    facts: facts<{ wanted: string; got: string }>(),
  },
  'request/expired': {
    http: 403,
    what: 'The request is past its end.',
    todo: 'Sign a new request; check the clocks where it was fresh.',
    facts: facts<{ expiresAt: number; now: number }>(),
  },
  'request/not-yet-valid': {
    http: 403,
    what: 'The request was issued in the future.',
    todo: 'Check the clocks of the client and of the node.',
    facts: facts<{ issuedAt: number; now: number }>(),
  },
  'request/bad-life': {
    http: 400,
    what: 'The request ends before it begins, or lives longer than a request may.',
    todo: 'Sign a request with a shorter life.',
    facts: facts<{ life: number; limit: number }>(),
  },
  'request/not-granted': {
    http: 403,
    what: 'The manifest does not grant the client what it asks for. What is not named is refused.',
    todo: 'Ask for what is granted, or have governance sign a manifest that grants it.',
    facts: facts<{ client: string; action: string; wanted: string }>(),
  },
  'request/bad-participants': {
    http: 400,
    what: 'The nodes or the threshold of a new key are not possible in this cluster.',
    todo: 'Name nodes of the manifest, sorted, each once, and a threshold above half of them.',
    facts: facts<{ reason: string }>(),
  },
  'request/wrong-purpose': {
    http: 403,
    what: 'The key was made for another purpose than the request says.',
    todo: 'Use a key of that purpose.',
    facts: facts<{ key: string; wanted: string; got: string }>(),
  },
  'request/wrong-payload': {
    http: 400,
    what: 'The payload is of a kind that the scheme of the key does not sign.',
    todo: 'Ed25519 keys sign `message`; taproot keys sign `bip340-digest` and `bip341-key-spend`.',
    facts: facts<{ scheme: string; payload: string }>(),
  },
  'node/wrong-phase': {
    http: 503,
    what: 'The node does not answer this request in its present phase.',
    todo: 'See `symbolon status` for what the node is waiting for.',
    facts: facts<{ phase: string; wanted: readonly string[] }>(),
  },
  'node/not-authorised': {
    http: 403,
    what: 'The node does not answer this caller.',
    todo: 'Connect with a client key that the manifest of the node names, and that may do what is asked.',
    facts: facts<Record<string, never>>(),
  },
  'node/no-such-route': {
    http: 404,
    what: 'The node has no such call.',
    todo: 'Check that both ends run versions that belong together; daemon/SPEC.md lists the calls.',
    facts: facts<Record<string, never>>(),
  },
  'node/bad-call': {
    http: 400,
    what: 'The HTTP frame of the call is not what this route takes.',
    todo: 'Send the body as application/cbor with its length, and no body with GET.',
    facts: facts<{ reason: string }>(),
  },
  'node/busy': {
    http: 429,
    what: 'The node makes no more evidence for unknown callers for now.',
    todo: 'Wait a second and ask again; known clients are not held back.',
    facts: facts<{ perSecond: number }>(),
  },
  'node/internal': {
    http: 500,
    what: 'The node met an error that its catalogue does not name.',
    todo: 'Find the id in the log of the node and report it.',
    facts: facts<{ id: string }>(),
  },
  'node/bad-config': {
    http: 500,
    what: 'The configuration of the node can not be used.',
    todo: 'Compare the named field with daemon/SPEC.md; the set-up writes a right one.',
    facts: facts<{ field: string; reason: string }>(),
  },
  'node/platform-not-here': {
    http: 500,
    what: 'This build can not attest on the wanted platform.',
    todo: 'Run the image that was made for the platform, or set `platform` to `dev` on a development machine.',
    facts: facts<{ platform: string; here: readonly string[] }>(),
  },
  'node/no-manifest': {
    http: 503,
    what: 'The node holds no manifest that it trusts, so it can say nothing about its cluster.',
    todo: 'See the reason in the log of the node; put a signed manifest in the place that the configuration names.',
    facts: facts<Record<string, never>>(),
  },
  'node/not-in-manifest': {
    http: 500,
    what: 'The manifest does not name this node, or names it for another cluster or platform.',
    todo: 'Compare `node`, `cluster` and `platform` of the configuration with the manifest.',
    facts: facts<{ field: string; wanted: string; got: string }>(),
  },
  'session/unknown': {
    http: 404,
    what: 'The node holds no such session of this client.',
    todo: 'Start a new session: it ended, or the node was started again.',
    facts: facts<Record<string, never>>(),
  },
  'session/expired': {
    http: 409,
    what: 'The deadline of the session is over.',
    todo: 'Start a new session; see which node was slow.',
    facts: facts<{ session: string }>(),
  },
  'session/failed': {
    http: 409,
    what: 'The session failed before and stays failed.',
    todo: 'Start a new session; the first code says why this one ended.',
    facts: facts<{ session: string; code: string; peer?: string }>(),
  },
  'session/finished': {
    http: 409,
    what: 'The session is finished.',
    todo: 'Start a new session for a new request.',
    facts: facts<{ session: string }>(),
  },
  'session/aborted': {
    http: 409,
    what: 'The relay ended the session.',
    todo: 'See the log of the coordinator for the given code.',
    facts: facts<{ reason: string }>(),
  },
  'session/too-many': {
    http: 429,
    what: 'The node holds as many sessions as it takes.',
    todo: 'Wait for sessions to end; a session ends by itself at its deadline.',
    facts: facts<{ limit: number }>(),
  },
  'session/other-manifest': {
    http: 409,
    what: 'The session names another manifest than the one that this node holds.',
    todo: 'Bring all nodes to the same manifest with `symbolon manifest`.',
    facts: facts<{ wanted: string; got: string }>(),
  },
  'session/bad-participants': {
    http: 400,
    what: 'These nodes can not run this request together.',
    todo: 'Name exactly the wanted nodes, sorted, each once.',
    facts: facts<{ reason: string }>(),
  },
  'session/key-not-active': {
    http: 409,
    what: 'The key is not active on this node.',
    todo: 'Finish its creation, or make the key anew.',
    facts: facts<{ key: string; state: string }>(),
  },
  'session/bad-challenges': {
    http: 400,
    what: 'The challenges are not those of the participants of this session.',
    todo: 'Hand every node all challenges, unchanged, in the order of the participants.',
    facts: facts<{ reason: string }>(),
  },
  'session/wrong-state': {
    http: 409,
    what: 'The session is not at the step that this call belongs to.',
    todo: 'Follow the order open, attest, rounds, finish.',
    facts: facts<{ state: string; wanted: string }>(),
  },
  'session/bad-outcome': {
    http: 400,
    what: 'What the relay reports as the end of the session does not hold.',
    todo: 'Find out why the coordinator reports it: a signature was wrong or belongs elsewhere.',
    facts: facts<{ reason: string }>(),
  },
  'round/out-of-order': {
    http: 409,
    what: 'The session does not expect this round now.',
    todo: 'Deliver the rounds in their order, one at a time.',
    facts: facts<{ expected: number; got: number }>(),
  },
  'round/unexpected-input': {
    http: 400,
    what: 'The round does not take these messages.',
    todo: 'Deliver exactly one message of each wanted kind from each other participant.',
    facts: facts<{ reason: string; peer?: string }>(),
  },
  'round/slot-taken': {
    http: 409,
    what: 'Another delivery for this step was accepted before.',
    todo: 'Deliver a step again only with the same bytes.',
    facts: facts<{ step: string }>(),
  },
  'round/equivocation': {
    http: 409,
    what: 'A participant signed two different messages for one place of the session.',
    todo: 'Take the named node out and find out what runs there.',
    facts: facts<{ peer: string; round: number }>(),
  },
  'round/split-view': {
    http: 409,
    what: 'A participant saw other broadcasts than this node did.',
    todo: 'Some node told two stories, not always the named one: compare the envelopes in the logs of both.',
    facts: facts<{ peer: string; round: number }>(),
  },
  'round/peer-cheated': {
    http: 409,
    what: 'A participant sent a message that an honest one can not send.',
    todo: 'Take the named node out and find out what runs there.',
    facts: facts<{ peer: string; round: number; code: string }>(),
  },
  'gate/peer-refused': {
    http: 403,
    what: 'This node does not accept the evidence of a participant.',
    todo: 'The reason names what differs; fix that node, or list its measurement in the manifest.',
    facts: facts<{ peer: string; code: string; reason: string }>(),
  },
  'gate/other-identity': {
    http: 403,
    what: 'The evidence of a participant is for another identity or boot than its challenge.',
    todo: 'Two instances claim one name, or the relay mixed them: find the second one.',
    facts: facts<{ peer: string; field: string }>(),
  },
  'gate/not-current': {
    http: 409,
    what: 'The session was opened under a manifest that is no longer the current one.',
    todo: 'Start a new session.',
    facts: facts<{ wanted: string; got: string }>(),
  },
  'gate/evidence-over': {
    http: 403,
    what: 'There is no evidence of a participant that is valid at this moment.',
    todo: 'Start a new session; see `symbolon status` for when evidence ends.',
    facts: facts<{ peer: string }>(),
  },
  'gate/not-burned': {
    http: 500,
    what: 'The request was not recorded as used before the last round.',
    todo: 'Report this: the node stopped its own mistake and nothing left.',
    facts: facts<Record<string, never>>(),
  },
  'session/unknown-key': {
    http: 404,
    what: 'The node holds no share of this key.',
    todo: 'See `symbolon key list` for which nodes hold it.',
    facts: facts<{ key: string }>(),
  },
  'gate/not-granted': {
    http: 403,
    what: 'At this moment the manifest no longer grants the request, or its time is over.',
    todo: 'Have the client sign a new request.',
    facts: facts<{ client: string; reason: string }>(),
  },
} as const satisfies Record<string, Entry>;
