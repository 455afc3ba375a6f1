import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  instanceId,
  madeAt,
  makeDocument,
  moduleId,
  roleArn,
  shownPcrs,
  type Changes,
} from '../../test/pki/nitro.ts';
import type { CborInput } from '../../wire/cbor.ts';
import { encodeCbor } from '../../wire/cbor.ts';
import { assertRefusal, assertRefuses } from '../../test/pki/refusal.ts';
import type { ErrorCode } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import { maxEvidenceSkewMs } from '../../wire/limits.ts';
import type { Manifest, Platform } from '../../wire/messages/manifest.ts';
import { claimsBytes, identityBytes, type Claims, type Identity } from '../../wire/messages/session.ts';
import { appraise, appraiseDocument, type AppraisalResult, type DocumentQuestion } from './appraise.ts';
import { makeAuthorityCache } from './nitro/cache.ts';
import type { Expected } from './claims.ts';
import { instancePcr, rolePcr } from './pcrs.ts';
import { policyFor, type AppraisalPolicy } from './policy.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const identity: Identity = { v: 1, sign: bytes(32, 1), encrypt: bytes(32, 2), tls: bytes(32, 3) };
const claims: Claims = {
  v: 2,
  role: 'session',
  cluster: bytes(16, 4),
  node: 'node-a',
  boot: bytes(16, 5),
  manifest: bytes(32, 6),
  since: 3,
  mark: 4,
  boots: 1,
  witnessed: new Map([[2, 9]]),
};
const expected: Expected = {
  nonce: bytes(32, 0x33),
  role: 'session',
  cluster: claims.cluster,
  node: 'node-a',
  manifest: claims.manifest,
};
const image = new Map([...shownPcrs].slice(0, 3));
const machine = new Map([...shownPcrs].slice(3, 5));
const day = 86_400_000;
const current = {
  name: 'image-1',
  platform: 'nitro' as Platform,
  pcrs: image,
  reason: 'test',
  notBefore: madeAt - day,
  notAfter: madeAt + day,
};
const cache = makeAuthorityCache(64);

function manifestWith(root: Uint8Array, change: Partial<Manifest> = {}): Manifest {
  return {
    v: 1,
    cluster: claims.cluster,
    label: 'test',
    version: 1,
    mode: 'production',
    issuedAt: madeAt - day,
    nodes: [{ name: 'node-a', index: 1, platform: 'nitro', pcrs: machine }],
    measurements: [current],
    roots: [{ platform: 'nitro', sha256: root }],
    evidenceMaxAgeMs: 0,
    clients: [],
    governance: { threshold: 1, keys: [{ name: 'gov', publicKey: bytes(32, 9) }] },
    ...change,
  };
}
interface Case {
  readonly document?: Changes;
  readonly claims?: Partial<Claims>;
  readonly expected?: Partial<Expected>;
  readonly manifest?: Partial<Manifest>;
  readonly platform?: Platform;
  readonly policy?: Partial<AppraisalPolicy>;
  readonly now?: number;
}
/** One node's evidence under one manifest, as it should be but for the change. */
function run(change: Case = {}): AppraisalResult {
  const made = makeDocument({
    ...change.document,
    fields: (fields) => {
      fields.set('public_key', identityBytes.encode(identity));
      fields.set('user_data', claimsBytes.encode({ ...claims, ...change.claims }));
      change.document?.fields?.(fields);
    },
  });
  const complete = policyFor(manifestWith(made.root, change.manifest), 'node-a');
  const policy = change.policy === undefined ? complete : { ...complete, ...change.policy };
  return appraise({ platform: change.platform ?? policy.platform, document: made.document }, policy, {
    now: change.now ?? madeAt + 1_000,
    expected: { ...expected, ...change.expected },
    cache,
  });
}
function refused(change: Case, code: ErrorCode, facts: Readonly<Record<string, unknown>> = {}): void {
  const result = run(change);
  assert.ok(!result.ok, 'accepted');
  assertRefusal(result.refusal, code, facts);
}
const field =
  (name: string, value: CborInput): NonNullable<Changes['fields']> =>
  (fields) =>
    fields.set(name, value);
