/**
 * Refresh and reshare of an ECDSA key while a daemon is ended as by kill -9: before each single change of its store, and
 * in each step of the session. Afterwards the old shares sign or the new ones do, never a mix; nothing is lost.
 *
 * The keys are 2-of-2, so that each signature needs each holder: one holder with shares of another generation than the
 * other, or none, is a signature that does not come.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import type { KeyView } from '../../../cli/api.ts';
import { makeRequest } from '../../../cli/requests.ts';
import type { KeyBody } from '../../../coordinator/api.ts';
import { isSymbolonError } from '../../../wire/errors/index.ts';
import { buildKiller, killAt, wasKilled, withKiller, type Killer } from '../killer/killer.ts';
import { allReady, withRelay } from '../relay.ts';
import { TestCluster } from '../testCluster.ts';

const folder = mkdtempSync(join(tmpdir(), 'symbolon-e2e-'));
const killers = new Map<string, Killer>();
let running: TestCluster;
let key: KeyView;

const killerOf = (node: string): Killer => {
  const killer = killers.get(node);
  assert.ok(killer !== undefined);
  return killer;
};

let count = 0;
/** Signs with all holders, and verifies with another library under the public key that the key was made with. */
async function mustSign(): Promise<void> {
  count += 1;
  const message = new TextEncoder().encode(`message ${count}`);
  const now = await running.api.key(key.id);
  const { signature, participants } = await running.api.sign(now, { kind: 'ecdsa-keccak256', message });
  assert.deepEqual([...participants].sort(), [...now.nodes].sort());
  assert.ok(secp256k1.verify(signature, keccak_256(message), key.publicKey, { prehash: false, lowS: true }));
}

/** Waits until nothing is under way: all nodes are up, and no next generation waits for its confirmations. */
async function settled(): Promise<KeyView> {
  await running.allReady();
  const end = Date.now() + 30_000;
  for (;;) {
    const now = await running.api.key(key.id);
    if (now.state === 'active' && now.next === undefined && now.waitingFor.length === 0) {
      return now;
    }
    assert.ok(Date.now() < end, `${JSON.stringify(now.waitingFor)} did not take the next generation`);
    await sleep(50);
  }
}

/** Runs a ceremony in which something dies: it fails by a name of the catalogue, or comes through all the same. */
async function attempt(ceremony: () => Promise<unknown>): Promise<boolean> {
  try {
    await ceremony();
    return true;
  } catch (error) {
    assert.ok(isSymbolonError(error), String(error));
    return false;
  }
}

type Role = 'holder' | 'leaving' | 'staying' | 'joining';
/** The next holders: node-2 stays, node-1 and node-3 take turns. */
const nextOf = ({ nodes }: Pick<KeyView, 'nodes'>): string[] =>
  nodes.includes('node-1') ? ['node-2', 'node-3'] : ['node-1', 'node-2'];
const victimOf = (now: Pick<KeyView, 'nodes'>, role: Role): string => {
  const other = now.nodes.includes('node-1') ? ['node-1', 'node-3'] : ['node-3', 'node-1'];
  return { holder: 'node-2', staying: 'node-2', leaving: other[0] ?? '', joining: other[1] ?? '' }[role];
};
const renew = async (now: KeyView, role: Role): Promise<unknown> =>
  role === 'holder'
    ? running.api.refreshKey(now)
    : running.api.reshareKey(now, { nodes: nextOf(now), threshold: 2, dealers: now.nodes });

/** Ends the daemon of a node at once; what runs in its place starts it again. */
function kill(node: string): void {
  const holder = running.pid(`${node}.daemon`);
  const [child] = readFileSync(`/proc/${holder}/task/${holder}/children`, 'utf8')
    .trim()
    .split(' ')
    .map(Number);
  assert.ok(child !== undefined && child > 1);
  process.kill(child, 'SIGKILL');
}

/** The signed request for the next generation of a key. */
function renewal(now: KeyBody, role: Role): { action: 'key.refresh' | 'key.reshare'; signed: Uint8Array } {
  const head = { key: now.id, purpose: now.purpose, generation: now.generation };
  const body =
    role === 'holder'
      ? ({ action: 'key.refresh', ...head } as const)
      : ({
          action: 'key.reshare',
          ...head,
          label: now.label,
          public: new Uint8Array(Buffer.from(now.public, 'base64')),
          dealers: [...now.nodes].sort(),
          nodes: nextOf(now),
          threshold: 2,
        } as const);
  return { action: body.action, signed: makeRequest(running.cluster, body, Date.now()).signed };
}

