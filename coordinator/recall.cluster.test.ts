/** Evidence that nodes take again, carried by a coordinator; and what it makes of a recall where a node is accused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeNodeIdentity, signPresence, type NodeIdentity } from '../enclave/channel/index.ts';
import { policyFor } from '../enclave/evidence/index.ts';
import { sampleNow, verifiedSample } from '../daemon/testing/sampleManifest.ts';
import { recalledEvidence, sessionIdOf, type Challenge } from '../wire/messages/session.ts';
import type { NodeCalls } from './nodes/nodeClient.ts';
import { Session } from './rounds.ts';
import { rig } from './testing/cluster.ts';

test('given an age in the manifest, when signatures are asked for, then the nodes make evidence once for all of them', async (t) => {
  let made = 0;
  const cluster = await rig(t, {
    manifest: (one) => ({ ...one, evidenceMaxAgeMs: 600_000 }),
    modules: (_name, usual) => ({
      ...usual,
      attesters: {
        dev: async (config) => {
          const attester = await (usual.attesters.dev?.(config) ?? assert.fail());
          return {
            ...attester,
            makeEvidence: (bound) => {
              made += bound.role === 'session' ? 1 : 0;
              return attester.makeEvidence(bound);
            },
          };
        },
      },
    }),
  });
  const { key } = await cluster.coordinator.createKey(cluster.cluster.create());
  assert.ok(key !== undefined);
  assert.equal(made, 3);
  for (let i = 0; i < 4; i += 1) {
    const answer = await cluster.coordinator.sign(cluster.cluster.sign({ key: key.id }));
    assert.ok(answer.signature !== undefined);
    assert.deepEqual(answer.failed, []);
  }
  // The key was made by all three: whichever two sign know each other.
  assert.equal(made, 3);
});

const manifest = verifiedSample({ evidenceMaxAgeMs: 600_000 });
const name = new Uint8Array(16).fill(0x4e);
const never = (): never => assert.fail('not asked for');

/** A session of two nodes in which node-1 shows `evidence` of the session's id. */
async function judged(
  offered: Uint8Array | undefined,
  evidenceOf: (identity: NodeIdentity, id: Uint8Array) => Uint8Array,
): Promise<string | undefined> {
  const names = ['node-1', 'node-2'];
  const identities = new Map(names.map((node) => [node, makeNodeIdentity({ now: () => sampleNow })]));
  const challenges = names.map((node): Challenge => {
    const { boot, publicBytes } = identities.get(node) ?? assert.fail();
    const known = node === 'node-2' && offered !== undefined ? { known: [offered] } : {};
    return {
      node,
      boot,
      nonce: new Uint8Array(boot.length * 2).fill(boot[0] ?? 0),
      identity: publicBytes,
      ...known,
    };
  });
  const plan = {
    signed: new Uint8Array(1),
    requestHash: new Uint8Array(32),
    participants: names,
    manifest: manifest.hash,
    generation: 0,
  };
  const id = sessionIdOf({ ...plan, challenges });
  const client = (node: string): NodeCalls => {
    const identity = identities.get(node) ?? assert.fail();
    return {
      name: node,
      open: () => Promise.resolve(challenges.find((one) => one.node === node) ?? assert.fail()),
      attest: () => Promise.resolve({ session: id, node, evidence: evidenceOf(identity, id) }),
      round: never,
      finish: () => Promise.resolve(),
      activate: never,
      verified: () => ({
        appraisal: {
          node,
          platform: 'dev',
          boot: identity.boot,
          identity: identity.public,
          marks: { boots: 1, since: 0, mark: 0, witnessed: new Map() },
          measurement: 'image-1',
          notAfter: sampleNow,
          madeAt: sampleNow,
          pcrs: new Map(),
          machine: node,
          tpm: undefined,
        },
        document: new Uint8Array(),
        nonce: new Uint8Array(),
        at: sampleNow,
      }),
    };
  };
  const session = await Session.open(
    plan,
    {
      client,
      expectation: (node) => ({
        policy: policyFor(manifest.manifest, node),
        platform: 'dev',
        cluster: manifest.manifest.cluster,
        manifest: manifest.hash,
      }),
      now: () => sampleNow,
      background: () => undefined,
    },
    { stepMs: 1_000, deadline: performance.now() + 1_000 },
  );
  return session.judge('node-1')?.code;
}

test('given an accused node that recalls, when it was offered and is present, then it is not at fault; otherwise it is', async () => {
  const stranger = makeNodeIdentity({ now: () => sampleNow });
  const recall = (by: NodeIdentity, id: Uint8Array, recalled = name): Uint8Array =>
    recalledEvidence.encode({ recalled, presence: signPresence(by, id, 'node-1') });
  assert.equal(await judged(name, recall), undefined);
  assert.equal(await judged(undefined, recall), 'evidence/malformed');
  assert.equal(await judged(new Uint8Array(16), recall), 'evidence/malformed');
  assert.equal(await judged(name, (_own, id) => recall(stranger, id)), 'evidence/malformed');
  assert.equal(await judged(name, (own) => recall(own, new Uint8Array(32))), 'evidence/malformed');
});
