import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../wire/ids.ts';
import { ed25519Group } from './group/ed25519.ts';
import { chainCodeOf, confirmationOf, openingHash, proofChallenge, type DkgContext } from './transcript.ts';

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const context: DkgContext = {
  scheme: 'frost-ed25519',
  session: bytes(1),
  participants: [1, 2, 12],
  threshold: 2,
};
const contexts: readonly DkgContext[] = [
  context,
  { ...context, scheme: 'frost-secp256k1-tr' },
  { ...context, session: bytes(2) },
  { ...context, participants: [1, 2, 3] },
  { ...context, participants: [1, 2] },
  { ...context, threshold: 3 },
];
const parts = {
  generation: 1,
  commitments: [bytes(1), bytes(2)],
  openings: [bytes(3), bytes(4)],
  keyPublic: bytes(5),
};
const proof = (one: DkgContext, party: number, coefficients: Uint8Array[], point: Uint8Array): string =>
  proofChallenge(ed25519Group, one, party, coefficients, point).toString(16);

/** Hashes of inputs that differ in one part each, or in where one part ends and the next begins. */
const different: Readonly<Record<string, readonly string[]>> = {
  opening: [
    ...contexts.map((one) => toHex(openingHash(one, 1, bytes(9)))),
    toHex(openingHash(context, 2, bytes(9))),
    toHex(openingHash(context, 1, bytes(8))),
    toHex(openingHash(context, 1, bytes(9).slice(1))),
  ],
  'chain code': [
    ...contexts.map((one) => toHex(chainCodeOf(one, [bytes(1), bytes(2)]))),
    toHex(chainCodeOf(context, [bytes(2), bytes(1)])),
    toHex(chainCodeOf(context, [bytes(1), bytes(2), bytes(2)])),
    toHex(chainCodeOf(context, [Uint8Array.of(...bytes(1), ...bytes(2))])),
  ],
  confirmation: [
    ...contexts.map((one) => toHex(confirmationOf(one, parts))),
    ...[
      { generation: 2 },
      { commitments: [bytes(2), bytes(1)] },
      { commitments: [bytes(1)] },
      { openings: [bytes(3), bytes(3)] },
      { commitments: [bytes(1)], openings: [bytes(2), bytes(3), bytes(4)] },
      { keyPublic: bytes(6) },
    ].map((change) => toHex(confirmationOf(context, { ...parts, ...change }))),
  ],
  proof: [
    ...contexts.map((one) => proof(one, 1, [bytes(1), bytes(2)], bytes(3))),
    proof(context, 2, [bytes(1), bytes(2)], bytes(3)),
    proof(context, 1, [bytes(1), bytes(1)], bytes(3)),
    proof(context, 1, [bytes(1)], bytes(2)),
    proof(context, 1, [bytes(1), bytes(2)], bytes(4)),
  ],
};
for (const [what, hashes] of Object.entries(different)) {
  test(`T18: the hash of the ${what} covers every part, and no two inputs meet`, () => {
    assert.equal(new Set(hashes).size, hashes.length);
  });
}
