/** No secret scalar of a run outlives it: every array that the arithmetic took or gave is looked at after the run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placesOf } from '../../test/threshold/adversary/places.ts';
import { flipped } from '../../test/threshold/dealer.ts';
import { ecdsaSetting, presignRuns, shareOf, signRuns } from '../../test/threshold/ecdsa.ts';
import { driveRuns, insecureSeeded, sessionOf } from '../../test/threshold/run.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { ecdsaSchemes, toHex } from '../../wire/ids.ts';
import type { RoundInput, RoundOutput, Run } from '../index.ts';
import { groupOf } from '../scheme.ts';
import { multiplicationSuiteOf } from './multiplicationSuite.ts';
import { presignRun } from './presign.ts';
import { Secrets } from './secrets.ts';

const digest = new Uint8Array(32).fill(0xd1);
const signers = [1, 3];
const noInput: RoundInput = { broadcasts: new Map(), pairwise: new Map() };
const allZero = (raw: Uint8Array): boolean => raw.every((byte) => byte === 0);

test('held secrets are wiped together, of both kinds, and show nothing', () => {
  const secrets = new Secrets();
  const raw = secrets.hold(Uint8Array.of(1, 2));
  let wiped = 0;
  secrets.hold({
    wipe: () => {
      wiped += 1;
    },
  });
  assert.equal(JSON.stringify(secrets), '{}');
  secrets.wipe();
  secrets.wipe();
  assert.ok(allZero(raw));
  assert.equal(wiped, 1);
});

for (const scheme of ecdsaSchemes) {
  const group = groupOf(scheme);
  const setting = ecdsaSetting(scheme, 2, [1, 2, 3], `secrets/${scheme}`);

  /** Puts something in the place of a method while `work` runs. */
  const replacing = (
    target: object,
    name: string,
    replacement: (original: (...args: unknown[]) => unknown) => unknown,
    work: () => void,
  ): void => {
    const original: unknown = Reflect.get(target, name);
    assert.ok(typeof original === 'function');
    assert.ok(Reflect.set(target, name, replacement(original as (...args: unknown[]) => unknown)));
    try {
      work();
    } finally {
      Reflect.set(target, name, original);
    }
  };

  /**
   * Runs `work`, which gives the messages that were sent, and gives every array that held a secret scalar on the way: what the arithmetic took and gave, and every copy
   * of it. Scalars that were encoded from a number, or hashed from what both parties know, are public.
   */
  const secretArraysOf = (work: () => readonly Uint8Array[]): Uint8Array[] => {
    // Each array with the value that it had when it was seen.
    const found = new Map<Uint8Array, string>();
    const publicValues = new Set<string>();
    const copies: Uint8Array[] = [];
    let sent: readonly Uint8Array[] = [];
    const record = (value: unknown): void => {
      if (value instanceof Uint8Array && value.length === 32) {
        found.set(value, toHex(value));
      }
    };
    const arithmetic = ['add', 'subtract', 'multiply', 'fromWide', 'negate', 'random'];
    const watched = arithmetic.reduce(
      (inner, name) => () => {
        replacing(
          group.scalars,
          name,
          (original) =>
            (...args: unknown[]) => {
              const made = original.apply(group.scalars, args);
              [...args, made].forEach(record);
              return made;
            },
          inner,
        );
      },
      () => {
        replacing(
          Uint8Array.prototype,
          'slice',
          (original) =>
            function slice(this: Uint8Array, ...args: unknown[]): unknown {
              const made = original.apply(this, args);
              if (made instanceof Uint8Array && made.length === 32) {
                copies.push(made);
              }
              return made;
            },
          () => {
            sent = work();
          },
        );
      },
    );
    const { vectors } = multiplicationSuiteOf(scheme);
    const weighted = (): void => {
      replacing(
        vectors,
        'reduceWide',
        (original) =>
          (...args: unknown[]) => {
            const made = original.apply(vectors, args);
            assert.ok(made instanceof Uint8Array);
            // The two weights of the check of the multiplication, which both parties hash.
            if (made.length === 64) {
              publicValues.add(toHex(made.subarray(0, 32))).add(toHex(made.subarray(32)));
            }
            return made;
          },
        watched,
      );
    };
    replacing(
      group,
      'encodeScalar',
      (original) =>
        (...args: unknown[]) => {
          const made = original.apply(group, args);
          assert.ok(made instanceof Uint8Array);
          publicValues.add(toHex(made));
          return made;
        },
      weighted,
    );
    // What a message shows: w and u of a signature share, and eta of the multiplication, which a scalar of its own masks.
    for (const { name, value } of sent.flatMap(placesOf)) {
      if (/^(w|u)$|\.eta$/.test(name) && value instanceof Uint8Array) {
        publicValues.add(toHex(value));
      }
    }
    const secretValues = new Set([...found.values()].filter((value) => !publicValues.has(value)));
    return [
      ...[...found].flatMap(([array, value]) => (secretValues.has(value) ? [array] : [])),
      ...copies.filter((copy) => secretValues.has(toHex(copy))),
    ];
  };
  const drawn: Uint8Array[] = [];
  const remember =
    (seed: string) =>
    (length: number): Uint8Array => {
      const bytes = insecureSeeded(`${seed}/${drawn.length}`)(length);
      drawn.push(bytes);
      return bytes;
    };

  test(`${scheme}: T33: after a signature every secret scalar on the way is zero, and so is all drawn randomness`, () => {
    const found = secretArraysOf(() => {
      const { broadcasts, pairwise } = driveRuns(
        signRuns(setting, { signers, digest, path: [7], seed: 'wipe' }),
      );
      return [
        ...(broadcasts[2]?.values() ?? []),
        ...[...(pairwise[1]?.values() ?? [])].flatMap((all) => [...all.values()]),
      ];
    });
    assert.ok(found.length > 60);
    assert.equal(found.filter((scalar) => !allZero(scalar)).length, 0);

    const runs = new Map<number, Run>(
      signers.map((index) => [
        index,
        presignRun(
          {
            kind: 'ecdsa-presign',
            share: shareOf(setting, index),
            session: sessionOf('drawn'),
            signers,
            pairings: setting.pairings(index, signers),
          },
          remember(`drawn/${index}`),
        ),
      ]),
    );
    driveRuns(runs);
    assert.ok(drawn.length >= 10);
    // The salts of the multiplications are public, 16 bytes each.
    assert.ok(drawn.every((bytes) => allZero(bytes) || bytes.length === 16));
  });

  test(`${scheme}: T33: after a refusal every secret scalar on the way is zero`, () => {
    for (const round of [2, 3]) {
      const found = secretArraysOf(() => {
        const sent: Uint8Array[] = [];
        const runs = presignRuns(setting, { signers, seed: 'refused' });
        const [one, three] = [runs.get(1), runs.get(3)];
        assert.ok(one !== undefined && three !== undefined);
        let inputs = [noInput, noInput];
        for (let step = 1; step < round; step += 1) {
          const [first, second] = [
            one.step(step, inputs[0] ?? noInput),
            three.step(step, inputs[1] ?? noInput),
          ];
          const to = (from: number, output: RoundOutput, receiver: number): RoundInput => ({
            broadcasts: new Map([[from, output.broadcast]]),
            pairwise: new Map([[from, output.pairwise.get(receiver) ?? digest]]),
          });
          inputs = [to(3, second, 1), to(1, first, 3)];
          sent.push(...first.pairwise.values(), ...second.pairwise.values());
        }
        const [input = noInput] = inputs;
        const pairwise = new Map(
          [...input.pairwise].map(([from, raw]) => [from, flipped(raw, 4 * raw.length)]),
        );
        assert.throws(
          () => one.step(round, { ...input, pairwise }),
          (error) => isSymbolonError(error, 'threshold/multiplication-failed'),
        );
        // The run that refused is over by itself; the session ends the other.
        three.wipe();
        return sent;
      });
      assert.ok(found.length > 10, String(found.length));
      assert.equal(found.filter((scalar) => !allZero(scalar)).length, 0, `round ${round}`);
    }
  });
}
