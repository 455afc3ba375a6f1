/** T33: real shares of a running cluster, looked for wherever they must not be. */
import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyView } from '../../cli/api.ts';
import { connectHsm, openRecord } from '../../hsm/index.ts';
import { fromHex, type Scheme } from '../../wire/ids.ts';
import type { Payload } from '../../wire/messages/request.ts';
import { TestCluster } from './testCluster.ts';

const folder = mkdtempSync(join(tmpdir(), 'symbolon-e2e-'));
let running: TestCluster;
/** What is looked for: a name, and every form that it could have been written in. */
const needles: { readonly name: string; readonly forms: readonly Buffer[] }[] = [];
const keys: KeyView[] = [];

before(async () => {
  running = await TestCluster.make(folder);
  await running.start();
  for (const [scheme, purpose] of [
    ['frost-ed25519', 'dev/solana'],
    ['frost-secp256k1-tr', 'dev/bitcoin'],
    ['dkls23-secp256k1', 'dev/evm'],
  ] as const) {
    const nodes = running.cluster.facts.nodes.map(({ name }) => name);
    const { key } = await running.api.createKey({ scheme, purpose, label: purpose, threshold: 2, nodes });
    keys.push(key);
  }
  for (const key of keys) {
    for (let i = 0; i < 4; i += 1) {
      await running.api.sign(key, payloadFor(key.scheme, i));
    }
  }
  await collectNeedles();
});
after(async () => {
  await running.end();
  rmSync(folder, { recursive: true, force: true });
});

function payloadFor(scheme: Scheme, i: number): Payload {
  switch (scheme) {
    case 'frost-ed25519':
      return { kind: 'message', message: new Uint8Array(100).fill(i) };
    case 'frost-secp256k1-tr':
      return { kind: 'bip341-key-spend', digest: new Uint8Array(32).fill(i) };
    default:
      return { kind: 'ecdsa-keccak256', message: new Uint8Array(100).fill(i) };
  }
}

/** Unseals every share with the token of its node, and reads PINs and seeds. */
async function collectNeedles(): Promise<void> {
  const { facts, paths } = running.cluster;
  const cluster = fromHex(facts.cluster) ?? new Uint8Array();
  for (const { name } of facts.nodes) {
    const link = await connectHsm({ socket: join(paths.node(name).hsm, 'hsm.sock'), timeoutMs: 5_000 });
    try {
      for (const key of keys) {
        // The name holds the session that made the key as well.
        const records = join(paths.node(name).store, 'keys');
        const [file = ''] = readdirSync(records).filter((one) =>
          new RegExp(`^${key.id}\\.1\\..*sealed$`).test(one),
        );
        const record = readFileSync(join(records, file));
        const { secret } = await openRecord(link, new Uint8Array(record), {
          cluster,
          node: name,
          kind: 'key-share',
          subject: key.id,
          generation: 1,
        });
        assert.equal(secret.length, 32);
        add(`share of ${name} in ${key.label}`, secret);
      }
    } finally {
      await link.close();
    }
    add(`PIN of ${name}`, readFileSync(paths.node(name).pin));
  }
  for (const client of ['coordinator', 'operator']) {
    add(`key of client ${client}`, readFileSync(paths.clientKey(client)));
  }
  add('governance key', readFileSync(paths.governanceKey('governor')));
}

function add(name: string, secret: Uint8Array): void {
  const raw = Buffer.from(secret);
  const reversed = Buffer.from(raw).reverse();
  const texts = (bytes: Buffer): string[] => [
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    BigInt(`0x${bytes.toString('hex')}`).toString(),
    [...bytes].join(','),
  ];
  needles.push({
    name,
    forms: [raw, reversed, ...[...texts(raw), ...texts(reversed)].map((text) => Buffer.from(text, 'latin1'))],
  });
}

const foundIn = (haystack: Buffer, wanted = needles): string[] =>
  wanted.filter(({ forms }) => forms.some((form) => haystack.includes(form))).map(({ name }) => name);

test('the search finds what it looks for', () => {
  // Of three nodes a share of each key and a PIN, two client keys, and the governance key.
  assert.equal(needles.length, 3 * (keys.length + 1) + 3);
  for (const { name, forms } of needles) {
    for (const form of forms) {
      assert.ok(foundIn(Buffer.concat([Buffer.from('x'), form, Buffer.from('y')])).includes(name));
    }
  }
});

