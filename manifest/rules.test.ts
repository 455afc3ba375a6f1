import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { ManifestRule } from '../wire/errors/manifest.ts';
import type { Manifest, ManifestNode } from '../wire/messages/manifest.ts';
import { refusal } from '../daemon/testing/refusal.ts';
import { sampleManifest } from '../daemon/testing/sampleManifest.ts';
import { checkManifestRules } from './rules.ts';
import { makeManifest } from './verify.ts';

const base = sampleManifest();
const [node1, node2, node3] = base.nodes;
const [image] = base.measurements;
const [operator, coordinator] = base.clients;
const [alice, bob, carol] = base.governance.keys;
assert.ok(node1 && node2 && node3 && image && operator && coordinator && alice && bob && carol);
const zeros = new Uint8Array(48);
const ones = new Uint8Array(48).fill(1);
const root = { platform: 'nitro', sha256: new Uint8Array(32).fill(9) } as const;
const governed = (keys: Manifest['governance']['keys'], threshold = 2): Partial<Manifest> => ({
  governance: { threshold, keys },
});

const cases: readonly [rule: ManifestRule, name: string, change: Partial<Manifest>][] = [
  ['duplicate-name', 'two nodes of one name', { nodes: [node1, { ...node2, name: node1.name }, node3] }],
  [
    'duplicate-name',
    'two clients of one name',
    { clients: [operator, { ...coordinator, name: operator.name }] },
  ],
  ['duplicate-name', 'two governors of one name', governed([alice, { ...bob, name: alice.name }])],
  ['duplicate-name', 'one image listed twice', { measurements: [image, image] }],
  ['bad-index', 'an index twice', { nodes: [node1, { ...node2, index: 1 }, node3] }],
  ['bad-index', 'a gap in the indexes', { nodes: [node1, node2, { ...node3, index: 4 }] }],
  [
    'key-in-two-roles',
    'T23: a governor twice under two names',
    governed([alice, { ...alice, name: 'alice-2' }]),
  ],
  [
    'key-in-two-roles',
    'T23: a client that is a governor too',
    { clients: [{ ...operator, publicKey: alice.publicKey }] },
  ],
  [
    'key-in-two-roles',
    'two clients with one key',
    { clients: [operator, { ...coordinator, publicKey: operator.publicKey }] },
  ],
  [
    'weak-key',
    'a small-order client key, under which anybody can sign',
    { clients: [{ ...operator, publicKey: Uint8Array.of(1, ...new Uint8Array(31)) }] },
  ],
  [
    'weak-key',
    'bytes that are no point',
    { clients: [{ ...operator, publicKey: new Uint8Array(32).fill(0xff) }] },
  ],
  ['governance-threshold', 'T23: a threshold above the number of keys', governed([alice, bob], 3)],
  [
    'zero-measurement',
    'T04: an image with a zero PCR, in dev mode too',
    { measurements: [{ ...image, pcrs: new Map([[0, zeros]]) }] },
  ],
  [
    'zero-measurement',
    'T04: a node with a zero PCR',
    { nodes: [{ ...node1, pcrs: new Map([[4, zeros]]) }, node2, node3] },
  ],
  [
    'no-measurement',
    'T01: an image without PCR 0',
    { measurements: [{ ...image, pcrs: new Map([[1, ones]]) }] },
  ],
  [
    'no-measurement',
    'T01: an image that evidence could never be appraised by: PCR 2 is not listed',
    { measurements: [{ ...image, pcrs: new Map([...image.pcrs].slice(0, 2)) }] },
  ],
  ['no-measurement', 'T01: an image without any PCR', { measurements: [{ ...image, pcrs: new Map() }] }],
  [
    'no-measurement',
    'a platform without an image',
    { nodes: [{ ...node1, platform: 'nitro' }, node2, node3], roots: [...base.roots, root] },
  ],
  ['no-root', 'T06: a platform without a root', { roots: [root] }],
  [
    'node-not-distinct',
    'T01: a node that any machine could be',
    { nodes: [{ ...node1, pcrs: new Map() }, node2, node3] },
  ],
  [
    'node-not-distinct',
    'T09: two nodes on one machine',
    { nodes: [node1, { ...node2, pcrs: node1.pcrs }, node3] },
  ],
  [
    'node-not-distinct',
    'T01: a node that names neither role nor instance',
    { nodes: [{ ...node1, pcrs: new Map([[8, ones]]) }, node2, node3] },
  ],
  [
    'node-not-distinct',
    'T09: a node whose PCRs the machine of another shows as well',
    { nodes: [{ ...node1, pcrs: new Map([...node1.pcrs].slice(0, 1)) }, node2, node3] },
  ],
  [
    'node-not-distinct',
    'T09: a role and an instance that one machine can have both',
    {
      nodes: [
        { ...node1, pcrs: new Map([...node1.pcrs].slice(0, 1)) },
        { ...node2, pcrs: new Map([...node2.pcrs].slice(1)) },
        node3,
      ],
    },
  ],
  [
    'node-not-distinct',
    'T09: two nodes on one machine that differ in their images only',
    {
      nodes: [
        { ...node1, pcrs: new Map([...node1.pcrs, [8, ones]]) },
        { ...node2, pcrs: new Map([...node1.pcrs, [8, ones.map(() => 2)]]) },
        node3,
      ],
    },
  ],
  ['dev-in-production', 'dev nodes in production', { mode: 'production' }],
  [
    'empty-window',
    'a window that ends as it begins',
    { measurements: [{ ...image, notAfter: image.notBefore }] },
  ],
];

