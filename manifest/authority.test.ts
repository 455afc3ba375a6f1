import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../wire/errors/index.ts';
import { maxClientSkewMs, maxRequestLifeMs } from '../wire/limits.ts';
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
