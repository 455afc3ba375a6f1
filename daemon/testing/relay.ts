/**
 * A relay for tests: it carries a session between the nodes of a test cluster as a coordinator does, and can be told to
 * change any message on its way.
 */
import { aggregate, combineEcdsa, digestOf, type KeyPublic } from '../../threshold/index.ts';
import { presignatureAsk, presignatureList } from '../../wire/messages/node.ts';
import { requestBytes, signedMessage, signedRequest, type Request } from '../../wire/messages/request.ts';
import { manifestHash, signedManifest } from '../../wire/messages/manifest.ts';
import {
  keyStored,
  challengeBytes,
  keyActivate,
  sessionAttest,
  sessionEvidence,
  sessionFinish,
  sessionOpen,
  sessionOutput,
  sessionRound,
  type Challenge,
  type Envelope,
} from '../../wire/messages/session.ts';
import type { RouteName } from '../phase.ts';
import type { TestCluster } from './cluster.ts';

/** Evidence as it is handed to a node. */
export interface CarriedEvidence {
  readonly node: string;
  readonly evidence: Uint8Array;
}

/** Places where a relay can lie. Each gets the receiving node and what an honest relay would hand it. */
export interface Taps {
  readonly participants?: (node: string, names: readonly string[]) => readonly string[];
  readonly challenges?: (node: string, challenges: readonly Challenge[]) => readonly Challenge[];
  readonly evidence?: (node: string, evidence: readonly CarriedEvidence[]) => readonly CarriedEvidence[];
  readonly envelopes?: (node: string, round: number, envelopes: readonly Envelope[]) => readonly Envelope[];
  /** Id of the presignature that a node is to use. */
  readonly presignature?: (node: string) => Uint8Array;
  /** Called before a round is delivered to a node. */
  readonly before?: (node: string, round: number) => void | Promise<void>;
}

/** A session as far as it was carried. */
export interface Carried {
  readonly participants: readonly string[];
  readonly session: Uint8Array;
  readonly challenges: readonly Challenge[];
  readonly evidence: readonly CarriedEvidence[];
  /** Envelopes of all nodes, by round. */
  readonly outputs: ReadonlyMap<number, readonly Envelope[]>;
}

/** Calls one node directly, as an authenticated relay. */
export async function call(
  cluster: TestCluster,
  node: string,
  route: RouteName,
  body: Uint8Array,
  client = 'coordinator',
): Promise<Uint8Array> {
  const answer = await cluster.node(node).handlers[route]({ client, body, query: {} });
  return typeof answer.body === 'string' ? new TextEncoder().encode(answer.body) : answer.body;
}

/** The bytes of `POST /v1/sessions/open`. */
export function openBody(
  cluster: TestCluster,
  request: Uint8Array,
  participants: readonly string[],
  presignature?: Uint8Array,
): Uint8Array {
  const { manifest } = signedManifest.decode(cluster.signed);
  return sessionOpen.encode({
    request,
    participants: [...participants],
    manifest: manifestHash(manifest),
    ...(presignature === undefined ? {} : { presignature }),
  });
}

/** Opens a session on all participants and gives their challenges. */
export async function openAll(
  cluster: TestCluster,
  request: Uint8Array,
  participants: readonly string[],
  taps: Taps = {},
): Promise<Challenge[]> {
  return Promise.all(
    participants.map(async (node) =>
      challengeBytes.decode(
        await call(
          cluster,
          node,
          'open',
          openBody(
            cluster,
            request,
            taps.participants?.(node, participants) ?? participants,
            taps.presignature?.(node),
          ),
        ),
      ),
    ),
  );
}

/** The bytes of `POST /v1/sessions/attest` for one node. */
export const attestBody = (node: string, challenges: readonly Challenge[]): Uint8Array =>
  sessionAttest.encode({
    nonce: challenges.find((one) => one.node === node)?.nonce ?? new Uint8Array(32),
    challenges: [...challenges],
  });

/** The bytes of round 1 for one node. */
export const firstBody = (
  node: string,
  session: Uint8Array,
  evidence: readonly CarriedEvidence[],
): Uint8Array =>
  sessionRound.encode({
    session,
    round: 1,
    evidence: evidence
      .filter((one) => one.node !== node)
      .map(({ node: name, evidence: document }) => ({ node: name, evidence: document })),
    envelopes: [],
  });

