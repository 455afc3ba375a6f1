/**
 * Frozen bytes: with the same randomness a pairing and a multiplication send what version 1 sent, and a stored pairing opens to
 * what it was. A change here is a change of the protocol and needs a new version of the messages.
 *
 * SYMBOLON_WRITE_FIXTURES=1 writes them anew.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../test/repoRoot.ts';
import { raw, readJson } from '../../test/threshold/files.ts';
import { driveRuns, insecureSeeded, sessionOf } from '../../test/threshold/run.ts';
import { ecdsaSchemes, toHex, type EcdsaScheme } from '../../wire/ids.ts';
import { aliceMultiply, bobBegin, bobFinish } from '../dkls/multiplication.ts';
import { zeroShare } from '../dkls/zeroShare.ts';
import { groupOf } from '../scheme.ts';
import { pairRun } from './pairRun.ts';
import { openPairing, type PairingKeys } from './pairingKeys.ts';

const path = 'test/fixtures/v1/threshold/pairing.json';
const seed = 'pairing fixture v1';

interface Multiplied {
  readonly scheme: EcdsaScheme;
  /** SHA-256 of the two messages. */
  readonly extension: string;
  readonly maskedInputs: string;
  readonly b: string;
  readonly c: readonly string[];
  readonly d: readonly string[];
  readonly zeroShare: string;
}
interface Fixture {
  readonly confirmation: string;
  /** SHA-256 of each message, by round: broadcast and pairwise of party 1. */
  readonly messages: readonly (readonly string[])[];
  /** What party 1 stored, and the SHA-256 of what party 2 stored. */
  readonly stored: string;
  readonly storedByPeer: string;
  readonly multiplications: readonly Multiplied[];
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function multiplied(scheme: EcdsaScheme, bob: PairingKeys, alice: PairingKeys): Multiplied {
  const group = groupOf(scheme);
  const session = sessionOf(`${seed}/${scheme}`);
  const signers = [1, 2];
  const context = { scheme, session, bob: 1, alice: 2, signers };
  const random = insecureSeeded(`${seed}/${scheme}/random`);
  const inputs = [group.scalars.random(random), group.scalars.random(random)] as const;
  const begun = bobBegin(context, bob, random);
  const answer = aliceMultiply(context, alice, begun.message, inputs, random);
  return {
    scheme,
    extension: sha256(begun.message),
    maskedInputs: sha256(answer.message),
    b: toHex(begun.b),
    c: answer.outputs.map(toHex),
    d: bobFinish(begun.state, answer.message).map(toHex),
    zeroShare: toHex(zeroShare({ group, index: 1, signers, session, pairings: new Map([[2, bob]]) })),
  };
}

function make(): Fixture {
  const participants = [1, 2];
  const driven = driveRuns(
    new Map(
      participants.map((index) => [
        index,
        pairRun(
          { kind: 'pair', session: sessionOf(seed), index, participants },
          insecureSeeded(`${seed}/${index}`),
        ),
      ]),
    ),
  );
  const [mine, theirs] = [1, 2].map((index) => {
    const result = driven.results.get(index);
    assert.ok(result?.kind === 'pairings');
    const stored = result.pairings.get(3 - index)?.secret;
    assert.ok(stored !== undefined);
    return { stored, confirmation: result.confirmation };
  });
  assert.ok(mine !== undefined && theirs !== undefined);
  const none = new Uint8Array();
  return {
    confirmation: toHex(mine.confirmation),
    messages: driven.broadcasts.map((sent, i) => [
      sha256(sent.get(1) ?? none),
      sha256(driven.pairwise[i]?.get(1)?.get(2) ?? none),
    ]),
    stored: toHex(mine.stored),
    storedByPeer: sha256(theirs.stored),
    multiplications: ecdsaSchemes.map((scheme) =>
      multiplied(scheme, openPairing(mine.stored), openPairing(theirs.stored)),
    ),
  };
}

test('a pairing and a multiplication have the frozen bytes of version 1', () => {
  const made = make();
  if (process.env['SYMBOLON_WRITE_FIXTURES'] === '1') {
    writeFileSync(join(repoRoot, path), `${JSON.stringify(made, undefined, 2)}\n`);
  }
  assert.deepEqual(made, readJson(path));
});

test('a pairing that version 1 stored opens to the same keys', () => {
  const fixture = readJson(path) as Fixture;
  const keys = openPairing(raw(fixture.stored));
  assert.deepEqual([keys.index, keys.peer, keys.id.length], [1, 2, 16]);
  assert.deepEqual(
    [keys.nabla.length, keys.aliceLeaves.length, keys.bobLeaves.length, keys.zeroSeed.length],
    [16, 3_072, 4_096, 32],
  );
});
