/** Evidence of instances with a NitroTPM, from the document to the verdict. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertRefusal, assertRefuses } from '../../test/pki/refusal.ts';
import {
  instanceId,
  madeAt,
  makeDocument,
  shownTpmPcrs,
  tpmModuleId,
  type Changes,
} from '../../test/pki/nitro.ts';
import type { ErrorCode } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { Manifest, ManifestNode } from '../../wire/messages/manifest.ts';
import { claimsBytes, identityBytes, type Claims } from '../../wire/messages/session.ts';
import { appraise, appraiseDocument, type AppraisalResult, type DocumentQuestion } from './appraise.ts';
import { makeAuthorityCache } from './nitro/cache.ts';
import { policyFor } from './policy.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const register = (index: number): Uint8Array => shownTpmPcrs.get(index) ?? assert.fail(`no PCR${index}`);
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
  witnessed: new Map(),
};
const expected = {
  nonce: bytes(32, 0x33),
  role: 'session',
  cluster: claims.cluster,
  node: 'node-a',
  manifest: claims.manifest,
} as const;
const node: ManifestNode = {
  name: 'node-a',
  index: 1,
  platform: 'nitro-tpm',
  pcrs: new Map(),
  instance: instanceId,
};
const day = 86_400_000;
const measurement: Manifest['measurements'][number] = {
  name: 'image-1',
  platform: 'nitro-tpm',
  pcrs: new Map([2, 4, 7, 9].map((index) => [index, register(index)])),
  reason: 'test',
  notBefore: madeAt - day,
  notAfter: madeAt + day,
};
const listing = (...listed: readonly (readonly [number, Uint8Array])[]): Partial<Manifest> => ({
  measurements: [{ ...measurement, pcrs: new Map([...measurement.pcrs, ...listed]) }],
});
const cache = makeAuthorityCache(16);

function run(
  change: { readonly pcrs?: ReadonlyMap<number, Uint8Array>; readonly manifest?: Partial<Manifest> } & Pick<
    Changes,
    'kind'
  > = {},
): AppraisalResult {
  const { document, root } = makeDocument({
    kind: change.kind ?? 'nitro-tpm',
    fields: (fields) => {
      fields.set(
        'public_key',
        identityBytes.encode({ v: 1, sign: bytes(32, 1), encrypt: bytes(32, 2), tls: bytes(32, 3) }),
      );
      fields.set('user_data', claimsBytes.encode(claims));
      if (change.pcrs !== undefined) {
        fields.set('nitrotpm_pcrs', change.pcrs);
      }
    },
  });
  const manifest: Manifest = {
    v: 1,
    cluster: claims.cluster,
    label: 'test',
    version: 1,
    mode: 'production',
    issuedAt: madeAt - day,
    nodes: [node],
    measurements: [measurement],
    roots: [{ platform: 'nitro-tpm', sha256: root }],
    evidenceMaxAgeMs: 0,
    clients: [],
    governance: { threshold: 1, keys: [] },
    ...change.manifest,
  };
  const policy = policyFor(manifest, 'node-a');
  return appraise({ platform: 'nitro-tpm', document }, policy, { now: madeAt + 1_000, expected, cache });
}
function refused(
  change: Parameters<typeof run>[0],
  code: ErrorCode,
  facts: Readonly<Record<string, unknown>> = {},
): void {
  const result = run(change);
  assert.ok(!result.ok, 'accepted');
  assertRefusal(result.refusal, code, facts);
}
/** All registers, some of them changed or, where `undefined`, left out. */
const registers = (
  ...changes: readonly (readonly [number, Uint8Array | undefined])[]
): { pcrs: Map<number, Uint8Array> } => {
  const pcrs = new Map(shownTpmPcrs);
  for (const [index, value] of changes) {
    if (value === undefined) {
      pcrs.delete(index);
    } else {
      pcrs.set(index, value);
    }
  }
  return { pcrs };
};

test('given good evidence of a NitroTPM, then the appraisal says who, what, under which rule, until when', () => {
  const result = run();
  assert.ok(result.ok, result.ok ? '' : result.refusal.message);
  const { appraisal } = result;
  assert.equal(appraisal.platform, 'nitro-tpm');
  assert.equal(appraisal.machine, tpmModuleId);
  assert.equal(appraisal.measurement, 'image-1');
  assert.equal(appraisal.notAfter, madeAt + 3 * 3_600_000);
  assert.equal(appraisal.pcrs.size, 24);
});

test('T05: given an enclave document as evidence of a NitroTPM node, then it is refused as what it is', () => {
  refused({ kind: 'nitro' }, 'evidence/wrong-document-type', { wanted: 'nitro-tpm', got: 'nitro' });
});

