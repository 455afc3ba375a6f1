/** `symbolon up` and what a person does with a running cluster, each command as a process of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cliArguments, killAll, processesIn, run, start } from './runCli.ts';
import { freePorts } from './testCluster.ts';

const folder = mkdtempSync(join(tmpdir(), 'symbolon-e2e-'));
const dir = join(folder, 'c');
const port = await freePorts();
let keys: Result['keys'] = [];

after(() => {
  killAll();
  for (const pid of processesIn(folder)) {
    process.kill(pid, 'SIGKILL');
  }
  rmSync(folder, { recursive: true, force: true });
});

interface Result {
  readonly ok: boolean;
  readonly cluster: Readonly<Record<string, unknown>>;
  readonly keys: readonly {
    readonly id: string;
    readonly scheme: string;
    readonly publicKey: string;
    readonly address: string;
  }[];
  readonly signatures: readonly Readonly<Record<string, unknown>>[];
}
/** The evidence of a node, as the coordinator last verified it. */
async function evidenceOf(
  node: string,
): Promise<{ document: string; nonce: string; appraisal: { pcrs: Record<string, string> } }> {
  const key = readFileSync(join(dir, 'coordinator', 'operator.apikey'), 'utf8').trim();
  const answer = await fetch(`http://127.0.0.1:${port}/v1/evidence/${node}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  return (await answer.json()) as Awaited<ReturnType<typeof evidenceOf>>;
}
const lastLine = (out: string): Result => JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as Result;

test('given no folder, when up --demo --once runs, then it ends with 0, and the last line is the promised object', async () => {
  const { code, out, err } = await run(['up', '--demo', '--once', '--dir', dir, '--port', String(port)]);
  assert.equal(code, 0, err);
  const done = lastLine(out);
  assert.deepEqual(Object.keys(done), ['ok', 'cluster', 'keys', 'signatures']);
  assert.equal(done.ok, true);
  assert.deepEqual(
    done.keys.map((key) => [Object.keys(key), key.scheme]),
    ['frost-ed25519', 'frost-secp256k1-tr', 'dkls23-secp256k1', 'dkls23-secp256k1'].map((scheme) => [
      ['id', 'scheme', 'publicKey', 'address'],
      scheme,
    ]),
  );
  // One key, one purpose (T19).
  assert.equal(new Set(done.keys.map(({ publicKey }) => publicKey)).size, 4);
  assert.deepEqual(
    done.signatures.map((one) => [Object.keys(one), one['chain']]),
    ['solana', 'bitcoin', 'evm', 'cosmos'].map((chain) => [
      ['chain', 'scheme', 'txid', 'participants', 'ms', 'verifiedBy'],
      chain,
    ]),
  );
  assert.match(out, /node-1 +attested/);
  assert.deepEqual(processesIn(folder), []);
  keys = done.keys;
});

test('given a cluster that was made, then nothing in its folder can be read by others', () => {
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (path.startsWith(join(dir, 'coordinator', 'database', '/'))) {
      // The database sets modes of its own inside of its folder, which nobody else can enter.
      continue;
    }
    assert.equal(lstatSync(path).mode & 0o077, 0, path);
  }
});

test('given that cluster, when up runs a second time, then it signs with the same keys', async () => {
  const { code, out, err } = await run(['up', '--demo', '--once', '--dir', dir, '--port', String(port)]);
  assert.equal(code, 0, err);
  assert.deepEqual(lastLine(out).keys, keys);
});

test('given a running cluster, then status, keys, addresses, signatures, renewals and pairings work, and Ctrl-C leaves nothing behind', async () => {
  const running = start(['up', '--dir', dir]);
  await running.says(/Running/);
  const at = ['--dir', dir];
  const [solana] = keys;

  const status = await run(['status', ...at]);
  assert.equal(status.code, 0, status.err);
  assert.match(status.out, /^Yes, this cluster can sign now\./);
  assert.match(status.out, /With: node-1, node-2, node-3\./);
  assert.match(status.out, /Until: \d{4}-/);
  assert.match(status.out, /Next to expire: /);
  const asJson = await run(['status', '--json', ...at]);
  assert.equal((JSON.parse(asJson.out) as { canSign: string }).canSign, 'yes');

  const list = await run(['key', 'list', '--json', ...at]);
  assert.deepEqual(
    (JSON.parse(list.out) as { keys: { id: string }[] }).keys.map(({ id }) => id).sort(),
    keys.map(({ id }) => id).sort(),
  );
  const address = await run(['address', solana?.id ?? '', ...at]);
  assert.equal(address.out, `${solana?.address ?? ''}\n`);
  const shown = await run(['key', 'show', keys[1]?.id ?? '', ...at]);
  assert.match(shown.out, new RegExp(keys[1]?.address ?? '-'));

  const signed = await run(['sign', solana?.id ?? '', '--message-hex', '616263', ...at]);
  assert.equal(signed.code, 0, signed.err);
  const publicKey = createPublicKey({
    key: Buffer.from(`302a300506032b6570032100${solana?.publicKey ?? ''}`, 'hex'),
    format: 'der',
    type: 'spki',
  });
  assert.ok(verify(null, Buffer.from('abc'), publicKey, Buffer.from(signed.out.trim(), 'hex')));
  const refused = await run(['sign', keys[1]?.id ?? '', '--message-hex', '616263', '--json', ...at]);
  assert.equal(refused.code, 1);
  assert.match((JSON.parse(refused.out) as { code: string }).code, /^request\//);

  const evm = keys[2]?.id ?? '';
  const derived = await run(['address', evm, '--path', 'm/0/5', ...at]);
  assert.match(derived.out, /^0x[0-9a-fA-F]{40}\n$/);
  const hashed = ['--message-hex', '616263', '--hash', 'keccak256', '--path', 'm/0/5'];
  const ecdsa = await run(['sign', evm, ...hashed, '--json', ...at]);
  assert.equal(ecdsa.code, 0, ecdsa.err);
  const answer = JSON.parse(ecdsa.out) as { path: string; signature: string; recovery: number };
  assert.equal(answer.path, 'm/0/5');
  assert.match(answer.signature, /^[0-9a-f]{128}$/);
  const hardened = await run(['sign', evm, '--message-hex', '00', '--path', "m/44'", ...at]);
  assert.equal(hardened.code, 2);
  assert.match(hardened.err, /step 1 is hardened/);
  const refreshed = await run(['key', 'refresh', evm, ...at]);
  assert.equal(refreshed.code, 0, refreshed.err);
  assert.match(refreshed.out, /generation 2, 2 of 3/);
  const reshared = await run(['key', 'reshare', evm, '--nodes', 'node-1,node-3', ...at]);
  assert.equal(reshared.code, 0, reshared.err);
  assert.match(reshared.out, /generation 3, 2 of 2 \(node-1, node-3\)/);
  assert.equal((await run(['address', evm, '--path', 'm/0/5', ...at])).out, derived.out);
  assert.equal((await run(['sign', evm, ...hashed, ...at])).code, 0);
  const renewed = await run(['pair', '--renew', 'node-1', 'node-3', ...at]);
  assert.equal(renewed.code, 0, renewed.err);
  assert.match(renewed.out, /node-1 with node-3 +ready +2/);
  assert.equal((await run(['sign', evm, ...hashed, ...at])).code, 0);

  const made = await run(['key', 'create', '--scheme', 'taproot', '--purpose', 'dev/bitcoin', ...at]);
  assert.equal(made.code, 0, made.err);
  const denied = await run([
    'key',
    'create',
    '--scheme',
    'taproot',
    '--purpose',
    'not-granted',
    '--json',
    ...at,
  ]);
  assert.equal(denied.code, 1);
  assert.equal((JSON.parse(denied.out) as { code: string }).code, 'request/not-granted');

  const evidence = await evidenceOf('node-1');
  const file = join(folder, 'evidence.bin');
  writeFileSync(file, Buffer.from(evidence.document, 'base64'));
  const root = ['--root', join(dir, 'attestation', 'root.der'), '--at', 'now', '--nonce', evidence.nonce];
  const wanted = ['--pcr', `0=${evidence.appraisal.pcrs['0'] ?? ''}`];
  const accepted = await run(['evidence', 'verify', file, ...root, ...wanted]);
  assert.equal(accepted.code, 0, accepted.err + accepted.out);
  const otherPcr = await run([
    'evidence',
    'verify',
    file,
    ...root,
    '--pcr',
    `0=${'11'.repeat(48)}`,
    '--json',
  ]);
  assert.equal(otherPcr.code, 1);
  assert.equal((JSON.parse(otherPcr.out) as { code: string }).code, 'evidence/measurement-mismatch');
  const otherType = await run(['evidence', 'verify', file, ...root, ...wanted, '--type', 'tpm2']);
  assert.equal(otherType.code, 1);
  assert.match(otherType.out, /evidence\/malformed/);
  const fetched = join(folder, 'fetched.bin');
  const looked = await run(['evidence', 'fetch', 'node-1', '--out', fetched, ...at]);
  assert.equal(looked.code, 0, looked.err + looked.out);
  assert.match(looked.out, /^accepted +node-1, image build-[0-9a-f]{8}, platform dev/);
  const explained = await run(['evidence', 'show', fetched]);
  assert.equal(explained.code, 0, explained.err);
  assert.match(explained.out, /claims\.node +node-1/);
  assert.equal((await run(['evidence', 'diff', file, fetched])).code, 0);
  const others = join(folder, 'others.bin');
  assert.equal((await run(['evidence', 'fetch', 'node-2', '--out', others, ...at])).code, 0);
  const different = await run(['evidence', 'diff', fetched, others, '--json']);
  assert.equal(different.code, 1);
  assert.match(different.out, /"claims\.node"/);
  assert.equal((await run(['evidence', 'fetch', 'node-9', ...at])).code, 2);

  const second = await run(['up', '--once', ...at]);
  assert.equal(second.code, 3);
  assert.match(second.err, /cli\/already-running/);
  const examined = await run(['doctor', ...at]);
  assert.equal(examined.code, 0, examined.out);

  const pids = processesIn(folder);
  assert.equal(pids.length, 10, 'three processes a node and the coordinator');
  const began = Date.now();
  running.child.kill('SIGINT');
  const { code } = await running.ended;
  assert.equal(code, 0);
  assert.ok(Date.now() - began < 5_000, `${Date.now() - began} ms`);
  assert.deepEqual(processesIn(folder), []);
  const gone = await run(['status', ...at]);
  assert.equal(gone.code, 3);
  assert.match(gone.err, /cli\/not-running/);
});

test('given a supervisor that was killed, when up runs again, then the stale lock is explained, leftovers are ended, the keys sign', async () => {
  const running = start(['up', '--dir', dir]);
  await running.says(/Running/);
  const left = processesIn(folder);
  running.child.kill('SIGKILL');
  await running.ended;
  assert.ok(processesIn(folder).length > 0);
  const { code, out, err } = await run(['up', '--demo', '--once', '--dir', dir]);
  assert.equal(code, 0, err);
  assert.match(err, /its lock is stale/);
  assert.match(err, /Ending what it left running: /);
  for (const pid of left) {
    assert.ok(!existsSync(`/proc/${pid}`), `${pid} still runs`);
  }
  assert.deepEqual(lastLine(out).keys, keys);
});

test('given SIGINT in the middle of the start, then nothing is left and the next start works', async () => {
  const running = start(['up', '--dir', dir]);
  await running.says(/process ready/);
  const began = Date.now();
  running.child.kill('SIGINT');
  const { code } = await running.ended;
  assert.equal(code, 130);
  assert.ok(Date.now() - began < 5_000, `${Date.now() - began} ms`);
  assert.deepEqual(processesIn(folder), []);
  const again = await run(['up', '--once', '--dir', dir]);
  assert.equal(again.code, 0, again.err);
});

test('given a port that is taken, then up names the port and the option and makes nothing', async () => {
  const base = await freePorts();
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(base + 2, '127.0.0.1', resolve);
  });
  try {
    const fresh = join(folder, 'fresh');
    for (const target of [fresh, dir]) {
      const { code, err } = await run(['up', '--once', '--dir', target, '--port', String(base)]);
      assert.equal(code, 3);
      assert.match(err, new RegExp(String(base + 2)));
      assert.match(err, /--port/);
    }
    assert.ok(!existsSync(fresh));
  } finally {
    server.close();
  }
});

test('given a half-made folder, then up says what is missing and touches nothing', async () => {
  const half = join(folder, 'half');
  mkdirSync(half);
  writeFileSync(join(half, 'manifest.cbor'), 'something');
  const { code, err } = await run(['up', '--once', '--dir', half]);
  assert.equal(code, 1);
  assert.match(err, /cli\/half-made-folder/);
  assert.match(err, /cluster\.json/);
  assert.deepEqual(readdirSync(half), ['manifest.cbor']);
  assert.equal(readFileSync(join(half, 'manifest.cbor'), 'utf8'), 'something');
});

test('given what an interrupted set-up left beside the folder, then up names it and leaves it', async () => {
  const left = `${dir}.making-1-00`;
  mkdirSync(left);
  const { code, err } = await run(['up', '--once', '--dir', dir]);
  assert.equal(code, 0, err);
  assert.ok(err.includes(left));
  assert.ok(existsSync(left));
});

test('given a cluster of three, when up asks for five nodes, then it is refused', async () => {
  const { code, err } = await run(['up', '--once', '--dir', dir, '--nodes', '5']);
  assert.equal(code, 1);
  assert.match(err, /cli\/other-shape/);
});

test('given a terminal, then status is coloured, and with NO_COLOR or a pipe it is not', (t) => {
  if (spawnSync('script', ['-qec', 'true', '/dev/null']).status !== 0) {
    t.skip('script(1) of util-linux is not installed, or gets no terminal here');
    return;
  }
  const words = [process.execPath, ...cliArguments(['doctor', '--dir', join(folder, 'none')])];
  const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const inTerminal = (env: Readonly<Record<string, string>>): string =>
    spawnSync('script', ['-qec', quoted, '/dev/null'], {
      env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...env },
      encoding: 'utf8',
    }).stdout;
  assert.ok(inTerminal({}).includes('\u001b[32m'));
  assert.ok(!inTerminal({ NO_COLOR: '1' }).includes('\u001b['));
  assert.ok(!inTerminal({ TERM: 'dumb' }).includes('\u001b['));
});
