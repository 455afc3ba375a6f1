import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromHex } from '../wire/ids.ts';
import { connectHsm, exitCodes, mayRestart, openRecord, sealRecord, type SealContext } from './index.ts';
import { makeWrappingKey } from './keygen.ts';
import { call, findObjects, loadCryptoki, presentTokens, type Cryptoki, type Handle } from './pkcs11.ts';
import { readProfile, softHsm2 } from './profiles.ts';
import { refusalFile } from './refusal.ts';
import {
  noSoftHsm,
  pinOf,
  random,
  refusedHsm,
  startHsm,
  testFolder,
  testNode,
  writeConfig,
  writePin,
  type TestNode,
} from './testing.ts';
import { login, openSession } from './token.ts';

const context: SealContext = {
  cluster: new Uint8Array(16),
  node: 'node-1',
  kind: 'key-share',
  subject: 'a-key',
  generation: 0,
  open: new Uint8Array(0),
};
const connect = (node: TestNode): ReturnType<typeof connectHsm> =>
  connectHsm({ socket: node.socket, timeoutMs: 5_000 });

/** Opens the token of a node in this process, as an operator's tool would, and gives the flags of the token. */
function withToken<T>(node: TestNode, work: (cryptoki: Cryptoki, slot: Handle, flags: number) => T): T {
  const conf = join(node.root, 'absolute.conf');
  writeFileSync(conf, `directories.tokendir = ${join(node.folder, 'tokens')}\nobjectstore.backend = file\n`);
  process.env['SOFTHSM2_CONF'] = conf;
  const cryptoki = loadCryptoki(node.profile.module);
  try {
    const [token] = presentTokens(cryptoki);
    assert.ok(token !== undefined);
    return work(cryptoki, token.slot, token.flags);
  } finally {
    cryptoki.lib.C_Finalize();
  }
}
/** Whether the token saw a wrong PIN since the last right one. */
const sawWrongPin = (node: TestNode): boolean =>
  withToken(node, ({ ck }, _slot, flags) => (flags & ck.CKF_USER_PIN_COUNT_LOW) !== 0);
const loggedIn = <T>(node: TestNode, work: (cryptoki: Cryptoki, session: Handle) => T): T =>
  withToken(node, (cryptoki, slot) => {
    const session = openSession(cryptoki, slot);
    login(cryptoki, session, 0, () => readFileSync(join(node.folder, 'pin')));
    return work(cryptoki, session);
  });

test(
  'T30: given a wrong PIN, then the token sees it once, the process ends with the code that is not retried, and a restart does not try it again',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    const right = pinOf(node.folder);
    writePin(node.folder, 'a-wrong-pin-0123');
    const spy = ['/usr/lib/x86_64-linux-gnu/pkcs11-spy.so', '/usr/lib/aarch64-linux-gnu/pkcs11-spy.so'].find(
      (path) => existsSync(path),
    );
    const spied = join(node.root, 'calls');
    if (spy === undefined) {
      t.diagnostic('pkcs11-spy is not installed (Debian: opensc-pkcs11): calls of C_Login are not counted');
    } else {
      writeFileSync(join(node.folder, 'profile.json'), JSON.stringify({ ...node.profile, module: spy }));
    }
    const env = { PKCS11SPY: node.profile.module, PKCS11SPY_OUTPUT: spied };
    const first = await refusedHsm(t, node.root, env);
    assert.equal(first.code, exitCodes.pinRefused);
    assert.equal(mayRestart(exitCodes.pinRefused), false);
    assert.match(first.output, /"code":"hsm\/pin-refused"/);
    assert.equal(first.output.includes('a-wrong-pin'), false);
    assert.equal(sawWrongPin(node), true);
    if (spy !== undefined) {
      assert.equal(readFileSync(spied, 'latin1').match(/C_Login/g)?.length, 1);
    }
    await assert.rejects(connect(node), { code: 'hsm/pin-refused' });

    // A right login elsewhere clears the flag; a careless supervisor starts the process again.
    writeFileSync(join(node.folder, 'right'), right, { mode: 0o600 });
    withToken(node, (cryptoki, slot) => {
      login(cryptoki, openSession(cryptoki, slot), 0, () => Buffer.from(right));
    });
    assert.equal(sawWrongPin(node), false);
    for (let i = 0; i < 2; i += 1) {
      const again = await refusedHsm(t, node.root, env);
      assert.equal(again.code, exitCodes.pinRefused);
      assert.match(again.output, /refused before/);
      assert.equal(sawWrongPin(node), false, 'the token saw the wrong PIN a second time');
    }

    // With the right PIN in the file the node serves again, and the refusal is gone.
    writePin(node.folder, `${right}\n`);
    const mended = await startHsm(t, node.root, env);
    assert.ok(mended.ready, mended.output());
    assert.equal(existsSync(refusalFile(node.socket)), false);
  },
);