for (const [rule, name, change] of cases) {
  test(`given ${name}, when a manifest is checked or made, then rule ${rule} refuses it`, () => {
    const manifest = sampleManifest(change);
    assert.throws(
      () => {
        checkManifestRules(manifest);
      },
      refusal('manifest/rule', { rule }),
    );
    assert.throws(() => makeManifest(manifest), refusal('manifest/rule', { rule }));
  });
}

test('given each place where dev could be named, when the mode is production, then the place is refused by name', () => {
  const platform = 'nitro';
  const nodes = base.nodes.map((node) => ({ ...node, platform }) as const);
  const measurements = [{ ...image, platform } as const];
  const production: Partial<Manifest> = { mode: 'production', nodes, measurements, roots: [root] };
  checkManifestRules(sampleManifest(production));
  const devImage = { ...image, name: 'dev-image' };
  assert.throws(
    () => {
      checkManifestRules(sampleManifest({ ...production, measurements: [...measurements, devImage] }));
    },
    refusal('manifest/rule', { rule: 'dev-in-production', at: 'measurements' }),
  );
  assert.throws(
    () => {
      checkManifestRules(sampleManifest({ ...production, roots: [root, ...base.roots] }));
    },
    refusal('manifest/rule', { rule: 'dev-in-production', at: 'roots' }),
  );
});

test('T01: given an image of a real enclave without PCR 1, or of a TPM without any PCR, when checked, then it is refused', () => {
  const enclave = { ...image, platform: 'nitro', pcrs: new Map([...image.pcrs].slice(0, 1)) } as const;
  const tpm = { ...image, platform: 'tpm2', pcrs: new Map() } as const;
  for (const other of [enclave, tpm]) {
    assert.throws(
      () => {
        checkManifestRules(sampleManifest({ measurements: [image, other] }));
      },
      refusal('manifest/rule', { rule: 'no-measurement' }),
    );
  }
  const known = new Map([4, 7, 11].map((index) => [index, ones]));
  checkManifestRules(sampleManifest({ measurements: [image, { ...tpm, pcrs: known }] }));
});

