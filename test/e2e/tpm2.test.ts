/** A cluster in which a real TPM, in software, makes the evidence of one node: `npm test` skips it where there is no swtpm. */
import assert from 'node:assert/strict';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { KeyView } from '../../cli/api.ts';
import { makeRequest } from '../../cli/requests.ts';
import type { StatusView } from '../../cli/statusView.ts';
import type { Coordinator } from '../../coordinator/index.ts';
import { openManifestFile } from '../../coordinator/manifestFile.ts';
import { requestTpm2Enrolment } from '../../enclave/attester/index.ts';
import { appraise, policyFor, type Expected } from '../../enclave/evidence/index.ts';
import { Tpm } from '../../enclave/tpm/device/index.ts';
import type { ErrorCode } from '../../wire/errors/index.ts';
import { fromHex, isEcdsa, toHex } from '../../wire/ids.ts';
import type { Manifest } from '../../wire/messages/manifest.ts';
import type { Payload } from '../../wire/messages/request.ts';
import { addedEvent, bootEvents, bootLog, measure } from '../measuredBoot.ts';
import { assertRefusal } from '../pki/refusal.ts';
import { noSwtpm, startSwtpm, type Swtpm } from '../swtpm.ts';
import { allReady, withRelay } from './relay.ts';
import { run } from './runCli.ts';
import { freePorts, inTemporaryFolder, TestCluster } from './testCluster.ts';

const options = { skip: noSwtpm };
const folder = mkdtempSync(join(tmpdir(), 'symbolon-e2e-'));
const log = join(folder, 'binary_bios_measurements');
/** The coordinator looks at a node that it refused less and less often. */
const patienceMs = 45_000;
let swtpm: Swtpm;
let tpm: Tpm;
let running: TestCluster;
let keys: readonly KeyView[];
/** What was started, in this order. */
const ends: (() => Promise<void>)[] = [];

const der = (file: string): Uint8Array =>
  new Uint8Array(new X509Certificate(readFileSync(join(swtpm.folder, 'ca', file))).raw);
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());
const payloadFor = (key: KeyView, text: string): Payload => ({
  kind: isEcdsa(key.scheme) ? 'ecdsa-keccak256' : 'message',
  message: new TextEncoder().encode(text),
});

/** The machine is started: the firmware starts its TPM and measures the boot. */
async function boot(events = bootEvents()): Promise<void> {
  await tpm.startUp();
  await measure(tpm, events);
  writeFileSync(log, bootLog(events));
}
async function restart(): Promise<void> {
  running.kill('node-1.daemon');
  await running.until('the restart', ({ nodes }) => nodes[0]?.ready === false);
}
/** Asks the nodes of a relay, and no others, for a signature. */
function signWith(relay: Coordinator, key: KeyView, text: string): ReturnType<Coordinator['sign']> {
  const body = { action: 'sign', key: key.id, purpose: key.purpose, payload: payloadFor(key, text) } as const;
  return relay.sign(makeRequest(running.cluster, body, Date.now()).signed);
}
/** Signs with each key through the two nodes without a TPM. */
async function othersSign(text: string): Promise<void> {
  for (const key of keys) {
    const { participants } = await running.api.sign(key, payloadFor(key, text));
    assert.deepEqual(participants, ['node-2', 'node-3'], key.scheme);
  }
}
/** What a node refused a peer for last. */
async function lastRefusal(node: string, code: string): Promise<{ peer: string; detail: string }> {
  // The coordinator looks at its nodes every now and then: what it shows may be older than what was just tried.
  const newest = ({ nodes }: StatusView): StatusView['nodes'][number]['refusals'][number] | undefined =>
    nodes.find(({ name }) => name === node)?.refusals[0];
  const found = await running.until(
    `${code} at ${node}`,
    (status) => newest(status)?.code === code,
    patienceMs,
  );
  const refusal = newest(found);
  assert.ok(refusal !== undefined);
  return refusal;
}

before(async () => {
  if (noSwtpm !== false) {
    return;
  }
  swtpm = await startSwtpm({ certificates: true });
  ends.push(() => swtpm.stop());
  tpm = new Tpm({
    address: swtpm.address,
    timeoutMs: 10_000,
    random: randomBytes,
    storageRoot: 'unpinned',
  });
  await boot();
  const root = der('swtpm-localca-rootca-cert.pem');
  running = await TestCluster.make(
    folder,
    new Map([
      [
        1,
        {
          tpm: swtpm.addressText,
          eventLog: log,
          roots: [sha256(root)],
          authorities: [root, der('issuercert.pem')],
        },
      ],
    ]),
  );
  ends.push(() => running.end());
  await running.start();
  const ecdsa = await running.api.createKey({
    scheme: 'dkls23-secp256k1',
    threshold: 2,
    nodes: running.cluster.facts.nodes.map(({ name }) => name),
    purpose: 'dev/test',
    label: 'test',
  });
  keys = [await running.makeKey(), ecdsa.key];
});
after(async () => {
  for (const end of ends.reverse()) {
    await end();
  }
  rmSync(folder, { recursive: true, force: true });
});

