import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExpiryView, StatusView } from '../statusView.ts';
import { makeStyle } from '../style.ts';
import { absences, warnings } from './status.ts';

const day = 86_400_000;
const now = 1_795_000_000_000;
const plain = makeStyle(false);
const ending = (change: Partial<ExpiryView>): ExpiryView => ({
  what: 'measurement',
  subject: 'image-1',
  nodes: ['node-1', 'node-2'],
  at: now + 6 * day,
  level: 'warning',
  renewsItself: false,
  note: 'Sign a manifest.',
  ...change,
});
const warned = (...expiries: ExpiryView[]): string[] =>
  warnings({ expiries } as unknown as StatusView, now, plain);

test('T08: what ends soon is warned of by name, with its nodes, its time and what to do', () => {
  assert.deepEqual(
    warned(
      ending({}),
      ending({ what: 'client', subject: 'operator', nodes: [], level: 'urgent', at: now + day / 2 }),
      ending({ what: 'evidence', subject: 'node-3', nodes: ['node-3'], level: 'ended', at: now - day }),
      ending({ level: 'ok', at: now + 90 * day }),
    ),
    [
      'warning: image image-1 (node-1, node-2) ends in 6 d, 2026-11-24T11:06:40Z. Sign a manifest.',
      'urgent: client operator ends in 12 h, 2026-11-18T23:06:40Z. Sign a manifest.',
      'ended: evidence of node-3 ended at 2026-11-17T11:06:40Z. Sign a manifest.',
    ],
  );
});

test('T08: an urgent end and one that has passed are red, a warning is yellow', () => {
  const style = makeStyle(true);
  const [line = ''] = warnings(
    { expiries: [ending({ level: 'urgent' })] } as unknown as StatusView,
    now,
    style,
  );
  assert.ok(line.startsWith(style.bad('urgent')));
  const [other = ''] = warnings({ expiries: [ending({})] } as unknown as StatusView, now, style);
  assert.ok(other.startsWith(style.warn('warning')));
});

/** A status with keys that lack nodes. */
const lacking = (
  out: readonly string[],
  keys: Readonly<Record<string, readonly (readonly [node: string, code: string])[]>>,
): StatusView =>
  ({
    nodes: ['node-1', 'node-2', 'node-3'].map((name) => ({ name, ready: !out.includes(name) })),
    keys: {
      first: Object.entries(keys).map(([label, without]) => ({
        label,
        without: without.map(([node, code]) => ({ node, code, reason: `why ${code}` })),
      })),
    },
  }) as unknown as StatusView;

test('a node that is out stands in one line, not in one for each key', () => {
  const keys = Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e'].map((label) => [label, [['node-2', 'coordinator/node-unreachable']] as const]),
  );
  assert.deepEqual(absences(lacking(['node-2'], keys), plain), []);
});

test('keys that lack one node for one reason are folded into one line that names three of them', () => {
  const gone = ['node-3', 'coordinator/node-lacks-key'] as const;
  const old = ['node-3', 'session/wrong-generation'] as const;
  assert.deepEqual(
    absences(lacking([], { a: [gone], b: [gone], c: [old], d: [gone], e: [gone], f: [gone] }), plain),
    [
      'a, b, d and 2 more keys without node-3: why coordinator/node-lacks-key [coordinator/node-lacks-key]',
      'c without node-3: why session/wrong-generation [session/wrong-generation]',
    ],
  );
});
