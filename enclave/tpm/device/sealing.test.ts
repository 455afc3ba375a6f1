import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertRefusal } from '../../../test/pki/refusal.ts';
import { noSwtpm, startSwtpm, type Swtpm } from '../../../test/swtpm.ts';
import { SymbolonError, type ErrorCode } from '../../../wire/errors/index.ts';
import { toHex } from '../../../wire/ids.ts';
import { pcrDigestOf } from '../pcrs.ts';
import { emptyPolicy, policyAuthValue, policyPcr, policySecret } from '../policyDigest.ts';
import { hierarchy } from '../templates.ts';
import type { Tpm, TpmKey } from './index.ts';
import { withSession } from './keys.ts';
import { TpmLink } from './link.ts';
import { policyAuth, policyBySecret, policyDigestOf, policyPcrs } from './policy.ts';
import { plainEntity } from './session.ts';
import { random, recorder, testTpm, tpmOf } from './testing.ts';

const secret = random(32);
const auth = Uint8Array.of(...random(31), 1);
const selection = { bank: 'sha256', pcrs: [0, 2, 4, 7, 11] } as const;
const refused = async (work: Promise<unknown>, code: ErrorCode, facts = {}): Promise<void> => {
  await assert.rejects(work, (error: unknown) => {
    assertRefusal(error, code, facts);
    assert.ok(error instanceof SymbolonError);
    for (const hidden of [secret, auth]) {
      assert.ok(
        !JSON.stringify([error.message, error.facts]).includes(toHex(hidden)),
        'a secret in an error',
      );
    }
    return true;
  });
};

