/** tpm2-tools as a second opinion: they take what we made, and we take what they made. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { assertRefusal } from '../../../test/pki/refusal.ts';
import { noTpm2Tools, type Swtpm } from '../../../test/swtpm.ts';
import { toHex } from '../../../wire/ids.ts';
import { readAttested } from '../attested.ts';
import { makeCredential } from '../credential.ts';
import { pcrDigestOf } from '../pcrs.ts';
import { emptyPolicy, policyAuthValue, policyPcr } from '../policyDigest.ts';
import { nameOf, publicKeyOf, readTpmPublic } from '../public.ts';
import { readSignature, verifySignature } from '../signature.ts';
import { random, recorder, testTpm, tpmOf } from './testing.ts';

const persistent = 0x81010042;

/** Runs one of the tools in the folder of an emulator. */
function tool(
  swtpm: Swtpm,
  name: string,
  ...args: readonly string[]
): { readonly ok: boolean; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(`tpm2_${name}`, args, {
    cwd: swtpm.folder,
    env: { ...process.env, TPM2TOOLS_TCTI: swtpm.tcti },
    encoding: 'utf8',
  });
  return { ok: status === 0, output: `${stdout}${stderr}` };
}
function mustRun(swtpm: Swtpm, name: string, ...args: readonly string[]): void {
  const { ok, output } = tool(swtpm, name, ...args);
  assert.ok(ok, `tpm2_${name}: ${output}`);
}
const fileOf = (swtpm: Swtpm, name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(swtpm.folder, name)));

