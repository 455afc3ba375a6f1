/** A small cluster for tests: manifest, governance and client keys, requests. Everything is derived from fixed bytes. */
import { signManifest, makeManifest, verifySignedManifest, anchorOf } from '../../manifest/verify.ts';
import type { VerifiedManifest } from '../../manifest/verify.ts';
import { publicKeyOfSeed } from '../../manifest/ed25519.ts';
import type { Manifest } from '../../wire/messages/manifest.ts';
import type { KeyCreateRequest, SignRequest } from '../../wire/messages/request.ts';

/** A seed of 32 equal bytes. */
export const sampleSeed = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
/** Seeds of the sample cluster. */
export const sampleSeeds = {
  alice: sampleSeed(0xa1),
  bob: sampleSeed(0xb0),
  carol: sampleSeed(0xca),
  operator: sampleSeed(0x01),
  coordinator: sampleSeed(0x02),
} as const;
/** The moment at which the tests happen, Unix milliseconds. */
export const sampleNow = 1_795_000_000_000;
const day = 86_400_000;
const pcr = (fill: number): Uint8Array => new Uint8Array(48).fill(fill);
const governor = (name: 'alice' | 'bob' | 'carol') => ({
  name,
  publicKey: publicKeyOfSeed(sampleSeeds[name]),
});

/** Three dev nodes, two of three governance keys, an operator and a coordinator. */
export function sampleManifest(change: Partial<Manifest> = {}): Manifest {
  return {
    v: 1,
    cluster: new Uint8Array(16).fill(0x5c),
    label: 'sample',
    version: 1,
    mode: 'dev',
    issuedAt: sampleNow - day,
    nodes: [1, 2, 3].map((index) => ({
      name: `node-${index}`,
      index,
      platform: 'dev' as const,
      pcrs: new Map([
        [3, pcr(0x30)],
        [4, pcr(0x40 + index)],
      ]),
    })),
    measurements: [
      {
        name: 'image-1',
        platform: 'dev',
        pcrs: new Map([
          [0, pcr(0x10)],
          [1, pcr(0x11)],
          [2, pcr(0x12)],
        ]),
        reason: 'first image',
        notBefore: sampleNow - day,
        notAfter: sampleNow + 30 * day,
      },
    ],
    roots: [{ platform: 'dev', sha256: new Uint8Array(32).fill(0x70) }],
    evidenceMaxAgeMs: 0,
    clients: [
      {
        name: 'operator',
        publicKey: publicKeyOfSeed(sampleSeeds.operator),
        may: [
          { action: 'key.create', purposes: ['treasury'], schemes: ['frost-ed25519'], payloads: [] },
          {
            action: 'sign',
            purposes: ['treasury'],
            schemes: ['frost-ed25519'],
            payloads: ['message', 'bip340-digest'],
          },
          { action: 'status', purposes: [], schemes: [], payloads: [] },
        ],
        notAfter: sampleNow + 10 * day,
      },
      {
        name: 'coordinator',
        publicKey: publicKeyOfSeed(sampleSeeds.coordinator),
        may: [{ action: 'relay', purposes: [], schemes: [], payloads: [] }],
        notAfter: sampleNow + 10 * day,
      },
    ],
    governance: { threshold: 2, keys: [governor('alice'), governor('bob'), governor('carol')] },
    ...change,
  };
}

/** Signed-manifest bytes by these governors (alice and bob unless told). */
export function signSample(
  manifest: Manifest,
  signers: readonly ('alice' | 'bob' | 'carol')[] = ['alice', 'bob'],
): Uint8Array {
  return signManifest(
    makeManifest(manifest),
    signers.map((name) => ({ name, seed: sampleSeeds[name] })),
  );
}

/** The sample manifest, verified under its own anchor. */
export function verifiedSample(change: Partial<Manifest> = {}): VerifiedManifest {
  const manifest = sampleManifest(change);
  return verifySignedManifest(signSample(manifest), { kind: 'anchor', anchor: anchorOf(manifest) });
}

const head = {
  v: 1,
  cluster: new Uint8Array(16).fill(0x5c),
  id: new Uint8Array(16).fill(0x1d),
  client: 'operator',
  issuedAt: sampleNow - 1_000,
  expiresAt: sampleNow + 60_000,
} as const;

/** A request of the operator to make a key. */
export const sampleCreate = (change: Partial<KeyCreateRequest> = {}): KeyCreateRequest => ({
  ...head,
  action: 'key.create',
  scheme: 'frost-ed25519',
  threshold: 2,
  nodes: ['node-1', 'node-2', 'node-3'],
  purpose: 'treasury',
  label: 'main',
  ...change,
});
/** A request of the operator to sign. */
export const sampleSign = (change: Partial<SignRequest> = {}): SignRequest => ({
  ...head,
  action: 'sign',
  key: '0'.repeat(32),
  purpose: 'treasury',
  payload: { kind: 'message', message: Uint8Array.of(1, 2, 3) },
  ...change,
});