test('T33: no file of the cluster holds a share, and PIN and keys lie in their own files only', () => {
  const { root } = running.cluster.paths;
  const own = [
    /^clients\/(?:coordinator|operator)\.key$/,
    /^governance\/governor\.key$/,
    /^nodes\/node-\d\/hsm\/pin$/,
  ];
  let files = 0;
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(root, path);
    if (!entry.isFile()) {
      continue;
    }
    files += 1;
    const expected = own.some((pattern) => pattern.test(name)) ? 1 : 0;
    const found = foundIn(readFileSync(path));
    assert.equal(found.length, expected, `${name} holds ${found.join(', ')}`);
  }
  assert.ok(files > 50, `${files} files`);
});

/** All memory of a process that can be read, region by region. `undefined` where the kernel refuses. */
function* memoryOf(pid: number): Generator<Buffer> {
  const regions = readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .filter((line) => /^\S+ r/.test(line) && !/\[(?:vvar|vsyscall)/.test(line));
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const region of regions) {
      const [from = 0, to = 0] = (region.split(' ')[0] ?? '')
        .split('-')
        .map((hex) => Number.parseInt(hex, 16));
      // A needle across two pieces would be missed: pieces overlap.
      const piece = 16 * 1_048_576;
      for (let at = from; at < to; at += piece - 4_096) {
        const buffer = Buffer.alloc(Math.min(piece, to - at));
        const read = readOrNothing(memory, buffer, at);
        if (read > 0) {
          yield buffer.subarray(0, read);
        }
      }
    }
  } finally {
    closeSync(memory);
  }
}

function readOrNothing(file: number, buffer: Buffer, at: number): number {
  try {
    return readSync(file, buffer, 0, buffer.length, at);
  } catch {
    // A region that nobody has touched yet, or a guard page.
    return 0;
  }
}

function search(pid: number): { readonly bytes: number; readonly found: ReadonlySet<string> } {
  const found = new Set<string>();
  let bytes = 0;
  for (const piece of memoryOf(pid)) {
    bytes += piece.length;
    for (const name of foundIn(piece)) {
      found.add(name);
    }
  }
  return { bytes, found };
}

function readable(t: TestContext, pid: number): boolean {
  try {
    readFileSync(`/proc/${pid}/maps`);
    closeSync(openSync(`/proc/${pid}/mem`, 'r'));
    return true;
  } catch {
    t.skip('the memory of other processes can not be read here (needs root or CAP_SYS_PTRACE)');
    return false;
  }
}

for (const node of ['node-1', 'node-2', 'node-3']) {
  test(`T33: the memory of the proxy of ${node} holds no share, PIN or key`, (t) => {
    const pid = running.pid(`${node}.parent`);
    if (readable(t, pid)) {
      const { bytes, found } = search(pid);
      assert.ok(bytes > 10_000_000, `${bytes} bytes seen`);
      assert.deepEqual([...found], []);
    }
  });
}

test('T33: the memory of the coordinator holds no share and no PIN, and that of a daemon its own shares only', (t) => {
  const coordinator = running.pid('coordinator');
  if (!readable(t, coordinator)) {
    return;
  }
  const shares = (found: ReadonlySet<string>): string[] =>
    [...found].filter((name) => /^(?:share|PIN)/.test(name));
  assert.deepEqual(shares(search(coordinator).found), []);
  const daemon = running.pid('node-1.daemon');
  if (readable(t, daemon)) {
    const seen = shares(search(daemon).found);
    // That it finds them where they are shows that the search works on memory.
    assert.ok(seen.length > 0);
    assert.ok(
      seen.every((name) => name.startsWith('share of node-1')),
      seen.join(),
    );
  }
});

test('T33: the open shares of a daemon lie in locked memory, which is never swapped out', () => {
  for (const node of ['node-1', 'node-2', 'node-3']) {
    const status = readFileSync(`/proc/${running.pid(`${node}.daemon`)}/status`, 'utf8');
    const locked = Number(/^VmLck:\s+(\d+) kB$/m.exec(status)?.[1]);
    assert.ok(locked >= 4, `${node}: ${locked} kB locked`);
  }
});

test('T33: no core file is written by a process that holds a secret, not even on SIGABRT', async () => {
  for (const name of ['node-3.hsm', 'node-3.daemon']) {
    const pid = running.pid(name);
    const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
    assert.match(limits, /^Max core file size +0 +0 /m, name);
    process.kill(pid, 'SIGABRT');
    for (const end = Date.now() + 10_000; existsSync(`/proc/${pid}`) && Date.now() < end;) {
      await sleep(20);
    }
    assert.ok(!existsSync(`/proc/${pid}`), `${name} still runs`);
  }
  const { root } = running.cluster.paths;
  const cores = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(?:^|\/)core(?:\.|$)/.test(name),
  );
  assert.deepEqual(cores, []);
});
