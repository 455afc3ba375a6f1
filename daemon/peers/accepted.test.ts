import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeNodeIdentity } from '../../enclave/channel/index.ts';
import type { Appraisal } from '../../enclave/evidence/index.ts';
import { evidenceNameOf } from '../../wire/messages/session.ts';
import { sampleNow, verifiedSample } from '../testing/sampleManifest.ts';
import { AcceptedEvidence, OwnEvidence } from './accepted.ts';
import { judgeSkew, skewOf } from './clock.ts';

const manifest = verifiedSample({ evidenceMaxAgeMs: 100_000 });
const { public: identity } = makeNodeIdentity({ now: () => sampleNow });
const appraisal = (node: string, notAfter = Number.MAX_SAFE_INTEGER): Appraisal => ({
  node,
  platform: 'dev',
  boot: new Uint8Array(16),
  identity,
  measurement: 'image-1',
  notAfter,
  madeAt: sampleNow,
  pcrs: new Map(),
  machine: 'i-0',
  tpm: undefined,
  marks: { since: 1, mark: 1, boots: 1, witnessed: new Map() },
});
const nonce = { at: sampleNow, tick: 7 };
const remembered = (
  change: { node?: string; notAfter?: number; under?: Uint8Array } = {},
): AcceptedEvidence => {
  const accepted = new AcceptedEvidence();
  const { node = 'node-2', notAfter, under = manifest.hash } = change;
  accepted.remember({
    name: new Uint8Array(16).fill(1),
    appraisal: appraisal(node, notAfter),
    manifest: under,
    nonce,
  });
  return accepted;
};
/** Both clocks went on alike unless told. */
const offered = (
  accepted: AcceptedEvidence,
  at: number,
  of = manifest,
  tick = nonce.tick + Math.max(0, at - sampleNow),
): boolean => accepted.offers(['node-2'], of, { at, tick }).has('node-2');

test('T02: given accepted evidence, then it is offered again with time for a whole session left, and no longer', () => {
  assert.ok(offered(remembered(), sampleNow));
  assert.ok(offered(remembered(), sampleNow + 70_000));
  assert.ok(!offered(remembered(), sampleNow + 70_001));
  // A clock that was set back tells nothing about the age.
  assert.ok(!offered(remembered(), sampleNow - 1));
  // An age below two sessions: half of it.
  const short = verifiedSample({ evidenceMaxAgeMs: 10_000 });
  assert.ok(offered(remembered({ under: short.hash }), sampleNow + 5_000, short));
  assert.ok(!offered(remembered({ under: short.hash }), sampleNow + 5_001, short));
});

test('T37: given a wall clock that is held back, then the age counts by the other one', () => {
  assert.ok(offered(remembered(), sampleNow, manifest, nonce.tick + 70_000));
  assert.ok(!offered(remembered(), sampleNow, manifest, nonce.tick + 70_001));
});

test('T08: given evidence that ends before its age does, then its own end counts', () => {
  assert.ok(offered(remembered({ notAfter: sampleNow + 40_000 }), sampleNow + 10_000));
  assert.ok(!offered(remembered({ notAfter: sampleNow + 40_000 }), sampleNow + 10_001));
});

test('given no age, another manifest, another node, a failure or another manifest in force, then nothing is offered', () => {
  const none = verifiedSample({ evidenceMaxAgeMs: 0 });
  assert.ok(!offered(remembered({ under: none.hash }), sampleNow, none));
  assert.ok(!offered(remembered({ under: new Uint8Array(32) }), sampleNow));
  assert.ok(!offered(remembered({ node: 'node-3' }), sampleNow));
  const failed = remembered();
  failed.forget(['node-2']);
  assert.ok(!offered(failed, sampleNow));
  const changed = remembered();
  changed.clear();
  assert.ok(!offered(changed, sampleNow));
});

test('given evidence of more nodes than a manifest has, then the oldest goes', () => {
  const accepted = remembered();
  for (let i = 0; i < 32; i += 1) {
    accepted.remember({
      name: new Uint8Array(16),
      appraisal: appraisal(`other-${i}`),
      manifest: manifest.hash,
      nonce,
    });
  }
  assert.ok(!offered(accepted, sampleNow));
  assert.equal(
    accepted.offers(
      Array.from({ length: 32 }, (_, i) => `other-${i}`),
      manifest,
      nonce,
    ).size,
    32,
  );
});

test('given own evidence, then it is recalled where each of the others knows it, and until one of them failed', () => {
  const own = new OwnEvidence();
  const [one, two] = [Uint8Array.of(1), Uint8Array.of(2)];
  own.add(one, ['node-2', 'node-3']);
  own.add(two, ['node-2']);
  const knows = (...evidence: Uint8Array[]) => ({ known: evidence.map(evidenceNameOf) });
  assert.deepEqual(own.knownToAll([knows(one)]), evidenceNameOf(one));
  assert.deepEqual(own.knownToAll([knows(two, one), knows(one)]), evidenceNameOf(one));
  assert.equal(own.knownToAll([knows(one), knows(two)]), undefined);
  assert.equal(own.knownToAll([knows(one), {}]), undefined);
  assert.equal(own.knownToAll([]), undefined);
  assert.equal(own.knownToAll([knows(Uint8Array.of(3))]), undefined, 'not its own');
  own.forget(['node-3']);
  assert.equal(own.knownToAll([knows(one)]), undefined);
  assert.deepEqual(own.knownToAll([knows(two)]), evidenceNameOf(two));
  own.clear();
  assert.equal(own.knownToAll([knows(two)]), undefined);
});

test('given much own evidence, then the oldest is forgotten', () => {
  const own = new OwnEvidence();
  for (let i = 0; i < 65; i += 1) {
    own.add(Uint8Array.of(i), []);
  }
  assert.equal(own.knownToAll([{ known: [evidenceNameOf(Uint8Array.of(0))] }]), undefined);
  assert.ok(own.knownToAll([{ known: [evidenceNameOf(Uint8Array.of(1))] }]) !== undefined);
});

test('T37: given a time and two moments of the own clock, then the skew is what must be wrong at least, and 60 s are the most', () => {
  const between = { from: 1_000, to: 3_000 };
  assert.deepEqual(
    [500, 1_000, 2_000, 3_000, 3_700].map((at) => skewOf(at, between)),
    [-500, 0, 0, 0, 700],
  );
  assert.equal(judgeSkew('node-2', 60_000), undefined);
  assert.equal(judgeSkew('node-2', -60_000), undefined);
  assert.equal(judgeSkew('node-2', 60_001)?.code, 'gate/clock-skew');
  assert.deepEqual(judgeSkew('node-2', -60_001)?.facts, { node: 'node-2', skewMs: -60_001, limitMs: 60_000 });
});
