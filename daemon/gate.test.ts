import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeNodeIdentity, verifyEnvelope } from '../enclave/channel/index.ts';
import type { Appraisal } from '../enclave/evidence/index.ts';
import { repoRoot } from '../test/repoRoot.ts';
import { isSymbolonError, SymbolonError, type ErrorCode } from '../wire/errors/index.ts';
import { schemes } from '../wire/ids.ts';
import { actions, payloadKinds, type ManifestClient } from '../wire/messages/manifest.ts';
import type { Request } from '../wire/messages/request.ts';
import type { VerifiedManifest } from '../manifest/index.ts';
import { Gate, type GateModules, type GateSession } from './gate.ts';
import type { FoundPairing } from './pairings/contract.ts';
import { PhaseHolder } from './phase.ts';
import { refusal } from './testing/refusal.ts';
import { sampleCreate, sampleNow, sampleSign, verifiedSample } from './testing/sampleManifest.ts';

interface Scene {
  readonly gate: Gate;
  readonly phase: PhaseHolder;
  readonly session: GateSession;
  manifest: VerifiedManifest;
  pairing: FoundPairing;
  now: number;
  /** Of the monotonic clock. */
  tick: number;
}

const appraisal = (node: string): Appraisal => ({
  node,
  platform: 'dev',
  boot: new Uint8Array(16),
  identity: makeNodeIdentity({ now: () => sampleNow }).public,
  measurement: 'image-1',
  notAfter: sampleNow + 20_000,
  madeAt: sampleNow,
  pcrs: new Map(),
  machine: 'i-0',
  tpm: undefined,
  marks: { since: 1, mark: 1, boots: 1, witnessed: new Map() },
});

function scene(
  change: Partial<GateSession> = {},
  burn: GateModules['guard']['burn'] = () => Promise.resolve(),
): Scene {
  const phase = new PhaseHolder();
  phase.enter('unlocking');
  phase.enter('ready');
  const manifest = verifiedSample();
  const client = manifest.manifest.clients.find(({ name }) => name === 'operator');
  assert.ok(client !== undefined);
  const request = sampleSign();
  const session: GateSession = {
    id: new Uint8Array(32).fill(7),
    round: 1,
    lastRound: 2,
    transcript: new Uint8Array(32).fill(8),
    deadline: sampleNow + 30_000,
    endTick: 30_000,
    ended: false,
    manifest: manifest.hash,
    verified: { request, hash: new Uint8Array(32), client },
    key: { id: request.key, scheme: 'frost-ed25519', purpose: 'treasury' },
    pairings: new Map(),
    others: ['node-2', 'node-3'],
    appraisals: new Map(['node-2', 'node-3'].map((node) => [node, appraisal(node)])),
    ...change,
  };
  const gate = new Gate(
    { node: 'node-1', identity: makeNodeIdentity({ now: () => sampleNow }) },
    {
      phase,
      manifest: () => made.manifest,
      guard: { burn },
      pairing: () => made.pairing,
      now: () => made.now,
      ticks: () => made.tick,
    },
  );
  const made: Scene = {
    gate,
    phase,
    session,
    manifest,
    pairing: { kind: 'absent' },
    now: sampleNow,
    tick: 0,
  };
  return made;
}
const payload = (): Uint8Array => Uint8Array.of(1, 2, 3);
const stopped = (made: Scene, code: ErrorCode, facts = {}): void => {
  assert.throws(() => made.gate.release(made.session, [{ payload: payload() }]), refusal(code, facts));
};

test('given everything in order, when a round is released, then its envelopes are sealed for their receivers', () => {
  const made = scene();
  const secret = payload();
  const [broadcast, pairwise] = made.gate.release(made.session, [
    { payload: payload() },
    { to: 'node-2', payload: secret },
  ]);
  assert.ok(broadcast !== undefined && pairwise !== undefined);
  const { id, round, transcript } = made.session;
  const expected = { session: id, round, sender: made.gate.identity, from: 'node-1', transcript };
  assert.deepEqual(verifyEnvelope(broadcast, expected), payload());
  assert.equal(pairwise.to, 'node-2');
  assert.notDeepEqual(pairwise.payload.subarray(0, 3), payload());
  assert.deepEqual(secret, new Uint8Array(3), 'the plain pairwise payload is wiped');
});

test('T32: given a node that froze, when a round wants to leave, then it does not', () => {
  const made = scene();
  made.phase.enter('frozen', new SymbolonError('guard/write-failed', { reason: 'EIO' }));
  stopped(made, 'node/wrong-phase', { phase: 'frozen' });
});

test('T35: given a session over its deadline, when a round wants to leave, then it does not', () => {
  const made = scene();
  made.now = made.session.deadline;
  stopped(made, 'session/expired');
});