test(
  'given a node with a TPM, then it is accepted by the Name of its key and the events of its boot, and signs ECDSA and FROST',
  options,
  async () => {
    const status = await running.allReady();
    assert.deepEqual(
      status.nodes.map(({ platform }) => platform),
      ['tpm2', 'dev', 'dev'],
    );
    assert.match(status.nodes[0]?.measurement ?? '', /^boot-/);
    await inTemporaryFolder(async (temporary) => {
      await withRelay(running, temporary, { nodes: ['node-1', 'node-2'] }, async (relay) => {
        await allReady(relay);
        for (const key of keys) {
          const { participants } = await signWith(relay, key, 'with the TPM');
          assert.deepEqual(participants, ['node-1', 'node-2'], key.scheme);
        }
      });
    });
  },
);

test(
  'given a session under way to begin, when a register of the node was extended, then its peers refuse it in that session by register, and the others sign',
  options,
  async () => {
    await running.allReady();
    const [before] = [...(await tpm.readPcrs('sha256', [8])).values()];
    await inTemporaryFolder(async (temporary) => {
      await withRelay(running, temporary, { nodes: ['node-1', 'node-2'] }, async (relay) => {
        // The channels are open and their evidence was accepted: nothing but the session itself can notice.
        await allReady(relay);
        await measure(tpm, [addedEvent]);
        for (const key of keys) {
          await assert.rejects(signWith(relay, key, 'with a changed register'));
        }
      });
    });
    const refusal = await lastRefusal('node-2', 'evidence/measurement-mismatch');
    assert.equal(refusal.peer, 'node-1');
    const [now] = [...(await tpm.readPcrs('sha256', [8])).values()];
    assert.match(refusal.detail, /pcr=8/);
    assert.ok(refusal.detail.includes(toHex(before ?? new Uint8Array())), 'the wanted value');
    assert.ok(refusal.detail.includes(toHex(now ?? new Uint8Array())), 'the value that it got');
    await othersSign('after a changed register');
  },
);

test(
  'given the log of that boot, when the coordinator looks at the node again, then the status names the event that was added',
  options,
  async () => {
    writeFileSync(log, bootLog([...bootEvents(), addedEvent]));
    await restart();
    const status = await running.until('refused', ({ nodes }) => nodes[0]?.state === 'refused', patienceMs);
    assert.equal(status.nodes[0]?.code, 'evidence/event-mismatch');
    assert.match(
      status.nodes[0].reason ?? '',
      /pcr=8 event=grub-command wanted=absent got=grub-command [0-9a-f]{64}/,
    );
    await othersSign('after an added event');
  },
);

test(
  'given a reset of the TPM in a running machine, then its registers say so, and the others sign',
  options,
  async () => {
    swtpm.reset();
    await tpm.startUp();
    await restart();
    const status = await running.until(
      'refused',
      ({ nodes }) => nodes[0]?.code === 'evidence/nothing-measured',
      patienceMs,
    );
    assert.match(status.nodes[0]?.reason ?? '', /pcr=4/);
    await othersSign('after a reset');
  },
);

test(
  'given the accepted boot again, then the node signs again with the key of its enrolment',
  options,
  async () => {
    swtpm.reset();
    await boot();
    // A new coordinator looks at once.
    await inTemporaryFolder(async (temporary) => {
      await withRelay(running, temporary, { nodes: ['node-1', 'node-3'] }, async (relay) => {
        await allReady(relay);
        for (const key of keys) {
          const { participants } = await signWith(relay, key, 'booted again');
          assert.deepEqual(participants, ['node-1', 'node-3'], key.scheme);
        }
      });
    });
  },
);

test(
  'given a reset between two sessions, then the next one ends for that node, and the others sign',
  options,
  async () => {
    await inTemporaryFolder(async (temporary) => {
      await withRelay(running, temporary, { nodes: ['node-1', 'node-3'] }, async (relay) => {
        await allReady(relay);
        swtpm.reset();
        await tpm.startUp();
        for (const key of keys) {
          await assert.rejects(signWith(relay, key, 'after a reset'));
        }
      });
    });
    const refusal = await lastRefusal('node-3', 'evidence/nothing-measured');
    assert.equal(refusal.peer, 'node-1');
    await othersSign('after a reset between sessions');
    swtpm.reset();
    await boot();
  },
);