describe('the image', () => {
  test('another boot loader or another Secure Boot state is refused by its register', () => {
    for (const index of [4, 7]) {
      refused(registers([index, bytes(48, 0x77)]), 'evidence/measurement-mismatch', {
        measurement: 'image-1',
        pcr: index,
        wanted: toHex(register(index)),
        got: '77'.repeat(48),
      });
    }
  });
  test('T04: registers that an image is known by, of zeros or absent, are refused before any list is looked at', () => {
    for (const index of [4, 7]) {
      const facts = { machine: tpmModuleId, pcr: index };
      refused(registers([index, new Uint8Array(48)]), 'evidence/nothing-measured', facts);
      refused(registers([index, undefined]), 'evidence/nothing-measured', facts);
    }
  });
  test('T04: zeros can not be listed, so a list can not let unmeasured machines in', () => {
    for (const index of [4, 12]) {
      assertRefuses(() => run({ manifest: listing([index, new Uint8Array(48)]) }), 'evidence/zeros-listed', {
        pcr: index,
      });
    }
  });
  test('what came from outside the image is refused unless it is listed: GRUB commands, a command line, extensions', () => {
    const added = bytes(48, 0x11);
    for (const index of [12, 13]) {
      refused(registers([index, added]), 'evidence/measured-outside', { pcr: index, got: toHex(added) });
      refused(registers([index, undefined]), 'evidence/measured-outside', { pcr: index, got: 'absent' });
      assert.ok(run({ ...registers([index, added]), manifest: listing([index, added]) }).ok);
      refused({ manifest: listing([index, added]) }, 'evidence/measurement-mismatch', { pcr: index });
    }
  });
  test('a boot by GRUB is refused unless it is listed whole: its commands and the files that it loaded', () => {
    const commands = bytes(48, 0x11);
    const shown = registers([8, commands]);
    refused(shown, 'evidence/measured-outside', { pcr: 8, got: toHex(commands) });
    refused(registers([8, undefined]), 'evidence/measured-outside', { pcr: 8, got: 'absent' });
    const unified = new Map([...measurement.pcrs].map(([index, value]) => [index === 9 ? 11 : index, value]));
    const half = [{ ...measurement, pcrs: new Map([...unified, [8, commands]]) }];
    assertRefuses(() => run({ ...shown, manifest: { measurements: half } }), 'evidence/no-policy', {
      reason: 'measurement image-1 names PCR8 without PCR9',
    });
    const whole = listing([8, commands], [9, register(9)]);
    assert.ok(run({ ...shown, manifest: whole }).ok);
    refused(
      { ...registers([8, commands], [9, bytes(48, 0x22)]), manifest: whole },
      'evidence/measurement-mismatch',
      {
        pcr: 9,
      },
    );
  });
  test('registers that the measurement does not list, and that no rule names, may hold anything', () => {
    assert.ok(run(registers([10, bytes(48, 2)], [14, bytes(48, 3)], [23, undefined])).ok);
  });
  test('T01: a measurement without PCR2, PCR4 or PCR7, or without PCR9 and PCR11, is no policy', () => {
    for (const left of [2, 4, 7, 9]) {
      const pcrs = new Map([...measurement.pcrs].filter(([index]) => index !== left));
      assertRefuses(
        () => run({ manifest: { measurements: [{ ...measurement, pcrs }] } }),
        'evidence/no-policy',
      );
    }
  });
});

describe('the machine', () => {
  test('T09: the same image on another instance is refused', () => {
    const instance = 'i-0fffffffffffffff0';
    refused({ manifest: { nodes: [{ ...node, instance }] } }, 'evidence/other-machine', {
      node: 'node-a',
      wanted: instance,
      got: instanceId,
    });
  });
  test('T01: a node that names no instance is no policy', () => {
    const { instance, ...rest } = node;
    assert.ok(instance);
    const nodes = [rest];
    assertRefuses(() => run({ manifest: { nodes } }), 'evidence/no-policy', { node: 'node-a' });
  });
  test('a register that the node lists must match', () => {
    const nodes = [{ ...node, pcrs: new Map([[15, bytes(48, 1)]]) }];
    refused({ manifest: { nodes } }, 'evidence/node-pcr-mismatch', { pcr: 15 });
    assert.ok(run({ ...registers([15, bytes(48, 1)]), manifest: { nodes } }).ok);
  });
});

describe('a document by itself, for tools', () => {
  const { document, root } = makeDocument({ kind: 'nitro-tpm' });
  const question: DocumentQuestion = {
    platform: 'nitro-tpm',
    roots: [root],
    now: madeAt,
    nonce: bytes(32, 0x33),
    pcrs: measurement.pcrs,
    debug: 'refuse',
    machine: 'any',
    cache,
  };
  test('given expectations, then they are compared; an unmeasured machine is refused unless allowed by name', () => {
    const result = appraiseDocument(document, question);
    assert.ok(result.ok);
    assert.equal(result.statement.instanceId, instanceId);
    const other = appraiseDocument(document, { ...question, pcrs: new Map([[7, bytes(48, 1)]]) });
    assert.ok(!other.ok && other.refusal.code === 'evidence/measurement-mismatch');
    const zeros = makeDocument({
      kind: 'nitro-tpm',
      fields: (fields) => fields.set('nitrotpm_pcrs', registers([4, new Uint8Array(48)]).pcrs),
    });
    const ask: DocumentQuestion = { ...question, roots: [zeros.root], pcrs: 'any' };
    const unmeasured = appraiseDocument(zeros.document, ask);
    assert.ok(!unmeasured.ok && unmeasured.refusal.code === 'evidence/nothing-measured');
    assert.ok(appraiseDocument(zeros.document, { ...ask, debug: 'allow' }).ok);
  });
});