test('T37: given a parent that holds the clock back, when the session is over by the monotonic one, then no round leaves', () => {
  const made = scene();
  made.now = sampleNow - 60_000;
  made.tick = made.session.endTick - 1;
  assert.equal(made.gate.release(made.session, [{ payload: payload() }]).length, 1);
  made.tick = made.session.endTick;
  stopped(made, 'session/expired');
});

test('given a session that ended, when a round wants to leave, then it does not', () => {
  stopped(scene({ ended: true }), 'session/wrong-state');
});

test('T36: given another manifest since the session opened, when a round wants to leave, then it does not', () => {
  const made = scene();
  made.manifest = verifiedSample({ label: 'next' });
  stopped(made, 'gate/not-current');
});

test('given a peer without an appraisal, when a round wants to leave, then it does not', () => {
  stopped(scene({ appraisals: new Map([['node-2', appraisal('node-2')]]) }), 'gate/evidence-over', {
    peer: 'node-3',
  });
});

test('given an appraisal of another node in the place of a peer, when a round wants to leave, then it does not', () => {
  const swapped = new Map([
    ['node-2', appraisal('node-2')],
    ['node-3', appraisal('node-2')],
  ]);
  stopped(scene({ appraisals: swapped }), 'gate/evidence-over', { peer: 'node-3' });
});

test('T08: given a peer whose evidence ended a moment ago, when a round wants to leave, then it does not', () => {
  const made = scene();
  made.now = sampleNow + 20_000;
  stopped(made, 'gate/evidence-over', { peer: 'node-2' });
});

test('T25: given a client that the manifest no longer names, when a round wants to leave, then it does not', () => {
  const made = scene();
  const { clients } = made.manifest.manifest;
  // Same hash: only the check of the client itself can stop it.
  made.manifest = {
    ...made.manifest,
    manifest: { ...made.manifest.manifest, clients: clients.filter(({ name }) => name !== 'operator') },
  };
  stopped(made, 'gate/not-granted');
});

test('given another key under the name of the client, when a round wants to leave, then it does not', () => {
  const made = scene();
  const clients = made.manifest.manifest.clients.map((one) => ({ ...one, publicKey: new Uint8Array(32) }));
  made.manifest = { ...made.manifest, manifest: { ...made.manifest.manifest, clients } };
  stopped(made, 'gate/not-granted');
});

test('given a client or a request whose time is over, when a round wants to leave, then it does not', () => {
  const late = scene();
  const clients = late.manifest.manifest.clients.map((one) => ({ ...one, notAfter: sampleNow }));
  late.manifest = { ...late.manifest, manifest: { ...late.manifest.manifest, clients } };
  stopped(late, 'gate/not-granted');
  const { verified } = scene().session;
  const expired = { ...verified, request: { ...sampleSign(), expiresAt: sampleNow } };
  stopped(scene({ verified: expired }), 'gate/not-granted');
});

test('T19: given a key of another purpose, when a round wants to leave, then it does not', () => {
  const key = { id: sampleSign().key, scheme: 'frost-ed25519', purpose: 'cold' } as const;
  stopped(scene({ key }), 'request/wrong-purpose');
  stopped(scene({ key: undefined }), 'gate/not-granted');
});

test('T15: given a pairing that is poisoned, gone or made anew since the session opened, when a round wants to leave, then it does not', () => {
  const id = new Uint8Array(16).fill(5);
  const made = scene({ pairings: new Map([['node-2', id]]) });
  const ready = { kind: 'ready', id, generation: 1, index: 2, secret: new Uint8Array(1), at: 0 } as const;
  made.pairing = ready;
  assert.equal(made.gate.release(made.session, [{ payload: payload() }]).length, 1);
  for (const [pairing, code] of [
    [{ kind: 'poisoned', id, generation: 1, at: 0 }, 'pairing/poisoned'],
    [{ kind: 'absent' }, 'pairing/absent'],
    [{ kind: 'broken', code: 'store/file-broken', detail: '' }, 'pairing/absent'],
    [{ ...ready, id: new Uint8Array(16).fill(6), generation: 2 }, 'pairing/absent'],
  ] as const) {
    made.pairing = pairing;
    stopped(made, code, { peer: 'node-2' });
  }
});