test(
  'T30: given a wrong PIN and a socket folder where its refusal can not be kept, then the token is not asked',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    writePin(node.folder, 'a-wrong-pin-0123');
    writeConfig(node.folder, { socket: 'absent/hsm.sock' });
    for (let i = 0; i < 2; i += 1) {
      const refused = await refusedHsm(t, node.root);
      assert.match(refused.output, /"code":"hsm\/config-broken"/);
      assert.equal(sawWrongPin(node), false, 'the token saw the wrong PIN');
    }
  },
);

test(
  'T30: given a token that is locked or at its last try, then the PIN is not even read',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    withToken(node, (cryptoki, slot) => {
      const session = openSession(cryptoki, slot);
      for (const flag of [cryptoki.ck.CKF_USER_PIN_FINAL_TRY, cryptoki.ck.CKF_USER_PIN_LOCKED]) {
        assert.throws(
          () => {
            login(cryptoki, session, flag, () => assert.fail('the PIN was read'));
          },
          { code: 'hsm/pin-refused' },
        );
      }
    });
  },
);

test(
  'given a PIN file that is open to others, absent or not one PIN, then the process ends and the token is not asked',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    const right = pinOf(node.folder);
    for (const mode of [0o640, 0o604, 0o620, 0o602]) {
      chmodSync(join(node.folder, 'pin'), mode);
      const hsm = await refusedHsm(t, node.root);
      assert.equal(hsm.code, exitCodes.pinRefused);
      assert.match(hsm.output, /"code":"hsm\/pin-file-exposed"/);
      await assert.rejects(connect(node), { code: 'hsm/pin-file-exposed' });
    }
    const contents = [
      undefined,
      '',
      'abc',
      `${right}\n${right}`,
      `${right}\n\n`,
      'x'.repeat(129),
      'with space',
      'k\u00e9y-0123',
    ];
    for (const content of contents) {
      rmSync(join(node.folder, 'pin'), { force: true });
      if (content !== undefined) {
        writePin(node.folder, content);
      }
      const hsm = await refusedHsm(t, node.root);
      assert.equal(hsm.code, exitCodes.pinRefused);
      assert.match(hsm.output, /"code":"hsm\/pin-file-broken"/);
      assert.equal(hsm.output.includes(right), false);
    }
    assert.equal(sawWrongPin(node), false);
  },
);

test(
  "given another node's PIN or another node's token, then the process is refused by name",
  { skip: noSoftHsm },
  async (t) => {
    const [node, stranger] = [await testNode(t), await testNode(t)];
    writePin(node.folder, pinOf(stranger.folder));
    const pin = await refusedHsm(t, node.root);
    assert.equal(pin.code, exitCodes.pinRefused);
    await assert.rejects(connect(node), { code: 'hsm/pin-refused' });

    // Same label, other serial number: found out before the PIN is shown to it.
    rmSync(join(node.folder, 'tokens'), { recursive: true });
    cpSync(join(stranger.folder, 'tokens'), join(node.folder, 'tokens'), { recursive: true });
    writePin(node.folder, 'another-wrong-pin');
    const token = await refusedHsm(t, node.root);
    assert.equal(token.code, exitCodes.badSetup);
    assert.equal(mayRestart(exitCodes.badSetup), false);
    await assert.rejects(connect(node), { code: 'hsm/token-mismatch' });
    assert.equal(sawWrongPin(node), false);
  },
);

test(
  'T31: given a second key with the same label and id, then none is used; the same label under another id does not disturb',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    const { keyLabel, keyId } = node.profile;
    const add = (id: Uint8Array): void => {
      loggedIn(node, (cryptoki, session) =>
        makeWrappingKey(cryptoki, session, softHsm2, 'hmac-sha256', keyLabel, id),
      );
    };
    add(random(16));
    const fine = await startHsm(t, node.root);
    assert.ok(fine.ready, fine.output());
    fine.child.kill('SIGTERM');
    await fine.ended;

    add(fromHex(keyId) ?? new Uint8Array());
    const refused = await refusedHsm(t, node.root);
    assert.equal(refused.code, exitCodes.badSetup);
    assert.match(refused.output, /"code":"hsm\/key-ambiguous"/);
  },
);

