import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleManifest } from '../../daemon/testing/sampleManifest.ts';
import type { NodeView, PairingView } from '../statusView.ts';
import { expiries } from './clusterChecks.ts';
import { expiryFinding, nodeFinding, pairingFindings } from './liveChecks.ts';

const now = 1_795_000_000_000;
const day = 86_400_000;
const node = (change: Partial<NodeView>): NodeView => ({
  name: 'node-1',
  state: 'down',
  ready: false,
  phase: undefined,
  code: 'coordinator/node-unreachable',
  reason: 'The node can not be reached.',
  platform: 'dev',
  measurement: 'image-1',
  evidenceUntil: undefined,
  lastSeenAt: now - 12_000,
  latencyMs: undefined,
  clockSkewMs: undefined,
  backends: {},
  presignatures: undefined,
  keysRead: true,
  behind: undefined,
  refusals: [],
  ...change,
});

test('T35: a node whose process runs and does not answer is said to hang; one that is gone is not', () => {
  const hangs = nodeFinding(node({}), ['node-1.daemon', 'coordinator'], now);
  assert.equal(hangs.state, 'bad');
  assert.match(hangs.what, /its process runs and does not answer \(last seen 12 s ago\)/);
  const gone = nodeFinding(node({}), ['coordinator'], now);
  assert.match(gone.what, /The node can not be reached\. \(last seen 12 s ago\)/);
  assert.ok((gone.todo ?? '').length > 0);
  assert.equal(nodeFinding(node({ ready: true, state: 'up' }), ['node-1.daemon'], now).state, 'ok');
});

test('a node that is refused is told with what to do by its code', () => {
  const refused = node({ state: 'refused', code: 'evidence/measurement-retired', reason: 'Ran out.' });
  const finding = nodeFinding(refused, ['node-1.daemon'], now);
  assert.match(finding.what, /^Ran out\./);
  assert.match(finding.todo ?? '', /^Upgrade the node/);
});

test('T09: a node that is behind its own mark is bad, also while it says that it is ready', () => {
  const behind = { peer: 'node-2', mark: 3, witnessed: 9 };
  const finding = nodeFinding(node({ ready: true, state: 'up', behind }), ['node-1.daemon'], now);
  assert.equal(finding.state, 'bad');
  assert.match(finding.what, /mark 3, and node-2 has seen 9/);
});

const pair = (state: string, note = ''): PairingView => ({
  nodes: ['a', 'b'],
  state,
  generation: 1,
  at: 0,
  note,
});

test('T15: a poisoned pairing is bad and says what to do; an absent one makes itself where it may', () => {
  assert.deepEqual(pairingFindings([pair('ready'), pair('unknown')], true), [
    { state: 'ok', about: 'pairings', what: '1 of 2 can be used' },
  ]);
  assert.deepEqual(pairingFindings([pair('poisoned', 'Find out why.')], true), [
    { state: 'bad', about: 'pairing a with b', what: 'poisoned', todo: 'Find out why.' },
  ]);
  const [itself] = pairingFindings([pair('absent')], true);
  const [byHand] = pairingFindings([pair('absent')], false);
  assert.deepEqual([itself?.state, byHand?.state], ['note', 'note']);
  assert.match(byHand?.todo ?? '', /symbolon pair/);
});

test('T08: a warning is a note, an urgent end and one that has passed are bad', () => {
  const end = (level: string, at: number) =>
    expiryFinding(
      {
        what: 'measurement',
        subject: 'image-1',
        nodes: ['node-1'],
        at,
        level,
        renewsItself: false,
        note: 'Do.',
      },
      now,
    );
  assert.deepEqual(end('ok', now + 90 * day), []);
  assert.deepEqual(end('warning', now + 2 * day), [
    {
      state: 'note',
      about: 'expiry',
      what: 'warning: measurement of image-1 (node-1) ends in 2 d, 2026-11-20T11:06:40Z',
      todo: 'Do.',
    },
  ]);
  assert.deepEqual(
    [end('urgent', now + 1), end('ended', now)].map(([one]) => one?.state),
    ['bad', 'bad'],
  );
});

test('T08: of a cluster that does not run, the image that lasts longest and the clients are looked at', () => {
  const sample = sampleManifest();
  const [image] = sample.measurements;
  assert.ok(image !== undefined);
  const found = expiries(
    {
      ...sample,
      measurements: [
        { ...image, name: 'old', notAfter: now - day },
        { ...image, name: 'new', notAfter: now + 6 * day },
      ],
      clients: sample.clients.map((client, i) => ({ ...client, notAfter: now + (i === 0 ? day : 90 * day) })),
    },
    now,
  );
  assert.deepEqual(
    found.map(({ state, what }) => [state, what.replace(/ ends? .*/, '')]),
    [
      ['note', 'warning: image new'],
      ['bad', 'urgent: client operator'],
    ],
  );
});