const pcr = (index: number, value: Uint8Array | undefined): Changes => ({
  fields: (fields) => {
    const pcrs = new Map(shownPcrs);
    if (value === undefined) {
      pcrs.delete(index);
    } else {
      pcrs.set(index, value);
    }
    fields.set('pcrs', pcrs);
  },
});

test('given good evidence, the appraisal says who, what, under which rule, until when', () => {
  const result = run();
  assert.ok(result.ok);
  const { appraisal } = result;
  assert.equal(appraisal.node, 'node-a');
  assert.equal(appraisal.platform, 'nitro');
  assert.deepEqual(appraisal.identity, identity);
  assert.deepEqual(appraisal.boot, claims.boot);
  assert.equal(appraisal.measurement, 'image-1');
  assert.equal(appraisal.machine, moduleId);
  assert.equal(appraisal.madeAt, madeAt);
  // The leaf ends before the measurement's window does.
  assert.equal(appraisal.notAfter, madeAt + 3 * 3_600_000);
  assert.deepEqual(appraisal.pcrs.get(0), image.get(0));
});

test('given a measurement that ends before the leaf, the appraisal ends with it', () => {
  const result = run({ manifest: { measurements: [{ ...current, notAfter: madeAt + 60_000 }] } });
  assert.ok(result.ok);
  assert.equal(result.appraisal.notAfter, madeAt + 60_000);
});

describe('claims: each one wrong', () => {
  test('evidence for a channel is no evidence for a session', () => {
    refused({ claims: { role: 'channel' } }, 'evidence/claim-mismatch', {
      claim: 'role',
      wanted: 'session',
      got: 'channel',
    });
  });
  test('another cluster', () => {
    const cluster = bytes(16, 0xee);
    refused({ claims: { cluster } }, 'evidence/claim-mismatch', { claim: 'cluster', got: toHex(cluster) });
  });
  test('another node of the same cluster, whose evidence is relayed as this one', () => {
    refused({ claims: { node: 'node-b' } }, 'evidence/claim-mismatch', { claim: 'node', got: 'node-b' });
  });
  test('another manifest', () => {
    refused({ claims: { manifest: bytes(32, 7) } }, 'evidence/claim-mismatch', {
      claim: 'manifest',
      wanted: toHex(claims.manifest),
    });
  });
  test('claims or identity absent, of another version, with an unknown field, or trailing bytes', () => {
    const good = claimsBytes.encode(claims);
    const plain = { ...claims };
    const broken: Readonly<Record<string, CborInput>> = {
      absent: null,
      empty: new Uint8Array(),
      version: encodeCbor({ ...plain, v: 3 }),
      unknown: encodeCbor({ ...plain, more: 1 }),
      trailing: new Uint8Array([...good, 0]),
      short: good.subarray(0, -1),
      boot: encodeCbor({ ...plain, boot: bytes(15, 1) }),
      long: bytes(513, 0),
    };
    for (const [name, value] of Object.entries(broken)) {
      refused({ document: { fields: field('user_data', value) } }, 'evidence/bad-claims', {
        field: 'user_data',
      });
      if (name !== 'empty') {
        refused({ document: { fields: field('public_key', value) } }, 'evidence/bad-claims', {
          field: 'public_key',
        });
      }
    }
  });
});

