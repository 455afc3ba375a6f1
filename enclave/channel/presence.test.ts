import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeNodeIdentity } from './identity.ts';
import { isPresent, signPresence } from './presence.ts';

const identity = makeNodeIdentity({ now: () => 0 });
const session = new Uint8Array(32).fill(1);
const presence = signPresence(identity, session, 'node-1');

test('given a presence, then it holds for its identity, session and name', () => {
  assert.equal(presence.length, 64);
  assert.ok(isPresent(identity.public, session, 'node-1', presence));
});

test('T36: given a presence of another identity, session or name, or with a bit changed, then it does not hold', () => {
  const other = makeNodeIdentity({ now: () => 0 });
  assert.ok(!isPresent(other.public, session, 'node-1', presence));
  assert.ok(!isPresent(identity.public, new Uint8Array(32).fill(2), 'node-1', presence));
  assert.ok(!isPresent(identity.public, session, 'node-2', presence));
  assert.ok(!isPresent(identity.public, session, 'node-1', presence.slice(1)));
  for (let i = 0; i < presence.length; i += 1) {
    const changed = presence.slice();
    changed[i] = (changed[i] ?? 0) ^ 1;
    assert.ok(!isPresent(identity.public, session, 'node-1', changed), `byte ${i}`);
  }
});
