/** A cluster with pairings and an ECDSA key, for tests; its node-2 cheats when it is told to. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { EcdsaScheme } from '../../wire/ids.ts';
import { nodeStatus, type NodeStatus } from '../../wire/messages/node.ts';
import type { Payload } from '../../wire/messages/request.ts';
import { cheatingCluster, type Cheats } from './cheatingRunner.ts';
import type { ClusterOptions, TestCluster } from './cluster.ts';
import { call, makeKey, pairNodes, signWith } from './relay.ts';

/** What the tests sign. */
export const ecdsaPayload: Payload = { kind: 'ecdsa-keccak256', message: Uint8Array.of(1, 2, 3) };
/** Two of the three nodes. */
export const two: readonly string[] = ['node-1', 'node-2'];

/** The cluster, and its key. */
export interface EcdsaScene {
  readonly cluster: TestCluster;
  readonly key: string;
  /** From now on node-2 does this wrong. */
  readonly cheat: (cheats: Cheats | undefined) => void;
}

/** Makes pairings among all three nodes and a key of two of three. */
export async function ecdsaScene(
  t: Pick<TestContext, 'after'>,
  options: ClusterOptions & { readonly scheme?: EcdsaScheme } = {},
): Promise<EcdsaScene> {
  const { scheme = 'dkls23-secp256k1' } = options;
  const made = await cheatingCluster(t, options);
  await pairNodes(made.cluster);
  return { ...made, key: await makeKey(made.cluster, made.cluster.create({ scheme })) };
}

/** What a node says of itself. */
export const statusOf = async (cluster: TestCluster, node: string): Promise<NodeStatus> =>
  nodeStatus.decode(await call(cluster, node, 'status', new Uint8Array(0)));

/** Signs, and makes sure of the signature. */
export async function ecdsaSigns(
  cluster: TestCluster,
  key: string,
  nodes: readonly string[] = two,
): Promise<void> {
  const request = cluster.sign({ key, payload: ecdsaPayload });
  assert.equal((await signWith(cluster, request, nodes)).length, 64);
}
