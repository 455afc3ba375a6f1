/** Evidence: appraisal of a document with its chain unknown and known, and the making of one, beside a bare ES384. */
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  enrolInsecureDevInstance,
  insecureDevAttester,
  insecureDevPcrs,
  makeInsecureDevRoot,
} from '../enclave/attester/index.ts';
import { appraise, makeAuthorityCache, policyFor } from '../enclave/evidence/index.ts';
import type { Manifest } from '../wire/messages/manifest.ts';
import { claimsBytes, identityBytes } from '../wire/messages/session.ts';
import { measure, summarise, type BenchRow } from './row.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);

/** Rows of this part. */
export async function rows(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'symbolon-bench-'));
  try {
    return await measureIn(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureIn(folder: string): Promise<BenchRow[]> {
  const now = Date.now();
  const program = bytes(32, 1);
  const authority = join(folder, 'root');
  const root = await makeInsecureDevRoot({ folder: authority, now });
  const roleArn = 'arn:aws:iam::000000000000:role/bench';
  const node = join(folder, 'node');
  const instance = await enrolInsecureDevInstance({ authority, folder: node, roleArn, now });
  const attester = await insecureDevAttester({ folder: node, program, now: Date.now });
  const expected = {
    nonce: bytes(32, 2),
    role: 'session',
    cluster: bytes(16, 3),
    node: 'a',
    manifest: bytes(32, 4),
  } as const;
  const { nonce, ...claims } = expected;
  const bound = {
    nonce,
    publicKey: identityBytes.encode({ v: 1, sign: bytes(32, 5), encrypt: bytes(32, 6), tls: bytes(32, 7) }),
    userData: claimsBytes.encode({ v: 1, ...claims, boot: bytes(16, 8) }),
  };
  const document = await attester.makeEvidence(bound);
  const pcrs = insecureDevPcrs(program, instance);
  const manifest: Manifest = {
    v: 1,
    cluster: expected.cluster,
    label: 'bench',
    version: 1,
    mode: 'dev',
    issuedAt: now,
    nodes: [{ name: 'a', index: 1, platform: 'dev', pcrs: new Map(pcrs.node) }],
    measurements: [
      {
        name: 'image',
        platform: 'dev',
        pcrs: new Map(pcrs.image),
        reason: 'bench',
        notBefore: now,
        notAfter: now + 86_400_000,
      },
    ],
    roots: [{ platform: 'dev', sha256: root.sha256 }],
    evidenceMaxAgeMs: 0,
    clients: [],
    governance: { threshold: 1, keys: [] },
  };
  const policy = policyFor(manifest, 'a');
  const judge = (cache: ReturnType<typeof makeAuthorityCache>): void => {
    const result = appraise({ platform: 'dev', document }, policy, { now: Date.now(), expected, cache });
    if (!result.ok) {
      throw result.refusal;
    }
  };

  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  const data = document.subarray(0, -96);
  const signature = sign('sha384', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const warm = makeAuthorityCache(16);
  const steps: readonly (readonly [string, () => unknown])[] = [
    ['es384.verify', () => verify('sha384', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)],
    [
      'appraise.cold',
      () => {
        judge(makeAuthorityCache(16));
      },
    ],
    [
      'appraise.warm',
      () => {
        judge(warm);
      },
    ],
    ['document.make', () => attester.makeEvidence(bound)],
  ];
  const measured: BenchRow[] = [];
  for (const [name, step] of steps) {
    measured.push(await measure(`evidence.${name}`, 200, step));
  }
  return [...measured, summarise('evidence.document', [document.length], 'bytes')];
}
