/** Random and mutated bytes into every decoder of ECDSA signing: a named refusal, or a value that re-encodes to the same bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ecdsaSetting, signRuns } from '../../test/threshold/ecdsa.ts';
import { driveRuns } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import type { Message } from '../../wire/shape.ts';
import { ecdsaCommitment, ecdsaOpening, ecdsaProduct, ecdsaShare } from './messages.ts';

function refusesOrRoundTrips<T>(format: Message<T>, raw: Uint8Array): void {
  let value: T;
  try {
    value = format.decode(raw);
  } catch (error) {
    assert.ok(isSymbolonError(error) && error.code.startsWith('wire/'), String(error));
    return;
  }
  assert.deepEqual(format.encode(value), raw);
}

function fuzz<T>(format: Message<T>, sample: Uint8Array): void {
  assert.ok(sample.length <= format.maxBytes);
  refusesOrRoundTrips(format, sample);
  const mutated = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat()).map(([at, by, length]) => {
    const out = sample.slice(0, length % 3 === 0 ? length % sample.length : sample.length);
    if (out.length > 0) {
      // The structure is at the beginning; the middle of long byte strings says nothing to a decoder.
      const place = at % Math.min(out.length, 300);
      out[place] = (out[place] ?? 0) ^ by;
    }
    return out;
  });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 80 })), (raw) => {
      refusesOrRoundTrips(format, raw);
    }),
    { numRuns: 200 },
  );
  for (let length = 0; length < sample.length; length += Math.max(1, sample.length >> 6)) {
    assert.throws(
      () => format.decode(sample.slice(0, length)),
      (error) => isSymbolonError(error),
    );
  }
  assert.throws(
    () => format.decode(new Uint8Array(format.maxBytes + 1)),
    (error) => isSymbolonError(error, 'wire/oversize'),
  );
}

test('T34: malformed bytes never pass a decoder of ECDSA signing as something else', () => {
  const setting = ecdsaSetting('dkls23-secp256k1', 2, [1, 2], 'fuzz');
  const digest = new Uint8Array(32);
  const { broadcasts, pairwise } = driveRuns(signRuns(setting, { signers: [1, 2], digest, seed: 'fuzz' }));
  const sent = (round: number): Uint8Array => broadcasts[round]?.get(1) ?? new Uint8Array();
  fuzz(ecdsaCommitment, sent(0));
  fuzz(ecdsaOpening, sent(1));
  fuzz(ecdsaShare, sent(2));
  fuzz(ecdsaProduct, pairwise[1]?.get(1)?.get(2) ?? new Uint8Array());
});

test('messages have the sizes that their description says, and the largest fits its cap', () => {
  const setting = ecdsaSetting('dkls23-secp256k1', 2, [1, 2], 'sizes');
  const digest = new Uint8Array(32);
  const { broadcasts, pairwise } = driveRuns(signRuns(setting, { signers: [1, 2], digest, seed: 'sizes' }));
  const sizes = broadcasts.map((all) => all.get(1)?.length);
  assert.deepEqual(sizes, [140, 123, 117]);
  const product = pairwise[1]?.get(1)?.get(2) ?? new Uint8Array();
  const overhead = product.length - ecdsaProduct.decode(product).product.length;
  assert.ok(overhead > 150 && overhead < 200, String(overhead));
  const most = ecdsaCommitment.encode({
    v: 1,
    generation: Number.MAX_SAFE_INTEGER,
    context: digest,
    commitment: digest,
    pairings: Array.from({ length: 31 }, (_, i) => ({ peer: i + 2, id: new Uint8Array(16) })),
  });
  assert.ok(most.length <= ecdsaCommitment.maxBytes);
});
