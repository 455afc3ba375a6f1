import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeCbor, encodeCbor, type CborInput } from '../wire/cbor.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { maxManifest, maxRequest } from '../wire/limits.ts';
import { manifestBytes, manifestHash, signedManifest } from '../wire/messages/manifest.ts';
import { requestBytes, requestHash, signedRequest } from '../wire/messages/request.ts';
import {
  sampleCreate,
  sampleManifest,
  sampleNow,
  sampleSeeds,
  sampleSign,
  signSample,
} from '../daemon/testing/sampleManifest.ts';
import { verifySignedRequest } from './authority.ts';
import { verifyManifestChain } from './chain.ts';
import { signEd25519 } from './ed25519.ts';
import { anchorOf, verifySignedManifest } from './verify.ts';

const manifest = sampleManifest();
const anchor = anchorOf(manifest);
const isWire = (error: unknown): boolean => isSymbolonError(error) && error.code.startsWith('wire/');
const verify = (signed: Uint8Array) => verifySignedManifest(signed, { kind: 'anchor', anchor });
const mapOf = (raw: Uint8Array): Map<string, CborInput> =>
  new Map(decodeCbor(raw, { maxBytes: maxManifest }) as ReadonlyMap<string, CborInput>);
/** Every field left out, one unknown field, and every field of a wrong type. */
function* variants(raw: Uint8Array): Generator<Uint8Array> {
  for (const field of mapOf(raw).keys()) {
    const less = mapOf(raw);
    less.delete(field);
    yield encodeCbor(less);
    yield encodeCbor(mapOf(raw).set(field, null));
    yield encodeCbor(mapOf(raw).set(field, 'x'.repeat(300)));
  }
  yield encodeCbor(mapOf(raw).set('unknown', 1));
}
/** Signs any bytes as a manifest, with good signatures. */
const signedAnyway = (body: Uint8Array): Uint8Array =>
  signedManifest.encode({
    manifest: body,
    signatures: (['alice', 'bob'] as const).map((key) => ({
      key,
      signature: signEd25519(sampleSeeds[key], manifestHash(body)),
    })),
  });

test('given well-signed manifests with each field absent, of another type or unknown, when verified, then the shape refuses them', () => {
  for (const body of variants(manifestBytes.encode(manifest))) {
    assert.throws(() => verify(signedAnyway(body)), isWire);
  }
});

test('given well-signed requests with each field absent, of another type or unknown, when verified, then the shape refuses them', () => {
  for (const request of [sampleSign(), sampleCreate()]) {
    for (const body of variants(requestBytes.encode(request))) {
      const signature = signEd25519(sampleSeeds.operator, requestHash(body));
      const signed = signedRequest.encode({ request: body, signature });
      assert.throws(() => verifySignedRequest(signed, manifest, { now: sampleNow }), isWire);
    }
  }
});

test('given frames with each field absent, of another type or unknown, when verified, then the shape refuses them', () => {
  for (const signed of variants(signSample(manifest))) {
    assert.throws(() => verify(signed), isWire);
  }
});

test('T34: given input above the caps, when verified, then it is refused before it is parsed', () => {
  const isOversize = (error: unknown): boolean => isSymbolonError(error, 'wire/oversize');
  assert.throws(() => verify(new Uint8Array(maxManifest + 4_097)), isOversize);
  const large = new Uint8Array(maxRequest + 257);
  assert.throws(() => verifySignedRequest(large, manifest, { now: sampleNow }), isOversize);
});

test('given a digest payload of another length, when verified, then the shape refuses it', () => {
  for (const length of [0, 31, 33]) {
    const body = encodeCbor({
      ...sampleSign(),
      payload: { kind: 'bip340-digest', digest: new Uint8Array(length) },
    });
    const signature = signEd25519(sampleSeeds.operator, requestHash(body));
    const signed = signedRequest.encode({ request: body, signature });
    assert.throws(() => verifySignedRequest(signed, manifest, { now: sampleNow }), isWire);
  }
});

test('given arbitrary or damaged bytes, when verified, then only catalogue errors come back and nothing verifies', () => {
  const genuine = signSample(manifest);
  fc.assert(
    fc.property(
      fc.nat({ max: genuine.length - 1 }),
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      (at, by) => {
        const damaged = genuine.slice();
        damaged.set(by.subarray(0, genuine.length - at), at);
        fc.pre(!damaged.every((byte, i) => byte === genuine[i]));
        for (const raw of [by, damaged]) {
          assert.throws(() => verify(raw), isSymbolonError);
          assert.throws(() => verifyManifestChain(anchor, [], raw), isSymbolonError);
          assert.throws(() => verifySignedRequest(raw, manifest, { now: sampleNow }), isSymbolonError);
        }
      },
    ),
  );
});
