import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes } from '../wire/ids.ts';
import { manifestBytes, manifestHash, signedManifest, type Manifest } from '../wire/messages/manifest.ts';
import { refusal } from '../daemon/testing/refusal.ts';
import {
  sampleManifest,
  sampleSeed,
  sampleSeeds,
  signSample,
  verifiedSample,
} from '../daemon/testing/sampleManifest.ts';
import { publicKeyOfSeed, signEd25519 } from './ed25519.ts';
import {
  anchorOf,
  makeManifest,
  signManifest,
  verifySignedManifest,
  type ManifestAuthority,
} from './verify.ts';

const current = verifiedSample();
const inForce: ManifestAuthority = { kind: 'current', current };
const next = (change: Partial<Manifest> = {}): Manifest => sampleManifest({ version: 2, ...change });

test('given the anchor, when the first manifest is verified, then it is taken with its hash and version', () => {
  assert.equal(current.version, 1);
  assert.deepEqual(current.hash, manifestHash(makeManifest(sampleManifest())));
});

test('given another governance record, when the first manifest is verified, then the anchor refuses it', () => {
  const authority: ManifestAuthority = { kind: 'anchor', anchor: anchorOf(sampleManifest()) };
  const { governance } = sampleManifest();
  const lowered = sampleManifest({ governance: { ...governance, threshold: 1 } });
  assert.throws(
    () => verifySignedManifest(signSample(lowered), authority),
    refusal('manifest/foreign-governance'),
  );
  const otherCluster = sampleManifest({ cluster: new Uint8Array(16) });
  assert.throws(
    () => verifySignedManifest(signSample(otherCluster), authority),
    refusal('manifest/foreign-governance'),
  );
});

test('given a higher version signed by two of three, when it is verified, then it is taken', () => {
  const verified = verifySignedManifest(signSample(next(), ['carol', 'alice']), inForce);
  assert.equal(verified.version, 2);
});

test('T23: given one governor who signed twice, when it is counted, then the duplicate is refused', () => {
  const body = makeManifest(next());
  const alice = { name: 'alice', seed: sampleSeeds.alice };
  assert.throws(
    () => verifySignedManifest(signManifest(body, [alice, alice]), inForce),
    refusal('manifest/duplicate-signer', { signer: 'alice' }),
  );
});

test('T23: given fewer signatures than the threshold, when counted in the node, then it is refused', () => {
  assert.throws(
    () => verifySignedManifest(signSample(next(), ['bob']), inForce),
    refusal('manifest/not-enough-signatures', { have: 1, wanted: 2 }),
  );
});

test('given a signer outside the governance set, even beside enough others, then it is refused', () => {
  const signers = [
    { name: 'alice', seed: sampleSeeds.alice },
    { name: 'bob', seed: sampleSeeds.bob },
    { name: 'mallory', seed: sampleSeed(0x66) },
  ];
  assert.throws(
    () => verifySignedManifest(signManifest(makeManifest(next()), signers), inForce),
    refusal('manifest/unknown-signer', { signer: 'mallory' }),
  );
});

test('given a signature by the wrong key or over other bytes, when it is verified, then the signer is named', () => {
  const body = makeManifest(next());
  const forged = signManifest(body, [
    { name: 'alice', seed: sampleSeeds.alice },
    { name: 'bob', seed: sampleSeed(0x66) },
  ]);
  assert.throws(
    () => verifySignedManifest(forged, inForce),
    refusal('manifest/bad-signature', { signer: 'bob' }),
  );
  const { signatures } = signedManifest.decode(signSample(next()));
  const changed = signedManifest.encode({ manifest: makeManifest(next({ label: 'other' })), signatures });
  assert.throws(
    () => verifySignedManifest(changed, inForce),
    refusal('manifest/bad-signature', { signer: 'alice' }),
  );
});

test('given keys that the new manifest brings itself, when they sign it, then they do not count', () => {
  const own = [0x71, 0x72].map((fill) => ({ name: `new-${fill}`, seed: sampleSeed(fill) }));
  const keys = own.map(({ name, seed }) => ({ name, publicKey: publicKeyOfSeed(seed) }));
  const body = makeManifest(next({ governance: { threshold: 2, keys } }));
  assert.throws(
    () => verifySignedManifest(signManifest(body, own), inForce),
    refusal('manifest/unknown-signer'),
  );
});

test('given the manifest in force again, when it is verified, then it is the same object and nothing changes', () => {
  assert.equal(verifySignedManifest(current.signed, inForce), current);
});

test('given other bytes of the same version, or a lower version, when verified, then each is refused', () => {
  assert.throws(
    () => verifySignedManifest(signSample(sampleManifest({ label: 'other' })), inForce),
    refusal('manifest/version-conflict', { version: 1 }),
  );
  const five = verifySignedManifest(signSample(next({ version: 5 })), inForce);
  assert.throws(
    () => verifySignedManifest(signSample(next({ version: 4 })), { kind: 'current', current: five }),
    refusal('manifest/version-not-higher', { version: 4, current: 5 }),
  );
});

test('T24: given a manifest of another cluster with the same keys, when verified, then it is refused', () => {
  const other = next({ cluster: new Uint8Array(16).fill(1) });
  assert.throws(() => verifySignedManifest(signSample(other), inForce), refusal('manifest/foreign-cluster'));
});

test('given enough signatures under a manifest that breaks a rule, when verified, then the rule refuses it', () => {
  const body = manifestBytes.encode(next({ mode: 'production' }));
  const signed = signManifest(
    body,
    (['alice', 'bob'] as const).map((name) => ({ name, seed: sampleSeeds[name] })),
  );
  assert.throws(
    () => verifySignedManifest(signed, inForce),
    refusal('manifest/rule', { rule: 'dev-in-production' }),
  );
});

test('given a seed, when it signs, then the caller still owns it', () => {
  const seed = sampleSeed(7);
  signEd25519(seed, Uint8Array.of(1));
  assert.ok(equalBytes(seed, sampleSeed(7)));
});
