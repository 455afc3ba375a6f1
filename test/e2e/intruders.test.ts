/** Files, tokens, images and machines that are not what they should be: each is refused by name, and the rest goes on. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { KeyView } from '../../cli/api.ts';
import { makeRequest } from '../../cli/requests.ts';
import type { NodeSpecs } from '../../cli/cluster/start.ts';
import { measurementOf } from '../../cli/cluster/policy.ts';
import { builtRoot } from '../../cli/version.ts';
import { digestProgramFolder, insecureDevPcrs } from '../../enclave/attester/index.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import { repoRoot } from '../repoRoot.ts';
import { withRelay } from './relay.ts';
import { inTemporaryFolder, TestCluster } from './testCluster.ts';

const folder = mkdtempSync(join(tmpdir(), 'symbolon-e2e-'));
/** A cluster with one key that does not run: every test works on a copy. */
let original: TestCluster;
let key: KeyView;
/** A build with one more line in one file: another image. Beside the real one, so that it finds its packages. */
const otherBuild = join(repoRoot, '.build', `e2e-${process.pid}`);

before(async () => {
  original = await TestCluster.make(folder);
  await original.start();
  key = await original.makeKey();
  await original.end();
  mkdirSync(join(repoRoot, '.build'), { recursive: true });
  cpSync(builtRoot(), otherBuild, { recursive: true });
  appendFileSync(join(otherBuild, 'daemon', 'main.js'), '\n// changed\n');
});
after(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(otherBuild, { recursive: true, force: true });
});

const message = (text: string) => ({ kind: 'message', message: new TextEncoder().encode(text) }) as const;

/** Runs `use` with a running copy of the cluster whose files were changed first. */
async function withCopy(
  change: (copy: TestCluster) => void,
  use: (copy: TestCluster, temporary: string) => Promise<void>,
  specs?: (specs: NodeSpecs) => NodeSpecs,
): Promise<void> {
  await inTemporaryFolder(async (temporary) => {
    const copy = original.copyTo(temporary);
    change(copy);
    try {
      await copy.start(specs);
      await use(copy, temporary);
    } finally {
      await copy.end();
    }
  });
}

/** The sealed record of the key: its name holds the session that made it, which is the same on all nodes. */
function recordOf(copy: TestCluster, node: string): string {
  const folder = join(copy.cluster.paths.node(node).store, 'keys');
  const found = readdirSync(folder).filter(
    (file) => file.startsWith(`${key.id}.1.`) && file.endsWith('.sealed'),
  );
  assert.equal(found.length, 1);
  return join(folder, found[0] ?? '');
}

test('T28: given a sealed record of another node, then it is refused by name and the others sign', async () => {
  await withCopy(
    (copy) => {
      copyFileSync(recordOf(copy, 'node-1'), recordOf(copy, 'node-2'));
    },
    async (copy) => {
      const status = await copy.status();
      const without = status.keys.first[0]?.without ?? [];
      assert.deepEqual(
        without.map(({ node, code }) => [node, code]),
        [['node-2', 'hsm/record-other-node']],
      );
      const done = await copy.api.sign(key, message('without node-2'));
      assert.deepEqual(done.participants, ['node-1', 'node-3']);
    },
  );
});

for (const [where, at] of [
  ['header', 40],
  ['ciphertext', -20],
] as const) {
  test(`given one changed byte in the ${where} of a sealed record, then it is refused by name and the others sign`, async () => {
    await withCopy(
      (copy) => {
        const file = recordOf(copy, 'node-2');
        const raw = readFileSync(file);
        const place = at < 0 ? raw.length + at : at;
        raw[place] = (raw[place] ?? 0) ^ 1;
        writeFileSync(file, raw);
      },
      async (copy) => {
        const status = await copy.status();
        const without = status.keys.first[0]?.without ?? [];
        assert.deepEqual(
          without.map(({ node }) => node),
          ['node-2'],
        );
        assert.match(without[0]?.code ?? '', /^(?:hsm\/record-|store\/|coordinator\/node-lacks-key)/);
        const [refusal] = (await copy.node('node-2')).refusals;
        assert.equal(refusal?.peer, 'node-2');
        assert.match(refusal.code, /^(?:hsm\/record-|store\/)/);
        const done = await copy.api.sign(key, message('without node-2'));
        assert.deepEqual(done.participants, ['node-1', 'node-3']);
      },
    );
  });
}

test('T30: given the PIN of another node, then the token refuses it once, the node stays sealed and says why', async () => {
  await withCopy(
    (copy) => {
      copyFileSync(copy.cluster.paths.node('node-2').pin, copy.cluster.paths.node('node-1').pin);
    },
    async (copy) => {
      const node = await copy.node('node-1');
      assert.equal(node.ready, false);
      assert.match(`${node.code ?? ''} ${node.reason ?? ''}`, /hsm\/pin-refused/);
      const log = readFileSync(copy.cluster.paths.log('node-1.hsm'), 'utf8');
      assert.equal(log.split('hsm/pin-refused').length - 1, 1, 'one login, no second one');
      const done = await copy.api.sign(key, message('without node-1'));
      assert.deepEqual(done.participants, ['node-2', 'node-3']);
    },
  );
});

