/** The list of a node's keys: read once, then only what changed; a list that can't be one is refused by name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleKey } from '../../daemon/testing/sampleKey.ts';
import { encodeKeyPublic } from '../../threshold/index.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { maxRecords } from '../../wire/limits.ts';
import { maxKeyPage, type KeyInfo, type KeyList } from '../../wire/messages/node.ts';
import { KeyReading, type Heard } from './keyReading.ts';

const [share] = sampleKey().shares;
assert.ok(share !== undefined);
const idOf = (i: number): string => i.toString(16).padStart(32, '0');
const boot = (fill: number): Uint8Array => new Uint8Array(16).fill(fill);
const info = (i: number, change: Partial<KeyInfo> = {}): KeyInfo => ({
  id: idOf(i),
  state: 'active',
  scheme: 'frost-ed25519',
  purpose: 'treasury',
  label: 'main',
  threshold: 2,
  nodes: ['node-1', 'node-2', 'node-3'],
  generation: 1,
  createdAt: 1,
  groupPublicKey: share.public.groupPublicKey,
  public: encodeKeyPublic(share.public),
  ...change,
});
type Change = KeyList['changes'][number];
const change = (number: number, i = number, key: KeyInfo = info(i)): Change => ({
  number,
  id: idOf(i),
  key,
});

/** A node with a table of changes, and a reading of it. */
function node(): {
  /** By id. */
  readonly changes: Map<string, Change>;
  /** Gives this answer instead, once. */
  answer: KeyList | undefined;
  boot: Uint8Array;
  readonly asked: string[];
  readonly heard: Heard[];
  readonly reading: KeyReading;
  /** Reads until there is no more; returns how many pages that took. */
  readonly readAll: () => Promise<number>;
} {
  const changes = new Map<string, Change>();
  const asked: string[] = [];
  const heard: Heard[] = [];
  const last = (): number => Math.max(0, ...[...changes.values()].map(({ number }) => number));
  const given = (query: string, some: readonly Change[]): Promise<KeyList> => {
    asked.push(query);
    const answer = made.answer ?? { boot: made.boot, last: last(), changes: [...some] };
    made.answer = undefined;
    return Promise.resolve(answer);
  };
  const reading = new KeyReading({
    client: {
      name: 'node-1',
      keysSince: (since) =>
        given(
          `since ${since}`,
          [...changes.values()]
            .filter(({ number }) => number > since)
            .sort((a, b) => a.number - b.number)
            .slice(0, maxKeyPage),
        ),
      keysNamed: (ids) =>
        given(
          'ids',
          ids.map((id) => changes.get(id) ?? { number: 0, id }),
        ),
    },
    heard: (one) => {
      heard.push(one);
    },
  });
  const made: ReturnType<typeof node> = {
    changes,
    answer: undefined,
    boot: boot(1),
    asked,
    heard,
    reading,
    readAll: async () => {
      for (let pages = 1; ; pages += 1) {
        if (!(await reading.page())) {
          return pages;
        }
      }
    },
  };
  return made;
}
const put = (of: ReturnType<typeof node>, ...some: readonly Change[]): void => {
  for (const one of some) {
    of.changes.set(one.id, one);
  }
};
const many = (count: number): Change[] => Array.from({ length: count }, (_, i) => change(i + 1));
const refused = (work: Promise<unknown>, reason: RegExp): Promise<void> =>
  assert.rejects(work, (error: unknown) => {
    assert.ok(isSymbolonError(error, 'coordinator/node-answer'));
    assert.equal(error.facts.node, 'node-1');
    assert.match(error.facts.reason, reason);
    return true;
  });

test('given 300 keys, when the list is read, then all are known after five pages, and a look later reads what changed only', async () => {
  const one = node();
  put(one, ...many(300));
  assert.equal(one.reading.knows(idOf(7)), false);
  assert.equal(one.reading.isBehind({ boot: one.boot, keyChange: 300 }), true);
  assert.equal(await one.readAll(), 5);
  assert.deepEqual(
    one.heard.flatMap(({ ids }) => ids),
    many(300).map(({ id }) => id),
  );
  // Only the end of the list says what is not in it.
  assert.deepEqual(
    one.heard.map(({ silence }) => silence),
    [false, false, false, false, true],
  );
  assert.deepEqual(
    [one.reading.isWhole, one.reading.knows(idOf(999)), one.reading.get(idOf(999))],
    [true, true, undefined],
  );
  assert.equal(one.reading.isBehind({ boot: one.boot, keyChange: 300 }), false);
  put(one, change(301, 7, info(7, { generation: 2 })), change(302, 500));
  assert.equal(one.reading.isBehind({ boot: one.boot, keyChange: 302 }), true);
  assert.equal(await one.readAll(), 1);
  assert.deepEqual([one.asked.at(-1), one.heard.at(-1)?.ids], ['since 300', [idOf(7), idOf(500)]]);
  assert.equal(one.reading.get(idOf(7))?.generation, 2);
});

