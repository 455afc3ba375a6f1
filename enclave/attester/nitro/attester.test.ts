import assert from 'node:assert/strict';
import { test } from 'node:test';
import { madeAt, moduleId } from '../../../test/pki/nitro.ts';
import { assertRefusal } from '../../../test/pki/refusal.ts';
import type { ErrorCode } from '../../../wire/errors/index.ts';
import { identityBytes } from '../../../wire/messages/session.ts';
import { verifyNitroDocument } from '../../evidence/index.ts';
import type { Attester, Bound } from '../index.ts';
import { testNsm, type NsmChanges, type TestNsm } from '../testing/nsm.ts';
import { identityPcr, identityRegister, nitroAttester } from './attester.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const cluster = bytes(16, 2);
const node = 'node-a';
const identity = (fill: number): Uint8Array =>
  identityBytes.encode({ v: 1, sign: bytes(32, fill), encrypt: bytes(32, 5), tls: bytes(32, 6) });
const bound: Bound = {
  nonce: bytes(32, 1),
  publicKey: identity(4),
  userData: bytes(80, 3),
  role: 'session',
};
const open = (device: TestNsm): Promise<Attester> =>
  nitroAttester({ device, cluster, node, now: () => madeAt });
async function refused(
  changes: NsmChanges,
  code: ErrorCode,
  facts: Record<string, unknown> = {},
  run: (attester: Attester) => Promise<unknown> = (attester) => attester.makeEvidence(bound),
): Promise<TestNsm> {
  const nsm = testNsm(changes);
  await assert.rejects(
    async () => run(await open(nsm)),
    (error: unknown) => {
      assertRefusal(error, code, facts);
      return true;
    },
  );
  return nsm;
}

test('T03: given an enclave, when evidence is asked for, then the identity is measured and locked before the document is made', async () => {
  const nsm = testNsm();
  const attester = await open(nsm);
  assert.deepEqual(nsm.asked, ['DescribeNSM'], 'nothing is measured before there is an identity');
  const document = await attester.makeEvidence(bound);
  assert.deepEqual(nsm.asked.slice(1), [
    'DescribePCR',
    'ExtendPCR',
    'DescribeNSM',
    'LockPCR',
    'DescribeNSM',
    'DescribePCR',
    'Attestation',
  ]);
  const root = nsm.last()?.root ?? new Uint8Array();
  const shown = verifyNitroDocument(document, { roots: [root], now: madeAt });
  assert.deepEqual(shown.pcrs.get(identityRegister), identityPcr(cluster, node, bound.publicKey));
  assert.deepEqual(shown.nonce, bound.nonce);
  assert.equal(attester.platform, 'nitro');

  const before = nsm.asked.length;
  await attester.makeEvidence({ ...bound, nonce: bytes(32, 8) });
  assert.deepEqual(nsm.asked.slice(before), ['Attestation'], 'one identity is measured once');
});

test('T03: given registers that are not locked, then each that documents show is locked before the first one', async () => {
  const nsm = testNsm({ locked: [0, 1] });
  await (await open(nsm)).makeEvidence(bound);
  assert.deepEqual(
    nsm.registers.flatMap(({ lock }, index) => (lock ? [index] : [])),
    Array.from({ length: 17 }, (_, index) => index),
  );
  assert.ok(nsm.asked.lastIndexOf('LockPCR') < nsm.asked.indexOf('Attestation'));
});

test('T03: given a module that says that it locked a register and did not, then no document is made', async () => {
  const nsm = await refused({ locksNothing: true }, 'attester/read-back', { wanted: 'locked' });
  assert.ok(!nsm.asked.includes('Attestation'));
});

test('T03: given a document that differs in one thing from what was asked, then it is not handed out', async () => {
  const cases: readonly [string, NsmChanges['document'] & object][] = [
    ['nonce', (fields) => fields.set('nonce', bytes(32, 9))],
    ['nonce', (fields) => fields.set('nonce', null)],
    ['public_key', (fields) => fields.set('public_key', identity(9))],
    ['user_data', (fields) => fields.set('user_data', bytes(80, 9))],
    ['PCR16', (fields) => (fields.get('pcrs') as Map<number, Uint8Array>).delete(16)],
    ['PCR16', (fields) => (fields.get('pcrs') as Map<number, Uint8Array>).set(16, bytes(48, 9))],
    ['module_id', (fields) => fields.set('module_id', `${moduleId}0`)],
    ['document', (fields) => fields.delete('digest')],
  ];
  for (const [field, document] of cases) {
    await refused({ document }, 'attester/read-back', { field });
  }
  await refused(
    {
      response: (name, response) =>
        name === 'Attestation' ? Uint8Array.of(...response.subarray(0, -9)) : response,
    },
    'attester/device-failed',
    { request: 'Attestation' },
  );
});

