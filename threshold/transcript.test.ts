import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../wire/ids.ts';
import { ed25519Group } from './group/ed25519.ts';
import {
  chainCodeOf,
  confirmationOf,
  openingHash,
  proofChallenge,
  renewConfirmationOf,
  renewOpeningHash,
  repairConfirmationOf,
  repairViewOf,
  splitConfirmationOf,
  type DkgContext,
  type RenewContext,
  type RepairContext,
} from './transcript.ts';

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

const renewal: RenewContext = {
  kind: 'refresh',
  scheme: 'frost-ed25519',
  session: bytes(1),
  present: bytes(7),
  dealers: [1, 2],
  participants: [1, 2, 12],
  threshold: 2,
  generation: 2,
};
const renewals: readonly RenewContext[] = [
  renewal,
  { ...renewal, kind: 'reshare' },
  { ...renewal, scheme: 'frost-secp256k1-tr' },
  { ...renewal, session: bytes(2) },
  { ...renewal, present: bytes(8) },
  { ...renewal, dealers: [1, 2, 12] },
  { ...renewal, dealers: [1, 2, 1], participants: [2, 12] },
  { ...renewal, participants: [1, 2] },
  { ...renewal, threshold: 3 },
  { ...renewal, generation: 3 },
];
const repair: RepairContext = {
  scheme: 'frost-ed25519',
  session: bytes(1),
  present: bytes(7),
  helpers: [1, 2],
  lost: 3,
};
const repairs: readonly RepairContext[] = [
  repair,
  { ...repair, scheme: 'dkls23-p256' },
  { ...repair, session: bytes(2) },
  { ...repair, present: bytes(8) },
  { ...repair, helpers: [1, 4] },
  { ...repair, lost: 4 },
];
/** Parts of a confirmation that differ in one place each. */
const otherParts = [
  { generation: 2 },
  { commitments: [bytes(2), bytes(1)] },
  { commitments: [bytes(1)] },
  { openings: [bytes(3), bytes(3)] },
  { commitments: [bytes(1)], openings: [bytes(2), bytes(3), bytes(4)] },
  { keyPublic: bytes(6) },
].map((change) => ({ ...parts, ...change }));

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
    ...otherParts.map((one) => toHex(confirmationOf(context, one))),
  ],
  proof: [
    ...contexts.map((one) => proof(one, 1, [bytes(1), bytes(2)], bytes(3))),
    proof(context, 2, [bytes(1), bytes(2)], bytes(3)),
    proof(context, 1, [bytes(1), bytes(1)], bytes(3)),
    proof(context, 1, [bytes(1)], bytes(2)),
    proof(context, 1, [bytes(1), bytes(2)], bytes(4)),
  ],
  'opening of a renewal': [
    ...renewals.map((one) => toHex(renewOpeningHash(one, 1, bytes(9)))),
    toHex(renewOpeningHash(renewal, 2, bytes(9))),
    toHex(renewOpeningHash(renewal, 1, bytes(8))),
    toHex(openingHash(context, 1, bytes(9))),
  ],
  'confirmation of a renewal': [
    ...renewals.map((one) => toHex(renewConfirmationOf(one, parts))),
    ...otherParts.map((one) => toHex(renewConfirmationOf(renewal, one))),
    toHex(confirmationOf(context, parts)),
  ],
  'view of a repair': [
    ...repairs.map((one) => toHex(repairViewOf(one, [bytes(1), bytes(2)]))),
    toHex(repairViewOf(repair, [bytes(2), bytes(1)])),
    toHex(repairViewOf(repair, [Uint8Array.of(...bytes(1), ...bytes(2))])),
    toHex(repairConfirmationOf(repair, bytes(1))),
    toHex(repairConfirmationOf(repair, bytes(2))),
  ],
  'confirmation of a split key': [
    toHex(splitConfirmationOf(bytes(1), bytes(2), bytes(3))),
    toHex(splitConfirmationOf(bytes(2), bytes(2), bytes(3))),
    toHex(splitConfirmationOf(bytes(1), bytes(3), bytes(3))),
    toHex(splitConfirmationOf(bytes(1), bytes(2), bytes(4))),
  ],
};
for (const [what, hashes] of Object.entries(different)) {
  test(`T18: the hash of the ${what} covers every part, and no two inputs meet`, () => {
    assert.equal(new Set(hashes).size, hashes.length);
  });
}