test(
  'T02, T09: given evidence of the TPM that is old, for another use, or shown for another node, then it gets nowhere',
  options,
  async () => {
    const { facts, paths } = running.cluster;
    const { current } = await openManifestFile({
      file: paths.manifest,
      anchor: fromHex(facts.anchor) ?? new Uint8Array(),
    });
    const key = readFileSync(paths.apiKey, 'utf8').trim();
    const answer = await fetch(`http://127.0.0.1:${facts.port}/v1/evidence/node-1`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const shown = (await answer.json()) as { readonly document: string; readonly nonce: string };
    const bytesOf = (text: string): Uint8Array =>
      fromHex(text) ?? new Uint8Array(Buffer.from(text, 'base64'));
    const document = bytesOf(shown.document);
    const right: Expected = {
      nonce: bytesOf(shown.nonce),
      role: 'channel',
      cluster: fromHex(facts.cluster) ?? new Uint8Array(),
      node: 'node-1',
      manifest: current.hash,
    };
    const judge = (expected: Expected, manifest: Manifest = current.manifest): ReturnType<typeof appraise> =>
      appraise({ platform: 'tpm2', document }, policyFor(manifest, expected.node), {
        now: Date.now(),
        expected,
      });
    const accepted = judge(right);
    assert.ok(accepted.ok, accepted.ok ? '' : accepted.refusal.message);

    const other = await otherKey();
    const swapped: Manifest = {
      ...current.manifest,
      nodes: current.manifest.nodes.map((node) =>
        node.name === 'node-2' ? { ...node, platform: 'tpm2', pcrs: new Map(), attestationKey: other } : node,
      ),
    };
    const cases: readonly [Expected, Manifest, ErrorCode][] = [
      [{ ...right, nonce: new Uint8Array(32).fill(1) }, current.manifest, 'evidence/nonce-mismatch'],
      [{ ...right, role: 'session' }, current.manifest, 'evidence/claim-mismatch'],
      [{ ...right, cluster: new Uint8Array(16) }, current.manifest, 'evidence/claim-mismatch'],
      [{ ...right, manifest: new Uint8Array(32) }, current.manifest, 'evidence/claim-mismatch'],
      [{ ...right, node: 'node-2' }, current.manifest, 'evidence/wrong-platform'],
      [{ ...right, node: 'node-2' }, swapped, 'evidence/claim-mismatch'],
    ];
    for (const [expected, manifest, code] of cases) {
      const result = judge(expected, manifest);
      assert.ok(!result.ok, code);
      assertRefusal(result.refusal, code);
    }
    // Another machine's TPM for this node: even claims that fit do not help.
    const moved = {
      ...current.manifest,
      nodes: current.manifest.nodes.map((node) =>
        node.name === 'node-1' ? { ...node, attestationKey: other } : node,
      ),
    };
    const result = judge(right, moved);
    assert.ok(!result.ok);
    assertRefusal(result.refusal, 'evidence/other-machine', { node: 'node-1', wanted: toHex(other) });
  },
);

test(
  'given the TPM of this machine, when up is asked to make a cluster with it, then it enrols it and the cluster comes up',
  options,
  async () => {
    const ca = join(swtpm.folder, 'ca');
    await inTemporaryFolder(async (temporary) => {
      const made = [
        ...['up', '--once', '--dir', join(temporary, 'c'), '--port', String(await freePorts())],
        ...['--tpm', swtpm.addressText, '--event-log', log],
        ...['--root', join(ca, 'swtpm-localca-rootca-cert.pem'), '--authority', join(ca, 'issuercert.pem')],
      ];
      const { code, out, err } = await run(made);
      assert.equal(code, 0, err);
      assert.match(out, /boot-[0-9a-f]{8}/);
      const again = await run(made);
      assert.equal(again.code, 2, 'a cluster that is there keeps its attesters');
      const { attestationKey } = await enrolledKey(join(temporary, 'c'));
      assert.deepEqual(attestationKey, (await tpm.attestationKey()).name);
    });
  },
);

/** Node-1 of the manifest of a cluster folder. */
async function enrolledKey(root: string): Promise<{ readonly attestationKey?: Uint8Array | undefined }> {
  const { facts, paths } = TestCluster.open(root).cluster;
  const anchor = fromHex(facts.anchor) ?? new Uint8Array();
  const { current } = await openManifestFile({ file: paths.manifest, anchor });
  return current.manifest.nodes[0] ?? {};
}

/** The Name of the attestation key of another TPM. */
async function otherKey(): Promise<Uint8Array> {
  const other = await startSwtpm({ certificates: true });
  try {
    return await inTemporaryFolder(
      async (temporary) => (await requestTpm2Enrolment({ tpm: other.address, folder: temporary })).name,
    );
  } finally {
    await other.stop();
  }
}