describe('sealing in a real TPM', { skip: noSwtpm }, () => {
  let swtpm: Swtpm;
  let tpm: Tpm;
  let root: TpmKey;
  before(async () => {
    swtpm = await startSwtpm();
    root = await tpmOf(swtpm).storageRoot();
    tpm = tpmOf(swtpm, { storageRoot: root.name });
  });
  after(async () => {
    await tpm.close();
    await swtpm.stop();
  });
  const present = async () =>
    ({ bank: 'sha256', values: await tpm.readPcrs('sha256', selection.pcrs) }) as const;

  test('given registers and an auth value, when both are right, then the secret comes back', async () => {
    const blob = await tpm.seal({ secret, auth, registers: await present(), lockout: false });
    assert.deepEqual(await tpm.unseal({ blob, auth, selection }), secret);
    assert.deepEqual(await tpm.unseal({ blob, auth, selection }), secret);
  });

  test('given only registers, or only an auth value, then that alone opens it', async () => {
    const byState = await tpm.seal({ secret, auth: undefined, registers: await present(), lockout: false });
    assert.deepEqual(await tpm.unseal({ blob: byState, auth: undefined, selection }), secret);
    const byAuth = await tpm.seal({ secret, auth, registers: undefined, lockout: false });
    assert.deepEqual(await tpm.unseal({ blob: byAuth, auth, selection: undefined }), secret);
  });

  test('the largest secret of 128 bytes comes back', async () => {
    const large = random(128);
    const blob = await tpm.seal({ secret: large, auth, registers: undefined, lockout: false });
    assert.deepEqual(await tpm.unseal({ blob, auth, selection: undefined }), large);
  });

  test('given a wrong auth value, or a policy that leaves it out, then the TPM refuses', async () => {
    const blob = await tpm.seal({ secret, auth, registers: await present(), lockout: false });
    const wrong = auth.slice();
    wrong[0] = (wrong[0] ?? 0) ^ 1;
    await refused(tpm.unseal({ blob, auth: wrong, selection }), 'tpm/auth-refused', { command: 'Unseal' });
    await refused(tpm.unseal({ blob, auth: undefined, selection }), 'tpm/policy-refused');
    await refused(tpm.unseal({ blob, auth, selection: undefined }), 'tpm/policy-refused');
    const fewer = { bank: 'sha256', pcrs: [0, 2, 4, 7] } as const;
    await refused(tpm.unseal({ blob, auth, selection: fewer }), 'tpm/policy-refused');
    assert.deepEqual(await tpm.unseal({ blob, auth, selection }), secret, 'a refusal changes nothing');
  });

  test('given a register that is extended, then the secret stays shut until a reset brings the values back', async () => {
    const blob = await tpm.seal({ secret, auth, registers: await present(), lockout: false });
    await tpm.extendPcr(11, { sha256: random(32) });
    await refused(tpm.unseal({ blob, auth, selection }), 'tpm/policy-refused', { name: 'POLICY_FAIL' });
    swtpm.reset();
    await tpm.startUp();
    assert.deepEqual((await tpm.storageRoot()).name, root.name);
    assert.deepEqual(await tpm.unseal({ blob, auth, selection }), secret);
  });

  test('given values that are yet to come, then the secret opens once they are there', async () => {
    const now = await present();
    const event = random(32);
    const twin = await startSwtpm();
    try {
      const other = tpmOf(twin);
      await other.extendPcr(11, { sha256: event });
      const values = new Map(now.values).set(
        11,
        (await other.readPcrs('sha256', [11])).get(11) ?? assert.fail('no register 11'),
      );
      const blob = await tpm.seal({ secret, auth, registers: { bank: 'sha256', values }, lockout: false });
      await refused(tpm.unseal({ blob, auth, selection }), 'tpm/policy-refused');
      await tpm.extendPcr(11, { sha256: event });
      assert.deepEqual(await tpm.unseal({ blob, auth, selection }), secret);
      await refused(other.unseal({ blob, auth, selection }), 'tpm/blob-refused', { name: 'INTEGRITY' });
    } finally {
      await twin.stop();
      swtpm.reset();
      await tpm.startUp();
    }
  });

  test('given a blob with one byte changed, then it is refused by name', async () => {
    const blob = await tpm.seal({ secret, auth, registers: undefined, lockout: false });
    const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
      const out = bytes.slice();
      out[at] = (out[at] ?? 0) ^ 1;
      return out;
    };
    for (const at of [40, blob.privateArea.length - 1]) {
      const changed = { ...blob, privateArea: flipped(blob.privateArea, at) };
      await refused(tpm.unseal({ blob: changed, auth, selection: undefined }), 'tpm/blob-refused');
    }
    const changed = { ...blob, publicArea: flipped(blob.publicArea, 20) };
    await refused(tpm.unseal({ blob: changed, auth, selection: undefined }), 'tpm/blob-refused');
  });

  test('given another storage root than the pinned one, then nothing is sealed and nothing opened', async () => {
    const blob = await tpm.seal({ secret, auth, registers: undefined, lockout: false });
    const pinned = root.name.slice();
    pinned[33] = (pinned[33] ?? 0) ^ 1;
    const other = tpmOf(swtpm, { storageRoot: pinned });
    const facts = { wanted: toHex(pinned), found: toHex(root.name) };
    await refused(other.unseal({ blob, auth, selection: undefined }), 'tpm/other-storage-root', facts);
    const input = { secret, auth, registers: undefined, lockout: false };
    await refused(other.seal(input), 'tpm/other-storage-root', facts);
  });

  test('inputs out of their limits are refused before the TPM sees them', async () => {
    const good = { secret, auth, registers: undefined, lockout: false };
    for (const wrong of [
      { ...good, auth: undefined },
      { ...good, secret: new Uint8Array() },
      { ...good, secret: new Uint8Array(129) },
      { ...good, auth: new Uint8Array() },
      { ...good, auth: random(33).fill(1) },
      { ...good, auth: Uint8Array.of(1, 0) },
      { ...good, auth: undefined, registers: { bank: 'sha256', values: new Map() } },
      { ...good, registers: { bank: 'sha256', values: new Map() } },
      { ...good, registers: { bank: 'sha256', values: new Map([[7, random(31)]]) } },
      { ...good, registers: { bank: 'sha256', values: new Map([[7, random(48)]]) } },
      { ...good, registers: { bank: 'sha384', values: new Map([[7, random(32)]]) } },
      { ...good, registers: { bank: 'sha256', values: new Map([[24, random(32)]]) } },
    ] as const) {
      await assert.rejects(tpm.seal(wrong), RangeError);
    }
  });

  test('the policy digests that are computed here are those of the TPM', async () => {
    const { values } = await present();
    const pcrs = policyPcr(
      'sha256',
      emptyPolicy('sha256'),
      [selection],
      pcrDigestOf('sha256', [...values.values()]),
    );
    const link = new TpmLink({ address: swtpm.address, timeoutMs: 20_000 });
    const digests = await link.turn((ask) =>
      withSession(ask, random, 'policy', undefined, async (session) => {
        const steps = [
          () => policyPcrs(ask, session, [selection]),
          () => policyAuth(ask, session),
          () => policyBySecret(ask, session, plainEntity(hierarchy.endorsement), 'empty'),
        ];
        const seen: Uint8Array[] = [];
        for (const step of steps) {
          await step();
          seen.push(await policyDigestOf(ask, session));
        }
        return seen;
      }),
    );
    const withAuth = policyAuthValue('sha256', pcrs);
    const name = plainEntity(hierarchy.endorsement).name;
    assert.deepEqual(digests, [pcrs, withAuth, policySecret('sha256', withAuth, name)]);
  });

  test('secret, auth value and unsealed data never cross in clear, in either direction', async () => {
    const { open, seen } = recorder();
    const watched = tpmOf(swtpm, { storageRoot: root.name, open });
    const blob = await watched.seal({ secret, auth, registers: await present(), lockout: false });
    assert.deepEqual(await watched.unseal({ blob, auth, selection }), secret);
    const all = Buffer.concat(seen);
    assert.ok(all.includes(Buffer.from(blob.privateArea)), 'the recorder hears what crosses');
    for (const hidden of [secret, auth]) {
      for (const part of [hidden, hidden.subarray(0, 8), hidden.subarray(-8)]) {
        assert.equal(all.includes(Buffer.from(part)), false);
      }
    }
  });

  test('given three wrong auth values on a blob that counts them, then the lockout is named', async (t) => {
    const { tpm } = await testTpm(t);
    const blob = await tpm.seal({ secret, auth, registers: undefined, lockout: true });
    assert.deepEqual(await tpm.unseal({ blob, auth, selection: undefined }), secret);
    const { maxAuthFail } = await tpm.status();
    for (let i = 0; i < maxAuthFail; i += 1) {
      const wrong = tpm.unseal({ blob, auth: Uint8Array.of(1), selection: undefined });
      await refused(wrong, 'tpm/auth-refused', { name: 'AUTH_FAIL' });
    }
    await refused(tpm.unseal({ blob, auth, selection: undefined }), 'tpm/locked-out', { command: 'Unseal' });
    const status = await tpm.status();
    assert.ok(status.inLockout);
    assert.equal(status.lockoutCounter, maxAuthFail);
  });

  test('nothing is left in the TPM after good and bad turns', async () => {
    const blob = await tpm.seal({ secret, auth, registers: await present(), lockout: false });
    for (let i = 0; i < 5; i += 1) {
      await tpm.unseal({ blob, auth, selection });
      await refused(tpm.unseal({ blob, auth: Uint8Array.of(1), selection }), 'tpm/auth-refused');
      await refused(
        tpm.unseal({ blob: { ...blob, privateArea: random(158) }, auth, selection }),
        'tpm/blob-refused',
      );
    }
    assert.deepEqual(await tpm.unseal({ blob, auth, selection }), secret);
  });
});