test('given the token of another node, then the node stays sealed and says why', async () => {
  await withCopy(
    (copy) => {
      const one = copy.cluster.paths.node('node-1');
      const two = copy.cluster.paths.node('node-2');
      rmSync(one.tokens, { recursive: true });
      cpSync(two.tokens, one.tokens, { recursive: true });
      copyFileSync(two.pin, one.pin);
    },
    async (copy) => {
      const node = await copy.node('node-1');
      assert.equal(node.ready, false);
      assert.match(`${node.code ?? ''} ${node.reason ?? ''}`, /hsm\/token-(?:mismatch|absent)/);
      await copy.api.sign(key, message('without node-1'));
    },
  );
});

test('given the whole token folder of another node, then its own records are refused by the name of the token', async () => {
  await withCopy(
    (copy) => {
      const one = copy.cluster.paths.node('node-1');
      rmSync(one.hsm, { recursive: true });
      cpSync(copy.cluster.paths.node('node-2').hsm, one.hsm, { recursive: true });
    },
    async (copy) => {
      const status = await copy.status();
      assert.deepEqual(
        status.keys.first[0]?.without.map(({ node, code }) => [node, code]),
        [['node-1', 'hsm/record-other-token']],
      );
    },
  );
});

/** Node-3 runs the other build. */
const changedImage = (specs: NodeSpecs): NodeSpecs =>
  specs.node === 'node-3'
    ? { ...specs, daemon: { ...specs.daemon, main: join(otherBuild, 'daemon', 'main.js') } }
    : specs;

test('given a node with another image, then it takes part in nothing and the status names the differing register', async () => {
  const shown = insecureDevPcrs(await digestProgramFolder(otherBuild), { roleArn: '-', instanceId: '-' });
  await withCopy(
    () => undefined,
    async (copy) => {
      const node = await copy.until('refused', (status) => status.nodes[2]?.state === 'refused');
      const refused = node.nodes[2];
      assert.equal(refused?.code, 'evidence/measurement-mismatch');
      assert.match(refused.reason ?? '', /pcr=0/);
      assert.ok(refused.reason?.includes(toHex(shown.image.get(0) ?? new Uint8Array())));
      for (let i = 0; i < 4; i += 1) {
        const done = await copy.api.sign(key, message(`without node-3 ${i}`));
        assert.deepEqual(done.participants, ['node-1', 'node-2']);
      }
      await assert.rejects(copy.makeKey(), (error) => {
        assert.ok(isSymbolonError(error, 'cli/coordinator-refused'));
        assert.match(error.facts.detail, /node-3/);
        return true;
      });
    },
    changedImage,
  );
});

test('given a coordinator that accepts the other image, then the nodes refuse it themselves and say which register differs', async () => {
  const program = await digestProgramFolder(otherBuild);
  const shown = toHex(
    insecureDevPcrs(program, { roleArn: '-', instanceId: '-' }).image.get(0) ?? new Uint8Array(),
  );
  await withCopy(
    () => undefined,
    async (copy, temporary) => {
      await withRelay(
        copy,
        temporary,
        {
          nodes: ['node-1', 'node-3'],
          believes: (real) => ({
            ...real,
            measurements: [...real.measurements, measurementOf(program, 'a lie', Date.now() - 60_000)],
          }),
        },
        async (relay) => {
          const { signed } = makeRequest(
            copy.cluster,
            { action: 'sign', key: key.id, purpose: key.purpose, payload: message('with a stranger') },
            Date.now(),
          );
          await assert.rejects(relay.sign(signed), (error) => {
            assert.ok(isSymbolonError(error));
            assert.match(error.message, /node-1/);
            return true;
          });
        },
      );
      // The status of the cluster is as fresh as the coordinator's last look at the node.
      await copy.until('the refusal', ({ nodes }) => (nodes[0]?.refusals.length ?? 0) > 0);
      const { refusals } = await copy.node('node-1');
      const [refusal] = refusals;
      assert.equal(refusal?.peer, 'node-3');
      assert.equal(refusal.code, 'evidence/measurement-mismatch');
      assert.match(refusal.detail, /pcr=0/);
      assert.ok(refusal.detail.includes(shown), 'the measurement that it showed');
    },
    changedImage,
  );
});

test('T09: given the attester of another node, then the evidence is refused by the register of the machine', async () => {
  await withCopy(
    (copy) => {
      const two = copy.cluster.paths.node('node-2');
      renameSync(two.attester, `${two.attester}.own`);
      cpSync(copy.cluster.paths.node('node-1').attester, two.attester, { recursive: true });
    },
    async (copy) => {
      const status = await copy.until('refused', ({ nodes }) => nodes[1]?.state === 'refused');
      assert.equal(status.nodes[1]?.code, 'evidence/node-pcr-mismatch');
      assert.match(status.nodes[1].reason ?? '', /pcr=3/);
      const done = await copy.api.sign(key, message('without node-2'));
      assert.deepEqual(done.participants, ['node-1', 'node-3']);
    },
  );
});
