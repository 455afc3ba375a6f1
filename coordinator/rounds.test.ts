/** What a session refuses of the nodes' answers before any of it is carried on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeNodeIdentity } from '../enclave/channel/index.ts';
import type { Appraisal } from '../enclave/evidence/index.ts';
import { identityBytes } from '../wire/messages/session.ts';
import type { NodeCalls } from './nodes/nodeClient.ts';
import { Session, SessionFailure } from './rounds.ts';

const random = (fill: number) => (length: number) => new Uint8Array(length).fill(fill);
const never = (): never => {
  throw new TypeError('not called');
};

/** A node of which only `open` is asked. */
function opening(name: string, fill: number, boot: Uint8Array): NodeCalls {
  const identity = makeNodeIdentity({ now: Date.now }).public;
  const appraisal: Appraisal = {
    node: name,
    platform: 'dev',
    boot,
    identity,
    measurement: 'a',
    notAfter: Number.MAX_SAFE_INTEGER,
    madeAt: 0,
    pcrs: new Map(),
    machine: name,
    tpm: undefined,
    marks: { since: 1, mark: 1, boots: 1, witnessed: new Map() },
  };
  return {
    name,
    open: () =>
      Promise.resolve({
        node: name,
        boot,
        nonce: random(fill)(32),
        identity: identityBytes.encode(identity),
      }),
    attest: never,
    round: never,
    finish: () => Promise.resolve(),
    activate: never,
    verified: () => ({ appraisal, document: new Uint8Array(), nonce: new Uint8Array(), at: 0 }),
  };
}

test('T09: given a node that shows the boot of another, then the two are held apart and neither alone is blamed', async () => {
  const boot = random(7)(16);
  const clients = [opening('node-1', 1, boot), opening('node-2', 2, boot)];
  const plan = {
    signed: new Uint8Array(1),
    requestHash: new Uint8Array(32),
    participants: ['node-1', 'node-2'],
    manifest: new Uint8Array(32),
    generation: 0,
  };
  const modules = {
    client: (name: string): NodeCalls => clients.find((one) => one.name === name) ?? never(),
    expectation: never,
    now: Date.now,
    background: () => undefined,
  };
  await assert.rejects(
    Session.open(plan, modules, { stepMs: 1_000, deadline: performance.now() + 1_000 }),
    (error: unknown) => {
      assert.ok(error instanceof SessionFailure);
      assert.equal(error.step, 'open');
      assert.deepEqual([error.fault.node, error.fault.accused].sort(), ['node-1', 'node-2']);
      return true;
    },
  );
});
