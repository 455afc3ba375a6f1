import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusal } from '../daemon/testing/refusal.ts';
import { sampleManifest, sampleSeed, signSample, verifiedSample } from '../daemon/testing/sampleManifest.ts';
import { maxGovernanceChanges } from '../wire/limits.ts';
import type { Manifest } from '../wire/messages/manifest.ts';
import { linksAfter, verifyManifestChain } from './chain.ts';
import { publicKeyOfSeed } from './ed25519.ts';
import {
  anchorOf,
  makeManifest,
  signManifest,
  verifySignedManifest,
  type VerifiedManifest,
} from './verify.ts';

const anchor = anchorOf(sampleManifest());
const seedOf = (n: number): Uint8Array => sampleSeed(0x40 + n);
/** A manifest of this version whose only governor is number `n`. */
const governedBy = (n: number, version: number): Manifest =>
  sampleManifest({
    version,
    governance: { threshold: 1, keys: [{ name: `g-${n}`, publicKey: publicKeyOfSeed(seedOf(n)) }] },
  });
const follow = (signed: Uint8Array, current: VerifiedManifest): VerifiedManifest =>
  verifySignedManifest(signed, { kind: 'current', current });

test('given keys that change again and again, when followed from the anchor, then each step is proved and their number is bounded', () => {
  let current = verifiedSample();
  let links: readonly Uint8Array[] = [];
  for (let change = 1; ; change += 1) {
    const body = makeManifest(governedBy(change, change + 1));
    const signed =
      change === 1
        ? signSample(governedBy(change, change + 1))
        : signManifest(body, [{ name: `g-${change - 1}`, seed: seedOf(change - 1) }]);
    const next = follow(signed, current);
    if (change > maxGovernanceChanges) {
      const before = current;
      assert.throws(
        () => linksAfter(links, before, next),
        refusal('manifest/too-many-governance-changes', { limit: maxGovernanceChanges }),
      );
      break;
    }
    links = linksAfter(links, current, next);
    current = next;
    assert.equal(links.length, change + 1);
    assert.deepEqual(verifyManifestChain(anchor, links, signed).hash, current.hash);
  }
});

test('given a link left out or exchanged, when followed, then the chain is refused', () => {
  const first = verifiedSample();
  const second = follow(signSample(governedBy(1, 2)), first);
  const third = follow(
    signManifest(makeManifest(governedBy(2, 3)), [{ name: 'g-1', seed: seedOf(1) }]),
    second,
  );
  const signed = [first, second, third].map((one) => one.signed);
  const [a, b, c] = signed;
  assert.ok(a && b && c);
  assert.equal(verifyManifestChain(anchor, [a, b, c], c).version, 3);
  assert.throws(() => verifyManifestChain(anchor, [a, c], c), refusal('manifest/unknown-signer'));
  assert.throws(() => verifyManifestChain(anchor, [b, c], c), refusal('manifest/foreign-governance'));
  assert.throws(() => verifyManifestChain(anchor, [], c), refusal('manifest/foreign-governance'));
  assert.throws(
    () => verifyManifestChain(new Uint8Array(32), [a, b, c], c),
    refusal('manifest/foreign-governance'),
  );
});

test('given a manifest older than the last link, when followed, then the last link is in force, and not the older one', () => {
  const first = verifiedSample();
  const second = follow(signSample(governedBy(1, 2)), first);
  assert.deepEqual(verifyManifestChain(anchor, [first.signed, second.signed], first.signed), second);
});

test('given a manifest that keeps the keys, when it follows, then the links stay the same', () => {
  const first = verifiedSample();
  const next = follow(signSample(sampleManifest({ version: 2 })), first);
  const links: readonly Uint8Array[] = [];
  assert.equal(linksAfter(links, first, next), links);
});
