/**
 * Documents of real enclaves and the negative cases made from them, where a folder of such data is at hand. Its
 * manifests state each verdict.
 */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../test/repoRoot.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { fromHex } from '../../wire/ids.ts';
import type { Manifest } from '../../wire/messages/manifest.ts';
import { appraiseDocument, type DocumentQuestion } from './appraise.ts';
import { makeAuthorityCache } from './nitro/cache.ts';
import { unsafeReadDocument } from './nitro/document.ts';
import { instancePcr, replayDigests } from './pcrs.ts';
import { checkPolicy, policyFor } from './policy.ts';

const data = process.env['SYMBOLON_DATA'] ?? join(repoRoot, '../shared/data');
const has = (folder: string): boolean => existsSync(join(data, folder, 'manifest.json'));
const skipOf = (folder: string): { skip: string | false } => ({
  skip: has(folder) ? false : `no ${folder} in the folder of external test data (SYMBOLON_DATA)`,
});
const read = (folder: string, file: string): Uint8Array =>
  new Uint8Array(readFileSync(join(data, folder, file)));
const json = (folder: string): unknown =>
  JSON.parse(readFileSync(join(data, folder, 'manifest.json'), 'utf8'));
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());
const bytesOf = (hex: string): Uint8Array => fromHex(hex) ?? assert.fail('not hexadecimal');
const question = (root: Uint8Array, now: number): DocumentQuestion => ({
  platform: 'nitro',
  roots: [root],
  now,
  nonce: 'any',
  pcrs: 'any',
  debug: 'refuse',
  machine: 'any',
  cache: makeAuthorityCache(16),
});

/** A result, and the least processor time of some runs: what other processes take of a busy machine says nothing. */
function leastOf<T>(runs: number, work: () => T): readonly [result: T, milliseconds: number] {
  const start = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(start);
  const duration = (user + system) / 1_000;
  return runs === 1 ? [result, duration] : [result, Math.min(duration, leastOf(runs - 1, work)[1])];
}

interface Genuine {
  readonly file: string;
  readonly kind: 'prod' | 'debug' | 'nitrotpm';
  readonly timestamp: number;
  readonly module_id: string;
  readonly pcr0: string;
}
test(
  'every genuine document gets its verdict at its own time, in less than 20 ms each',
  skipOf('nitro'),
  (t) => {
    const { root_sha256, docs } = json('nitro') as { root_sha256: string; docs: Genuine[] };
    const counts = { accepted: 0, debug: 0, nitroTpm: 0 };
    const durations: number[] = [];
    for (const { file, kind, timestamp, module_id, pcr0 } of docs) {
      const document = read('nitro', file);
      const ask: DocumentQuestion = {
        ...question(bytesOf(root_sha256), timestamp),
        platform: kind === 'nitrotpm' ? 'nitro-tpm' : 'nitro',
      };
      const [result, duration] = leastOf(3, () =>
        appraiseDocument(document, { ...ask, cache: makeAuthorityCache(16) }),
      );
      durations.push(duration);
      // T05: the one genuine NitroTPM document is refused as an enclave's, and every enclave's as a NitroTPM's.
      const asOther = appraiseDocument(document, {
        ...ask,
        platform: kind === 'nitrotpm' ? 'nitro' : 'nitro-tpm',
      });
      assert.ok(!asOther.ok && asOther.refusal.code === 'evidence/wrong-document-type', file);
      if (kind === 'debug') {
        assert.ok(!result.ok && result.refusal.code === 'evidence/debug-mode', file);
        assert.ok(appraiseDocument(document, { ...ask, debug: 'allow' }).ok, file);
        counts.debug += 1;
      } else {
        assert.ok(result.ok, `${file}: ${result.ok ? '' : result.refusal.message}`);
        assert.equal(result.statement.machine, module_id);
        assert.deepEqual(result.statement.pcrs.get(0), bytesOf(pcr0));
        counts[kind === 'prod' ? 'accepted' : 'nitroTpm'] += 1;
      }
    }
    const [median = Infinity] = durations.sort((a, b) => a - b).slice(durations.length >> 1);
    const slowest = durations.at(-1) ?? Infinity;
    const times = `cold: median ${median.toFixed(1)} ms, slowest ${slowest.toFixed(1)} ms`;
    t.diagnostic(`${docs.length} genuine: ${JSON.stringify(counts)}; ${times}`);
    assert.ok(slowest < 20, times);
  },
);

