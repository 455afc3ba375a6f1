import { facts, type Entry } from './catalogue.ts';

/** Refusals of the attested channel, the envelopes and the parent proxy. */
export const channelErrors = {
  'channel/bad-address': {
    http: 400,
    what: 'A listener address is not of a form that this build can use.',
    todo: 'Use unix:PATH or tcp:HOST:PORT; vsock:CID:PORT needs the enclave image.',
    facts: facts<{ address: string; reason: string }>(),
  },
  'channel/address-in-use': {
    http: 409,
    what: 'Another process listens on this address.',
    todo: 'End the other process, or give this one another address; a socket that nobody serves is taken over by itself.',
    facts: facts<{ address: string }>(),
  },
  'channel/listen-refused': {
    http: 500,
    what: 'The system did not let the process listen on this address.',
    todo: 'Check that the folder exists and is writable, that the port is free and above 1023, and that the host is of this machine.',
    facts: facts<{ address: string; errno: string }>(),
  },
  'channel/unreachable': {
    http: 503,
    what: 'The peer can not be reached.',
    todo: 'Check that the peer and its parent proxy run, and that nothing between drops the connection.',
    facts: facts<{ address: string; reason: string }>(),
  },
  'channel/timeout': {
    http: 504,
    what: 'The peer did not answer in time.',
    todo: 'Look at the load and the log of the peer; the call may be tried again.',
    facts: facts<{ address: string; ms: number }>(),
  },
  'channel/not-tls13': {
    http: 502,
    what: 'The peer did not complete a TLS 1.3 handshake with a certificate.',
    todo: 'Check that the address is that of a node or its parent proxy; older TLS is never accepted.',
    facts: facts<{ address: string; reason: string }>(),
  },
  'channel/pin-mismatch': {
    http: 502,
    what: 'The TLS key of the peer is not the one that its evidence named; nothing was sent to it.',
    todo: 'The node was restarted, or something on the way ends TLS itself: appraise fresh evidence before going on.',
    facts: facts<{ address: string; wanted: string; got: string }>(),
  },
  'channel/bad-answer': {
    http: 502,
    what: 'The peer did not answer with a complete HTTP answer of an allowed size.',
    todo: 'Check that the address is that of a node and that both ends run versions that belong together.',
    facts: facts<{ address: string; reason: string }>(),
  },
  'channel/bad-key': {
    http: 400,
    what: 'A key is not one that the channel can use.',
    todo: 'Client keys are raw 32-byte Ed25519 seeds; a node whose public keys are refused must be restarted.',
    facts: facts<{ what: string; reason: string }>(),
  },
  'channel/envelope-refused': {
    http: 403,
    what: 'A round message was refused.',
    todo: 'The log of the node that refused says why; the sender is told nothing more.',
    facts: facts<Record<string, never>>(),
  },
  'channel/envelope-signature': {
    http: 403,
    what: 'A round message does not carry a signature of its sender over exactly these fields.',
    todo: 'Something changed the message on the way, or its sender was restarted: start a new session, and look at the relay if it stays.',
    facts: facts<{ from: string }>(),
  },
  'channel/envelope-sender': {
    http: 403,
    what: 'A round message names another sender than the one whose turn it is.',
    todo: 'The named peer signed in the name of another node: treat it as compromised until it is explained.',
    facts: facts<{ from: string }>(),
  },
  'channel/envelope-session': {
    http: 403,
    what: 'A round message belongs to another session.',
    todo: 'The relay replayed a message: look at the coordinator.',
    facts: facts<{ from: string }>(),
  },
  'channel/envelope-round': {
    http: 403,
    what: 'A round message belongs to another round.',
    todo: 'The relay replayed or reordered messages: look at the coordinator.',
    facts: facts<{ from: string; wanted: number; got: number }>(),
  },
  'channel/envelope-receiver': {
    http: 403,
    what: 'A round message is not addressed as this place wants it: to this node, or to all.',
    todo: 'The relay delivered a message to the wrong node: look at the coordinator.',
    facts: facts<{ from: string }>(),
  },
  'channel/envelope-split-view': {
    http: 403,
    what: 'The sender of a round message saw other broadcasts than this node did.',
    todo: 'A participant or the relay told the nodes different things: compare the logs of this session on all nodes.',
    facts: facts<{ from: string; round: number }>(),
  },
  'channel/envelope-undecryptable': {
    http: 403,
    what: 'A round message is signed by its sender and can not be decrypted.',
    todo: 'The named peer encrypted to another key than the attested one: restart it, and treat it as compromised if it stays.',
    facts: facts<{ from: string }>(),
  },
  'channel/bad-config': {
    http: 400,
    what: 'The configuration of the parent proxy can not be used.',
    todo: 'Correct the named place; enclave/parent/SPEC.md names every field. Unknown and repeated fields are refused.',
    facts: facts<{ reason: string }>(),
  },
} as const satisfies Record<string, Entry>;
