import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isSymbolonError } from '../wire/errors/index.ts';
import { enrolToken, enrolmentFiles, readProfile } from './index.ts';
import { noSoftHsm, pinOf, testFolder, testNode } from './testing.ts';

const now = 1_795_000_000_000;
const fingerprint = (folder: string): string =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const stat = statSync(path);
      return `${name} ${stat.mode} ${stat.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''}`;
    })
    .join('\n');

test(
  'given an empty folder, when a token is enrolled, then all files are private and the profile says what was probed',
  { skip: noSoftHsm },
  async (t) => {
    const folder = join(testFolder(t), 'hsm');
    const { profile, made } = await enrolToken({ folder, label: 'signer one', now });
    assert.equal(made, true);
    assert.equal(profile.tokenLabel, 'signer one');
    assert.equal(profile.madeAt, now);
    assert.match(profile.keyId, /^[0-9a-f]{32}$/);
    // Never SHA-1 without the flag, whatever the release of SoftHSM2 can do.
    assert.match(profile.algorithm, /^(?:rsa-oaep-sha256|hmac-sha256)$/);
    assert.deepEqual(readProfile(join(folder, 'profile.json')), profile);
    for (const name of ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]) {
      assert.equal(statSync(join(folder, name)).mode & 0o077, 0, `${name} is open to others`);
    }
    assert.match(pinOf(folder), /^[a-z2-7]{32}$/);
  },
);

test(
  'given a complete enrolment, when enrolled again, then it is found and nothing changes',
  { skip: noSoftHsm },
  async (t) => {
    const { folder, profile } = await testNode(t);
    const before = fingerprint(folder);
    const again = await enrolToken({ folder, label: 'signer', now: now + 1 });
    assert.equal(again.made, false);
    assert.deepEqual(again.profile, profile);
    assert.equal(fingerprint(folder), before);
  },
);

test(
  'given an enrolment with any one part missing, when enrolled again, then it is refused by name and nothing changes',
  { skip: noSoftHsm },
  async (t) => {
    for (const name of Object.values(enrolmentFiles)) {
      const { folder } = await testNode(t);
      rmSync(join(folder, name), { recursive: true });
      const before = fingerprint(folder);
      await assert.rejects(enrolToken({ folder, label: 'signer', now }), (error) => {
        assert.ok(isSymbolonError(error, 'hsm/enrolment-incomplete'), `${name}: ${String(error)}`);
        assert.deepEqual(error.facts.missing, [name]);
        return true;
      });
      assert.equal(fingerprint(folder), before);
    }
  },
);

test(
  'given an enrolment whose token folder is empty, when enrolled again, then it is refused by name',
  { skip: noSoftHsm },
  async (t) => {
    const { folder } = await testNode(t);
    for (const name of readdirSync(join(folder, 'tokens'))) {
      rmSync(join(folder, 'tokens', name), { recursive: true });
    }
    await assert.rejects(enrolToken({ folder, label: 'signer', now }), { code: 'hsm/enrolment-incomplete' });
  },
);

test(
  'given the enrolment of another label, when enrolled, then it is refused by name',
  { skip: noSoftHsm },
  async (t) => {
    const { folder } = await testNode(t);
    await assert.rejects(enrolToken({ folder, label: 'other', now }), { code: 'hsm/enrolment-other' });
  },
);

test(
  'given a refusal during the enrolment, then the folder is as it was and can be enrolled',
  { skip: noSoftHsm },
  async (t) => {
    const folder = join(testFolder(t), 'hsm');
    const notAModule = join(testFolder(t), 'module.so');
    writeFileSync(notAModule, 'not a shared object');
    await assert.rejects(enrolToken({ folder, label: 'signer', now, module: notAModule }), {
      code: 'hsm/module-absent',
    });
    assert.deepEqual(readdirSync(folder), []);
    assert.equal((await enrolToken({ folder, label: 'signer', now })).made, true);
  },
);

test('RSA-OAEP with SHA-1 is used with the explicit flag only', { skip: noSoftHsm }, async (t) => {
  const folder = join(testFolder(t), 'hsm');
  const options = { folder, label: 'signer', now, algorithm: 'rsa-oaep-sha1' } as const;
  await assert.rejects(enrolToken(options), { code: 'hsm/no-algorithm' });
  const { profile } = await enrolToken({ ...options, allowOaepSha1: true });
  assert.equal(profile.algorithm, 'rsa-oaep-sha1');
  assert.match(profile.publicKeySha256 ?? '', /^[0-9a-f]{64}$/);
});

test('a module that is not installed and a label that no token can have are refused before anything is made', async (t) => {
  const folder = join(testFolder(t), 'hsm');
  await assert.rejects(enrolToken({ folder, label: 'signer', now, module: '/nowhere/lib.so' }), {
    code: 'hsm/module-absent',
  });
  for (const label of ['', ' ', 'x'.repeat(33), 'tab\there', 'é']) {
    await assert.rejects(enrolToken({ folder, label, now }), { code: 'hsm/config-broken' });
  }
  assert.throws(() => statSync(folder), { code: 'ENOENT' });
});

test(
  'T33: given a running enrolment, then no PIN is in the arguments or the environment of any process it starts',
  { skip: noSoftHsm },
  async (t) => {
    const folder = join(testFolder(t), 'hsm');
    const seen = new Set<string>();
    const look = setInterval(() => {
      const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
      for (const pid of children.split(' ').filter((one) => one !== '')) {
        for (const file of ['cmdline', 'environ']) {
          try {
            seen.add(readFileSync(`/proc/${pid}/${file}`, 'latin1'));
          } catch (error) {
            // Ended between the two calls, or hardened against its own user: then nobody else can read it either.
            assert.match(String(error), /ENOENT|ESRCH|EACCES|EPERM/);
          }
        }
      }
    }, 5);
    t.after(() => {
      clearInterval(look);
    });
    await enrolToken({ folder, label: 'signer', now });
    clearInterval(look);
    const all = [...seen].join('\n');
    // Not assert.match: its message would print the environment.
    assert.ok(all.includes('enrolMain.js'), 'the enrolment process was not seen');
    assert.ok(!all.includes(pinOf(folder)), 'the PIN was visible');
  },
);
