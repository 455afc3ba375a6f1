import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createControl } from './metrics.ts';
import { withRelay } from './testing.ts';

test('T43: given a control listener that can not accept, then the proxy goes on', async () => {
  await withRelay(
    {},
    () => undefined,
    ({ relay }) => {
      const control = createControl({ relay, now: Date.now, probe: () => Promise.resolve(undefined) });
      // accept(2) without a free descriptor; an error event that nobody hears ends the process, and the relay with it.
      assert.doesNotThrow(() => control.emit('error', new Error('accept EMFILE')));
      return Promise.resolve();
    },
  );
});
