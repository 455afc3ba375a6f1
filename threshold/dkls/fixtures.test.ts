/**
 * Frozen transcripts of ECDSA signing: with the same randomness every message has the bytes that version 1 had; of those that
 * go to one party alone, about 40 KB each, the hash is kept. A change here is a change of the protocol and needs a new version
 * of the messages.
 *
 * SYMBOLON_WRITE_FIXTURES=1 writes them anew.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../test/repoRoot.ts';
import { combined, ecdsaSetting, onlineRuns, presignRuns, signRuns } from '../../test/threshold/ecdsa.ts';
import { raw, readJson } from '../../test/threshold/files.ts';
import { driveRuns, type Driven } from '../../test/threshold/run.ts';
import { ecdsaSchemes, toHex, type EcdsaScheme } from '../../wire/ids.ts';
import type { PresignatureParts } from '../index.ts';
import { decodeKeyPublic, encodeKeyPublic } from '../keyShare.ts';
import { combineEcdsa } from './combine.ts';
import { ecdsaCommitment, ecdsaOpening, ecdsaShare } from './messages.ts';

type ByParty = Readonly<Record<string, string>>;
interface Transcript {
  /** By round. */
  readonly broadcasts: readonly ByParty[];
  /** SHA-256 by round, sender and receiver. */
  readonly pairwise: readonly Readonly<Record<string, ByParty>>[];
}
interface Fixture {
  readonly scheme: EcdsaScheme;
  readonly seed: string;
  readonly keyPublic: string;
  readonly signers: readonly number[];
  readonly digest: string;
  readonly path: readonly number[];
  readonly whole: Transcript & { readonly signature: string; readonly recovery: number };
  readonly presign: Transcript;
  readonly online: Transcript & { readonly signature: string; readonly recovery: number };
}

const byParty = (map: ReadonlyMap<number, Uint8Array>): ByParty =>
  Object.fromEntries([...map].map(([party, bytes]) => [String(party), toHex(bytes)]));
const hashed = (map: ReadonlyMap<number, Uint8Array>): ByParty =>
  byParty(
    new Map([...map].map(([party, bytes]) => [party, createHash('sha256').update(bytes).digest()] as const)),
  );
const transcriptOf = ({ broadcasts, pairwise }: Driven): Transcript => ({
  broadcasts: broadcasts.map(byParty),
  pairwise: pairwise.map((round) =>
    Object.fromEntries([...round].map(([from, all]) => [String(from), hashed(all)])),
  ),
});

function make(scheme: EcdsaScheme): Fixture {
  const seed = `symbolon fixture 1 ${scheme}`;
  const signers = [1, 2, 4];
  const path = [44, 60, 7];
  const digest = Uint8Array.from({ length: 32 }, (_, i) => i);
  const setting = ecdsaSetting(scheme, 3, [1, 2, 3, 4], seed);
  const task = { signers, digest, path, seed };
  const signed = (driven: Driven): Fixture['whole'] => {
    const { signature, recovery } = combined(
      setting,
      task,
      driven.broadcasts.at(-1) ?? new Map<number, Uint8Array>(),
    );
    return { ...transcriptOf(driven), signature: toHex(signature), recovery };
  };
  const presigned = driveRuns(presignRuns(setting, task));
  const parts = new Map<number, PresignatureParts>();
  for (const [index, result] of presigned.results) {
    assert.ok(result.kind === 'presignature');
    parts.set(index, result.presignature);
  }
  return {
    scheme,
    seed,
    keyPublic: toHex(encodeKeyPublic(setting.public)),
    signers,
    digest: toHex(digest),
    path,
    whole: signed(driveRuns(signRuns(setting, task))),
    presign: transcriptOf(presigned),
    online: signed(driveRuns(onlineRuns(setting, parts, task))),
  };
}

for (const scheme of ecdsaSchemes) {
  const file = `test/fixtures/v1/threshold/sign-${scheme}.json`;
  if (process.env['SYMBOLON_WRITE_FIXTURES'] === '1') {
    mkdirSync(dirname(join(repoRoot, file)), { recursive: true });
    writeFileSync(join(repoRoot, file), `${JSON.stringify(make(scheme), undefined, 2)}\n`);
  }

  test(`${scheme}: every message is what version 1 sends`, () => {
    assert.deepEqual(make(scheme), readJson(file));
  });

  test(`${scheme}: the messages of version 1 decode, and its signature shares make their signatures`, () => {
    const fixture = readJson(file) as Fixture;
    const key = decodeKeyPublic(raw(fixture.keyPublic));
    for (const { broadcasts, signature, recovery } of [fixture.whole, fixture.online]) {
      const shares = new Map(
        Object.entries(broadcasts.at(-1) ?? {}).map(([party, hex]) => [Number(party), raw(hex)]),
      );
      for (const share of shares.values()) {
        assert.deepEqual(ecdsaShare.encode(ecdsaShare.decode(share)), share);
      }
      const made = combineEcdsa({ public: key, path: fixture.path, digest: raw(fixture.digest), shares });
      assert.deepEqual({ ...made, signature: toHex(made.signature) }, { signature, recovery });
    }
    const [commitments = {}, openings = {}] = fixture.presign.broadcasts;
    for (const hex of Object.values(commitments)) {
      assert.equal(ecdsaCommitment.decode(raw(hex)).generation, 1);
    }
    for (const hex of Object.values(openings)) {
      assert.equal(ecdsaOpening.decode(raw(hex)).salt.length, 32);
    }
  });
}