/** What an honest relay hands a node of the envelopes of the round before. */
export const forNode = (node: string, envelopes: readonly Envelope[]): Envelope[] =>
  envelopes.filter(({ from, to }) => from !== node && (to === undefined || to === node));

/** The bytes of a later round. */
export const roundBody = (session: Uint8Array, round: number, envelopes: readonly Envelope[]): Uint8Array =>
  sessionRound.encode({ session, round, evidence: [], envelopes: [...envelopes] });

/** Opens a session and collects the evidence of all: who gets what next is the test's to say. */
export async function attestAll(
  cluster: TestCluster,
  request: Uint8Array,
  participants: readonly string[],
): Promise<Pick<Carried, 'session' | 'challenges' | 'evidence'>> {
  const challenges = await openAll(cluster, request, participants);
  const attested = await Promise.all(
    participants.map(async (node) =>
      sessionEvidence.decode(await call(cluster, node, 'attest', attestBody(node, challenges))),
    ),
  );
  return {
    session: attested[0]?.session ?? new Uint8Array(32),
    challenges,
    evidence: attested.map(({ node, evidence }) => ({ node, evidence })),
  };
}

/** Carries a session through `attest` and `rounds` rounds. */
export async function carry(
  cluster: TestCluster,
  request: Uint8Array,
  participants: readonly string[],
  rounds: number,
  taps: Taps = {},
): Promise<Carried> {
  const challenges = await openAll(cluster, request, participants, taps);
  const attested = await Promise.all(
    participants.map(async (node) =>
      sessionEvidence.decode(
        await call(
          cluster,
          node,
          'attest',
          attestBody(node, taps.challenges?.(node, challenges) ?? challenges),
        ),
      ),
    ),
  );
  const session = attested[0]?.session ?? new Uint8Array(32);
  const evidence = attested.map(({ node, evidence: document }) => ({ node, evidence: document }));
  const outputs = new Map<number, readonly Envelope[]>();
  const step = async (round: number, bodyOf: (node: string) => Uint8Array): Promise<void> => {
    const answers = await Promise.all(
      participants.map(async (node) => {
        await taps.before?.(node, round);
        return sessionOutput.decode(await call(cluster, node, 'round', bodyOf(node))).envelopes;
      }),
    );
    outputs.set(round, answers.flat());
  };
  // Each node is asked for its own session id: where the relay lied before, they differ.
  const own = new Map(attested.map((one) => [one.node, one.session]));
  await step(1, (node) =>
    firstBody(node, own.get(node) ?? session, taps.evidence?.(node, evidence) ?? evidence),
  );
  for (let round = 2; round <= rounds; round += 1) {
    const before = outputs.get(round - 1) ?? [];
    await step(round, (node) => {
      const honest = forNode(node, before);
      return roundBody(session, round, taps.envelopes?.(node, round, honest) ?? honest);
    });
  }
  return { participants, session, challenges, evidence, outputs };
}

/** Makes a key over all nodes and activates it: its id. */
export async function makeKey(
  cluster: TestCluster,
  request: Uint8Array = cluster.create(),
  taps: Taps = {},
): Promise<string> {
  const { outputs } = await carry(cluster, request, requestNodes(request), 4, taps);
  const confirmations = outputs.get(4) ?? [];
  const key = keyStored.decode(confirmations[0]?.payload ?? new Uint8Array(0)).stored;
  for (const node of requestNodes(request)) {
    await call(cluster, node, 'activate', keyActivate.encode({ key, confirmations: [...confirmations] }));
  }
  return key;
}

/** The request inside signed-request bytes. */
export const requestOf = (signed: Uint8Array): Request =>
  requestBytes.decode(signedRequest.decode(signed).request);
const requestNodes = (signed: Uint8Array): readonly string[] => {
  const request = requestOf(signed);
  return request.action === 'key.create' ? request.nodes : [];
};

/** Tells every participant that a carried session came to its end: what the others said last. */
export async function finishAll(
  cluster: TestCluster,
  { participants, session, outputs }: Carried,
): Promise<void> {
  const last = outputs.get(outputs.size) ?? [];
  for (const node of participants) {
    const envelopes = forNode(node, last);
    await call(cluster, node, 'finish', sessionFinish.encode({ outcome: 'done', session, envelopes }));
  }
}

