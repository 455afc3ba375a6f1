/**
 * Evidence: appraisal of documents of both AWS platforms, with their chain unknown and known, and the making of one. Beside
 * each appraisal stands its cost in units of one bare ES384 verification, timed in the same turn of one loop, so that what
 * slows the machine slows both.
 */
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  enrolInsecureDevInstance,
  insecureDevAttester,
  makeInsecureDevRoot,
} from '../enclave/attester/index.ts';
import {
  appraise,
  makeAuthorityCache,
  policyFor,
  unsafeReadDocument,
  type AuthorityCache,
  type OpenEs384Key,
} from '../enclave/evidence/index.ts';
import { nativeEs384 } from '../native/es384.ts';
import { instanceId, madeAt, makeDocument, shownPcrs, shownTpmPcrs } from '../test/pki/nitro.ts';
import type { Manifest } from '../wire/messages/manifest.ts';
import { claimsBytes, identityBytes } from '../wire/messages/session.ts';
import { measure, runs, summarise, type BenchRow } from './row.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const expected = {
  nonce: bytes(32, 0x33),
  role: 'session',
  cluster: bytes(16, 3),
  node: 'a',
  manifest: bytes(32, 4),
} as const;
const { nonce, ...asked } = expected;
const claims = {
  ...asked,
  v: 2,
  boot: bytes(16, 8),
  since: 1,
  mark: 2,
  boots: 1,
  witnessed: new Map([[2, 9]]),
} as const;
const bound = {
  nonce,
  publicKey: identityBytes.encode({ v: 1, sign: bytes(32, 5), encrypt: bytes(32, 6), tls: bytes(32, 7) }),
  userData: claimsBytes.encode(claims),
};

/** Rows of this part. */
export async function rows(): Promise<BenchRow[]> {
  const sizes: BenchRow[] = [];
  const steps: [name: string, step: () => void][] = [];
  for (const kind of ['nitro', 'nitro-tpm'] as const) {
    const { document, judge, neighbours } = prepare(kind, nativeEs384());
    const byNode = prepare(kind, undefined);
    const warm = makeAuthorityCache(16);
    steps.push(
      // As a tool does it that has no addon: all by node:crypto.
      [
        `${kind}.coldByNode`,
        () => {
          byNode.judge(makeAuthorityCache(16));
        },
      ],
      [
        `${kind}.cold`,
        () => {
          judge(makeAuthorityCache(16));
        },
      ],
      // A machine that was started lately: root, region and zone are known from another one.
      [
        `${kind}.new`,
        () => {
          judge(above(neighbours));
        },
      ],
      [
        `${kind}.warm`,
        () => {
          judge(warm);
        },
      ],
    );
    sizes.push(summarise(`evidence.${kind}.document`, [document.length], 'bytes'));
  }
  return [...interleaved(steps), await makingOf(), ...sizes];
}

/** A document with everything that appraises it, and a cache that knows its chain down to the zone. */
function prepare(
  kind: 'nitro' | 'nitro-tpm',
  openKey: OpenEs384Key | undefined,
): {
  readonly document: Uint8Array;
  readonly judge: (cache: AuthorityCache) => void;
  readonly neighbours: AuthorityCache;
} {
  const fields = (map: Map<unknown, unknown>): void => {
    map.set('public_key', bound.publicKey).set('user_data', bound.userData);
  };
  const { document, root } = makeDocument({ kind, fields });
  const image =
    kind === 'nitro'
      ? [...shownPcrs].slice(0, 3)
      : [...shownTpmPcrs].filter(([i]) => [2, 4, 7, 9].includes(i));
  const machine = kind === 'nitro' ? [...shownPcrs].slice(3) : [];
  const day = 86_400_000;
  const window = { notBefore: madeAt - day, notAfter: madeAt + day };
  const manifest: Manifest = {
    v: 1,
    cluster: expected.cluster,
    label: 'bench',
    version: 1,
    mode: 'production',
    issuedAt: madeAt,
    nodes: [{ name: 'a', index: 1, platform: kind, pcrs: new Map(machine), instance: instanceId }],
    measurements: [{ name: 'image', platform: kind, pcrs: new Map(image), reason: 'bench', ...window }],
    roots: [{ platform: kind, sha256: root }],
    evidenceMaxAgeMs: 0,
    clients: [],
    governance: { threshold: 1, keys: [] },
  };
  const policy = policyFor(manifest, 'a');
  const judgeThe = (shown: Uint8Array, cache: AuthorityCache): void => {
    const result = appraise({ platform: kind, document: shown }, policy, {
      now: madeAt + 1_000,
      expected,
      cache,
      openKey,
    });
    if (!result.ok) {
      throw result.refusal;
    }
  };
  const neighbours = makeAuthorityCache(16);
  // The keys are the same, so an instance of the same zone needs but a certificate of its own.
  const shared = unsafeReadDocument(document).cabundle;
  const bundle = (own: Uint8Array[]): Uint8Array[] => [...shared.slice(0, 3), ...own.slice(3)];
  judgeThe(makeDocument({ kind, fields, bundle }).document, neighbours);
  return {
    document,
    neighbours,
    judge: (cache) => {
      judgeThe(document, cache);
    },
  };
}

/** An empty cache over one that is only read. */
function above(known: AuthorityCache): AuthorityCache {
  const own = makeAuthorityCache(16);
  return { ...own, get: (path) => own.get(path) ?? known.get(path) };
}

/** Every step once in every turn of one loop, beside one bare verification; in milliseconds and in units of that. */
function interleaved(steps: readonly (readonly [string, () => void])[]): BenchRow[] {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  const data = bytes(4_400, 1);
  const signature = sign('sha384', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const unit = (): void => {
    verify('sha384', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
  };
  const units: number[] = [];
  const samples = steps.map((): number[] => []);
  const ratios = steps.map((): number[] => []);
  for (let turn = -30; turn < runs(300); turn += 1) {
    for (const [i, [, step]] of steps.entries()) {
      const one = timed(unit);
      const own = timed(step);
      if (turn >= 0) {
        units.push(one);
        samples[i]?.push(own);
        ratios[i]?.push(own / one);
      }
    }
  }
  return [
    summarise('evidence.es384.verify', units, 'ms'),
    ...steps.flatMap(([name], i) => [
      summarise(`evidence.${name}`, samples[i] ?? [], 'ms'),
      summarise(`evidence.${name}.units`, ratios[i] ?? [], 'units'),
    ]),
  ];
}

/** How long a piece of work takes, in milliseconds. */
function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** The making of a document by the insecure dev attester. */
async function makingOf(): Promise<BenchRow> {
  const folder = await mkdtemp(join(tmpdir(), 'symbolon-bench-'));
  try {
    const now = Date.now();
    const authority = join(folder, 'root');
    const node = join(folder, 'node');
    await makeInsecureDevRoot({ folder: authority, now });
    const roleArn = 'arn:aws:iam::000000000000:role/bench';
    await enrolInsecureDevInstance({ authority, folder: node, roleArn, now });
    const attester = await insecureDevAttester({ folder: node, program: bytes(32, 1), now: Date.now });
    return await measure('evidence.dev.make', 200, () =>
      attester.makeEvidence({ ...bound, role: 'session' }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
