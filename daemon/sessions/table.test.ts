import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SymbolonError } from '../../wire/errors/index.ts';
import { makeNodeIdentity } from '../../enclave/channel/index.ts';
import { Gate } from '../gate.ts';
import { Marks } from '../guard/marks.ts';
import { PeerMemory } from '../peers/memory.ts';
import { Standing } from '../peers/standing.ts';
import { PhaseHolder } from '../phase.ts';
import { refusal } from '../testing/refusal.ts';
import { sampleNow, sampleSign, verifiedSample } from '../testing/sampleManifest.ts';
import { Session } from './session.ts';
import { SessionTable } from './table.ts';

const manifest = verifiedSample();
const gate = new Gate(
  { node: 'node-1', identity: makeNodeIdentity({ now: () => sampleNow }) },
  {
    phase: new PhaseHolder(),
    manifest: () => manifest,
    guard: { burn: () => Promise.resolve() },
    pairing: () => ({ kind: 'absent' }),
    now: () => sampleNow,
    ticks: () => 0,
  },
);
const memory = new PeerMemory(
  { node: 'node-1', platform: 'dev', boot: gate.boot },
  {
    marks: new Marks({ boots: 1, mark: 0, witnessed: [] }),
    manifest: () => manifest,
    now: () => sampleNow,
    ticks: () => 0,
    behind: () => undefined,
  },
);
const [client] = manifest.manifest.clients;
assert.ok(client !== undefined);
const verified = { request: sampleSign(), hash: new Uint8Array(32), client };

interface Scene {
  readonly table: SessionTable;
  readonly add: (id: number, deadline?: number) => Session;
  readonly wiped: () => number;
  now: number;
  /** Of the monotonic clock. */
  tick: number;
}
function scene(): Scene {
  let wiped = 0;
  const table = new SessionTable({ maxLive: 3, maxEnded: 2 });
  const made: Scene = {
    table,
    now: sampleNow,
    tick: 5_000,
    wiped: () => wiped,
    add: (id, deadline = sampleNow + 1_000) => {
      const fill = new Uint8Array(32).fill(id);
      const session = new Session(
        {
          relay: 'coordinator',
          verified,
          key: undefined,
          generation: 0,
          pairings: new Map(),
          manifest,
          participants: [],
          challenge: { node: 'node-1', boot: gate.boot, nonce: fill, identity: gate.identityBytes },
          opened: { at: made.now, tick: made.tick },
          attestBy: deadline,
          deadline,
          rounds: {
            last: 2,
            lasting: false,
            sendsPairwise: () => false,
            step: () => Promise.resolve([]),
            wipe: () => {
              wiped += 1;
            },
          },
        },
        {
          gate,
          attester: { makeEvidence: () => Promise.resolve(new Uint8Array(1)) },
          standing: new Standing(memory, { manifest, others: [] }),
          judge: () => Promise.resolve({ kind: 'accepted', appraisals: new Map() }),
          now: () => made.now,
          ticks: () => made.tick,
          refused: () => undefined,
          ended: (ended) => {
            table.end(ended);
          },
        },
      );
      table.add(session);
      table.name(session, fill);
      return session;
    },
  };
  return made;
}
const id = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const error = new SymbolonError('session/aborted', { reason: 'test' });

test('T43: given a full table, when one more session comes, then it is refused until one ends', () => {
  const made = scene();
  const first = made.add(1);
  made.add(2);
  made.add(3);
  assert.throws(() => made.add(4), refusal('session/too-many', { limit: 3 }));
  first.finish();
  made.add(4);
  assert.deepEqual(made.table.counts(), { open: 3, finished: 1, failed: 0 });
});

test('T35: given sessions over their deadline, when a new one comes, then they make room and their secrets are wiped', () => {
  const made = scene();
  made.add(1, sampleNow + 10);
  made.add(2, sampleNow + 10);
  made.add(3, sampleNow + 1_000);
  made.now += 10;
  made.add(4);
  assert.deepEqual(made.table.counts(), { open: 2, finished: 0, failed: 2 });
  assert.equal(made.wiped(), 2);
});

test('T37: given a wall clock that is held back, when the monotonic one says that their time is over, then sessions end by name', async () => {
  const made = scene();
  const session = made.add(1, sampleNow + 1_000);
  made.add(2, sampleNow + 2_000);
  made.now -= 60_000;
  made.tick += 999;
  made.table.sweep();
  assert.deepEqual(made.table.counts(), { open: 2, finished: 0, failed: 0 });
  made.tick += 1;
  await assert.rejects(
    session.deliver({ round: 1, evidence: [], envelopes: [] }, new Uint8Array(1)),
    refusal('session/failed', { code: 'session/expired' }),
  );
  made.tick += 1_000;
  made.table.sweep();
  assert.deepEqual(made.table.counts(), { open: 0, finished: 0, failed: 2 });
  assert.equal(made.wiped(), 2);
});

test('T43: given many sessions that ended, when the newest are remembered, then the oldest are unknown', () => {
  const made = scene();
  for (const fill of [1, 2, 3]) {
    made.add(fill).fail(error);
  }
  assert.throws(() => made.table.ofId(id(1), 'coordinator'), refusal('session/unknown'));
  assert.throws(() => made.table.ofNonce(id(1), 'coordinator'), refusal('session/unknown'));
  assert.equal(made.table.ofId(id(3), 'coordinator').failure?.code, 'session/aborted');
});

test('given a session that ended, when it is ended again in another way, then it stays as it ended first', () => {
  const made = scene();
  const session = made.add(1);
  session.fail(error);
  session.finish();
  session.fail(new SymbolonError('session/expired', { session: '' }));
  assert.equal(session.state, 'failed');
  assert.equal(session.failure?.code, 'session/aborted');
  assert.deepEqual(made.table.counts(), { open: 0, finished: 0, failed: 1 });
  assert.equal(made.wiped(), 1);
});

test('given a node that stops, when all sessions are failed, then none is live and each was wiped', () => {
  const made = scene();
  made.add(1);
  made.add(2);
  made.table.failAll(error);
  assert.deepEqual(made.table.counts(), { open: 0, finished: 0, failed: 2 });
  assert.equal(made.wiped(), 2);
});

test('given a name of no session or of another client, when looked up, then both look the same', () => {
  const made = scene();
  made.add(1);
  assert.throws(() => made.table.ofId(id(9), 'coordinator'), refusal('session/unknown'));
  assert.throws(() => made.table.ofId(id(1), 'operator'), refusal('session/unknown'));
  assert.throws(() => made.table.ofNonce(id(1), 'operator'), refusal('session/unknown'));
});
