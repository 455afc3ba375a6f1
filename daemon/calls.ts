/** One handler for each call of phase.ts: bytes in, bytes out. The server has checked caller, phase and size before. */
import { SymbolonError } from '../wire/errors/index.ts';
import { evidenceAnswer, evidenceAsk, keyList } from '../wire/messages/node.ts';
import { claimsBytes } from '../wire/messages/session.ts';
import type { RouteName } from './phase.ts';
import type { SignerNode } from './node.ts';
import { canServe, statusBytes } from './status.ts';

/** A call as a handler sees it. */
export interface Call {
  /** Name of the authenticated client; empty on a public call. */
  readonly client: string;
  readonly body: Uint8Array;
  /** The `after` of the query, if there is one. */
  readonly after: string | undefined;
}
/** An answer. An empty CBOR body is sent as 204. */
export interface Answer {
  readonly type: 'application/cbor' | 'application/json';
  readonly body: Uint8Array | string;
}
/** Handles one call. @throws SymbolonError for every refusal. */
export type Handler = (call: Call) => Answer | Promise<Answer>;

/** Keys in one answer of `GET /v1/keys`. */
const keysPage = 256;
const cbor = (body: Uint8Array): Answer => ({ type: 'application/cbor', body });

/** The handlers of a node. */
export function handlersOf(node: SignerNode): Readonly<Record<RouteName, Handler>> {
  return {
    health: () => ({
      type: 'application/json',
      body: JSON.stringify({ phase: node.phase.phase, canServe: canServe(node.phase, node) }),
    }),
    evidence: async ({ body }) => {
      const { nonce } = evidenceAsk.decode(body);
      const { manifest, hash } = node.manifest();
      const { attester, gate } = node;
      const evidence = await attester.makeEvidence({
        // T02: the relying party's own nonce, and a claim that says it is for a channel and for no session.
        nonce,
        publicKey: gate.identityBytes,
        userData: claimsBytes.encode({
          v: 1,
          role: 'channel',
          cluster: manifest.cluster,
          node: node.name,
          boot: gate.boot,
          manifest: hash,
        }),
      });
      return cbor(evidenceAnswer.encode({ node: node.name, platform: attester.platform, evidence }));
    },
    status: () =>
      cbor(
        statusBytes({
          node: node.name,
          boot: node.gate.boot,
          startedAt: node.startedAt,
          phase: node.phase,
          attester: node.attester,
          manifest: node.manifest(),
          keys: node.keyCounts(),
          sessions: node.sessionCounts(),
          pairings: node.pairingList(),
          presignatures: node.presignatureCounts(),
          refusals: node.refusals,
          now: node.now,
        }),
      ),
    keys: async ({ after }) => {
      if (after !== undefined && !/^[0-9a-f]{32}$/.test(after)) {
        throw new SymbolonError('node/bad-call', { reason: 'after is not a key id' });
      }
      const found = await node.keystore().list(after, keysPage + 1);
      return cbor(keyList.encode({ keys: found.slice(0, keysPage), more: found.length > keysPage }));
    },
    manifest: () => cbor(node.manifest().signed),
    putManifest: async ({ body }) => {
      await node.replaceManifest(body);
      return cbor(new Uint8Array(0));
    },
    open: async ({ client, body }) => cbor(await node.sessions().open(client, body)),
    attest: async ({ client, body }) => cbor(await node.sessions().attest(client, body)),
    round: async ({ client, body }) => cbor(await node.sessions().round(client, body)),
    finish: async ({ client, body }) => cbor(await node.sessions().finish(client, body)),
    activate: async ({ body }) => cbor(await node.sessions().activate(body)),
    confirmations: async ({ body }) => cbor(await node.sessions().confirmations(body)),
    presignatures: ({ body }) => cbor(node.sessions().presignatures(body)),
  };
}
