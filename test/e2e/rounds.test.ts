/** A node that is killed in each step of a session: the session fails by its name, and the next one succeeds. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { KeyView } from '../../cli/api.ts';
import { makeRequest } from '../../cli/requests.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { allReady, withRelay } from './relay.ts';
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

const signRequest = (text: string): Uint8Array =>
  makeRequest(
    running.cluster,
    {
      action: 'sign',
      key: key.id,
      purpose: key.purpose,
      payload: { kind: 'message', message: new TextEncoder().encode(text) },
    },
    Date.now(),
  ).signed;
const createRequest = (label: string): Uint8Array =>
  makeRequest(
    running.cluster,
    {
      action: 'key.create',
      scheme: 'frost-ed25519',
      threshold: 2,
      nodes: ['node-1', 'node-2', 'node-3'],
      purpose: 'dev/test',
      label,
    },
    Date.now(),
  ).signed;

let turn = 0;
/** Kills a participant, another one each time, the first time that a step begins. */
function killIn(wanted: string): {
  readonly onStep: (step: string, participants: readonly string[]) => void;
  victim: string;
} {
  const state = {
    victim: '',
    onStep: (step: string, participants: readonly string[]): void => {
      if (step === wanted && state.victim === '') {
        turn += 1;
        state.victim = participants[turn % participants.length] ?? '';
        running.kill(`${state.victim}.daemon`);
      }
    },
  };
  return state;
}

for (const step of ['open', 'attest', 'round 1', 'round 2']) {
  test(`given a signer killed in ${step}, then the answer names it and its step, and has the signature of the others`, async () => {
    const killer = killIn(step);
    await withRelay(running, folder, { onStep: killer.onStep }, async (relay) => {
      await allReady(relay);
      const done = await relay.sign(signRequest(step));
      assert.equal(done.status, 'done');
      assert.ok(!done.participants?.includes(killer.victim), 'the killed node took no part');
      const [failure] = done.failed ?? [];
      assert.deepEqual([failure?.node, failure?.step], [killer.victim, step]);
      const next = await relay.sign(signRequest(`${step} again`));
      assert.equal(next.status, 'done');
    });
  });
}

for (const step of ['open', 'attest', 'round 1', 'round 2', 'round 3', 'round 4']) {
  test(`given a node killed in ${step} of a ceremony, then it fails by name within its deadline, and the next one succeeds`, async () => {
    const killer = killIn(step);
    await withRelay(running, folder, { onStep: killer.onStep }, async (relay) => {
      await allReady(relay);
      const began = Date.now();
      await assert.rejects(relay.createKey(createRequest(step)), (error) => {
        assert.ok(isSymbolonError(error, 'coordinator/ceremony-failed'), String(error));
        assert.deepEqual([error.facts.node, error.facts.step], [killer.victim, step]);
        return true;
      });
      assert.ok(Date.now() - began < 10_000, `${Date.now() - began} ms`);
      await allReady(relay);
      const made = await relay.createKey(createRequest(`${step} again`));
      assert.equal(made.key?.state, 'active');
    });
  });
}
