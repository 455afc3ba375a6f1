import { facts, type Entry } from './catalogue.ts';

/** Rules that every manifest keeps, whoever signed it. */
export type ManifestRule =
  | 'duplicate-name'
  | 'bad-index'
  | 'key-in-two-roles'
  | 'weak-key'
  | 'governance-threshold'
  | 'zero-measurement'
  | 'pcr-size'
  | 'event-place'
  | 'no-measurement'
  | 'no-root'
  | 'node-not-distinct'
  | 'dev-in-production'
  | 'empty-window';

/** Refusals of manifests, and of requests that the manifest does not allow. */
export const manifestErrors = {
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
    todo: 'Ed25519 keys sign `message`; taproot keys sign `bip340-digest` and `bip341-key-spend`; ECDSA keys sign `ecdsa-*` and alone have presignatures.',
    facts: facts<{ scheme: string; payload: string }>(),
  },
} as const satisfies Record<string, Entry>;