test(
  'given a wrapping key that is gone, or that could leave the token, then the process is refused by name',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    const id = Buffer.from(fromHex(node.profile.keyId) ?? []);
    const label = node.profile.keyLabel;
    loggedIn(node, (cryptoki, session) => {
      const [key] = findObjects(cryptoki, session, [{ type: cryptoki.ck.CKA_ID, value: id }]);
      assert.ok(key !== undefined);
      cryptoki.lib.C_DestroyObject(session, key);
    });
    const absent = await refusedHsm(t, node.root);
    assert.equal(absent.code, exitCodes.badSetup);
    assert.match(absent.output, /"code":"hsm\/key-absent"/);

    loggedIn(node, ({ lib, ck }, session) =>
      call('C_GenerateKey', () =>
        lib.C_GenerateKey(session, { mechanism: ck.CKM_GENERIC_SECRET_KEY_GEN }, [
          { type: ck.CKA_TOKEN, value: true },
          { type: ck.CKA_CLASS, value: ck.CKO_SECRET_KEY },
          { type: ck.CKA_KEY_TYPE, value: ck.CKK_GENERIC_SECRET },
          { type: ck.CKA_VALUE_LEN, value: 32 },
          { type: ck.CKA_LABEL, value: label },
          { type: ck.CKA_ID, value: id },
          { type: ck.CKA_SIGN, value: true },
          { type: ck.CKA_SENSITIVE, value: true },
          { type: ck.CKA_EXTRACTABLE, value: true },
        ]),
      ),
    );
    const exposed = await refusedHsm(t, node.root);
    assert.equal(exposed.code, exitCodes.badSetup);
    assert.match(exposed.output, /"code":"hsm\/key-exposed"/);
  },
);

test(
  'T29: given RSA-OAEP and a wrapping key whose public half is not the one of the enrolment, then nothing is sealed to it',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t, { algorithm: 'rsa-oaep-sha1', allowOaepSha1: true });
    const profile = { ...node.profile, publicKeySha256: '00'.repeat(32) };
    writeFileSync(join(node.folder, 'profile.json'), JSON.stringify(profile));
    const hsm = await refusedHsm(t, node.root);
    assert.equal(hsm.code, exitCodes.badSetup);
    assert.match(hsm.output, /"code":"hsm\/key-mismatch"/);
  },
);

test(
  'given a process that is killed between calls, when it is started again, then the next call connects anew and old records open',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    const first = await startHsm(t, node.root);
    const link = await connect(node);
    t.after(() => link.close());
    const secret = random(32);
    const record = await sealRecord(link, context, secret, random);
    first.child.kill('SIGKILL');
    assert.equal((await first.ended).signal, 'SIGKILL');
    assert.equal(mayRestart(null), true);
    await assert.rejects(openRecord(link, record, context), { code: 'hsm/unavailable' });
    await assert.rejects(link.health(), { code: 'hsm/unavailable' });

    const second = await startHsm(t, node.root);
    assert.ok(second.ready, second.output());
    const opened = await Promise.all([1, 2, 3].map(() => openRecord(link, record, context)));
    for (const { secret: back } of opened) {
      assert.deepEqual(back, secret);
    }
  },
);

test(
  'given a process that comes back with another token, then the link refuses it by name',
  { skip: noSoftHsm },
  async (t) => {
    const [node, stranger] = [await testNode(t), await testNode(t)];
    const first = await startHsm(t, node.root);
    const link = await connect(node);
    t.after(() => link.close());
    first.child.kill('SIGTERM');
    assert.equal((await first.ended).code, exitCodes.ended);
    rmSync(node.folder, { recursive: true });
    renameSync(stranger.folder, node.folder);
    const second = await startHsm(t, node.root);
    assert.ok(second.ready, second.output());
    await assert.rejects(link.newKeyMaterial(), { code: 'hsm/token-mismatch' });
    await assert.rejects(link.recoverKeyMaterial(new Uint8Array(32)), { code: 'hsm/token-mismatch' });
  },
);

test(
  'given a token folder that goes away, then the call is answered by name, the process ends for a restart, and works when the folder is back',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    const hsm = await startHsm(t, node.root);
    const link = await connect(node);
    t.after(() => link.close());
    const record = await sealRecord(link, context, new Uint8Array(32).fill(7), random);
    renameSync(join(node.folder, 'tokens'), join(node.root, 'away'));
    await assert.rejects(link.health(), { code: 'hsm/token-failed' });
    assert.equal((await hsm.ended).code, exitCodes.tokenFailed);
    assert.equal(mayRestart(exitCodes.tokenFailed), true);
    await assert.rejects(link.health(), { code: 'hsm/unavailable' });

    mkdirSync(join(node.folder, 'tokens'), { mode: 0o700 });
    const early = await refusedHsm(t, node.root);
    assert.equal(early.code, exitCodes.tokenFailed);
    await assert.rejects(link.health(), { code: 'hsm/token-absent' });

    rmSync(join(node.folder, 'tokens'), { recursive: true });
    renameSync(join(node.root, 'away'), join(node.folder, 'tokens'));
    assert.ok((await startHsm(t, node.root)).ready);
    assert.deepEqual((await openRecord(link, record, context)).secret, new Uint8Array(32).fill(7));
  },
);

