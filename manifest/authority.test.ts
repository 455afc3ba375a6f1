import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../wire/errors/index.ts';
import { isEcdsa, schemes } from '../wire/ids.ts';
import { maxClientSkewMs, maxRequestLifeMs } from '../wire/limits.ts';
import { actions, payloadKinds, type Manifest, type ManifestClient } from '../wire/messages/manifest.ts';
import { requestBytes, requestHash, signedRequest, type Request } from '../wire/messages/request.ts';
import { refusal } from '../daemon/testing/refusal.ts';
import {
  sampleCreate,
  sampleManifest,
  sampleNow,
  sampleSeeds,
  sampleSign,
} from '../daemon/testing/sampleManifest.ts';
import { signEd25519 } from './ed25519.ts';
import { checkKeyUse, mayConnect, signRequest, verifySignedRequest } from './authority.ts';

const manifest = sampleManifest();
const at = { now: sampleNow };
const ask = (request: Request, seed: Uint8Array = sampleSeeds.operator, now = sampleNow) =>
  verifySignedRequest(signRequest(request, seed), manifest, { now });

test('given a request within its grants, when it is verified, then request, hash and client come back', () => {
  const { request, hash, client } = ask(sampleSign());
  assert.deepEqual(request, sampleSign());
  assert.deepEqual(hash, requestHash(requestBytes.encode(sampleSign())));
  assert.equal(client.name, 'operator');
  assert.equal(ask(sampleCreate()).request.action, 'key.create');
});

const wrong: readonly [name: string, code: ErrorCode, request: Request, now?: number][] = [
  ['a client that the manifest does not have', 'request/unknown-client', sampleSign({ client: 'stranger' })],
  ['the name of another client', 'request/bad-signature', sampleSign({ client: 'coordinator' })],
  ['T24: another cluster', 'request/foreign-cluster', sampleSign({ cluster: new Uint8Array(16).fill(0xcc) })],
  ['T24: an end that is now', 'request/expired', sampleSign({ expiresAt: sampleNow })],
  [
    'T24: a start beyond the tolerance',
    'request/not-yet-valid',
    sampleSign({ issuedAt: sampleNow + maxClientSkewMs + 1 }),
  ],
  [
    'a life longer than a day',
    'request/bad-life',
    sampleSign({ expiresAt: sampleNow - 1_000 + maxRequestLifeMs + 1 }),
  ],
  ['an end before its start', 'request/bad-life', sampleSign({ issuedAt: sampleNow, expiresAt: sampleNow })],
  ['T25: a purpose that is not granted', 'request/not-granted', sampleSign({ purpose: 'payroll' })],
  [
    'T25: a payload that is not granted',
    'request/not-granted',
    sampleSign({ payload: { kind: 'bip341-key-spend', digest: new Uint8Array(32) } }),
  ],
  ['T25: a purpose not granted for keys', 'request/not-granted', sampleCreate({ purpose: 'payroll' })],
  [
    'T25: a scheme that is not granted',
    'request/not-granted',
    sampleCreate({ scheme: 'frost-secp256k1-tr' }),
  ],
  [
    'a node that the manifest does not have',
    'request/bad-participants',
    sampleCreate({ nodes: ['node-1', 'node-2', 'node-9'] }),
  ],
  ['a node twice', 'request/bad-participants', sampleCreate({ nodes: ['node-1', 'node-2', 'node-2'] })],
  ['nodes not sorted', 'request/bad-participants', sampleCreate({ nodes: ['node-2', 'node-1', 'node-3'] })],
  [
    'a threshold above the number of nodes',
    'request/bad-participants',
    sampleCreate({ nodes: ['node-1', 'node-2'], threshold: 3 }),
  ],
  [
    'a client key past its end',
    'request/client-expired',
    sampleSign({ issuedAt: sampleNow + 864_000_000 - 1, expiresAt: sampleNow + 864_060_000 }),
    sampleNow + 864_000_000,
  ],
];
for (const [name, code, request, now] of wrong) {
  test(`given ${name}, when a request is verified, then ${code}`, () => {
    assert.throws(() => ask(request, sampleSeeds.operator, now ?? sampleNow), refusal(code));
  });
}