test('PCR4 and the strict certificate reader agree with every genuine document', skipOf('nitro'), (t) => {
  const { docs } = json('nitro') as { docs: Genuine[] };
  let certificates = 0;
  for (const { file, kind } of docs) {
    const shown = unsafeReadDocument(read('nitro', file));
    assert.equal(shown.kind, kind === 'nitrotpm' ? 'nitro-tpm' : 'nitro');
    if (shown.kind === 'nitro') {
      assert.deepEqual(shown.pcrs.get(4), instancePcr(shown.instanceId), file);
    }
    for (const view of shown.certificates) {
      const other = new X509Certificate(view.der);
      assert.equal(Date.parse(other.validFrom), view.notBefore);
      assert.equal(Date.parse(other.validTo), view.notAfter);
      assert.equal(other.ca, view.basicConstraints?.ca);
      assert.ok(other.subject.includes(`CN=${view.commonName ?? '-'}`));
      assert.equal(
        BigInt(`0x${other.serialNumber}`),
        BigInt(`0x${Buffer.from(view.serial).toString('hex')}`),
      );
      certificates += 1;
    }
  }
  t.diagnostic(`${certificates} certificates read the same by OpenSSL`);
});

/** PCR7 where Secure Boot is off: five variables, all empty, and a separator (TCG PC Client Firmware Profile 3.3.4.8). */
function pcr7WithoutSecureBoot(): Uint8Array | undefined {
  const guid = (hex: string): Buffer => Buffer.from(hex, 'hex');
  const global = guid('61dfe48bca93d211aa0d00e098032b8c');
  const security = guid('cbb219d73a3d9645a3bcdad00e67656f');
  const sha384 = (...parts: readonly Uint8Array[]): Uint8Array =>
    new Uint8Array(createHash('sha384').update(Buffer.concat(parts)).digest());
  const variable = (vendor: Buffer, name: string, value: Uint8Array): Uint8Array => {
    const lengths = Buffer.alloc(16);
    lengths.writeBigUInt64LE(BigInt(name.length));
    lengths.writeBigUInt64LE(BigInt(value.length), 8);
    return sha384(vendor, lengths, Buffer.from(name, 'utf16le'), value);
  };
  const none = new Uint8Array();
  return replayDigests([
    variable(global, 'SecureBoot', Uint8Array.of(0)),
    variable(global, 'PK', none),
    variable(global, 'KEK', none),
    variable(security, 'db', none),
    variable(security, 'dbx', none),
    sha384(new Uint8Array(4)),
  ]);
}