/** Two nodes of a production manifest, with measurements that fit their platforms. */
const twoOn = (first: Partial<ManifestNode>, second: Partial<ManifestNode>): Manifest => {
  const at = (index: number, change: Partial<ManifestNode>): ManifestNode => ({
    name: `node-${index}`,
    index,
    platform: 'nitro',
    pcrs: new Map(),
    ...change,
  });
  const registers = (indexes: readonly number[]): Map<number, Uint8Array> =>
    new Map(indexes.map((index) => [index, ones]));
  return sampleManifest({
    mode: 'production',
    nodes: [at(1, first), at(2, second)],
    measurements: [
      { ...image, platform: 'nitro', pcrs: registers([0, 1, 2]) },
      { ...image, platform: 'nitro-tpm', pcrs: registers([2, 4, 7, 9]) },
      { ...image, platform: 'tpm2', pcrs: registers([0, 2, 4, 7, 9]) },
    ],
    roots: [root, { ...root, platform: 'nitro-tpm' }],
  });
};
const instance = 'i-0123456789abcdef0';
const register4 = new Uint8Array(createHash('sha384').update(new Uint8Array(48)).update(instance).digest());
const key = (fill: number): Uint8Array => new Uint8Array(34).fill(fill);
const oneMachine: readonly (readonly [string, Partial<ManifestNode>, Partial<ManifestNode>])[] = [
  [
    'one instance under two roles',
    {
      pcrs: new Map([
        [3, ones],
        [4, register4],
      ]),
    },
    {
      pcrs: new Map([
        [3, register4],
        [4, register4],
      ]),
    },
  ],
  [
    'an enclave and the instance that it runs on',
    { pcrs: new Map([[4, register4]]) },
    { platform: 'nitro-tpm', instance },
  ],
  [
    'two attestation keys of one TPM',
    { platform: 'tpm2', attestationKey: key(1), endorsementKey: ones.slice(0, 32) },
    { platform: 'tpm2', attestationKey: key(2), endorsementKey: ones.slice(0, 32) },
  ],
  [
    'one attestation key twice',
    { platform: 'tpm2', attestationKey: key(1), endorsementKey: ones.slice(0, 32) },
    { platform: 'tpm2', attestationKey: key(1) },
  ],
];
for (const [name, first, second] of oneMachine) {
  test(`T09: given two nodes that are ${name}, when a manifest is checked, then it is refused`, () => {
    assert.throws(
      () => {
        checkManifestRules(twoOn(first, second));
      },
      refusal('manifest/rule', { rule: 'node-not-distinct' }),
    );
  });
}
test('given nodes on machines of their own, then the same forms pass: one role, other instances, other TPMs', () => {
  const other = register4.map((byte) => byte ^ 1);
  checkManifestRules(
    twoOn(
      {
        pcrs: new Map([
          [3, ones],
          [4, register4],
        ]),
      },
      {
        pcrs: new Map([
          [3, ones],
          [4, other],
        ]),
      },
    ),
  );
  checkManifestRules(twoOn({ pcrs: new Map([[4, other]]) }, { platform: 'nitro-tpm', instance }));
  checkManifestRules(
    twoOn(
      { platform: 'tpm2', attestationKey: key(1), endorsementKey: ones.slice(0, 32) },
      { platform: 'tpm2', attestationKey: key(2), endorsementKey: ones.slice(0, 32).map(() => 9) },
    ),
  );
});

test('T01: given an image of a TPM without the registers of what runs before the boot loader, then it is refused', () => {
  const made = twoOn({ platform: 'tpm2', attestationKey: key(1) }, { pcrs: new Map([[4, register4]]) });
  checkManifestRules(made);
  for (const left of [0, 2]) {
    const measurements = made.measurements.map((one) => ({
      ...one,
      pcrs: one.platform === 'tpm2' ? new Map([...one.pcrs].filter(([pcr]) => pcr !== left)) : one.pcrs,
    }));
    assert.throws(
      () => {
        checkManifestRules({ ...made, measurements });
      },
      refusal('manifest/rule', { rule: 'no-measurement', at: 'nodes.node-1' }),
    );
    // A machine's own firmware may stand with the node instead of the image.
    const nodes = made.nodes.map((node) =>
      node.name === 'node-1' ? { ...node, pcrs: new Map([[left, ones]]) } : node,
    );
    checkManifestRules({ ...made, measurements, nodes });
  }
});

for (const platform of ['nitro-tpm', 'tpm2'] as const) {
  test(`T01: given an image of platform ${platform} that lists PCR 8 without PCR 9, when checked, then it is refused`, () => {
    const pcrs = new Map([4, 7, 8].map((index) => [index, new Uint8Array(48).fill(1)]));
    const half = { ...image, platform, pcrs } as const;
    assert.throws(
      () => {
        checkManifestRules(sampleManifest({ measurements: [image, half] }));
      },
      refusal('manifest/rule', { rule: 'no-measurement' }),
    );
    const whole = { ...half, pcrs: new Map([...pcrs, [9, new Uint8Array(48).fill(1)]]) };
    checkManifestRules(sampleManifest({ measurements: [image, whole] }));
  });
}

test('given the sample manifest, when it is made, then no rule refuses it', () => {
  assert.ok(makeManifest(base).length > 0);
});