test(
  'given SIGTERM or SIGINT, then the process ends with 0 within two seconds and its socket is gone',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const hsm = await startHsm(t, node.root);
      const link = await connect(node);
      const start = performance.now();
      hsm.child.kill(signal);
      assert.deepEqual(await hsm.ended, { code: exitCodes.ended, signal: null });
      assert.ok(performance.now() - start < 2_000);
      assert.equal(existsSync(node.socket), false);
      await link.close();
    }
  },
);

test(
  'given a second process for one socket, then it is refused and the first goes on',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    assert.ok((await startHsm(t, node.root)).ready);
    const second = await refusedHsm(t, node.root);
    assert.equal(second.code, exitCodes.badSetup);
    assert.match(second.output, /"code":"hsm\/already-running"/);
    const link = await connect(node);
    await link.probe();
    await link.close();
  },
);

test(
  'given a file that is no socket in the place of the socket, then the process is refused and the file stays',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    writeConfig(node.folder, { socket: 'hsm/profile.json' });
    const refused = await refusedHsm(t, node.root);
    assert.equal(refused.code, exitCodes.badSetup);
    assert.deepEqual(readProfile(join(node.folder, 'profile.json')), node.profile);
  },
);

test(
  'given a link in the place of the refusal, then what it points to is not written',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    writePin(node.folder, 'a-wrong-pin-0123');
    const precious = join(node.root, 'precious');
    writeFileSync(precious, 'as it was');
    symlinkSync(precious, `${refusalFile(node.socket)}.new`);
    await refusedHsm(t, node.root);
    assert.equal(readFileSync(precious, 'latin1'), 'as it was');
    await assert.rejects(connect(node), { code: 'hsm/pin-refused' });
  },
);

test(
  'given a socket folder that others can enter, then the process is refused; its own socket has mode 0600',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    chmodSync(node.folder, 0o711);
    const refused = await refusedHsm(t, node.root);
    assert.equal(refused.code, exitCodes.badSetup);
    assert.match(refused.output, /"code":"hsm\/socket-exposed"/);
    chmodSync(node.folder, 0o700);
    assert.ok((await startHsm(t, node.root)).ready);
    assert.equal(statSync(node.socket).mode & 0o777, 0o600);
  },
);

test(
  'given a folder that was moved as a whole, then the process serves from its new place',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    const root = join(testFolder(t), 'moved');
    renameSync(node.root, root);
    const hsm = await startHsm(t, root);
    assert.ok(hsm.ready, hsm.output());
  },
);

test(
  'given a broken configuration or profile, then the process ends with the code that is not retried',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    writeConfig(node.folder, { unknown: 1 });
    const config = await refusedHsm(t, node.root);
    assert.equal(config.code, exitCodes.badSetup);
    assert.match(config.output, /"code":"hsm\/config-broken"/);
    writeConfig(node.folder, {});
    writeFileSync(join(node.folder, 'profile.json'), '{');
    const profile = await refusedHsm(t, node.root);
    assert.equal(profile.code, exitCodes.badSetup);
    assert.match(profile.output, /"code":"hsm\/profile-broken"/);
    await assert.rejects(connect(node), { code: 'hsm/profile-broken' });
  },
);

test(
  'T33: given a process that sealed and opened, then PIN and key material are in no log line, argument or environment, and it leaves no core',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    const hsm = await startHsm(t, node.root);
    const link = await connect(node);
    const material = await link.newKeyMaterial();
    const secret = random(32);
    await openRecord(link, await sealRecord(link, context, secret, random), context);
    await assert.rejects(link.recoverKeyMaterial(new Uint8Array(5)), { code: 'hsm/wrapped-refused' });
    const proc = (file: string): string => {
      try {
        return readFileSync(`/proc/${hsm.pid}/${file}`, 'latin1');
      } catch (error) {
        // A hardened process can't be read by its own user: then by no other either.
        assert.match(String(error), /EACCES|EPERM/);
        return '';
      }
    };
    const visible = [proc('cmdline'), proc('environ')];
    const limits = proc('limits');
    assert.ok(limits === '' || /^Max core file size +0 +0 /m.test(limits), 'a core file could be written');
    await link.close();
    hsm.child.kill('SIGTERM');
    await hsm.ended;
    visible.push(hsm.output());
    const pin = pinOf(node.folder);
    for (const private_ of [Buffer.from(pin), Buffer.from(material.ikm), Buffer.from(secret)]) {
      for (const form of ['latin1', 'hex', 'base64'] as const) {
        assert.ok(!visible.some((text) => text.includes(private_.toString(form))), `found as ${form}`);
      }
    }
    for (const line of hsm.output().trim().split('\n')) {
      assert.deepEqual(Object.keys(JSON.parse(line) as object).slice(0, 3), ['t', 'level', 'event']);
    }
  },
);
