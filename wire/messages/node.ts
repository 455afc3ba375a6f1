/** The other calls of a signer node: evidence for a channel, status, keys, errors. */
import { maxEvidence, maxName, maxNodes } from '../limits.ts';
import { hash32, keyId, label, name, purpose, schemes } from '../ids.ts';
import { platforms } from './manifest.ts';
import { bytes, int, list, message, oneOf, optional, record, text, uint, type TypeOf } from '../shape.ts';

/** Phases of a node, in order. */
export const phases = ['sealed', 'unlocking', 'ready', 'frozen'] as const;
/** A phase. */
export type Phase = (typeof phases)[number];

/** Body of `POST /v1/evidence`: the relying party's own nonce. */
export const evidenceAsk = message('evidence-ask', 128, record({ nonce: bytes(32) }));
/** Answer: evidence of role `channel` over that nonce. */
export const evidenceAnswer = message(
  'evidence-answer',
  maxEvidence + 512,
  record({ node: name, platform: oneOf(...platforms), evidence: bytes(1, maxEvidence) }),
);

/** Answer of `POST /v1/presignatures`, body {@link presignatureAsk}: ids of the presignatures that the node holds. */
export const presignatureList = message('presignature-list', 8_192, record({ ids: list(hash32, 64) }));
/** Body of `POST /v1/presignatures`: a key and a set of signers, sorted by name. */
export const presignatureAsk = message(
  'presignature-ask',
  2_048,
  record({ key: keyId, nodes: list(name, maxNodes, 2) }),
);

/** States of a key on a node. `broken` is a record that is there and can't be opened. */
export const keyStates = ['pending', 'active', 'broken'] as const;
/** Public facts of a key that a node holds a share of. */
export const keyInfoShape = record({
  id: keyId,
  state: oneOf(...keyStates),
  /** Code of the refusal where the state is `broken`. */
  code: optional(text(64)),
  scheme: oneOf(...schemes),
  purpose,
  label,
  threshold: uint(maxNodes, 2),
  nodes: list(name, maxNodes, 2),
  generation: uint(),
  createdAt: uint(),
  /** 32 bytes (Ed25519) or 33 bytes (compressed secp256k1). */
  groupPublicKey: bytes(32, 33),
  /**
   * Everything public about the key as `encodeKeyPublic` of threshold/ writes it: participants, verifying shares,
   * chain code. The coordinator aggregates and names cheaters with it. A node sends the bytes of its sealed record's
   * authenticated header; they are the same on every holder.
   */
  public: bytes(1, 4_096),
});
/** Public facts of a key. */
export type KeyInfo = TypeOf<typeof keyInfoShape>;
/** Keys in one page of the answer to `GET /v1/keys?since=N`. Small: other calls of both ends get their turn between. */
export const maxKeyPage = 64;
/** Ids in one `GET /v1/keys?ids=A,B`. */
export const maxKeyIds = 16;
const keyListShape = record({
  /** The boot that the numbers belong to. */
  boot: bytes(16),
  /** Number of the last change of all: there is more while it is above that of the last one here. */
  last: uint(),
  changes: list(
    record({
      /** 0 where the node never had such a key. */
      number: uint(),
      id: keyId,
      /** Absent where the node does not hold the key, or holds it no more. */
      key: optional(keyInfoShape),
    }),
    maxKeyPage,
  ),
});
/** A page of the list of a node's keys. */
export type KeyList = TypeOf<typeof keyListShape>;
/**
 * Answer of `GET /v1/keys?since=N`: the keys that changed after change N of this boot, by rising number of their last
 * change, each once; from 0 that is all keys. Of `GET /v1/keys?ids=A,B`: these keys, in the order asked for.
 */
export const keyList = message('key-list', 1_048_576, keyListShape);

/** Answer of `GET /v1/status`. */
export const nodeStatusShape = record({
  node: name,
  boot: bytes(16),
  version: text(32),
  phase: oneOf(...phases),
  /** Why the node is not ready, as an error code. */
  reason: optional(text(64)),
  /** What a person should know about the reason, already checked and bounded. */
  detail: optional(text(1_024)),
  now: uint(),
  startedAt: uint(),
  platform: oneOf(...platforms),
  manifest: record({ hash: hash32, version: uint() }),
  keys: record({ active: uint(), pending: uint(), broken: uint() }),
  /** Number of the last change of the list of keys in this boot; see {@link keyList}. */
  keyChange: uint(),
  sessions: record({ open: uint(), finished: uint(), failed: uint() }),
  /** Which arithmetic runs, by scheme: never the reference backend in a process of the product (T39). */
  backends: list(record({ scheme: oneOf(...schemes), backend: text(32) }), schemes.length),
  /** Pairings with other nodes, by name. */
  pairings: list(
    record({
      peer: name,
      /** `poisoned`: a check failed in an ECDSA session with this peer; an operator's order makes a new one (T15). */
      state: oneOf('ready', 'poisoned', 'broken'),
      id: bytes(16),
      generation: uint(),
      /** When it was made, or poisoned. */
      at: uint(),
    }),
    maxNodes,
  ),
  /** Presignatures in memory, by key and set of signers; the fullest 256 pools. */
  presignatures: record({
    total: uint(),
    pools: list(record({ key: keyId, nodes: list(name, maxNodes, 2), count: uint() }), 256),
  }),
  /** When evidence made now stops being accepted (end of the leaf certificate, or of the measurement's window). */
  evidenceUntil: optional(uint()),
  /** What the node knows of its own evidence and of that of others. Absent before the replay guard is open. */
  evidence: optional(
    record({
      /** The node's mark: requests that it ever used, counted on its disk. */
      mark: uint(),
      /** Set where evidence of a peer says that it has seen a higher mark of this node: rolled back, or started twice. */
      behind: optional(record({ peer: name, mark: uint(), witnessed: uint(), at: uint() })),
      /** When the latest own evidence was made, by this node's clock. */
      madeAt: optional(uint()),
      /** How far the time in it was ahead of this node's clock, in milliseconds. Absent where the platform tells no time. */
      skewMs: optional(int()),
      /** The latest evidence of each other that was accepted in a session. */
      peers: list(
        record({
          node: name,
          /** By this node's clock. */
          acceptedAt: uint(),
          /** By the attester's clock. */
          madeAt: uint(),
          /** When it stops being accepted. */
          notAfter: uint(),
          /** How far the peer's clock must at least be ahead of this node's, in milliseconds. */
          skewMs: int(),
        }),
        maxNodes,
      ),
      /** Refusals of others since the start, by code. */
      refused: list(record({ code: text(64), count: uint() }), 64),
    }),
  ),
  /** What the gate refused of others, newest first: peer, code, and the sentence with its facts. */
  refusals: list(record({ at: uint(), peer: text(maxName), code: text(64), detail: text(1_024) }), 16),
});
/** Status of a node. */
export type NodeStatus = TypeOf<typeof nodeStatusShape>;
/** Byte format of a node's status. */
export const nodeStatus = message('node-status', 65_536, nodeStatusShape);

/** Body of every refusal. `detail` and `peer` are absent where the caller is not authenticated. */
export const problem = message(
  'problem',
  4_096,
  record({
    code: text(64),
    detail: optional(text(2_048)),
    todo: optional(text(1_024)),
    peer: optional(name),
  }),
);
