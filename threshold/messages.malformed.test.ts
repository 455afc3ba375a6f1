/** Random and mutated bytes into every decoder of a broadcast: a named refusal or a value that re-encodes to the same bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { makeDealer } from '../test/threshold/dealer.ts';
import { indices, insecureSeeded, runDkg } from '../test/threshold/run.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { isEcdsa, schemes } from '../wire/ids.ts';
import type { Message } from '../wire/shape.ts';
import {
  commit,
  dkgCommitment,
  dkgOpening,
  encodeKeyPublic,
  frostCommitment,
  keyPublicBytes,
} from './index.ts';

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
  const mutated = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat()).map(([at, by, length]) => {
    const out = sample.slice(0, length % 3 === 0 ? length % sample.length : sample.length);
    if (out.length > 0) {
      out[at % out.length] = (out[at % out.length] ?? 0) ^ by;
    }
    return out;
  });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 80 })), (raw) => {
      refusesOrRoundTrips(format, raw);
    }),
    { numRuns: 300 },
  );
  for (let length = 0; length < sample.length; length += 1) {
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

for (const scheme of schemes) {
  test(`${scheme}: malformed bytes never pass a decoder as something else`, () => {
    const dealer = makeDealer({ scheme, seed: 'fuzz', participants: [1, 2], threshold: 2, party: 1 });
    const share = runDkg({ scheme, threshold: 2, participants: indices(2), seed: 'fuzz' }).shares.get(1);
    assert.ok(share !== undefined);
    fuzz(dkgCommitment, dealer.commitment);
    fuzz(dkgOpening, dealer.opening);
    if (!isEcdsa(scheme)) {
      fuzz(frostCommitment, commit({ share, random: insecureSeeded('fuzz') }).commitment);
    }
    fuzz(keyPublicBytes, encodeKeyPublic(share.public));
  });
}