test('given a share that was given up, then the key is told as gone', async () => {
  const one = node();
  put(one, ...many(3));
  await one.readAll();
  put(one, { number: 4, id: idOf(2) });
  await one.readAll();
  assert.equal(one.reading.get(idOf(2)), undefined);
  assert.deepEqual(one.heard.at(-1), { node: 'node-1', ids: [idOf(2)], infos: [], silence: false });
});

test('given a list that changes while it is read, then nothing is missed', async () => {
  const one = node();
  put(one, ...many(130));
  await one.reading.page();
  put(one, change(131, 3, info(3, { state: 'broken', code: 'hsm/record-broken' })), {
    number: 132,
    id: idOf(100),
  });
  assert.equal(await one.readAll(), 2);
  assert.equal(one.reading.get(idOf(3))?.state, 'broken');
  assert.equal(one.reading.get(idOf(100)), undefined);
  assert.equal(one.reading.get(idOf(130))?.state, 'active');
});

test('given a node that was started again with fewer keys, then what it said before is forgotten and read anew', async () => {
  const one = node();
  put(one, ...many(70));
  await one.readAll();
  one.changes.clear();
  one.boot = boot(2);
  put(one, change(1, 5));
  assert.equal(one.reading.isBehind({ boot: boot(2), keyChange: 1 }), true);
  assert.deepEqual([one.heard.at(-1)?.ids.length, one.heard.at(-1)?.silence], [70, true]);
  // Not known is not absent: the list is not read yet.
  assert.equal(one.reading.knows(idOf(6)), false);
  assert.equal(await one.readAll(), 1);
  assert.deepEqual(
    [one.asked.at(-1), one.reading.knows(idOf(6)), one.reading.get(idOf(6))],
    ['since 0', true, undefined],
  );
});

test('given a node that is started again between two pages, then the list is read from its beginning', async () => {
  const one = node();
  put(one, ...many(70));
  await one.reading.page();
  one.boot = boot(2);
  // A page of a boot that no status named is not taken; the next status begins anew.
  assert.equal(await one.readAll(), 1);
  assert.deepEqual([one.reading.isWhole, one.reading.knows(idOf(1))], [false, true]);
  assert.equal(one.reading.isBehind({ boot: boot(2), keyChange: 70 }), true);
  assert.equal(await one.readAll(), 2);
  assert.deepEqual(one.asked.slice(1), ['since 64', 'since 0', 'since 64']);
  assert.equal(one.reading.isWhole, true);
});

test('given a page that is under way while a status names another boot, then it is not taken for the beginning of the new list', async () => {
  for (const meanwhile of ['restart', 'forget'] as const) {
    const one = node();
    put(one, ...many(130));
    one.reading.isBehind({ boot: boot(1), keyChange: 130 });
    await one.reading.page();
    // The node is started again, the next page is answered by the new boot, and a look is quicker than that page.
    one.boot = meanwhile === 'restart' ? boot(2) : boot(1);
    const page = one.reading.page();
    if (meanwhile === 'forget') {
      one.reading.forget();
    }
    assert.equal(one.reading.isBehind({ boot: one.boot, keyChange: 130 }), true);
    assert.equal(await page, true);
    assert.deepEqual([one.reading.isWhole, one.reading.knows(idOf(65))], [false, false]);
    assert.equal(await one.readAll(), 3);
    assert.deepEqual(one.asked.slice(1), ['since 64', 'since 0', 'since 64', 'since 128']);
    assert.equal(one.reading.isWhole, true);
    for (const { id } of many(130)) {
      assert.equal(one.reading.get(id)?.state, 'active');
    }
  }
});

test('given a node that was forgotten while a page was under way, then nothing of that page is believed', async () => {
  const one = node();
  put(one, ...many(130));
  await one.reading.page();
  const page = one.reading.page();
  const ask = one.reading.ask(idOf(7));
  one.reading.forget();
  assert.equal(await page, true);
  assert.equal((await ask)?.id, idOf(7));
  assert.deepEqual([one.reading.knows(idOf(7)), one.reading.knows(idOf(65))], [false, false]);
});