test('given a threshold of half the nodes, when a key is asked for, then it is refused: two halves could both sign', () => {
  const [first] = manifest.nodes;
  assert.ok(first);
  const four = { ...manifest, nodes: [...manifest.nodes, { ...first, name: 'node-4', index: 4 }] };
  const request = sampleCreate({ nodes: ['node-1', 'node-2', 'node-3', 'node-4'], threshold: 2 });
  const signed = signRequest(request, sampleSeeds.operator);
  assert.throws(() => verifySignedRequest(signed, four, at), refusal('request/bad-participants'));
  const higher = signRequest({ ...request, threshold: 3 }, sampleSeeds.operator);
  assert.equal(verifySignedRequest(higher, four, at).request.action, 'key.create');
});

test('given each byte of a signed request changed, when it is verified, then it is refused', () => {
  const signed = signRequest(sampleSign(), sampleSeeds.operator);
  for (let i = 0; i < signed.length; i += 1) {
    const changed = signed.slice();
    changed[i] = (changed[i] ?? 0) ^ 1;
    assert.throws(() => verifySignedRequest(changed, manifest, at), /SymbolonError/, `byte ${i}`);
  }
});

test('T25: given a client without grants, when it asks anything, then it is refused', () => {
  const [operator] = manifest.clients;
  assert.ok(operator);
  const empty = { ...manifest, clients: [{ ...operator, may: [] }] };
  for (const request of [sampleSign(), sampleCreate()]) {
    const signed = signRequest(request, sampleSeeds.operator);
    assert.throws(() => verifySignedRequest(signed, empty, at), refusal('request/not-granted'));
  }
  assert.throws(() => mayConnect(empty, operator.publicKey, 'status', at), refusal('request/not-granted'));
});

test('T25: given two grants that each cover half of a request, when it is verified, then they do not add up', () => {
  const [operator] = manifest.clients;
  assert.ok(operator);
  const grant = { action: 'sign', schemes: ['frost-ed25519'], payloads: ['message'] } as const;
  const may = [
    { ...grant, purposes: ['treasury'], payloads: [], schemes: [...grant.schemes] },
    { ...grant, purposes: [], payloads: [...grant.payloads], schemes: [...grant.schemes] },
  ];
  const halves = { ...manifest, clients: [{ ...operator, may }] };
  const signed = signRequest(sampleSign(), sampleSeeds.operator);
  assert.throws(() => verifySignedRequest(signed, halves, at), refusal('request/not-granted'));
});

test('T25: given a grant for the scheme and another for the purpose, when the key is known, then they do not add up', () => {
  const { client } = ask(sampleSign());
  const grant = { action: 'sign', payloads: ['message'] } as const;
  const may = [
    { ...grant, purposes: ['payroll'], payloads: [...grant.payloads], schemes: ['frost-ed25519' as const] },
    { ...grant, purposes: ['treasury'], payloads: [...grant.payloads], schemes: [] },
  ];
  const key = { id: '1'.repeat(32), scheme: 'frost-ed25519', purpose: 'treasury' } as const;
  assert.throws(() => {
    checkKeyUse(sampleSign(), { ...client, may }, key);
  }, refusal('request/not-granted'));
});

test('T10: given a stranger who signs with its own key, when verified, then the signature refuses it before times and grants', () => {
  const body = requestBytes.encode(sampleSign({ expiresAt: 1, issuedAt: 0, purpose: 'payroll' }));
  const signed = signedRequest.encode({
    request: body,
    signature: signEd25519(sampleSeeds.coordinator, requestHash(body)),
  });
  assert.throws(() => verifySignedRequest(signed, manifest, at), refusal('request/bad-signature'));
});

test('T19: given a key of another purpose, when a request names it, then it is refused', () => {
  const { client } = ask(sampleSign());
  const key = { id: '1'.repeat(32), scheme: 'frost-ed25519', purpose: 'payroll' } as const;
  assert.throws(
    () => {
      checkKeyUse(sampleSign(), client, key);
    },
    refusal('request/wrong-purpose', { wanted: 'payroll', got: 'treasury' }),
  );
  checkKeyUse(sampleSign(), client, { ...key, purpose: 'treasury' });
});