test('T25: given a request of any action, when its grant is gone since it was opened, then nothing of it leaves', () => {
  const { verified } = scene().session;
  const { key, purpose, ...head } = sampleSign();
  const requests: readonly Request[] = [
    { ...head, action: 'sign', key, purpose, payload: { kind: 'message', message: payload() } },
    sampleCreate(),
    { ...head, action: 'key.refresh', key, purpose, generation: 1 },
    {
      ...head,
      action: 'key.reshare',
      key,
      purpose,
      generation: 1,
      public: payload(),
      label: 'main',
      dealers: ['node-1', 'node-2'],
      nodes: ['node-2', 'node-3'],
      threshold: 2,
    },
    { ...head, action: 'pair', nodes: ['node-1', 'node-2'] },
    { ...head, action: 'pair.renew', nodes: ['node-1', 'node-2'] },
    { ...head, action: 'presign', key, purpose, nodes: ['node-1', 'node-2'] },
  ];
  assert.deepEqual(
    new Set(requests.map(({ action }) => action)).size,
    actions.length - 2,
    'all but relay and status',
  );
  for (const request of requests) {
    const scheme = request.action === 'presign' ? 'dkls23-p256' : 'frost-ed25519';
    const about = 'key' in request ? ({ id: key, scheme, purpose } as const) : undefined;
    const made = scene({ verified: { ...verified, request }, key: about });
    const granted = (may: ManifestClient['may']): void => {
      const { manifest } = made.manifest;
      const clients = manifest.clients.map((one) => (one.name === 'operator' ? { ...one, may } : one));
      made.manifest = { ...made.manifest, manifest: { ...manifest, clients } };
    };
    const { action } = request;
    const full = { purposes: [purpose], schemes: [...schemes], payloads: [...payloadKinds] };
    granted([{ action, ...full }]);
    assert.equal(made.gate.release(made.session, [{ payload: payload() }]).length, 1, action);
    granted(actions.filter((other) => other !== action).map((other) => ({ action: other, ...full })));
    stopped(made, 'request/not-granted', { action });
    if (about !== undefined) {
      granted([{ action, ...full, schemes: schemes.filter((one) => one !== scheme) }]);
      stopped(made, 'request/not-granted', { action });
      granted([{ action, ...full, purposes: ['cold'] }]);
      stopped(made, 'request/not-granted', { action });
    }
  }
});

test('T13: given a request that was not burned, when the last round wants to leave, then it does not', async () => {
  stopped(scene({ round: 2 }), 'gate/not-burned');
  const made = scene({ round: 2 });
  await made.gate.burn(made.session);
  assert.equal(made.gate.release(made.session, [{ payload: payload() }]).length, 1);
  // The mark belongs to the session that was burned, not to one that looks like it.
  const twin: Scene = { ...made, session: { ...made.session } };
  stopped(twin, 'gate/not-burned');
});

test('T13: given a disk that does not take the mark, when the last round wants to leave, then it does not', async () => {
  const made = scene({ round: 2 }, () =>
    Promise.reject(new SymbolonError('guard/write-failed', { reason: 'EIO' })),
  );
  await assert.rejects(made.gate.burn(made.session), refusal('guard/write-failed'));
  stopped(made, 'gate/not-burned');
});

test('given a receiver outside the session, when a pairwise message wants to leave, then it does not', () => {
  const made = scene({ others: ['node-2'] });
  assert.throws(
    () => made.gate.release(made.session, [{ to: 'node-3', payload: payload() }]),
    refusal('gate/evidence-over', { peer: 'node-3' }),
  );
});

test('given a receiver whose attested key nothing can be encrypted to, when a round wants to leave, then that peer is named', () => {
  const weak = appraisal('node-3');
  const s = scene({
    appraisals: new Map([
      ['node-2', appraisal('node-2')],
      ['node-3', { ...weak, identity: { ...weak.identity, encrypt: new Uint8Array(32) } }],
    ]),
  });
  const payload = Uint8Array.of(1, 2, 3);
  assert.throws(
    () => s.gate.release(s.session, [{ to: 'node-3', payload }]),
    (error: unknown) => {
      assert.ok(isSymbolonError(error, 'round/peer-cheated'));
      assert.deepEqual([error.facts.peer, error.facts.code], ['node-3', 'channel/bad-key']);
      return true;
    },
  );
  assert.deepEqual(payload, new Uint8Array(3));
});

test('no other module of the daemon seals an envelope or holds the identity', () => {
  const folder = join(repoRoot, 'daemon');
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.startsWith('testing'),
  );
  assert.ok(sources.includes('gate.ts') && sources.length > 20);
  for (const file of sources) {
    const text = readFileSync(join(folder, file), 'utf8');
    if (file !== 'gate.ts') {
      assert.doesNotMatch(text, /\bsealEnvelope\b|\bopenEnvelope\b|\bsignKey\b|\bencryptKey\b/, file);
    }
    if (file !== 'gate.ts' && file !== 'node.ts') {
      assert.doesNotMatch(text, /\bmakeNodeIdentity\b|\bNodeIdentity\b/, file);
    }
  }
});
