/** Processes that die, hang and come back, while others ask for signatures. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyView } from '../../cli/api.ts';
import { liveChecks } from '../../cli/doctor/liveChecks.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { TestCluster } from './testCluster.ts';

const folder = mkdtempSync(join(tmpdir(), 'symbolon-e2e-'));
let running: TestCluster;
let key: KeyView;

before(async () => {
  running = await TestCluster.make(folder);
  await running.start();
  key = await running.makeKey();
});
after(async () => {
  await running.end();
  rmSync(folder, { recursive: true, force: true });
});

const message = (text: string) => ({ kind: 'message', message: new TextEncoder().encode(text) }) as const;

for (const victim of ['node-1', 'node-2', 'node-3']) {
  test(`given requests on their way, when ${victim} is killed, then each still gets a signature, through the others`, async () => {
    await running.allReady();
    const asked: Promise<readonly string[]>[] = [];
    for (let i = 0; i < 12; i += 1) {
      asked.push(running.api.sign(key, message(`${victim} ${i}`)).then(({ participants }) => participants));
      if (i === 6) {
        running.kill(`${victim}.daemon`);
      }
      await sleep(15);
    }
    const answers = await Promise.all(asked);
    assert.equal(answers.length, 12);
    const last = await running.api.sign(key, message(`${victim} after`));
    const others = ['node-1', 'node-2', 'node-3'].filter((name) => name !== victim);
    assert.ok(
      last.participants.every((name) => others.includes(name)) || (await running.node(victim)).ready,
      `signed by ${last.participants.join()}`,
    );
    assert.ok(answers.some((participants) => !participants.includes(victim)));
    // The supervisor starts it again; its share is still there.
    await running.allReady();
  });
}

test('T35: given a node that hangs, when others ask, then a signature comes through the rest within the deadline of a step', async () => {
  await running.allReady();
  const first = await running.api.sign(key, message('who signs'));
  const silent = first.participants[0] ?? '';
  const pid = running.pid(`${silent}.daemon`);
  process.kill(pid, 'SIGSTOP');
  try {
    const began = Date.now();
    const done = await running.api.sign(key, message('without the silent one'));
    assert.ok(!done.participants.includes(silent));
    assert.ok(Date.now() - began < 8_000, `${Date.now() - began} ms`);
    await running.until(
      'down',
      ({ nodes }) => nodes.some((one) => one.name === silent && !one.ready),
      20_000,
    );
    const found = await liveChecks(running.cluster, Date.now());
    const about = found.find((one) => one.about === `node ${silent}`);
    assert.equal(about?.state, 'bad');
    assert.match(about.what, /its process runs and does not answer/);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await running.allReady();
});

test('given two nodes that are gone, when a signature is asked for, then the answer names them, and the status says no', async () => {
  await running.allReady();
  const stopped = ['node-1', 'node-2'].map((name) => running.pid(`${name}.daemon`));
  for (const pid of stopped) {
    process.kill(pid, 'SIGSTOP');
  }
  try {
    await assert.rejects(running.api.sign(key, message('too few')), (error) => {
      assert.ok(isSymbolonError(error, 'cli/coordinator-refused'));
      assert.match(error.facts.code, /^coordinator\/(?:not-enough-nodes|deadline)$/);
      assert.match(error.facts.detail, /node-1/);
      return true;
    });
    const status = await running.until('no', ({ canSign }) => canSign === 'no', 20_000);
    assert.deepEqual([...(status.keys.first[0]?.with ?? [])], ['node-3']);
  } finally {
    for (const pid of stopped) {
      process.kill(pid, 'SIGCONT');
    }
  }
  await running.allReady();
});

for (const part of ['hsm', 'parent'] as const) {
  test(`given a killed ${part} process, then it is started again and the node takes part again`, async () => {
    await running.allReady();
    running.kill(`node-2.${part}`);
    await sleep(300);
    await running.allReady();
    for (let i = 0; i < 8; i += 1) {
      await running.api.sign(key, message(`${part} ${i}`));
    }
  });
}

test('given a killed coordinator, then it comes back with the same keys and signs', async () => {
  await running.allReady();
  running.kill('coordinator');
  const again = await waitForKeys();
  assert.deepEqual(
    again.map(({ id }) => id),
    [key.id],
  );
  await running.allReady();
  await running.api.sign(key, message('after the coordinator came back'));
});

test('given all processes killed at once, when the cluster is started again, then the same key signs', async () => {
  await running.allReady();
  for (const { pid } of running.running()) {
    process.kill(pid, 'SIGKILL');
  }
  await running.end();
  await running.start();
  const [found] = await running.api.keys();
  assert.equal(found?.id, key.id);
  assert.deepEqual(found.publicKey, key.publicKey);
  await running.allReady();
  await running.api.sign(key, message('after all were killed'));
});

async function waitForKeys(): Promise<readonly KeyView[]> {
  const end = Date.now() + 20_000;
  for (;;) {
    try {
      return await running.api.keys();
    } catch (error) {
      if (!isSymbolonError(error, 'cli/not-running') || Date.now() > end) {
        throw error;
      }
      await sleep(100);
    }
  }
}