test('given a payload of another scheme, or a scheme not granted for signing, when the key is known, then it is refused', () => {
  const { client } = ask(sampleSign());
  const ed25519 = { id: '1'.repeat(32), scheme: 'frost-ed25519', purpose: 'treasury' } as const;
  const digest = sampleSign({ payload: { kind: 'bip340-digest', digest: new Uint8Array(32) } });
  assert.throws(() => {
    checkKeyUse(digest, client, ed25519);
  }, refusal('request/wrong-payload'));
  assert.throws(() => {
    checkKeyUse(digest, client, { ...ed25519, scheme: 'frost-secp256k1-tr' });
  }, refusal('request/not-granted'));
  assert.throws(() => {
    checkKeyUse(sampleSign(), client, { ...ed25519, scheme: 'frost-secp256k1-tr' });
  }, refusal('request/wrong-payload'));
});

test('given client keys, when they connect, then only a granted action of a known and current client is let in', () => {
  const [operator, coordinator] = manifest.clients;
  assert.ok(operator && coordinator);
  assert.equal(mayConnect(manifest, coordinator.publicKey, 'relay', at).name, 'coordinator');
  assert.equal(mayConnect(manifest, operator.publicKey, 'status', at).name, 'operator');
  assert.throws(
    () => mayConnect(manifest, operator.publicKey, 'relay', at),
    refusal('request/not-granted', { action: 'relay' }),
  );
  assert.throws(
    () => mayConnect(manifest, new Uint8Array(32), 'relay', at),
    refusal('request/unknown-client'),
  );
  assert.throws(
    () => mayConnect(manifest, coordinator.publicKey, 'relay', { now: coordinator.notAfter }),
    refusal('request/client-expired'),
  );
});

const about = { key: '1'.repeat(32), purpose: 'treasury' };
const { v, cluster, id, client: by, issuedAt, expiresAt } = sampleSign();
const head = { v, cluster, id, client: by, issuedAt, expiresAt };
const two = ['node-1', 'node-2'];
const reshare = (change: Partial<Extract<Request, { action: 'key.reshare' }>> = {}): Request => ({
  ...head,
  ...about,
  action: 'key.reshare',
  generation: 1,
  public: Uint8Array.of(1),
  label: 'main',
  dealers: two,
  nodes: ['node-2', 'node-3'],
  threshold: 2,
  ...change,
});
const later: readonly Request[] = [
  { ...head, ...about, action: 'key.refresh', generation: 1 },
  reshare(),
  { ...head, action: 'pair', nodes: two },
  { ...head, action: 'pair.renew', nodes: two },
  { ...head, ...about, action: 'presign', nodes: two },
];
/** The manifest, in which the operator has these grants. */
const granting = (may: Manifest['clients'][number]['may']): Manifest => ({
  ...manifest,
  clients: manifest.clients.map((client) => (client.name === 'operator' ? { ...client, may } : client)),
});
const full = { purposes: ['treasury'], schemes: [...schemes], payloads: [...payloadKinds] };

for (const request of later) {
  const { action } = request;
  const asked = (under: Manifest): unknown =>
    verifySignedRequest(signRequest(request, sampleSeeds.operator), under, at);

  test(`T25: given a request to ${action}, when exactly that is granted, then it passes, and no other grant stands for it`, () => {
    asked(granting([{ action, purposes: full.purposes, schemes: [], payloads: [] }]));
    const others = granting(actions.filter((one) => one !== action).map((one) => ({ action: one, ...full })));
    assert.throws(() => asked(others), refusal('request/not-granted', { action }));
    if ('purpose' in request) {
      const elsewhere = granting([{ action, ...full, purposes: ['payroll'] }]);
      assert.throws(() => asked(elsewhere), refusal('request/not-granted', { action }));
    }
  });

  if ('key' in request) {
    test(`T19, T25: given a request to ${action}, when the key is known, then its purpose and scheme are in one grant`, () => {
      const scheme = action === 'presign' ? 'dkls23-secp256k1' : 'frost-ed25519';
      const key = { id: request.key, scheme, purpose: 'treasury' } as const;
      const client = (may: Manifest['clients'][number]['may']): ManifestClient => {
        const found = granting(may).clients.find(({ name }) => name === 'operator');
        assert.ok(found);
        return found;
      };
      checkKeyUse(request, client([{ action, ...full }]), key);
      assert.throws(() => {
        checkKeyUse(request, client([{ action, ...full }]), { ...key, purpose: 'payroll' });
      }, refusal('request/wrong-purpose'));
      for (const may of [
        [{ action, ...full, schemes: schemes.filter((one) => one !== scheme) }],
        [
          { action, ...full, schemes: [] },
          { action, ...full, purposes: [] },
        ],
        [{ action: 'sign' as const, ...full }],
      ]) {
        assert.throws(
          () => {
            checkKeyUse(request, client(may), key);
          },
          refusal('request/not-granted', { action }),
        );
      }
    });
  }
}