describe('a second opinion', { skip: noTpm2Tools }, () => {
  test('tpm2_checkquote takes our quote, and not with another nonce', async (t) => {
    const { tpm, swtpm } = await testTpm(t);
    const nonce = random(32);
    const { attested, signature, key } = await tpm.quote(nonce, { bank: 'sha256', pcrs: [0, 7, 16] });
    const pem = publicKeyOf(readTpmPublic(key.publicArea)).export({ format: 'pem', type: 'spki' });
    writeFileSync(join(swtpm.folder, 'key.pem'), pem);
    writeFileSync(join(swtpm.folder, 'quote'), attested);
    writeFileSync(join(swtpm.folder, 'signature'), signature);
    const check = (qualifying: Uint8Array) =>
      tool(
        swtpm,
        'checkquote',
        '-u',
        'key.pem',
        '-m',
        'quote',
        '-s',
        'signature',
        '-g',
        'sha256',
        '-q',
        toHex(qualifying),
      );
    const { ok, output } = check(nonce);
    assert.ok(ok, output);
    assert.equal(check(random(32)).ok, false);
  });

  test('we take the quotes of tpm2_quote: ECDSA with our key, RSASSA and RSAPSS with its own', async (t) => {
    const { tpm, swtpm } = await testTpm(t);
    await tpm.keepAttestationKey(persistent);
    const nonce = random(20);
    const quote = (key: string, scheme: string): void => {
      const wanted = ['-c', key, '-l', 'sha256:0,4,16', '-q', toHex(nonce), '--scheme', scheme];
      mustRun(swtpm, 'quote', ...wanted, '-m', 'm', '-s', 's');
    };
    const taken = (publicArea: Uint8Array): void => {
      const attested = fileOf(swtpm, 'm');
      const key = publicKeyOf(readTpmPublic(publicArea));
      assert.ok(verifySignature(key, readSignature(fileOf(swtpm, 's')), attested));
      const { extraData, selections } = readAttested(attested);
      assert.deepEqual(extraData, nonce);
      assert.deepEqual(selections, [{ bank: 'sha256', pcrs: [0, 4, 16] }]);
    };
    const { publicArea } = await tpm.attestationKey();
    quote(`0x${persistent.toString(16)}`, 'ecdsa');
    taken(publicArea);
    await tpm.forgetPersistent(persistent);
    for (const scheme of ['rsassa', 'rsapss']) {
      const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda';
      const algorithm = `rsa2048:${scheme}-sha256:null`;
      mustRun(swtpm, 'flushcontext', '-t');
      mustRun(swtpm, 'createprimary', '-C', 'e', '-G', algorithm, '-a', attributes, '-c', 'ctx');
      mustRun(swtpm, 'flushcontext', '-t');
      mustRun(swtpm, 'readpublic', '-c', 'ctx', '-o', 'tpmt', '-f', 'tpmt', '-n', 'name');
      mustRun(swtpm, 'flushcontext', '-t');
      quote('ctx', scheme);
      // There is no resource manager here: the tools leave what they load.
      mustRun(swtpm, 'flushcontext', '-t');
      taken(fileOf(swtpm, 'tpmt'));
      assert.deepEqual(nameOf(fileOf(swtpm, 'tpmt')), fileOf(swtpm, 'name'));
    }
  });

  test('tpm2_activatecredential opens our credential', async (t) => {
    const { tpm, swtpm } = await testTpm(t);
    await tpm.keepAttestationKey(persistent);
    const { name } = await tpm.attestationKey();
    mustRun(swtpm, 'createek', '-c', 'ek.ctx', '-G', 'ecc', '-u', 'ek.tpmt', '-f', 'tpmt');
    const secret = random(32);
    const ek = readTpmPublic(fileOf(swtpm, 'ek.tpmt'));
    const { credentialBlob, encryptedSecret } = makeCredential({ ek, name, secret, random });
    // The tools' own file: a magic number and version, then both structures with their lengths.
    const sized = (bytes: Uint8Array): Uint8Array =>
      Uint8Array.of(bytes.length >> 8, bytes.length & 255, ...bytes);
    const head = Uint8Array.of(0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1);
    writeFileSync(
      join(swtpm.folder, 'credential'),
      Uint8Array.of(...head, ...sized(credentialBlob), ...sized(encryptedSecret)),
    );
    mustRun(swtpm, 'startauthsession', '--policy-session', '-S', 'session');
    mustRun(swtpm, 'policysecret', '-S', 'session', '-c', 'e');
    const key = `0x${persistent.toString(16)}`;
    const sessionAuth = ['-P', 'session:session'];
    mustRun(
      swtpm,
      'activatecredential',
      '-c',
      key,
      '-C',
      'ek.ctx',
      '-i',
      'credential',
      '-o',
      'out',
      ...sessionAuth,
    );
    assert.deepEqual(fileOf(swtpm, 'out'), secret);
  });

  test('given hierarchies with auth values, then they are proven and never sent, and nothing works without them', async (t) => {
    const { tpm, swtpm } = await testTpm(t);
    mustRun(swtpm, 'changeauth', '-c', 'o', 'hex:6f776e6572212121');
    mustRun(swtpm, 'changeauth', '-c', 'e', 'hex:656e646f72736521');
    for (const work of [tpm.storageRoot(), tpm.attestationKey(), tpm.defineCounter(0x01500003)]) {
      await assert.rejects(work, (error: unknown) => {
        assertRefusal(error, 'tpm/auth-refused');
        return true;
      });
    }
    const [owner, endorsement] = [Buffer.from('owner!!!'), Buffer.from('endorse!')];
    const { open, seen } = recorder();
    const owned = tpmOf(swtpm, { hierarchyAuth: { owner, endorsement }, open });
    await owned.storageRoot();
    await owned.defineCounter(0x01500003);
    await owned.undefineIndex(0x01500003);
    const { name } = await owned.attestationKey();
    const ek = readTpmPublic((await owned.endorsementKey('ecc')).publicArea);
    const secret = random(32);
    const credential = makeCredential({ ek, name, secret, random });
    assert.deepEqual(await owned.activateCredential('ecc', credential), secret);
    const all = Buffer.concat(seen);
    assert.ok(!all.includes(owner) && !all.includes(endorsement) && !all.includes(Buffer.from(secret)));
  });

  test('our policy digests are those of tpm2_policypcr and tpm2_policyauthvalue', async (t) => {
    const { tpm, swtpm } = await testTpm(t);
    await tpm.extendPcr(16, { sha256: random(32) });
    const pcrs = [0, 7, 16];
    const values = await tpm.readPcrs('sha256', pcrs);
    const digest = policyAuthValue(
      'sha256',
      policyPcr(
        'sha256',
        emptyPolicy('sha256'),
        [{ bank: 'sha256', pcrs }],
        pcrDigestOf('sha256', [...values.values()]),
      ),
    );
    mustRun(swtpm, 'startauthsession', '-S', 'session');
    mustRun(swtpm, 'policypcr', '-S', 'session', '-l', 'sha256:0,7,16');
    mustRun(swtpm, 'policyauthvalue', '-S', 'session', '-L', 'policy');
    mustRun(swtpm, 'flushcontext', 'session');
    assert.deepEqual(fileOf(swtpm, 'policy'), digest);
  });
});