describe('freshness', () => {
  test('T02: a nonce that this verifier did not choose, or none', () => {
    const nonce = bytes(32, 0x34);
    const facts = { wanted: toHex(nonce), got: toHex(expected.nonce) };
    refused({ expected: { nonce } }, 'evidence/nonce-mismatch', facts);
    refused({ document: { fields: field('nonce', null) } }, 'evidence/nonce-mismatch', { got: 'absent' });
    refused({ document: { fields: field('nonce', bytes(31, 0x33)) } }, 'evidence/nonce-mismatch');
    refused({ document: { fields: field('nonce', bytes(33, 0x33)) } }, 'evidence/nonce-mismatch');
  });
  test('T01: an expected nonce that is empty or short is an error, also where the document has the same', () => {
    for (const length of [0, 8, 15, 65]) {
      const nonce = bytes(length, 0x33);
      refused({ expected: { nonce }, document: { fields: field('nonce', nonce) } }, 'evidence/no-policy');
    }
  });
  test('T37: a document that is dated too early or too late for this clock', () => {
    const limitMs = 30_000 + maxEvidenceSkewMs;
    refused({ now: madeAt + limitMs + 1 }, 'evidence/too-old', { madeAt, limitMs });
    assert.ok(run({ now: madeAt + limitMs }).ok);
    assert.ok(run({ now: madeAt - 50_000 }).ok);
    refused({ document: { fields: field('timestamp', madeAt + 70_000) } }, 'evidence/from-the-future', {
      madeAt: madeAt + 70_000,
    });
  });
  test('a manifest that accepts older evidence is followed', () => {
    const manifest = { evidenceMaxAgeMs: 600_000 };
    assert.ok(run({ manifest, now: madeAt + 600_000 }).ok);
    refused({ manifest, now: madeAt + 600_001 + maxEvidenceSkewMs }, 'evidence/too-old');
  });
});

