/**
 * Frozen transcripts: with the same randomness every message of every round has the bytes that version 1 had. A change
 * here is a change of the protocol and needs a new version of the messages.
 *
 * SYMBOLON_WRITE_FIXTURES=1 writes them anew.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../test/repoRoot.ts';
import { raw, readJson } from '../test/threshold/files.ts';
import { runDkg, runSign } from '../test/threshold/run.ts';
import { schemes, toHex, type Scheme } from '../wire/ids.ts';
import {
  checkKeyShare,
  decodeKeyPublic,
  encodeKeyPublic,
  publicKeyOf,
  verifySignature,
  type KeyShare,
  type Tweak,
} from './index.ts';

type ByParty = Readonly<Record<string, string>>;
interface Fixture {
  readonly scheme: Scheme;
  readonly threshold: number;
  readonly participants: readonly number[];
  readonly seed: string;
  readonly dkg: {
    readonly commitments: ByParty;
    readonly openings: ByParty;
    readonly pairwise: Readonly<Record<string, ByParty>>;
    readonly confirmation: string;
    readonly keyPublic: string;
    readonly secrets: ByParty;
  };
  readonly signatures: readonly {
    readonly tweak: Tweak;
    readonly signers: readonly number[];
    readonly message: string;
    readonly commitments: ByParty;
    readonly shares: ByParty;
    readonly publicKey: string;
    readonly signature: string;
  }[];
}

const byParty = (map: ReadonlyMap<number, Uint8Array>): ByParty =>
  Object.fromEntries([...map].map(([party, bytes]) => [String(party), toHex(bytes)]));

/** FROST signatures are frozen here; those of ECDSA have messages of their own. */
const tweaksOf: Readonly<Record<Scheme, readonly Tweak[]>> = {
  'frost-ed25519': ['none'],
  'frost-secp256k1-tr': ['none', 'bip341'],
  'dkls23-secp256k1': [],
  'dkls23-p256': [],
};

function generate(scheme: Scheme): Fixture {
  const setting = { scheme, threshold: 2, participants: [1, 2, 4], seed: `symbolon fixture 1 ${scheme}` };
  const { shares, confirmations, traffic } = runDkg(setting);
  const [first] = shares.values();
  assert.ok(first !== undefined);
  return {
    ...setting,
    dkg: {
      commitments: byParty(traffic.commitments),
      openings: byParty(traffic.openings),
      pairwise: Object.fromEntries([...traffic.pairwise].map(([from, all]) => [String(from), byParty(all)])),
      confirmation: toHex(confirmations.get(1) ?? new Uint8Array()),
      keyPublic: toHex(encodeKeyPublic(first.public)),
      secrets: byParty(new Map([...shares].map(([party, share]) => [party, share.secret]))),
    },
    signatures: tweaksOf[scheme].flatMap((tweak) =>
      [
        [1, 4],
        [1, 2, 4],
      ].map((signers) => {
        const message = new Uint8Array(32).map((_, i) => i);
        const used = signers.flatMap((party) => shares.get(party) ?? []);
        const run = runSign(used, message, tweak, `${setting.seed} ${tweak} ${signers.join('-')}`);
        return {
          tweak,
          signers,
          message: toHex(message),
          commitments: byParty(run.commitments),
          shares: byParty(run.signatureShares),
          publicKey: toHex(publicKeyOf(first.public, tweak)),
          signature: toHex(run.signature),
        };
      }),
    ),
  };
}

for (const scheme of schemes) {
  const path = `test/fixtures/v1/threshold/${scheme}.json`;

  test(`${scheme}: every message of version 1 has the frozen bytes`, () => {
    const made = generate(scheme);
    if (process.env['SYMBOLON_WRITE_FIXTURES'] === '1') {
      const file = join(repoRoot, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `${JSON.stringify(made, undefined, 2)}\n`);
    }
    assert.deepEqual(made, readJson(path) as Fixture);
  });

  test(`${scheme}: a key and signatures of version 1 are still good`, () => {
    const fixture = readJson(path) as Fixture;
    const key = decodeKeyPublic(raw(fixture.dkg.keyPublic));
    for (const [party, secret] of Object.entries(fixture.dkg.secrets)) {
      const share: KeyShare = { public: key, index: Number(party), secret: raw(secret) };
      checkKeyShare(share);
    }
    for (const { tweak, message, publicKey, signature } of fixture.signatures) {
      assert.equal(toHex(publicKeyOf(key, tweak)), publicKey);
      assert.ok(verifySignature(scheme, raw(publicKey), raw(message), raw(signature)));
    }
  });
}
