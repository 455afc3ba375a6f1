/** Presignatures: one use, memory only, tied to what they were made for, and never used as they were foreseen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { flipped } from '../../test/threshold/dealer.ts';
import {
  ecdsaSetting,
  onlineRuns,
  presign,
  presignRuns,
  shareOf,
  signOnline,
  signWhole,
} from '../../test/threshold/ecdsa.ts';
import { driveRuns, insecureSeeded, sessionOf } from '../../test/threshold/run.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { ecdsaSchemes, toHex } from '../../wire/ids.ts';
import type { PresignatureParts, RoundInput, Run } from '../index.ts';
import { groupOf } from '../scheme.ts';
import { deltaOf } from './context.ts';
import { signatureShare } from './lastStep.ts';
import { ecdsaOpening, ecdsaShare } from './messages.ts';
import { onlineRun } from './online.ts';
import { presignRun } from './presign.ts';
import { holdPresignature, takePresignature, wipePresignature, type Presignature } from './presignature.ts';

const digest = new Uint8Array(32).fill(0xd1);
const signers = [1, 3];
const noInput: RoundInput = { broadcasts: new Map(), pairwise: new Map() };
const allZero = (raw: Uint8Array): boolean => raw.every((byte) => byte === 0);
const refusedWith =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    isSymbolonError(error, code);
const copyOf = ({ nonce, phi, u, v }: PresignatureParts): PresignatureParts => ({
  nonce: nonce.slice(),
  phi: phi.slice(),
  u: u.slice(),
  v: v.slice(),
});

/** Nothing of an object can be seen from outside. */
function showsNothing(what: object): void {
  assert.equal(JSON.stringify(what), '{}');
  assert.deepEqual(Object.assign({}, what), {});
  assert.deepEqual(Object.getOwnPropertyNames(what), []);
  assert.doesNotMatch(inspect(what, { depth: 9, showHidden: true }), /Uint8Array|\d{5}/);
  assert.equal(JSON.stringify(structuredClone(what)), '{}');
}