describe('policy', () => {
  test('a PCR of the image differs: which one, wanted, got', () => {
    for (const index of [0, 1, 2]) {
      refused({ document: pcr(index, bytes(48, 0x77)) }, 'evidence/measurement-mismatch', {
        node: 'node-a',
        measurement: 'image-1',
        pcr: index,
        wanted: toHex(image.get(index) ?? new Uint8Array()),
        got: '77'.repeat(48),
      });
    }
  });
  test('the mismatch is told against the listed image that is nearest', () => {
    const far = { ...current, name: 'image-0', pcrs: new Map([0, 1, 2].map((i) => [i, bytes(48, 0x11)])) };
    refused(
      { manifest: { measurements: [far, current] }, document: pcr(2, bytes(48, 0x77)) },
      'evidence/measurement-mismatch',
      {
        measurement: 'image-1',
        pcr: 2,
      },
    );
  });
  test('a PCR that the measurement lists and the document does not have', () => {
    const measurement = { ...current, pcrs: new Map([...image, [8, bytes(48, 1)]]) };
    const without8: Changes = { fields: field('pcrs', shownPcrs) };
    refused(
      { manifest: { measurements: [measurement] }, document: without8 },
      'evidence/measurement-mismatch',
      {
        pcr: 8,
        got: 'absent',
      },
    );
  });
  test('T08: an image before and after its window is refused by name, with the time', () => {
    const later = { ...current, notBefore: madeAt + 5_000 };
    refused({ manifest: { measurements: [later] } }, 'evidence/measurement-not-yet', {
      measurement: 'image-1',
      notBefore: madeAt + 5_000,
    });
    const retired = { ...current, notAfter: madeAt + 999 };
    refused({ manifest: { measurements: [retired] } }, 'evidence/measurement-retired', {
      measurement: 'image-1',
      notAfter: madeAt + 999,
    });
  });
  test('two images are valid at once during an upgrade; the one that lasts longest speaks', () => {
    const longer = { ...current, name: 'image-1b', notAfter: madeAt + 2 * day };
    const other = { ...current, name: 'image-2', pcrs: new Map([0, 1, 2].map((i) => [i, bytes(48, 0x22)])) };
    const result = run({ manifest: { measurements: [other, current, longer] } });
    assert.ok(result.ok);
    assert.equal(result.appraisal.measurement, 'image-1b');
  });
  test('an image that is listed for another platform does not count', () => {
    assertRefuses(
      () => run({ manifest: { measurements: [{ ...current, platform: 'dev' }] } }),
      'evidence/no-policy',
    );
  });
  test('T09: the same image on another machine or in another role is refused', () => {
    const elsewhere = { name: 'node-a', index: 1, platform: 'nitro' as Platform };
    const instance = new Map([[4, instancePcr('i-0fffffffffffffff0')]]);
    refused({ manifest: { nodes: [{ ...elsewhere, pcrs: instance }] } }, 'evidence/node-pcr-mismatch', {
      pcr: 4,
      got: toHex(instancePcr(instanceId)),
    });
    const role = new Map([[3, rolePcr(`${roleArn}-b`)]]);
    refused({ manifest: { nodes: [{ ...elsewhere, pcrs: role }] } }, 'evidence/node-pcr-mismatch', {
      pcr: 3,
    });
  });
  test('PCR4 that is not the instance of the module id is refused', () => {
    refused({ document: pcr(4, instancePcr('i-0fffffffffffffff0')) }, 'evidence/inconsistent');
    refused({ document: pcr(4, undefined) }, 'evidence/inconsistent', { got: 'absent' });
  });
  test('T04: a debug enclave is refused, in every mode', () => {
    const debug: Changes = {
      fields: field(
        'pcrs',
        new Map([...shownPcrs].map(([i, value]) => [i, i < 3 ? new Uint8Array(48) : value])),
      ),
    };
    refused({ document: debug }, 'evidence/debug-mode', { moduleId });
    refused({ document: debug, manifest: { mode: 'dev' } }, 'evidence/debug-mode');
    for (const index of [0, 1, 2]) {
      refused({ document: pcr(index, new Uint8Array(48)) }, 'evidence/debug-mode');
      refused({ document: pcr(index, undefined) }, 'evidence/debug-mode');
    }
  });
  test('T04: zeros are refused in the list too, so a list can not let debug enclaves in', () => {
    for (const mode of ['production', 'dev'] as const) {
      const zeros = { ...current, pcrs: new Map([...image, [1, new Uint8Array(48)]]) };
      assertRefuses(() => run({ manifest: { mode, measurements: [zeros] } }), 'evidence/zeros-listed', {
        where: 'measurement image-1',
        pcr: 1,
      });
      const node = {
        name: 'node-a',
        index: 1,
        platform: 'nitro' as Platform,
        pcrs: new Map([[3, new Uint8Array(48)]]),
      };
      assertRefuses(() => run({ manifest: { mode, nodes: [node] } }), 'evidence/zeros-listed', { pcr: 3 });
    }
  });
  test('T01: a policy with a gap is refused when it is made', () => {
    const node = { name: 'node-a', index: 1, platform: 'nitro' as Platform };
    const gaps: readonly Partial<Manifest>[] = [
      { nodes: [{ ...node, name: 'node-b', pcrs: machine }] },
      { nodes: [{ ...node, pcrs: new Map() }] },
      { nodes: [{ ...node, pcrs: new Map([[8, bytes(48, 1)]]) }] },
      { roots: [] },
      { roots: [{ platform: 'dev', sha256: bytes(32, 1) }] },
      { measurements: [] },
      { measurements: [{ ...current, pcrs: new Map([...image].slice(0, 2)) }] },
      { measurements: [current, { ...current, pcrs: new Map() }] },
    ];
    for (const gap of gaps) {
      assertRefuses(() => run({ manifest: gap }), 'evidence/no-policy');
    }
  });
  test('T01: a policy that was not made from a manifest, or was changed since, accepts nothing', () => {
    for (const policy of [{}, { nodePcrs: new Map() }, { maxAgeMs: Infinity }, { measurements: [] }]) {
      refused({ policy }, 'evidence/no-policy', { node: 'node-a' });
    }
  });
  test('a policy of one node does not appraise another', () => {
    refused({ expected: { node: 'node-b' } }, 'evidence/no-policy', { node: 'node-b' });
  });
});

