import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { assertRefusal } from '../../test/pki/refusal.ts';
import type { ErrorCode } from '../../wire/errors/index.ts';
import type { Manifest } from '../../wire/messages/manifest.ts';
import { claimsBytes, identityBytes } from '../../wire/messages/session.ts';
import {
  appraise,
  policyFor,
  verifyNitroDocument,
  type AppraisalResult,
  type Expected,
} from '../evidence/index.ts';
import { readCertificate } from '../x509/parse.ts';
import {
  enrolInsecureDevInstance,
  insecureDevAttester,
  insecureDevPcrs,
  makeInsecureDevRoot,
  readInsecureDevRoot,
  type Attester,
  type Bound,
  type InsecureDevInstance,
  type InsecureDevRoot,
} from './index.ts';

const hour = 3_600_000;
const start = Date.UTC(2026, 5, 1);
const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const program = bytes(32, 7);
const roleArn = 'arn:aws:iam::000000000000:role/node-a';
const expected: Expected = {
  nonce: bytes(32, 1),
  role: 'session',
  cluster: bytes(16, 2),
  node: 'node-a',
  manifest: bytes(32, 3),
};
const bound: Bound = {
  nonce: expected.nonce,
  publicKey: identityBytes.encode({ v: 1, sign: bytes(32, 4), encrypt: bytes(32, 5), tls: bytes(32, 6) }),
  userData: claimsBytes.encode({
    v: 2,
    role: 'session',
    cluster: expected.cluster,
    node: expected.node,
    boot: bytes(16, 8),
    manifest: expected.manifest,
    since: 1,
    mark: 1,
    boots: 1,
    witnessed: new Map(),
  }),
  role: 'session',
};
let folder: string;
let root: InsecureDevRoot;
let instance: InsecureDevInstance;
let clock = start;

const open = (digest = program): Promise<Attester> =>
  insecureDevAttester({ folder: join(folder, 'a'), program: digest, now: () => clock });
function judge(document: Uint8Array, digest = program): AppraisalResult {
  const pcrs = insecureDevPcrs(digest, instance);
  const window = { notBefore: 0, notAfter: start + 1e12 };
  const manifest: Manifest = {
    v: 1,
    cluster: expected.cluster,
    label: 'test',
    version: 1,
    mode: 'dev',
    issuedAt: start,
    nodes: [{ name: 'node-a', index: 1, platform: 'dev', pcrs: new Map(pcrs.node) }],
    measurements: [{ name: 'image', platform: 'dev', pcrs: new Map(pcrs.image), reason: 'test', ...window }],
    roots: [{ platform: 'dev', sha256: root.sha256 }],
    evidenceMaxAgeMs: 0,
    clients: [],
    governance: { threshold: 1, keys: [] },
  };
  return appraise({ platform: 'dev', document }, policyFor(manifest, 'node-a'), { now: clock, expected });
}
async function rejects(
  run: () => Promise<unknown>,
  code: ErrorCode,
  facts: Record<string, unknown> = {},
): Promise<void> {
  await assert.rejects(run, (error: unknown) => {
    assertRefusal(error, code, facts);
    return true;
  });
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'symbolon-attester-'));
  root = await makeInsecureDevRoot({ folder: join(folder, 'root'), now: start });
  instance = await enrolInsecureDevInstance({
    authority: join(folder, 'root'),
    folder: join(folder, 'a'),
    roleArn,
    now: start,
  });
});
after(() => rm(folder, { recursive: true, force: true }));

test('given an enrolled node, its documents pass through the same verifier as those of an enclave', async () => {
  clock = start + 1_234;
  const attester = await open();
  const document = await attester.makeEvidence(bound);
  const result = judge(document);
  assert.ok(result.ok, result.ok ? '' : result.refusal.message);
  assert.equal(result.appraisal.madeAt, clock);
  assert.equal(result.appraisal.notAfter, attester.notAfter());
  assert.equal(attester.platform, 'dev');
});

test('documents have the form of the genuine ones: no tag, indefinite payload map, 16 PCRs, size', async () => {
  clock = start;
  const document = await (await open()).makeEvidence(bound);
  assert.deepEqual([...document.subarray(0, 7)], [0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0]);
  assert.equal(document[10], 0xbf);
  const verified = verifyNitroDocument(document, { roots: [root.sha256], now: clock });
  assert.equal(verified.pcrs.size, 16);
  assert.equal(verified.cabundle.length, 4);
  assert.ok(document.length > 4_000 && document.length < 5_000, String(document.length));
  assert.ok(Math.abs(root.der.length - 533) <= 4, String(root.der.length));
  const lengths = verified.cabundle.map((one) => readCertificate(one).basicConstraints?.pathLength);
  assert.deepEqual(lengths, [undefined, 2, 1, 0]);
});

test('T03: the document shows the measurement of the program that was given, read back from the document', async () => {
  clock = start;
  const document = await (await open()).makeEvidence(bound);
  const shown = verifyNitroDocument(document, { roots: [root.sha256], now: clock }).pcrs;
  const { image, node } = insecureDevPcrs(program, instance);
  for (const [index, value] of [...image, ...node]) {
    assert.deepEqual(shown.get(index), value, `PCR${index}`);
  }
  assert.ok([...shown].slice(5).every(([, value]) => value.every((byte) => byte === 0)));
});