/** Makes pairings between the nodes. */
export async function pairNodes(
  cluster: TestCluster,
  nodes: readonly string[] = cluster.names,
  action: 'pair' | 'pair.renew' = 'pair',
): Promise<void> {
  const request = cluster.ask({ action, nodes: [...nodes] });
  await finishAll(cluster, await carry(cluster, request, nodes, 3));
}

/** Makes a presignature: its id. */
export async function presign(
  cluster: TestCluster,
  key: string,
  nodes: readonly string[],
): Promise<Uint8Array> {
  const request = cluster.ask({ action: 'presign', key, purpose: 'treasury', nodes: [...nodes] });
  await finishAll(cluster, await carry(cluster, request, nodes, 3));
  const listed = await presignaturesOf(cluster, nodes[0] ?? '', key, nodes);
  const id = listed.at(-1);
  if (id === undefined) {
    throw new Error('no presignature was kept');
  }
  return id;
}

/** Ids of the presignatures that a node says it holds. */
export async function presignaturesOf(
  cluster: TestCluster,
  node: string,
  key: string,
  nodes: readonly string[],
): Promise<readonly Uint8Array[]> {
  const body = presignatureAsk.encode({ key, nodes: [...nodes] });
  return presignatureList.decode(await call(cluster, node, 'presignatures', body)).ids;
}

/** Activates what all holders stored in a carried session: the confirmations are those of `holders`. */
export async function activateAll(
  cluster: TestCluster,
  { participants, outputs }: Carried,
  holders: readonly string[] = participants,
): Promise<void> {
  const confirmations = (outputs.get(4) ?? []).filter(({ from }) => holders.includes(from));
  const key = keyStored.decode(confirmations[0]?.payload ?? new Uint8Array(0)).stored;
  for (const node of participants) {
    await call(cluster, node, 'activate', keyActivate.encode({ key, confirmations }));
  }
}

/** The public part of a key, as a node holds it. */
export async function publicOf(cluster: TestCluster, node: string, key: string): Promise<KeyPublic> {
  const found = await cluster.node(node).node.keystore().open(key);
  if (found.kind !== 'active') {
    throw new Error(`key is ${found.kind}`);
  }
  return found.record.public;
}

/** Puts the shares of a carried signing session together: the verified signature, 64 bytes. */
export async function signatureOf(
  cluster: TestCluster,
  request: Uint8Array,
  carried: Carried,
): Promise<Uint8Array> {
  const asked = requestOf(request);
  if (asked.action !== 'sign') {
    throw new Error('not a request to sign');
  }
  const key = await publicOf(cluster, carried.participants[0] ?? '', asked.key);
  const byIndex = (round: number): Map<number, Uint8Array> =>
    new Map(
      (carried.outputs.get(round) ?? [])
        .filter(({ to }) => to === undefined)
        .map(({ from, payload }) => [cluster.names.indexOf(from) + 1, payload]),
    );
  const signable = signedMessage(asked.payload);
  const path = asked.path ?? [];
  if (signable.kind === 'ecdsa') {
    const digest = digestOf(signable.hash, signable.message);
    return combineEcdsa({ public: key, path, digest, shares: byIndex(carried.outputs.size) }).signature;
  }
  const { message, tweak } = signable;
  return aggregate({ public: key, path, message, tweak, commitments: byIndex(1), shares: byIndex(2) });
}

/** Signs over `participants` and finishes the session: the signature. */
export async function signWith(
  cluster: TestCluster,
  request: Uint8Array,
  participants: readonly string[],
  taps: Taps = {},
): Promise<Uint8Array> {
  const asked = requestOf(request);
  const ecdsa = asked.action === 'sign' && signedMessage(asked.payload).kind === 'ecdsa';
  const rounds = taps.presignature === undefined ? (ecdsa ? 3 : 2) : 1;
  const carried = await carry(cluster, request, participants, rounds, taps);
  const signature = await signatureOf(cluster, request, carried);
  for (const node of participants) {
    await call(
      cluster,
      node,
      'finish',
      sessionFinish.encode({ outcome: 'signed', session: carried.session, signature }),
    );
  }
  return signature;
}