describe('platforms', () => {
  const devNode = { name: 'node-a', index: 1, platform: 'dev' as Platform, pcrs: machine };
  const dev = (root: Uint8Array, mode: Manifest['mode']): Partial<Manifest> => ({
    mode,
    nodes: [devNode],
    measurements: [{ ...current, platform: 'dev' }],
    roots: [{ platform: 'dev', sha256: root }],
  });
  const { root } = makeDocument();
  const asDevRoot: Changes = {
    certificates: {
      root: { subject: [['CN', 'insecure-dev.nitro']], issuer: [['CN', 'insecure-dev.nitro']] },
      region: { issuer: [['CN', 'insecure-dev.nitro']] },
    },
  };

  test('dev goes through the same verifier, and only under a manifest of mode dev', () => {
    const made = makeDocument();
    assertRefuses(
      () => policyFor(manifestWith(made.root, dev(made.root, 'production')), 'node-a'),
      'evidence/dev-refused',
      {
        mode: 'production',
      },
    );
    const policy = policyFor(manifestWith(made.root, dev(made.root, 'dev')), 'node-a');
    const result = appraise({ platform: 'dev', document: made.document }, policy, { now: madeAt, expected });
    // Everything but the claims is in order.
    assert.ok(!result.ok && result.refusal.code === 'evidence/bad-claims');
  });
  test('a dev root that a production manifest pins under another name is refused as what it is', () => {
    refused({ document: asDevRoot }, 'evidence/dev-refused', { mode: 'production' });
    assert.ok(run({ document: asDevRoot, manifest: { mode: 'dev' } }).ok);
  });
  test('evidence of another platform than the manifest names', () => {
    refused({ platform: 'dev' }, 'evidence/wrong-platform', { wanted: 'nitro', got: 'dev' });
  });
  test('T05: evidence of a platform that the manifest does not name for the node is refused by name', () => {
    for (const platform of ['nitro-tpm', 'tpm2'] as const) {
      refused({ platform }, 'evidence/wrong-platform', { wanted: 'nitro', got: platform });
      assertRefuses(
        () => policyFor(manifestWith(root, { nodes: [{ ...devNode, platform }] }), 'node-a'),
        'evidence/no-policy',
      );
    }
  });
});

describe('a document by itself, for tools', () => {
  const { document, root } = makeDocument();
  const question: DocumentQuestion = {
    platform: 'nitro',
    roots: [root],
    now: madeAt,
    nonce: 'any',
    pcrs: 'any',
    debug: 'refuse',
    machine: 'any',
    cache,
  };
  const code = (change: Partial<DocumentQuestion>, bytes = document): ErrorCode | 'accepted' => {
    const result = appraiseDocument(bytes, { ...question, ...change });
    return result.ok ? 'accepted' : result.refusal.code;
  };
  test('each expectation is compared, or waived by name', () => {
    assert.equal(code({}), 'accepted');
    assert.equal(code({ nonce: bytes(32, 0x33), pcrs: image }), 'accepted');
    assert.equal(code({ nonce: bytes(32, 0) }), 'evidence/nonce-mismatch');
    assert.equal(code({ pcrs: new Map([[0, bytes(48, 1)]]) }), 'evidence/measurement-mismatch');
    assert.equal(code({ roots: [] }), 'evidence/no-policy');
    assert.equal(code({ pcrs: new Map() }), 'evidence/no-policy');
    assert.equal(code({ platform: 'nitro-tpm' }), 'evidence/wrong-document-type');
    assert.equal(code({ platform: 'tpm2' }), 'evidence/malformed');
    assert.equal(code({ now: madeAt + day }), 'evidence/certificate-not-valid');
  });
  test('T04: debug is refused unless allowed by name, and zeros can not be expected', () => {
    const debug = makeDocument(pcr(0, new Uint8Array(48)));
    const zeros = new Map([[0, new Uint8Array(48)]]);
    const roots = [debug.root];
    assert.equal(code({ roots }, debug.document), 'evidence/debug-mode');
    assert.equal(code({ roots, pcrs: zeros }, debug.document), 'evidence/zeros-listed');
    assert.equal(code({ roots, pcrs: zeros, debug: 'allow' }, debug.document), 'accepted');
  });
});
