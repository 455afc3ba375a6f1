import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeCbor, type CborInput } from '../../wire/cbor.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import {
  anyClaimsBytes,
  challengeBytes,
  claimsBytes,
  identityBytes,
  recalledEvidence,
  sessionIdOf,
  type Claims,
} from '../../wire/messages/session.ts';
import { checkClaims, readClaims } from './claims.ts';

const bytes = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill);
const claims: Claims = {
  v: 2,
  role: 'session',
  cluster: bytes(16),
  node: 'n'.repeat(32),
  boot: bytes(16),
  manifest: bytes(32),
  since: 1,
  mark: 2,
  boots: 1,
  witnessed: new Map(),
};
const witnessing = (mark: number): Claims => ({
  ...claims,
  boots: mark,
  since: mark,
  mark,
  witnessed: new Map(Array.from({ length: 31 }, (_, i) => [i + 2, mark])),
});
const publicKey = identityBytes.encode({ v: 1, sign: bytes(32), encrypt: bytes(32), tls: bytes(32) });

test('given the most nodes, when claims are written, then they fit 512 bytes up to four thousand million uses, and 1,024 always', () => {
  assert.ok(claimsBytes.encode(witnessing(2 ** 32 - 1)).length <= 512);
  const most = claimsBytes.encode(witnessing(Number.MAX_SAFE_INTEGER));
  assert.ok(most.length <= 1_024, String(most.length));
  assert.deepEqual(claimsBytes.decode(most), witnessing(Number.MAX_SAFE_INTEGER));
});

describe('claims that break a rule of their form', () => {
  const cases: Readonly<Record<string, CborInput>> = {
    'another version': { ...claims, v: 3 },
    'the fields of version 2 under version 1': { ...claims, v: 1 },
    'no version': { ...claims, v: undefined },
    'a version that is text': { ...claims, v: '2' },
    'no mark': { ...claims, mark: undefined },
    'no mark at the beginning': { ...claims, since: undefined },
    'a negative mark': { ...claims, mark: -1 },
    'no witnesses': { ...claims, witnessed: undefined },
    'witnesses by name': { ...claims, witnessed: new Map([['node-2', 1]]) },
    'a witness beyond the most nodes': { ...claims, witnessed: new Map([[33, 1]]) },
    'a witness below zero': { ...claims, witnessed: new Map([[1, -1]]) },
    'no number of the boot': { ...claims, boots: undefined },
    'one field more': { ...claims, more: 1 },
    'another role': { ...claims, role: 'both' },
    'a list': [1],
  };
  for (const [name, value] of Object.entries(cases)) {
    test(`given ${name}, when read, then it is refused`, () => {
      const userData = encodeCbor(value);
      assert.throws(
        () => readClaims({ publicKey, userData }),
        (error: unknown) =>
          isSymbolonError(error, 'evidence/bad-claims') && error.facts.field === 'user_data',
      );
    });
  }
  test('T34: given more than 1,024 bytes, when read, then nothing is parsed', () => {
    assert.throws(
      () => anyClaimsBytes.decode(bytes(1_025)),
      (error: unknown) => isSymbolonError(error, 'wire/oversize'),
    );
  });
});

test('T09: given claims of version 1, when read, then they say the same as ever, and no verifier accepts them', () => {
  const { boots, since, mark, witnessed, ...rest } = claims;
  assert.deepEqual([boots, since, mark, witnessed.size], [1, 1, 2, 0]);
  const userData = encodeCbor({ ...rest, v: 1 });
  const read = readClaims({ publicKey, userData }).claims;
  assert.deepEqual(read, { ...rest, v: 1 });
  const { role, cluster, node, manifest } = claims;
  const expected = { nonce: bytes(32), role, cluster, node, manifest };
  assert.equal(checkClaims(claims, expected), claims);
  assert.throws(
    () => checkClaims(read, expected),
    (error: unknown) => isSymbolonError(error, 'evidence/claim-mismatch') && error.facts.claim === 'v',
  );
});

test('T36: given a challenge that offers something or nothing, then the session id differs, and offers are bounded', () => {
  const challenge = { node: 'n'.repeat(32), boot: bytes(16), nonce: bytes(32), identity: publicKey };
  const id = (...known: Uint8Array[]): string =>
    Buffer.from(
      sessionIdOf({
        requestHash: bytes(32),
        manifest: bytes(32),
        generation: 1,
        challenges: [known.length === 0 ? challenge : { ...challenge, known }],
      }),
    ).toString('hex');
  const ids = [id(), id(bytes(16, 1)), id(bytes(16, 2)), id(bytes(16, 1), bytes(16, 2))];
  assert.equal(new Set(ids).size, ids.length);
  const most = { ...challenge, known: Array.from({ length: 32 }, () => bytes(16)) };
  assert.deepEqual(challengeBytes.decode(challengeBytes.encode(most)), most);
  for (const known of [[], [bytes(15)], Array.from({ length: 33 }, () => bytes(16))]) {
    assert.throws(() => challengeBytes.decode(encodeCbor({ ...challenge, known })), /wire|shape|list|bytes/i);
  }
});

test('given a recall that breaks its form, when read, then it is refused', () => {
  const good = { recalled: bytes(16), presence: bytes(64) };
  assert.deepEqual(recalledEvidence.decode(recalledEvidence.encode(good)), good);
  for (const bad of [
    { ...good, recalled: bytes(15) },
    { ...good, presence: bytes(65) },
    { ...good, more: 1 },
    { recalled: good.recalled },
    [1],
  ] as const) {
    assert.throws(
      () => recalledEvidence.decode(encodeCbor(bad)),
      (error: unknown) => isSymbolonError(error),
    );
  }
});
