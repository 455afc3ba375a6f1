/** T08: an accepted image that is being retired, on a real cluster in this process whose clock is moved. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { insecureDevPcrs } from '../enclave/attester/index.ts';
import { carry } from '../daemon/testing/relay.ts';
import { refusal } from '../daemon/testing/refusal.ts';
import { SymbolonError } from '../wire/errors/index.ts';
import type { Manifest } from '../wire/messages/manifest.ts';
import type { ExpiryBody } from './api.ts';
import { rig, type Rig } from './testing/cluster.ts';

const day = 86_400_000;
const hour = 3_600_000;
const newProgram = new Uint8Array(32).fill(0x22);

/** The image of the sample ends in 10 days; another one, which nodes 2 and 3 run, lasts long. */
function retiring(manifest: Manifest): Manifest {
  const [old] = manifest.measurements;
  assert.ok(old !== undefined);
  const start = manifest.issuedAt + day;
  return {
    ...manifest,
    clients: manifest.clients.map((client) => ({ ...client, notAfter: start + 365 * day })),
    measurements: [
      { ...old, name: 'old', notAfter: start + 10 * day },
      {
        ...old,
        name: 'new',
        pcrs: new Map(insecureDevPcrs(newProgram, { roleArn: 'any', instanceId: 'any' }).image),
        notAfter: start + 365 * day,
      },
    ],
  };
}

/** What the status says of the image that ends. */
function endOf(made: Rig): ExpiryBody {
  const found = made.coordinator
    .status()
    .expiries.find(({ what, subject }) => what === 'measurement' && subject === 'old');
  assert.ok(found !== undefined);
  return found;
}

/** The value of a metric line with this name and these labels. */
function metric(made: Rig, line: string): number {
  const found = made.coordinator
    .metricsText()
    .split('\n')
    .find((one) => one.startsWith(`${line} `));
  assert.ok(found !== undefined, `${line} in\n${made.coordinator.metricsText()}`);
  return Number(found.slice(line.length + 1));
}

async function participants(made: Rig, key: string): Promise<readonly string[]> {
  const answer = await made.coordinator.sign(made.cluster.sign({ key }));
  assert.equal(answer.status, 'done');
  return answer.participants ?? [];
}

test('T08: given an image that is being retired, then its node signs until not-after, is warned of 7 days and 1 day before, and is refused after, while nodes on the new image go on', async (t) => {
  const own = new Uint8Array(32).fill(0x11);
  const made = await rig(t, {
    manifest: retiring,
    programOf: (name) => (name === 'node-1' ? own : newProgram),
    limits: { stepMs: 3_000 },
  });
  const { cluster, coordinator } = made;
  const make = async (nodes: readonly string[]): Promise<string> => {
    const { key } = await coordinator.createKey(cluster.create({ nodes: [...nodes] }));
    assert.ok(key !== undefined);
    return key.id;
  };
  const needsOld = await make(['node-1', 'node-2']);
  const anyTwo = await make(cluster.names);
  const end = endOf(made).at;
  const moveTo = async (at: number): Promise<void> => {
    cluster.clock.advance(at - cluster.clock.now());
    // The coordinator asks for evidence anew, as it does by itself every few minutes.
    await coordinator.nodes.refresh();
  };

  assert.equal(endOf(made).level, 'ok');
  assert.deepEqual(endOf(made).nodes, ['node-1']);
  assert.deepEqual(await participants(made, needsOld), ['node-1', 'node-2']);

  for (const [before, level] of [
    [7 * day + hour, 'ok'],
    [7 * day - hour, 'warning'],
    [day + hour, 'warning'],
    [day - hour, 'urgent'],
    [60_000, 'urgent'],
  ] as const) {
    await moveTo(end - before);
    assert.equal(endOf(made).level, level, `${before} ms before its end`);
    assert.equal(metric(made, `symbolon_expiries{level="${level}"}`) > 0, true);
    const left = metric(made, 'symbolon_measurement_expiry_seconds{measurement="old"}');
    assert.ok(Math.abs(left - before / 1_000) < 30, `${left} s left`);
    assert.deepEqual(await participants(made, needsOld), ['node-1', 'node-2'], `${before} ms before its end`);
  }
  assert.equal(coordinator.status().canSign, 'yes');

  await moveTo(end + 1_000);
  assert.equal(endOf(made).level, 'ended');
  assert.equal(metric(made, 'symbolon_measurement_expiry_seconds{measurement="old"}') < 0, true);
  // The coordinator refuses it by the code, and says so.
  const node = coordinator.status().nodes.find(({ name }) => name === 'node-1');
  assert.equal(node?.ready, false);
  assert.equal(node.code, 'evidence/measurement-retired');
  const refusals = 'symbolon_evidence_refusals_total{node="node-1",code="evidence/measurement-retired"}';
  assert.ok(metric(made, refusals) >= 1);
  await assert.rejects(coordinator.sign(cluster.sign({ key: needsOld })), (error: unknown) => {
    assert.ok(error instanceof SymbolonError);
    assert.equal(error.code, 'coordinator/not-enough-nodes');
    assert.match(error.message, /node-1/);
    return true;
  });
  assert.deepEqual(await participants(made, anyTwo), ['node-2', 'node-3']);

  // A relay that hands on the evidence of node-1 all the same gets nowhere: node-2 refuses it for itself, and counts it.
  await assert.rejects(
    carry(cluster, cluster.sign({ key: needsOld }), ['node-1', 'node-2'], 1),
    refusal('gate/peer-refused', { peer: 'node-1', code: 'evidence/measurement-retired' }),
  );
  await coordinator.nodes.refresh();
  const counted = 'symbolon_node_refusals_total{node="node-2",code="evidence/measurement-retired"}';
  assert.equal(metric(made, counted), 1);
});