const wrongNodes: readonly [string, Request][] = [
  ['dealers not sorted', reshare({ dealers: ['node-2', 'node-1'] })],
  ['a dealer twice', reshare({ dealers: ['node-1', 'node-1'] })],
  ['a dealer that the manifest does not have', reshare({ dealers: ['node-1', 'node-9'] })],
  ['new holders not sorted', reshare({ nodes: ['node-3', 'node-2'] })],
  ['a new holder that the manifest does not have', reshare({ nodes: ['node-2', 'node-9'] })],
  ['a new threshold above the new holders', reshare({ threshold: 3 })],
  [
    'T20: a new threshold of half the new holders',
    reshare({ nodes: ['node-1', 'node-2', 'node-3', 'node-4'], threshold: 2 }),
  ],
  ['nodes to pair not sorted', { ...head, action: 'pair', nodes: ['node-2', 'node-1'] }],
  ['a node to pair twice', { ...head, action: 'pair.renew', nodes: ['node-2', 'node-2'] }],
  ['a node to pair that is nowhere', { ...head, action: 'pair', nodes: ['node-1', 'node-9'] }],
  ['signers not sorted', { ...head, ...about, action: 'presign', nodes: ['node-2', 'node-1'] }],
  ['a signer that is nowhere', { ...head, ...about, action: 'presign', nodes: ['node-1', 'node-9'] }],
];
for (const [what, request] of wrongNodes) {
  test(`given ${what}, when a request is verified, then request/bad-participants`, () => {
    const [first] = manifest.nodes;
    assert.ok(first);
    const may = [{ action: request.action, ...full }];
    const four = { ...granting(may), nodes: [...manifest.nodes, { ...first, name: 'node-4', index: 4 }] };
    assert.throws(
      () => verifySignedRequest(signRequest(request, sampleSeeds.operator), four, at),
      refusal('request/bad-participants'),
    );
  });
}

test('given payloads of FROST and ECDSA, when the key is of the other kind, then they are refused, and no FROST key has presignatures', () => {
  const { client } = ask(sampleSign());
  const may = [
    { action: 'sign' as const, ...full },
    { action: 'presign' as const, ...full },
  ];
  const message = new Uint8Array(32);
  for (const scheme of schemes) {
    const key = { id: about.key, scheme, purpose: 'treasury' };
    const taken = payloadKinds.filter((kind) => {
      const payload = { kind, message, digest: message };
      try {
        checkKeyUse(sampleSign({ payload }), { ...client, may }, key);
        return true;
      } catch (error) {
        return !refusal('request/wrong-payload')(error);
      }
    });
    const wanted = {
      'frost-ed25519': ['message'],
      'frost-secp256k1-tr': ['bip340-digest', 'bip341-key-spend'],
      'dkls23-secp256k1': ['ecdsa-keccak256', 'ecdsa-sha256', 'ecdsa-digest'],
      'dkls23-p256': ['ecdsa-keccak256', 'ecdsa-sha256', 'ecdsa-digest'],
    };
    assert.deepEqual(taken, wanted[scheme]);
    const presign = { ...head, ...about, action: 'presign', nodes: two } as const;
    const use = (): void => {
      checkKeyUse(presign, { ...client, may }, key);
    };
    if (isEcdsa(scheme)) {
      use();
    } else {
      assert.throws(use, refusal('request/wrong-payload', { payload: 'presignature' }));
    }
  }
});