test('another program is refused with the differing measurement', async () => {
  clock = start;
  const document = await (await open(bytes(32, 9))).makeEvidence(bound);
  const result = judge(document);
  assert.ok(!result.ok);
  assertRefusal(result.refusal, 'evidence/measurement-mismatch', { node: 'node-a', pcr: 0 });
});

test('T02: each document is made anew: two over the same nonce differ, and carry their own time', async () => {
  clock = start;
  const attester = await open();
  const first = await attester.makeEvidence(bound);
  clock += 1;
  const second = await attester.makeEvidence(bound);
  assert.notDeepEqual(first, second);
});

test('T08: a leaf lives three hours and is renewed before the last one', async () => {
  clock = start;
  const attester = await open();
  assert.equal(attester.notAfter(), start + 3 * hour);
  clock = start + 2 * hour;
  assert.equal(attester.notAfter(), start + 3 * hour);
  clock = start + 2 * hour + 1;
  assert.equal(attester.notAfter(), start + 5 * hour);
  assert.ok(judge(await attester.makeEvidence(bound)).ok);
  // A clock that was set back gets a leaf that is valid then.
  clock = start;
  assert.ok(judge(await attester.makeEvidence(bound)).ok);
});

test('an attester whose authority has ended, or has not begun, says so', async () => {
  clock = start;
  const attester = await open();
  clock = start + 3_652 * 24 * hour - hour / 2;
  await rejects(() => attester.makeEvidence(bound), 'attester/expired', { now: clock });
  assert.throws(() => attester.notAfter());
  clock = start - 2_000;
  await rejects(() => attester.makeEvidence(bound), 'attester/expired');
});

test('more than a document can bind is refused', async () => {
  clock = start;
  const attester = await open();
  await rejects(() => attester.makeEvidence({ ...bound, nonce: bytes(1_025, 0) }), 'attester/bad-input', {
    field: 'nonce',
  });
  await rejects(() => attester.makeEvidence({ ...bound, userData: bytes(1_025, 0) }), 'attester/bad-input');
  await rejects(() => attester.makeEvidence({ ...bound, publicKey: bytes(0, 0) }), 'attester/bad-input', {
    field: 'publicKey',
  });
});

test('files hold keys for their owner only', async () => {
  for (const name of ['root', 'a']) {
    assert.equal((await stat(join(folder, name))).mode & 0o777, 0o700);
    for (const file of await readdir(join(folder, name))) {
      assert.equal((await stat(join(folder, name, file))).mode & 0o777, 0o600, file);
    }
  }
  assert.deepEqual((await readInsecureDevRoot(join(folder, 'root'))).sha256, root.sha256);
});

test('an enrolment and a root are never overwritten', async () => {
  const before = await readFile(join(folder, 'a', 'instance.cbor'));
  const again = { authority: join(folder, 'root'), folder: join(folder, 'a'), roleArn, now: start };
  await rejects(() => enrolInsecureDevInstance(again), 'attester/enrolled', { file: 'instance.cbor' });
  assert.deepEqual(await readFile(join(folder, 'a', 'instance.cbor')), before);
  await rejects(() => makeInsecureDevRoot({ folder: join(folder, 'root'), now: start }), 'attester/enrolled');
});

test('files that are absent, cut short, changed, or of another kind are refused by name', async () => {
  const broken = join(folder, 'broken');
  await enrolInsecureDevInstance({ authority: join(folder, 'root'), folder: broken, roleArn, now: start });
  const file = join(broken, 'instance.cbor');
  const good = await readFile(file);
  const load = (): Promise<unknown> => insecureDevAttester({ folder: broken, program, now: () => start });
  for (const content of [
    good.subarray(0, -1),
    new Uint8Array([...good, 0]),
    Buffer.alloc(0),
    Buffer.alloc(10_000),
    await readFile(join(folder, 'root', 'authority.cbor')),
  ]) {
    await writeFile(file, content);
    await rejects(load, 'attester/broken', { file: 'instance.cbor' });
  }
  await rm(file);
  await rejects(load, 'attester/broken', { file: 'instance.cbor', reason: 'ENOENT' });
  const nowhere = { authority: join(folder, 'nowhere'), folder: join(folder, 'b'), roleArn, now: start };
  await rejects(() => enrolInsecureDevInstance(nowhere), 'attester/broken', { file: 'authority.cbor' });
});

test('an instance id or role that can not be one is refused', async () => {
  const usual = { authority: join(folder, 'root'), folder: join(folder, 'c'), roleArn, now: start };
  await rejects(() => enrolInsecureDevInstance({ ...usual, instanceId: 'i-1' }), 'attester/broken');
  await rejects(() => enrolInsecureDevInstance({ ...usual, roleArn: '' }), 'attester/broken');
});

test('T09: two nodes get two instances, and the one can not stand for the other', async () => {
  clock = start;
  const other = await enrolInsecureDevInstance({
    authority: join(folder, 'root'),
    folder: join(folder, 'other'),
    roleArn,
    now: start,
  });
  assert.notEqual(other.instanceId, instance.instanceId);
  const attester = await insecureDevAttester({ folder: join(folder, 'other'), program, now: () => clock });
  const result = judge(await attester.makeEvidence(bound));
  assert.ok(!result.ok);
  assertRefusal(result.refusal, 'evidence/node-pcr-mismatch', { pcr: 4 });
});
