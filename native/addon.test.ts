import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { repoRoot } from '../test/repoRoot.ts';
import { toHex } from '../wire/ids.ts';
import { secp256k1 } from './curves.ts';

const extension = import.meta.url.slice(-3);
const module = createRequire(import.meta.url)(join(repoRoot, 'native/build/Release/symbolon.node')) as Record<
  string,
  unknown
>;

/** Every function of bytes that the addon exports, by its dotted name. */
const functions: readonly (readonly [string, (...args: unknown[]) => unknown])[] = Object.entries(
  module,
).flatMap(([holder, held]) =>
  typeof held === 'object' && held !== null
    ? Object.entries(held).map(
        ([name, value]) => [`${holder}.${name}`, value as (...args: unknown[]) => unknown] as const,
      )
    : [],
);

/** Arguments of any kind but the right one; lengths that no function takes for its first argument. */
const detached = new Uint8Array(32);
structuredClone(detached.buffer, { transfer: [detached.buffer] });
const wrong: readonly unknown[] = [
  undefined,
  null,
  true,
  1,
  -1,
  1.5,
  2n ** 64n,
  Number.NaN,
  'x'.repeat(32),
  {},
  { length: 32 },
  Symbol('x'),
  Array.from({ length: 32 }, () => 1),
  new ArrayBuffer(32),
  new DataView(new ArrayBuffer(32)),
  new Int8Array(32),
  new Uint8ClampedArray(32),
  new Uint16Array(16),
  new Uint32Array(8),
  new BigUint64Array(4),
  new Float64Array(4),
  new Uint8Array(2),
  new Uint8Array(31),
  new Uint8Array(65),
  detached,
  () => 1,
  new Proxy(new Uint8Array(32), {}),
];

test('the addon has the functions that this test goes through', () => {
  assert.ok(functions.length > 60, `${functions.length} functions`);
});

for (const [name, call] of functions.filter(([one]) => one !== 'bits.hasFastFold')) {
  test(`${name} refuses arguments of the wrong kind, length and number by TypeError`, () => {
    assert.throws(() => call(), TypeError, 'no arguments');
    for (const [i, value] of wrong.entries()) {
      for (let count = 1; count <= 5; count += 1) {
        const args = Array.from({ length: count }, () => value);
        assert.throws(() => call(...args), TypeError, `wrong argument ${i}, ${count} times`);
        // After arguments that may be right in themselves.
        const fill = [32, 33, 64, 96].map((length) => new Uint8Array(length).fill(1));
        for (const first of fill) {
          assert.throws(
            () => call(first, ...args),
            TypeError,
            `wrong argument ${i} after ${first.length} bytes`,
          );
        }
      }
    }
    const many = Array.from({ length: 9 }, () => new Uint8Array(32).fill(1));
    assert.throws(() => call(...many), TypeError, 'too many arguments');
  });
}

test('the addon loads in worker threads at the same time, and each computes the same', async () => {
  const url = new URL(`./curves${extension}`, import.meta.url).href;
  const secret = new Uint8Array(32).fill(7);
  const source = `import(${JSON.stringify(url)}).then(({ secp256k1 }) => {
    const { parentPort, workerData } = require('node:worker_threads');
    let point;
    for (let i = 0; i < 50; i += 1) point = secp256k1().baseProduct(workerData);
    parentPort.postMessage(Buffer.from(point).toString('hex'));
  });`;
  const answers = await Promise.all(
    Array.from(
      { length: 4 },
      () =>
        new Promise<unknown>((resolve, reject) => {
          const worker = new Worker(source, { eval: true, workerData: secret });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  const wanted = toHex(secp256k1().baseProduct(secret));
  assert.deepEqual(answers, [wanted, wanted, wanted, wanted]);
});

test('T39: given no built addon, then every group, kernel and ristretto call refuses by name, and nothing computes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-native-'));
  try {
    // A copy of the compiled tree that has no native/build beside it, nor any package to fall back on.
    const compiled = dirname(dirname(fileURLToPath(import.meta.url)));
    for (const name of ['wire', 'native', 'threshold/group', 'threshold/dkls']) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      cpSync(join(compiled, name), join(folder, name), { recursive: true });
    }
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const at = (name: string): string =>
      JSON.stringify(pathToFileURL(join(folder, `${name}${extension}`)).href);
    const child = spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `const { secp256k1Group } = await import(${at('threshold/group/secp256k1')});
         const { ed25519Group } = await import(${at('threshold/group/ed25519')});
         const { p256Group } = await import(${at('threshold/group/p256')});
         const { nativeVectors, nativeBits } = await import(${at('threshold/dkls/nativeKernel')});
         const { baseProducts } = await import(${at('native/ristretto')});
         const { checkBackends } = await import(${at('threshold/group/selfTest')});
         const one = new Uint8Array(32).fill(1);
         const calls = [
           ...[secp256k1Group, ed25519Group, p256Group].flatMap((group) => [
             () => group.baseProduct(one),
             () => group.product(group.generator, one),
             () => group.publicBaseProduct(5n),
             () => group.decode(new Uint8Array(group.elementBytes).fill(2)),
             () => group.scalars.random((length) => new Uint8Array(length)),
             () => group.scalars.add(one, one),
           ]),
           () => nativeVectors('p256').areCanonical(one),
           () => nativeBits.transpose(new Uint8Array(128), 8),
           () => baseProducts(one),
           checkBackends,
         ];
         const codes = calls.map((call) => {
           try { call(); return 'computed'; } catch (error) { return error.code ?? String(error); }
         });
         console.log(codes.length, [...new Set(codes)].join());`,
      ],
      { encoding: 'utf8', timeout: 20_000 },
    );
    assert.equal(child.stdout, '22 native/not-built\n', child.stderr);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
