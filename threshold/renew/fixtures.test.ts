/**
 * Frozen transcripts of refresh, reshare and repair: with the same randomness every message has the bytes that version 1 had.
 * A change here is a change of the protocol and needs a new version of the messages. They start from the keys of the frozen
 * key generations.
 *
 * SYMBOLON_WRITE_FIXTURES=1 writes them anew.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../test/repoRoot.ts';
import { raw, readJson } from '../../test/threshold/files.ts';
import { joinedKey } from '../../test/threshold/joined.ts';
import { runRefresh, runReshare, type Renewed } from '../../test/threshold/renew.ts';
import { driveRuns, insecureSeeded, sessionOf, type Driven } from '../../test/threshold/run.ts';
import { schemes, toHex, type Scheme } from '../../wire/ids.ts';
import {
  checkKeyShare,
  decodeKeyPublic,
  encodeKeyPublic,
  renewCommitment,
  renewOpening,
  repairRun,
  repairSummands,
  type KeyShare,
} from '../index.ts';

type ByParty = Readonly<Record<string, string>>;
/** What was sent, round by round. */
interface Traffic {
  readonly broadcasts: readonly ByParty[];
  readonly pairwise: readonly Readonly<Record<string, ByParty>>[];
}
interface Fixture extends Readonly<Record<'refresh' | 'reshare', RenewalFixture>> {
  readonly scheme: Scheme;
  readonly seed: string;
  /** Restores the share of party 2 of the present key. */
  readonly repair: Traffic & { readonly helpers: readonly number[]; readonly lost: number };
}
interface RenewalFixture extends Traffic {
  readonly keyPublic: string;
  readonly secrets: ByParty;
}
interface DkgFixture {
  readonly dkg: { readonly keyPublic: string; readonly secrets: ByParty };
}

const byParty = (map: ReadonlyMap<number, Uint8Array>): ByParty =>
  Object.fromEntries([...map].map(([party, bytes]) => [String(party), toHex(bytes)]));
const trafficOf = ({ broadcasts, pairwise }: Driven): Traffic => ({
  broadcasts: broadcasts.map(byParty),
  pairwise: pairwise.map((round) =>
    Object.fromEntries([...round].map(([from, all]) => [String(from), byParty(all)])),
  ),
});
const renewalOf = (renewed: Renewed): RenewalFixture => {
  const [some] = renewed.next.values();
  assert.ok(some !== undefined);
  return {
    ...trafficOf(renewed),
    keyPublic: toHex(encodeKeyPublic(some.public)),
    secrets: byParty(new Map([...renewed.next].map(([index, share]) => [index, share.secret]))),
  };
};
const sharesOf = (keyPublic: string, secrets: ByParty): Map<number, KeyShare> => {
  const key = decodeKeyPublic(raw(keyPublic));
  return new Map(
    Object.entries(secrets).map(([party, secret]) => [
      Number(party),
      { public: key, index: Number(party), secret: raw(secret) },
    ]),
  );
};

/** The key of the frozen key generation: 2 of the parties 1, 2 and 4. */
function frozenKey(scheme: Scheme): Map<number, KeyShare> {
  const { dkg } = readJson(`test/fixtures/v1/threshold/${scheme}.json`) as DkgFixture;
  return sharesOf(dkg.keyPublic, dkg.secrets);
}

function generate(scheme: Scheme): Fixture {
  const shares = frozenKey(scheme);
  const seed = `symbolon renew fixture 1 ${scheme}`;
  const [helpers, lost] = [[1, 4], 2];
  const [some] = shares.values();
  assert.ok(some !== undefined);
  const repair = driveRuns(
    new Map(
      [1, 2, 4].map((index) => [
        index,
        repairRun(
          {
            public: some.public,
            index,
            share: index === lost ? undefined : shares.get(index),
            helpers,
            lost,
            session: sessionOf(seed),
          },
          insecureSeeded(`${seed}/repair/${index}`),
        ),
      ]),
    ),
  );
  return {
    scheme,
    seed,
    refresh: renewalOf(runRefresh(shares, `${seed}/refresh`)),
    reshare: renewalOf(
      runReshare({
        shares,
        dealers: [1, 4],
        participants: [2, 3, 4, 5],
        threshold: 3,
        seed: `${seed}/reshare`,
      }),
    ),
    repair: { helpers, lost, ...trafficOf(repair) },
  };
}

for (const scheme of schemes) {
  const path = `test/fixtures/v1/threshold/renew-${scheme}.json`;

  test(`${scheme}: every message of a refresh, a reshare and a repair of version 1 has the frozen bytes`, () => {
    const made = generate(scheme);
    if (process.env['SYMBOLON_WRITE_FIXTURES'] === '1') {
      const file = join(repoRoot, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `${JSON.stringify(made, undefined, 2)}\n`);
    }
    assert.deepEqual(made, readJson(path) as Fixture);
  });

  test(`${scheme}: shares of a version 1 refresh and reshare are still good, and their messages decode`, () => {
    const fixture = readJson(path) as Fixture;
    const [before] = frozenKey(scheme).values();
    assert.ok(before !== undefined);
    for (const { keyPublic, secrets, broadcasts } of [fixture.refresh, fixture.reshare]) {
      const shares = [...sharesOf(keyPublic, secrets).values()];
      for (const share of shares) {
        checkKeyShare(share);
      }
      assert.equal(joinedKey(shares), toHex(before.public.groupPublicKey));
      const [first = {}, second = {}] = broadcasts;
      for (const message of Object.values(first)) {
        assert.equal(renewCommitment.decode(raw(message)).generation, 1);
      }
      for (const message of Object.values(second)) {
        renewOpening.decode(raw(message));
      }
    }
    for (const message of Object.values(fixture.repair.broadcasts[0] ?? {})) {
      repairSummands.decode(raw(message));
    }
  });
}