test('T09: given an enclave that carries an identity, when another one is bound, then it is refused', async () => {
  const nsm = testNsm();
  await (await open(nsm)).makeEvidence(bound);
  // A process that was started again in the same enclave has another identity.
  await assert.rejects(
    async () => (await open(nsm)).makeEvidence({ ...bound, publicKey: identity(7) }),
    (error: unknown) => {
      assertRefusal(error, 'attester/measured-before', { pcr: 16 });
      return true;
    },
  );
});

test('given a register that something else measured into, then nothing is attested over it', async () => {
  const nsm = testNsm();
  const register = nsm.registers[identityRegister];
  assert.ok(register !== undefined);
  register.data = bytes(48, 1);
  await assert.rejects(
    async () => (await open(nsm)).makeEvidence(bound),
    (error: unknown) => {
      assertRefusal(error, 'attester/measured-before');
      return true;
    },
  );
  assert.ok(!nsm.asked.includes('Attestation') && !nsm.asked.includes('LockPCR'));
});

test('given an extension whose answer was lost, when evidence is asked for again, then it goes on where it was', async () => {
  let lose = true;
  const nsm = testNsm({
    response: (name, response) => {
      if (name === 'ExtendPCR' && lose) {
        lose = false;
        return Uint8Array.of(0xff);
      }
      return response;
    },
  });
  const attester = await open(nsm);
  await assert.rejects(attester.makeEvidence(bound), { code: 'attester/device-failed' });
  await attester.makeEvidence(bound);
  assert.equal(nsm.asked.filter((name) => name === 'ExtendPCR').length, 1);
});

test('given a module with too few registers or another digest, then the attester does not open', async () => {
  const text = (response: Uint8Array): string => Buffer.from(response).toString('latin1');
  const back = (changed: string): Uint8Array => new Uint8Array(Buffer.from(changed, 'latin1'));
  await refused(
    { response: (_, response) => back(text(response).replace('max_pcrs\x18\x20', 'max_pcrs\x10')) },
    'attester/read-back',
    { field: 'number of registers' },
  );
  await refused(
    { response: (_, response) => back(text(response).replace('SHA384', 'SHA256')) },
    'attester/device-failed',
    { request: 'DescribeNSM' },
  );
});

test('T35: given a module that never answers, then its callers end by name at their deadline', async () => {
  const device = testNsm({ response: (name, response) => (name === 'DescribePCR' ? undefined : response) });
  const attester = await nitroAttester({ device, cluster, node, now: () => madeAt, deadlineMs: 20 });
  const calls = [attester.makeEvidence(bound), attester.makeEvidence(bound)];
  for (const one of await Promise.allSettled(calls)) {
    assert.equal(one.status, 'rejected');
    assertRefusal(one.reason, 'attester/timeout', { device: '/dev/nsm', ms: 20 });
  }
  assert.equal(device.asked.filter((name) => name === 'DescribePCR').length, 1, 'one request at a time');
});

test('T08: the end of the evidence is that of the first certificate to end, and of the shortest life before there is one', async () => {
  const attester = await open(testNsm());
  assert.equal(attester.notAfter(), madeAt + 80 * 60_000);
  await attester.makeEvidence(bound);
  assert.equal(attester.notAfter(), madeAt + 3 * 3_600_000);
});

test('more than a document can bind is refused before anything is measured', async () => {
  for (const [field, changed] of [
    ['nonce', { ...bound, nonce: bytes(1_025, 0) }],
    ['publicKey', { ...bound, publicKey: bytes(0, 0) }],
    ['userData', { ...bound, userData: bytes(1_025, 0) }],
  ] as const) {
    const nsm = await refused({}, 'attester/bad-input', { field }, (attester) =>
      attester.makeEvidence(changed),
    );
    assert.deepEqual(nsm.asked, ['DescribeNSM']);
  }
});
