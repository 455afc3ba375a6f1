/** Both backends of the base OTs against each other and against RFC 9496. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { raw } from '../../test/threshold/files.ts';
import { insecureSeeded } from '../../test/threshold/run.ts';
import { toHex } from '../../wire/ids.ts';
import { nativeOtGroup } from './nativeOtGroup.ts';
import { otWideBytes, type OtGroup } from './otGroup.ts';
import { referenceOtGroup } from './referenceOtGroup.ts';

const groups: readonly OtGroup[] = [nativeOtGroup, referenceOtGroup];
const one = Uint8Array.of(1, ...new Uint8Array(31));
const two = Uint8Array.of(2, ...new Uint8Array(31));
const order = raw('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');
const generator = raw('e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76');
const count = 9;

/** What no backend may take for a point. */
const badEncodings: readonly (readonly [string, Uint8Array])[] = [
  ['the identity', new Uint8Array(32)],
  ['the prime of the field', raw(`ed${'ff'.repeat(30)}7f`)],
  ['a value above the prime', raw(`ee${'ff'.repeat(30)}7f`)],
  ['the high bit set', generator.with(31, (generator[31] ?? 0) | 0x80)],
  ['a negative value', generator.with(0, (generator[0] ?? 0) ^ 1)],
  ['all ones', new Uint8Array(32).fill(0xff)],
  ['one', one],
];

test('the two backends give the same points and scalars', () => {
  const all = groups.map((group) => {
    const seeded = insecureSeeded('ot-group/values');
    const scalars = group.scalarsFromWide(seeded(count * otWideBytes));
    const points = group.pointsFromUniform(seeded(count * otWideBytes));
    const base = group.baseProducts(scalars);
    return [
      scalars,
      points,
      base,
      group.add(points, base),
      group.subtract(points, base),
      group.products(points, scalars),
      group.products(points, scalars.slice(0, 32)),
      group.products(points.slice(0, 32), scalars),
    ].map(toHex);
  });
  assert.deepEqual(all[0], all[1]);
});

for (const group of groups) {
  test(`${group.backend}: the generator, the one-way map and the edges are those of RFC 9496`, () => {
    assert.deepEqual(group.baseProducts(one), generator);
    assert.deepEqual(group.add(generator, generator), group.baseProducts(two));
    // Appendix A.3, first row.
    const label = 'Ristretto is traditionally a short shot of espresso coffee';
    const uniform = new Uint8Array(createHash('sha512').update(label).digest());
    assert.equal(
      toHex(group.pointsFromUniform(uniform)),
      '3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46',
    );
    assert.deepEqual(group.subtract(generator, generator), new Uint8Array(32));
    assert.deepEqual(
      group.scalarsFromWide(Uint8Array.of(...order, ...new Uint8Array(32))),
      new Uint8Array(32),
    );
  });

  for (const [what, encoding] of badEncodings) {
    test(`${group.backend}: P6: ${what} is no point, alone and among valid ones`, () => {
      assert.equal(group.areValid(generator), true);
      assert.equal(group.areValid(encoding), false);
      const among = new Uint8Array([...generator, ...encoding, ...generator]);
      assert.equal(group.areValid(among), false);
      assert.throws(() => group.products(encoding, two), TypeError);
      assert.throws(() => group.add(generator, encoding), TypeError);
    });
  }

  test(`${group.backend}: scalars of zero and not below the order, and lengths that do not fit, throw`, () => {
    for (const scalar of [new Uint8Array(32), order]) {
      assert.throws(() => group.baseProducts(scalar), TypeError);
      assert.throws(() => group.products(generator, scalar), TypeError);
    }
    assert.throws(() => group.areValid(new Uint8Array()), TypeError);
    assert.throws(() => group.areValid(new Uint8Array(33)), TypeError);
    assert.throws(() => group.add(generator, new Uint8Array([...generator, ...generator])), TypeError);
    const [points, scalars] = [
      [generator, generator, generator],
      [one, two],
    ];
    assert.throws(() => group.products(Buffer.concat(points), Buffer.concat(scalars)), TypeError);
  });
}
