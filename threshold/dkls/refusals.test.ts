/** The checks on what signers of ECDSA send each other, by number: each with a signer that breaks that one rule and no other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  at,
  both,
  cheater,
  commits,
  multiplies,
  opens,
  refusedWith,
  signers,
  signPlan,
  type Tampering,
} from '../../test/threshold/cheating.ts';
import { badPoints, flipped } from '../../test/threshold/dealer.ts';
import {
  ecdsaSetting,
  presign,
  presignRuns,
  shareOf,
  type EcdsaSetting,
} from '../../test/threshold/ecdsa.ts';
import { driveRuns, insecureSeeded, sessionOf } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { ecdsaSchemes } from '../../wire/ids.ts';
import type { Run } from '../index.ts';
import { openPairing } from '../pairing/pairingKeys.ts';
import type { Element } from '../group/group.ts';
import { groupOf } from '../scheme.ts';
import { contextOf, type EcdsaContext } from './context.ts';
import type { ecdsaCommitment } from './messages.ts';
import { aliceMultiply } from './multiplication.ts';
import { multiplicationOf, round1, type AfterRound1 } from './round1.ts';
import { Secrets } from './secrets.ts';

type Commitment = ReturnType<typeof ecdsaCommitment.decode>;
const empty: Uint8Array = new Uint8Array();

for (const scheme of ecdsaSchemes) {
  const group = groupOf(scheme);
  const setting = ecdsaSetting(scheme, 3, [1, 2, 3, 4], `refusals/${scheme}`);
  const runs = (seed = 'run', use: EcdsaSetting = setting): Map<number, Run> =>
    presignRuns(use, { signers, seed });
  const refuses = (what: string, code: ErrorCode, party: number | undefined, onDelivery: Tampering): void => {
    test(`${scheme}: ${what}: ${code}`, () => {
      assert.throws(() => driveRuns(runs(), onDelivery), refusedWith(code, party));
    });
  };

  /** The secrets that a seeded run of this setting draws, by running its first round again. */
  const secretsOf = (context: EcdsaContext, index: number): AfterRound1 => {
    const pairings = new Map(
      [...setting.pairings(index, signers)].map(([party, { id, secret }]) => [
        party,
        { id, keys: openPairing(secret) },
      ]),
    );
    const { secret: share } = shareOf(setting, index);
    return round1(context, { share, pairings }, insecureSeeded(`run/presign/${index}`), new Secrets()).after;
  };

  test(`${scheme}: nothing changed, and a presignature comes out`, () => {
    assert.equal(presign(setting, { signers, seed: 'run' }).size, 3);
  });

  // E4, E5
  for (const round of [2, 3]) {
    for (const kind of ['broadcasts', 'pairwise'] as const) {
      refuses(
        `E4: no message of party ${cheater} in the ${kind} before round ${round}`,
        'threshold/message-missing',
        cheater,
        at(round, (d) => d[kind].delete(cheater)),
      );
      for (const index of [0, 1, 4, 33]) {
        refuses(
          `T17: E4: a message under index ${index} in the ${kind} before round ${round}`,
          'threshold/unexpected-party',
          index,
          at(round, (d) => d[kind].set(index, d[kind].get(cheater) ?? empty)),
        );
      }
      for (const [what, change] of [
        ['truncated', (raw: Uint8Array) => raw.slice(0, -1)],
        ['empty', () => empty],
        ['with a byte more', (raw: Uint8Array) => Uint8Array.of(...raw, 0)],
        ['above every cap', () => new Uint8Array(70_000)],
      ] as const) {
        refuses(
          `T34: E5: a message ${what} in the ${kind} before round ${round}`,
          'threshold/malformed-message',
          cheater,
          at(round, (d) => d[kind].set(cheater, change(d[kind].get(cheater) ?? empty))),
        );
      }
    }
  }

  // E6 to E8
  refuses(
    'T20: E6: a signer of another generation',
    'threshold/wrong-generation',
    cheater,
    commits((f) => ({ ...f, generation: 2 })),
  );
  refuses(
    'T18: E7: a signer with another context',
    'threshold/other-context',
    cheater,
    commits((f) => ({ ...f, context: flipped(f.context) })),
  );
  refuses(
    'T15: E8: another pairing is refused by its own name, and poisons nothing',
    'threshold/other-pairing',
    cheater,
    commits((f) => ({
      ...f,
      pairings: f.pairings.map((p) => (p.peer === 1 ? { ...p, id: flipped(p.id) } : p)),
    })),
  );
  for (const [what, change] of [
    ['a pairing left out', (all: Commitment['pairings']) => all.slice(1)],
    ['a pairing twice', (all: Commitment['pairings']) => [...all.slice(0, 1), ...all.slice(0, 1)]],
    ['pairings in another order', (all: Commitment['pairings']) => [...all].reverse()],
    [
      'a pairing with itself',
      (all: Commitment['pairings']) => all.map((p) => (p.peer === 3 ? { ...p, peer: cheater } : p)),
    ],
  ] as const) {
    refuses(
      `E8: ${what}`,
      'threshold/malformed-message',
      cheater,
      commits((f) => ({ ...f, pairings: change(f.pairings) })),
    );
  }
  test(`${scheme}: T15: E8 comes before any multiplication message: with both wrong, the pairing is named`, () => {
    const everywhere = at(2, ({ pairwise }) => {
      for (const [party, raw] of pairwise) {
        pairwise.set(party, flipped(raw, 20_000));
      }
    });
    const otherIds = commits((f) => ({
      ...f,
      pairings: f.pairings.map((p) => ({ ...p, id: flipped(p.id) })),
    }));
    assert.throws(
      () => driveRuns(runs(), both(otherIds, everywhere)),
      refusedWith('threshold/other-pairing', cheater),
    );
  });

  // E9, E13 to E15: one code
  refuses(
    'T15: E9: a changed OT extension',
    'threshold/multiplication-failed',
    cheater,
    at(2, ({ pairwise }) => pairwise.set(cheater, flipped(pairwise.get(cheater) ?? empty, 8 * 2_000))),
  );
  refuses(
    'T15: E13: a changed multiplication message',
    'threshold/multiplication-failed',
    cheater,
    multiplies((f) => ({ ...f, product: flipped(f.product, 8 * 20_000) })),
  );
  for (const name of ['gammaU', 'gammaV'] as const) {
    refuses(
      `T15: E14, E15: another ${name}`,
      'threshold/multiplication-failed',
      cheater,
      multiplies((f) => ({ ...f, [name]: group.encode(group.generator) })),
    );
    for (const [what, point] of badPoints('frost-secp256k1-tr')) {
      if (what !== 'off the curve' || scheme === 'dkls23-secp256k1') {
        refuses(
          `T17: E10: ${name} is ${what}`,
          'threshold/malformed-message',
          cheater,
          multiplies((f) => ({ ...f, [name]: point })),
        );
      }
    }
  }
  refuses(
    'E15: another key share than the one multiplied with',
    'threshold/multiplication-failed',
    cheater,
    opens((f) => ({ ...f, key: group.encode(group.generator) })),
  );

  for (const [what, check, wrong] of [
    ['another nonce than it committed to', 'E14', 'nonce'],
    ['another key share than it shows', 'E15', 'key'],
  ] as const) {
    test(`${scheme}: ${check}: a signer that multiplies with ${what}, and shows its own outputs of it`, () => {
      // The cheater's one message that is not honest, made as an honest one with one other input.
      const context = contextOf({
        ...signPlan(setting, {}, cheater),
        kind: 'ecdsa-presign',
        session: sessionOf('run'),
      });
      const keys = openPairing(setting.pairings(cheater, [1]).get(1)?.secret ?? empty);
      let extension = empty;
      const forgedWith = (inputs: readonly [Uint8Array, Uint8Array]): Tampering =>
        both(
          at(2, ({ pairwise }) => (extension = pairwise.get(1) ?? empty), cheater),
          multiplies((f) => {
            const of = multiplicationOf(context, 1, cheater);
            const { message, outputs } = aliceMultiply(of, keys, extension, inputs, insecureSeeded('forged'));
            const [gammaU = empty, gammaV = empty] = outputs.map((output) =>
              group.encode(group.baseProduct(output)),
            );
            return { ...f, product: message, gammaU, gammaV };
          }),
        );
      // With both inputs as shown the same forgery passes: what fails below fails for its input.
      const { nonce, keyShare } = secretsOf(context, cheater);
      driveRuns(runs(), forgedWith([nonce, keyShare]));
      const other = group.scalars.random(insecureSeeded('other'));
      assert.throws(
        () => driveRuns(runs(), forgedWith(wrong === 'nonce' ? [other, keyShare] : [nonce, other])),
        refusedWith('threshold/multiplication-failed', cheater),
      );
    });
  }

  // E10 to E12
  for (const name of ['nonce', 'key'] as const) {
    refuses(
      `T17: E10: ${name} is no point`,
      'threshold/malformed-message',
      cheater,
      opens((f) => ({ ...f, [name]: new Uint8Array(33) })),
    );
  }
  refuses(
    'E10: psi is not below the order',
    'threshold/malformed-message',
    cheater,
    multiplies((f) => ({ ...f, psi: new Uint8Array(32).fill(0xff) })),
  );
  refuses(
    'T16: E11: another echo',
    'threshold/split-view',
    cheater,
    multiplies((f) => ({ ...f, echo: flipped(f.echo) })),
  );
  refuses(
    'T16: E11: a commitment that party 3 did not get',
    'threshold/split-view',
    2,
    commits((f) => ({ ...f, commitment: flipped(f.commitment) })),
  );
  refuses(
    'E12: another nonce than committed to',
    'threshold/opening-mismatch',
    cheater,
    opens((f) => ({ ...f, nonce: group.encode(group.generator) })),
  );
  refuses(
    'E12: another salt',
    'threshold/opening-mismatch',
    cheater,
    opens((f) => ({ ...f, salt: flipped(f.salt) })),
  );

  test(`${scheme}: T15: E11 and E12 come before E13: with a changed multiplication too, nothing is poisoned`, () => {
    const product = multiplies((f) => ({ ...f, product: flipped(f.product, 8 * 20_000) }));
    const echo = multiplies((f) => ({ ...f, echo: flipped(f.echo) }));
    const salt = opens((f) => ({ ...f, salt: flipped(f.salt) }));
    assert.throws(() => driveRuns(runs(), both(product, echo)), refusedWith('threshold/split-view', cheater));
    assert.throws(
      () => driveRuns(runs(), both(product, salt)),
      refusedWith('threshold/opening-mismatch', cheater),
    );
  });

  test(`${scheme}: E16: a signer that multiplies with a share that is not its own: refused, and nobody is named`, () => {
    const share = shareOf(setting, cheater);
    const secret = group.scalars.add(share.secret, group.encodeScalar(1n));
    const other: EcdsaSetting = {
      ...setting,
      shares: new Map([...setting.shares, [cheater, { ...share, secret }]]),
    };
    assert.throws(
      () => driveRuns(runs('sum', other)),
      (error) =>
        isSymbolonError(error, 'threshold/wrong-key-sum') &&
        error.facts.signers.join() === '1,2,3' &&
        !('party' in error.facts),
    );
  });

  test(`${scheme}: T16: two key shares shown to two peers, right in their sum: E15 refuses; honest signers confirm the same`, () => {
    // Cheaters 2 and 3 move pk_2 up and pk_3 down for receiver 1 only; their sum is right in both views, so E16 holds. What
    // they multiplied with does not follow, so E15 refuses before a confirmation could differ.
    const shifted = (party: number, by: Element): Tampering =>
      opens(
        (f) => ({ ...f, key: group.encode(group.add(group.decode(f.key) ?? group.identity, by)) }),
        party,
      );
    const up = shifted(2, group.generator);
    const down = shifted(3, group.negate(group.generator));
    assert.throws(() => driveRuns(runs(), both(up, down)), refusedWith('threshold/multiplication-failed', 2));
    const { broadcasts } = driveRuns(runs());
    const last = [...(broadcasts.at(-1) ?? [])].map(([, raw]) => Buffer.from(raw).toString('hex'));
    assert.equal(new Set(last).size, 1);
    assert.equal(last[0]?.length, 64);
  });
}
