/** Random and mutated bytes into every decoder of refresh, reshare, repair and split: refused by name, or the same bytes again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dealKey, insecureSeeded, sessionOf } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { schemes } from '../../wire/ids.ts';
import type { Message } from '../../wire/shape.ts';
import {
  refreshRun,
  renewCommitment,
  renewOpening,
  repairRun,
  repairSummands,
  reshareRun,
  spofSplitKey,
  splitKey,
} from '../index.ts';

const nothing = { broadcasts: new Map<number, Uint8Array>(), pairwise: new Map<number, Uint8Array>() };

function fuzz<T>(format: Message<T>, sample: Uint8Array): void {
  format.decode(sample);
  const mutated = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat()).map(([at, by, length]) => {
    const out = sample.slice(0, length % 3 === 0 ? length % sample.length : sample.length);
    if (out.length > 0) {
      out[at % out.length] = (out[at % out.length] ?? 0) ^ by;
    }
    return out;
  });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 80 })), (raw) => {
      let value: T;
      try {
        value = format.decode(raw);
      } catch (error) {
        assert.ok(isSymbolonError(error) && error.code.startsWith('wire/'), String(error));
        return;
      }
      assert.deepEqual(format.encode(value), raw);
    }),
    { numRuns: 300, seed: 7 },
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
  const participants = [1, 2, 3];
  const shares = dealKey({ scheme, threshold: 2, participants, seed: 'fuzz' });
  const [one, two, three] = [...shares.values()];
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  const usual = { session: sessionOf('fuzz'), public: one.public, index: 1, share: one };

  test(`${scheme}: malformed bytes never pass a decoder of a renewal as something else`, () => {
    const runs = [one, two, three].map((share) =>
      refreshRun({ kind: 'refresh', share, session: usual.session }, insecureSeeded(`fuzz/${share.index}`)),
    );
    const sent = new Map(runs.map((run, i) => [i + 1, run.step(1, nothing).broadcast]));
    fuzz(renewCommitment, sent.get(1) ?? new Uint8Array());
    sent.delete(1);
    const opening = runs[0]?.step(2, { broadcasts: sent, pairwise: nothing.pairwise }).broadcast;
    fuzz(renewOpening, opening ?? new Uint8Array());
    const reshare = reshareRun(
      { ...usual, kind: 'reshare', dealers: [1, 2], participants, threshold: 3 },
      insecureSeeded('fuzz'),
    );
    fuzz(renewCommitment, reshare.step(1, nothing).broadcast);
  });

  test(`${scheme}: malformed bytes never pass a decoder of a repair or of a split key as something else`, () => {
    const repair = repairRun({ ...usual, helpers: [1, 2], lost: 3 }, insecureSeeded('fuzz'));
    fuzz(repairSummands, repair.step(1, nothing).broadcast);
    const split = spofSplitKey(
      { scheme, participants, threshold: 2, secret: one.secret },
      insecureSeeded('fuzz'),
    );
    fuzz(splitKey, split.broadcast);
  });
}