test('given a node that answers each page with another boot, then each look reads one page of it', async () => {
  const one = node();
  put(one, ...many(130));
  for (let look = 1; look <= 5; look += 1) {
    one.reading.isBehind({ boot: boot(2 * look), keyChange: 130 });
    one.boot = boot(2 * look + 1);
    assert.equal(await one.reading.page(), false);
    assert.equal(one.reading.isWhole, false);
  }
  assert.equal(one.asked.length, 5);
});

test('given one key that is asked for over a restart, then the answer is given and the list of the named boot stays', async () => {
  const one = node();
  put(one, ...many(3));
  await one.readAll();
  one.boot = boot(2);
  put(one, change(9, 3, info(3, { generation: 2 })));
  assert.equal((await one.reading.ask(idOf(3)))?.generation, 2);
  assert.deepEqual([one.reading.get(idOf(3))?.generation, one.reading.isWhole], [1, true]);
});

test('given one key that is asked for, then it is known however far the list was read, and an older page changes nothing', async () => {
  const one = node();
  put(one, ...many(130));
  await one.reading.page();
  assert.equal((await one.reading.ask(idOf(100)))?.id, idOf(100));
  assert.deepEqual([one.reading.knows(idOf(100)), one.reading.knows(idOf(101))], [true, false]);
  assert.equal(await one.reading.ask(idOf(999)), undefined);
  assert.equal(one.reading.knows(idOf(999)), true);
  put(one, change(200, 100, info(100, { generation: 2 })));
  await one.reading.ask(idOf(100));
  one.answer = { boot: one.boot, last: 200, changes: many(130).slice(64, 128) };
  await one.reading.page();
  assert.equal(one.reading.get(idOf(100))?.generation, 2);
});

const hostile: readonly (readonly [what: string, answer: Partial<KeyList>, reason: RegExp])[] = [
  ['numbers that fall', { last: 9, changes: [change(4), change(3)] }, /order/],
  ['a number twice', { last: 9, changes: [change(4), change(4, 5)] }, /order/],
  ['a number from before what was asked for', { last: 9, changes: [change(2, 8)] }, /order/],
  ['a number above the last one', { last: 5, changes: [change(6)] }, /order/],
  ['a key twice', { last: 9, changes: [change(4, 4), change(5, 4)] }, /twice/],
  ['a holder twice', { last: 9, changes: [change(4, 4, info(4, { nodes: ['node-1', 'node-1'] }))] }, /twice/],
  ['holders in disorder', { last: 9, changes: [change(4, 4, info(4, { nodes: ['b', 'a'] }))] }, /not sorted/],
  ['the description of another key', { last: 9, changes: [change(4, 4, info(5))] }, /another key/],
  ['fewer changes than before', { last: 1, changes: [] }, /more before/],
  ['nothing where there is more', { last: 9, changes: [] }, /not listed/],
];
for (const [what, answer, reason] of hostile) {
  test(`given a node that answers with ${what}, then that is refused with its name and nothing is believed of it`, async () => {
    const one = node();
    put(one, ...many(3));
    await one.readAll();
    one.answer = { boot: one.boot, last: 0, changes: [], ...answer };
    const before = one.heard.length;
    await refused(one.reading.page(), reason);
    assert.equal(one.heard.length, before);
    assert.equal(one.reading.get(idOf(4)), undefined);
    put(one, change(4));
    assert.equal(await one.readAll(), 1);
  });
}

test('given a node whose list has no end, then it is cut off at the most keys that a node can hold, and all of it is forgotten', async () => {
  const one = node();
  let number = 0;
  const endless = async (idAfter: (n: number) => number): Promise<void> => {
    for (;;) {
      const changes = Array.from({ length: maxKeyPage }, () => {
        number += 1;
        return { number, id: idOf(idAfter(number)) };
      });
      one.answer = { boot: one.boot, last: number + 1, changes };
      await one.reading.page();
      assert.ok(number < 3 * maxRecords);
    }
  };
  await refused(
    endless((n) => n),
    /more keys than/,
  );
  assert.ok(number <= maxRecords + maxKeyPage);
  assert.equal(one.reading.knows(idOf(1)), false);
  // The same few keys for ever are no list either.
  number = 0;
  await refused(
    endless((n) => n % 1_000),
    /more keys than/,
  );
  assert.ok(number <= 2 * maxRecords + maxKeyPage);
});

test('given another key than was asked for, then that is refused with the name of the node', async () => {
  for (const changes of [[change(1, 6)], [change(1, 5), change(2, 6)], [], [change(0, 5)], [change(9, 5)]]) {
    const one = node();
    one.answer = { boot: one.boot, last: 2, changes };
    await refused(one.reading.ask(idOf(5)), /asked for|another key/);
  }
});
