import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SymbolonError } from '../wire/errors/index.ts';
import { maxNodeBody } from '../wire/limits.ts';
import { phases } from '../wire/messages/node.ts';
import { PhaseHolder, routes, transitions, type Route } from './phase.ts';
import { refusal } from './testing/refusal.ts';

const all = Object.entries<Route>(routes);
const reason = new SymbolonError('hsm/unavailable', { reason: 'gone' });

test('given every pair of phases, when a node changes, then exactly the table allows it', () => {
  const way: Readonly<Record<string, readonly (typeof phases)[number][]>> = {
    sealed: [],
    unlocking: ['unlocking'],
    ready: ['unlocking', 'ready'],
    frozen: ['frozen'],
  };
  for (const from of phases) {
    for (const to of phases) {
      const holder = new PhaseHolder();
      for (const step of way[from] ?? []) {
        holder.enter(step);
      }
      if (transitions[from].includes(to)) {
        holder.enter(to);
        assert.equal(holder.phase, to);
      } else {
        assert.throws(() => {
          holder.enter(to);
        }, TypeError);
        assert.equal(holder.phase, from, `${from} to ${to}`);
      }
    }
  }
});

test('given a frozen node, when anything is tried, then only a new start gets it out', () => {
  assert.deepEqual(transitions.frozen, []);
});

test('given a phase with a reason, when the next one has none, then the reason is gone', () => {
  const seen: (string | undefined)[] = [];
  const holder = new PhaseHolder((view) => seen.push(view.reason?.code));
  holder.stay(reason);
  holder.enter('unlocking');
  holder.enter('sealed', reason);
  assert.deepEqual(seen, ['hsm/unavailable', undefined, 'hsm/unavailable']);
});

test('given a call outside its phases, when it comes, then it is refused with the phases that it wants', () => {
  const holder = new PhaseHolder();
  assert.throws(
    () => {
      holder.require(['ready']);
    },
    refusal('node/wrong-phase', { phase: 'sealed', wanted: ['ready'] }),
  );
});

test('T32: sessions and keys are answered in phase ready only', () => {
  for (const [name, route] of all) {
    if (/sessions|keys/.test(route.path)) {
      assert.deepEqual(route.phases, ['ready'], name);
    }
  }
});

test('T25: only health and evidence are for everyone', () => {
  const open = all.filter(([, { who }]) => who === 'public').map(([name]) => name);
  assert.deepEqual(open, ['health', 'evidence']);
});

test('T34: every call has a cap on its body, and one without a body takes none', () => {
  for (const [name, { method, maxBody }] of all) {
    assert.ok(maxBody <= maxNodeBody, name);
    assert.equal(maxBody === 0, method === 'GET', name);
  }
});

test('no two calls share method and path', () => {
  assert.equal(new Set(all.map(([, { method, path }]) => `${method} ${path}`)).size, all.length);
});
