/** Random and mutated bytes into every decoder of pairing and multiplication: a named refusal, or a value that re-encodes to the same bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import type { Message } from '../../wire/shape.ts';
import { extensionMessage, maskedInputsMessage } from '../dkls/multiplicationMessages.ts';
import { pairingAnswer, pairingOffer, pairingPoints, pairingView } from './messages.ts';
import { pairingBytes } from './pairingKeys.ts';

function fuzz<T>(format: Message<T>, value: NoInfer<T>): void {
  const sample = format.encode(value);
  test(`${format.name}: malformed bytes never pass the decoder as something else`, () => {
    const refusesOrRoundTrips = (raw: Uint8Array): void => {
      let decoded: T;
      try {
        decoded = format.decode(raw);
      } catch (error) {
        assert.ok(isSymbolonError(error) && error.code.startsWith('wire/'), String(error));
        return;
      }
      assert.deepEqual(format.encode(decoded), raw);
    };
    const mutated = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat()).map(([at, by, length]) => {
      const out = sample.slice(0, length % 3 === 0 ? length % sample.length : sample.length);
      if (out.length > 0) {
        out[at % out.length] = (out[at % out.length] ?? 0) ^ by;
      }
      return out;
    });
    fc.assert(fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 80 })), refusesOrRoundTrips), {
      numRuns: 300,
    });
    // Every head of a field lies in the first bytes or right after a field: a step of 7 meets all of them at some length.
    for (let length = 0; length < sample.length; length += length < 200 ? 1 : 7) {
      assert.throws(
        () => format.decode(sample.slice(0, length)),
        (error) => isSymbolonError(error),
      );
    }
  });

  test(`T34: ${format.name}: above its cap it is refused unread`, () => {
    assert.throws(
      () => format.decode(new Uint8Array(format.maxBytes + 1)),
      (error) => isSymbolonError(error, 'wire/oversize'),
    );
  });
}

const random = insecureSeeded('malformed');
fuzz(pairingOffer, {
  v: 1,
  seeds: [
    { peer: 2, commitment: random(32) },
    { peer: 3, commitment: random(32) },
  ],
});
fuzz(pairingPoints, { v: 1, points: random(8_192) });
fuzz(pairingView, { v: 1, view: random(32) });
fuzz(pairingAnswer, {
  v: 1,
  a: random(32),
  corrections: random(2_048),
  checkSums: random(2_048),
  proof: random(32),
  seed: random(32),
});
fuzz(pairingBytes, {
  v: 1,
  id: random(16),
  index: 1,
  peer: 2,
  nabla: random(16),
  aliceLeaves: random(3_072),
  bobLeaves: random(4_096),
  zeroSeed: random(32),
});
fuzz(extensionMessage, {
  v: 1,
  salt: random(16),
  masked: random(4_352),
  fold: random(16),
  proof: random(32),
});
fuzz(maskedInputsMessage, {
  v: 1,
  salt: random(16),
  masked: random(39_936),
  eta: random(32),
  proof: random(32),
});