for (const scheme of ecdsaSchemes) {
  const group = groupOf(scheme);
  const setting = ecdsaSetting(scheme, 2, [1, 2, 3], `presignature/${scheme}`);
  const owner = { public: setting.public, index: 1, signers };
  const made = presign(setting, { signers, seed: 'made' });
  const partsOf = (index: number): PresignatureParts => {
    const parts = made.get(index);
    assert.ok(parts !== undefined);
    return copyOf(parts);
  };
  const held = (): Presignature => holdPresignature(owner, partsOf(1));

  test(`${scheme}: T13: a presignature is out of its holder before anything is made of it, and comes out once`, () => {
    const holder = held();
    assert.deepEqual(takePresignature(holder, owner), partsOf(1));
    assert.throws(() => takePresignature(holder, owner), refusedWith('threshold/state-used'));
  });

  test(`${scheme}: T12: a presignature and the runs that make and use it have no form outside memory`, () => {
    showsNothing(held());
    assert.throws(() => takePresignature(structuredClone(held()), owner));
    const runs = presignRuns(setting, { signers, seed: 'form' });
    const look = (): void => {
      for (const run of runs.values()) {
        showsNothing(run);
      }
    };
    look();
    driveRuns(runs, look);
    look();
    for (const run of onlineRuns(
      setting,
      new Map([
        [1, partsOf(1)],
        [3, partsOf(3)],
      ]),
      { digest, seed: 'f' },
    ).values()) {
      showsNothing(run);
    }
  });

  test(`${scheme}: T12: E18: it serves only the key, generation, participant and signers that it was made for`, () => {
    const { public: key } = setting;
    for (const wrong of [
      { ...owner, public: { ...key, generation: 2 } },
      { ...owner, public: { ...key, groupPublicKey: group.encode(group.generator) } },
      { ...owner, public: { ...key, scheme: 'frost-secp256k1-tr' as const } },
      { ...owner, index: 3 },
      { ...owner, signers: [1, 2] },
      { ...owner, signers: [1, 2, 3] },
      { ...owner, signers: [1, 3, 4] },
      { ...owner, signers: [] },
    ]) {
      const parts = partsOf(1);
      const holder = holdPresignature(owner, parts);
      assert.throws(() => takePresignature(holder, wrong), refusedWith('threshold/foreign-presignature'));
      // Asked for in vain, and gone.
      assert.ok([parts.phi, parts.u, parts.v].every(allZero));
      assert.throws(() => takePresignature(holder, owner), refusedWith('threshold/state-used'));
    }
  });

  test(`${scheme}: T12: a wiped holder is empty and its secrets are zero`, () => {
    const parts = partsOf(1);
    const holder = holdPresignature(owner, parts);
    holder.wipe();
    holder.wipe();
    assert.ok([parts.phi, parts.u, parts.v].every(allZero));
    assert.throws(() => takePresignature(holder, owner), refusedWith('threshold/state-used'));
  });

  test(`${scheme}: T13: an online run makes one share, whatever its parts are asked for afterwards`, () => {
    const plan = {
      kind: 'ecdsa-online',
      public: setting.public,
      index: 1,
      signers,
      presignature: partsOf(1),
      digest,
      path: [],
      session: sessionOf('once'),
    } as const;
    const run = onlineRun(plan);
    // Lent: what the plan held may be wiped once the run has begun.
    wipePresignature(plan.presignature);
    const { broadcast } = run.step(1, noInput);
    assert.notDeepEqual(ecdsaShare.decode(broadcast).u, new Uint8Array(32));
    assert.throws(() => run.step(1, noInput), refusedWith('threshold/state-used'));
    assert.throws(() => run.step(2, noInput), refusedWith('threshold/state-used'));
    const wiped = onlineRun({ ...plan, presignature: partsOf(1) });
    wiped.wipe();
    assert.throws(() => wiped.step(1, noInput), refusedWith('threshold/state-used'));
    for (const wrong of [
      { signers: [1, 2, 3] },
      { signers: [2, 3] },
      { digest: new Uint8Array(31) },
      { session: new Uint8Array(33) },
      { path: [2 ** 31] },
    ]) {
      assert.throws(() => onlineRun({ ...plan, ...wrong }), refusedWith('threshold/bad-parameters'));
    }
  });

  test(`${scheme}: a presignature is handed over once, and is wiped with a run that nobody asked for it`, () => {
    const runs = presignRuns(setting, { signers, seed: 'handed' });
    const { results } = driveRuns(runs);
    const result = results.get(1);
    assert.ok(result?.kind === 'presignature');
    runs.get(1)?.wipe();
    assert.ok(!allZero(result.presignature.phi));
    assert.throws(() => runs.get(1)?.takeResult(), refusedWith('threshold/state-used'));
  });

  test(`${scheme}: T14: the nonce of an online signature is not the one of the presignature, and moves with all that it is bound to`, () => {
    const parts = {
      scheme,
      generation: 1,
      nonce: partsOf(1).nonce,
      publicKey: setting.public.groupPublicKey,
      digest,
      signers,
      session: sessionOf('delta'),
    };
    const base = deltaOf(group, parts);
    const seen = new Set([base]);
    const others = [
      { scheme: ecdsaSchemes.find((one) => one !== scheme) ?? scheme },
      { generation: 2 },
      { nonce: group.encode(group.generator) },
      { publicKey: group.encode(group.generator) },
      { digest: flipped(digest) },
      { signers: [1, 2] },
      { session: flipped(parts.session) },
    ];
    for (const other of others) {
      seen.add(deltaOf(group, { ...parts, ...other }));
    }
    assert.equal(seen.size, 1 + others.length);
    assert.ok([...seen].every((delta) => delta > 0n && delta < group.order));

    // Two sessions that get the same presignature, as two clones of a machine would: two nonces, neither of them R.
    const nonces = new Set([toHex(parts.nonce)]);
    for (const task of [
      { digest, seed: 'a' },
      { digest, seed: 'b' },
      { digest: flipped(digest), seed: 'a' },
      { digest, seed: 'a', path: [1] },
    ]) {
      const runs = onlineRuns(
        setting,
        new Map([
          [1, partsOf(1)],
          [3, partsOf(3)],
        ]),
        task,
      );
      const { broadcast } = runs.get(1)?.step(1, noInput) ?? { broadcast: new Uint8Array() };
      nonces.add(toHex(ecdsaShare.decode(broadcast).nonce));
    }
    assert.equal(nonces.size, 5);
  });

  test(`${scheme}: T14: signers of two sessions do not come to a signature`, () => {
    const [one, three] = ['a', 'b'].map((seed, i) => {
      const runs = onlineRuns(
        setting,
        new Map([
          [1, partsOf(1)],
          [3, partsOf(3)],
        ]),
        { digest, seed },
      );
      return runs.get(signers[i] ?? 0)?.step(1, noInput).broadcast ?? new Uint8Array();
    });
    assert.notDeepEqual(ecdsaShare.decode(one ?? digest).nonce, ecdsaShare.decode(three ?? digest).nonce);
  });

  test(`${scheme}: T40: a nonce that delta takes to the identity makes no share`, () => {
    // k = 5 is known here, so delta can be chosen against it; deltaOf is a hash, which can't.
    const nonce = group.encode(group.publicBaseProduct(5n));
    assert.throws(
      () => signatureShare(group, { ...partsOf(1), nonce }, { digest, addend: 0n, delta: group.order - 5n }),
      refusedWith('threshold/degenerate-value'),
    );
  });

  test(`${scheme}: shares, pairings and what a plan lent stay the caller's`, () => {
    const share = shareOf(setting, 1);
    const before = share.secret.slice();
    const pairings = setting.pairings(1, signers);
    const secrets = [...pairings.values()].map(({ secret }) => secret.slice());
    const run = presignRun(
      { kind: 'ecdsa-presign', share, session: sessionOf('lent'), signers, pairings },
      insecureSeeded('lent'),
    );
    run.step(1, noInput);
    run.wipe();
    assert.deepEqual(share.secret, before);
    assert.deepEqual(
      [...pairings.values()].map(({ secret }) => secret),
      secrets,
    );
  });

  test(`${scheme}: T12: two sessions share no nonce, with the same randomness too`, () => {
    const nonces = ['one', 'two'].map((session) => {
      const { signature } = signWhole(setting, { signers, digest, seed: session });
      return toHex(signature.subarray(0, 32));
    });
    assert.notEqual(nonces[0], nonces[1]);
    // The same source of randomness, another session: R_i and its commitment differ.
    const openings = ['one', 'two'].map((session) => {
      const runs = new Map<number, Run>(
        signers.map((index) => [
          index,
          presignRun(
            {
              kind: 'ecdsa-presign',
              share: shareOf(setting, index),
              session: sessionOf(session),
              signers,
              pairings: setting.pairings(index, signers),
            },
            insecureSeeded('the same'),
          ),
        ]),
      );
      return toHex(ecdsaOpening.decode(driveRuns(runs).broadcasts[1]?.get(1) ?? new Uint8Array()).nonce);
    });
    assert.notEqual(openings[0], openings[1]);
  });

  test(`${scheme}: an online signature of a derived key is made of a presignature that knew of no path`, () => {
    signOnline(
      setting,
      new Map([
        [1, partsOf(1)],
        [3, partsOf(3)],
      ]),
      { digest, path: [1, 2, 3], seed: 'path' },
    );
  });
}
