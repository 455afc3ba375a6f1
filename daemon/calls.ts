/** One handler for each call of phase.ts: bytes in, bytes out. The server has checked caller, phase and size before. */
import { SymbolonError } from '../wire/errors/index.ts';
import { evidenceAnswer, evidenceAsk, keyList, maxKeyIds, maxKeyPage } from '../wire/messages/node.ts';
import type { RouteName } from './phase.ts';
import type { SignerNode } from './node.ts';
import { canServe, statusBytes } from './status.ts';

/** A call as a handler sees it. */
export interface Call {
  /** Name of the authenticated client; empty on a public call. */
  readonly client: string;
  readonly body: Uint8Array;
  /** The query of the address: text by name, or lists of texts. */
  readonly query: Readonly<Record<string, unknown>>;
}
/** An answer. An empty CBOR body is sent as 204. */
export interface Answer {
  readonly type: 'application/cbor' | 'application/json';
  readonly body: Uint8Array | string;
}
/** Handles one call. @throws SymbolonError for every refusal. */
export type Handler = (call: Call) => Answer | Promise<Answer>;

/** What `GET /v1/keys` is asked for: what changed after a number, or these keys. */
function keysAsked(query: Call['query']): { readonly since: number } | { readonly ids: readonly string[] } {
  const [name, ...others] = Object.keys(query);
  const value = query[name ?? ''];
  if (others.length === 0 && typeof value === 'string') {
    if (name === 'since' && /^(?:0|[1-9][0-9]{0,14})$/.test(value)) {
      return { since: Number(value) };
    }
    if (name === 'ids' && new RegExp(`^[0-9a-f]{32}(?:,[0-9a-f]{32}){0,${maxKeyIds - 1}}$`).test(value)) {
      return { ids: value.split(',') };
    }
  }
  throw new SymbolonError('node/bad-call', {
    reason: `the query must be since=NUMBER, or ids= and 1 to ${maxKeyIds} key ids with commas between`,
  });
}

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
      const { attester, gate } = node;
      const before = node.now();
      const evidence = await attester.makeEvidence({
        // T02: the relying party's own nonce, and a claim that says it is for a channel and for no session.
        nonce,
        publicKey: gate.identityBytes,
        role: 'channel',
        userData: node.claims('channel'),
      });
      node.madeEvidence(evidence, { from: before, to: node.now() });
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
          keyChange: node.keyChange(),
          sessions: node.sessionCounts(),
          pairings: node.pairingList(),
          presignatures: node.presignatureCounts(),
          evidence: node.evidenceStatus(),
          refusals: node.refusals,
          now: node.now,
        }),
      ),
    keys: async ({ query }) => {
      const asked = keysAsked(query);
      const keystore = node.keystore();
      const last = keystore.lastChange();
      const changes = await ('ids' in asked
        ? keystore.describe(asked.ids)
        : keystore.changes(asked.since, maxKeyPage));
      return cbor(
        keyList.encode({
          boot: node.gate.boot,
          // A key may have changed since: the last number is never below one of the page.
          last: Math.max(last, ...changes.map(({ number }) => number)),
          changes: changes.map(({ number, id, key }) => ({
            number,
            id,
            ...(key === undefined ? {} : { key }),
          })),
        }),
      );
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