test(
  'given the genuine NitroTPM document, then policy sees the boot that its registers tell',
  skipOf('nitro'),
  () => {
    const { root_sha256, docs } = json('nitro') as { root_sha256: string; docs: Genuine[] };
    const { file, timestamp } =
      docs.find(({ kind }) => kind === 'nitrotpm') ?? assert.fail('no such document');
    const root = bytesOf(root_sha256);
    const result = appraiseDocument(read('nitro', file), {
      ...question(root, timestamp),
      platform: 'nitro-tpm',
    });
    assert.ok(result.ok);
    const { statement } = result;
    assert.equal(statement.pcrs.size, 24);
    // The machine that made it had Secure Boot off; the variables and their order are those of the firmware profile.
    assert.deepEqual(statement.pcrs.get(7), pcr7WithoutSecureBoot());
    const judge = (listed: readonly number[]): string => {
      const pcrs = new Map(
        listed.map((index) => [index, statement.pcrs.get(index) ?? assert.fail(`no PCR${index}`)]),
      );
      const manifest: Manifest = {
        v: 1,
        cluster: new Uint8Array(16),
        label: 'genuine',
        version: 1,
        mode: 'production',
        issuedAt: timestamp,
        nodes: [
          {
            name: 'a',
            index: 1,
            platform: 'nitro-tpm',
            pcrs: new Map(),
            instance: statement.instanceId ?? '',
          },
        ],
        measurements: [
          {
            name: 'image',
            platform: 'nitro-tpm',
            pcrs,
            reason: 'test',
            notBefore: timestamp,
            notAfter: timestamp,
          },
        ],
        roots: [{ platform: 'nitro-tpm', sha256: root }],
        evidenceMaxAgeMs: 0,
        clients: [],
        governance: { threshold: 1, keys: [] },
      };
      try {
        return checkPolicy(policyFor(manifest, 'a'), { statement, now: timestamp }).name;
      } catch (error) {
        assert.ok(isSymbolonError(error));
        return error.code;
      }
    };
    // It is no Attestable AMI: GRUB ran, so PCR4 and PCR7 alone say nothing about its command line.
    assert.equal(judge([4, 7]), 'evidence/no-policy');
    assert.equal(judge([2, 4, 7, 9]), 'evidence/measured-outside');
    assert.equal(judge([2, 4, 7, 8]), 'evidence/no-policy');
    assert.equal(judge([4, 7, 8, 9]), 'evidence/no-policy');
    assert.equal(judge([2, 4, 7, 8, 9]), 'image');
  },
);

interface Negative {
  readonly id: string;
  readonly file: string;
  readonly expect: 'accept' | 'reject';
  readonly root: 'aws' | 'synth';
  readonly verify_time_ms: number;
  readonly options: {
    readonly allowDebug?: boolean;
    readonly expectedNonceHex?: string;
    readonly expectedPcrs?: Readonly<Record<string, string>>;
  };
}
test('every negative case and control gets the verdict of its manifest', skipOf('nitro-bad'), (t) => {
  const { cases } = json('nitro-bad') as { cases: Negative[] };
  const roots = {
    aws: bytesOf((json('nitro') as { root_sha256: string }).root_sha256),
    synth: sha256(read('nitro-bad', 'synth-root.der')),
  };
  const counts = { accept: 0, reject: 0 };
  for (const { id, file, expect, root, verify_time_ms, options } of cases) {
    const document = read('nitro-bad', file);
    const ask: DocumentQuestion = {
      ...question(roots[root], verify_time_ms),
      nonce: options.expectedNonceHex === undefined ? 'any' : bytesOf(options.expectedNonceHex),
      pcrs:
        options.expectedPcrs === undefined
          ? 'any'
          : new Map(
              Object.entries(options.expectedPcrs).map(([index, hex]) => [Number(index), bytesOf(hex)]),
            ),
      debug: options.allowDebug === true ? 'allow' : 'refuse',
    };
    const [result, duration] = leastOf(3, () =>
      appraiseDocument(document, { ...ask, cache: makeAuthorityCache(16) }),
    );
    assert.ok(duration < 20, `${id}: ${duration.toFixed(1)} ms`);
    const verdict = result.ok ? 'accept' : 'reject';
    assert.equal(verdict, expect, `${id}: ${result.ok ? 'accepted' : result.refusal.message}`);
    counts[verdict] += 1;
  }
  t.diagnostic(`${cases.length} cases: ${JSON.stringify(counts)}, none other than stated`);
});

test('published documents that do not verify are refused', skipOf('nitro-natural-bad'), (t) => {
  const cases = json('nitro-natural-bad') as { file: string; timestamp_iso: string | null }[];
  const root = bytesOf((json('nitro') as { root_sha256: string }).root_sha256);
  for (const { file, timestamp_iso } of cases) {
    const now = timestamp_iso === null ? 1_700_000_000_000 : Date.parse(timestamp_iso);
    const result = appraiseDocument(read('nitro-natural-bad', file), {
      ...question(root, now),
      debug: 'allow',
    });
    assert.ok(!result.ok, file);
  }
  t.diagnostic(`${cases.length} refused`);
});