/**
 * The tests of one role: killed before each write, and killed in each step.
 * A file has one role, so that none of them runs for long.
 */
export function renewalTests(role: Role): void {
  before(async () => {
    running = await TestCluster.make(folder);
    const library = buildKiller(folder);
    const { paths } = running.cluster;
    await running.start((specs) => {
      const killer = {
        library,
        folder: paths.node(specs.node).store,
        plan: join(folder, `${specs.node}.plan`),
      };
      killers.set(specs.node, killer);
      return withKiller(specs, killer);
    });
    const made = await running.api.createKey({
      scheme: 'dkls23-secp256k1',
      threshold: 2,
      nodes: ['node-1', 'node-2'],
      purpose: 'dev/test',
      label: 'renewed again and again',
    });
    key = made.key;
  });
  after(async () => {
    await running.end();
    rmSync(folder, { recursive: true, force: true });
  });
  const what = role === 'holder' ? 'a refresh' : 'a reshare';
  test(`T21: given ${what}, when the ${role} node is killed before each of its writes, then the key still signs after each`, async (t) => {
    let writes = 0;
    let through = 0;
    for (let at = 1; ; at += 1) {
      const now = await settled();
      const killer = killerOf(victimOf(now, role));
      killAt(killer, at);
      const came = await attempt(() => renew(now, role));
      const later = await settled();
      const killed = wasKilled(killer);
      // One generation further, or none: never something else.
      assert.ok(later.generation - now.generation <= 1 && later.generation >= now.generation);
      through += later.generation - now.generation;
      await mustSign();
      if (!killed) {
        assert.ok(came, 'nobody was killed, and it did not come through');
        break;
      }
      writes += 1;
      assert.ok(at < 100, 'it writes without end');
    }
    t.diagnostic(
      `killed before each of ${writes} writes; ${through} of ${writes + 1} ceremonies came through`,
    );
    assert.ok(writes >= 8, `${writes} writes`);
  });

  test(`T21: given ${what}, when the ${role} node is killed in any of its steps, then the key signs, and the next try succeeds`, async () => {
    let victim = '';
    let step = '';
    const onStep = (at: string): void => {
      if (at === step) {
        step = '';
        kill(victim);
      }
    };
    await settled();
    let reached = 0;
    await withRelay(running, folder, { onStep }, async (relay) => {
      const now = async (): Promise<KeyBody> => {
        await allReady(relay);
        const end = Date.now() + 30_000;
        for (;;) {
          const body = relay.keyBody(relay.keys.get(key.id));
          if (body.state === 'active' && body.next === null && body.waitingFor.length === 0) {
            return body;
          }
          assert.ok(Date.now() < end, JSON.stringify(body.waitingFor));
          await sleep(50);
        }
      };
      const sign = async (): Promise<void> => {
        count += 1;
        const message = new TextEncoder().encode(`message ${count}`);
        const payload = { kind: 'ecdsa-keccak256', message } as const;
        const body = { action: 'sign', key: key.id, purpose: key.purpose, payload } as const;
        const { signature = '' } = await relay.sign(makeRequest(running.cluster, body, Date.now()).signed);
        const raw = new Uint8Array(Buffer.from(signature, 'hex'));
        const verified = secp256k1.verify(raw, keccak_256(message), key.publicKey, { prehash: false });
        assert.ok(verified);
      };
      for (const wanted of ['open', 'attest', 'round 1', 'round 2', 'round 3', 'round 4']) {
        const before = await now();
        victim = victimOf(before, role);
        step = wanted;
        const killed = renewal(before, role);
        await attempt(() => relay.renewKey(killed.action, key.id, killed.signed));
        assert.equal(step, '', `nothing was killed in ${wanted}`);
        const between = await now();
        await sign();
        const again = renewal(between, role);
        const { key: done } = await relay.renewKey(again.action, key.id, again.signed);
        assert.equal(done?.generation, between.generation + 1);
        reached = done.generation;
        await sign();
      }
    });
    // The cluster's own coordinator had no part in this: it learns of the generation from the nodes.
    const end = Date.now() + 30_000;
    while ((await settled()).generation !== reached) {
      assert.ok(Date.now() < end, `generation ${reached} is not known`);
      await sleep(50);
    }
    await mustSign();
  });
}
