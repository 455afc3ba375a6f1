import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertRefusal } from '../test/pki/refusal.ts';
import type { ErrorCode } from '../wire/errors/index.ts';
import { attestersOf } from './attesters.ts';
import type { AttesterConfig } from './config.ts';
import type { NodeConfig } from './node.ts';

test('given a machine without the device of its platform, when the attester is opened, then it is named with what to do', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-attesters-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const attesters = attestersOf({ program: folder, now: Date.now });
  const tpm = { kind: 'device', path: join(folder, 'tpmrm0') } as const;
  const cases: readonly [AttesterConfig, ErrorCode, Record<string, unknown>][] = [
    [{ platform: 'dev', folder }, 'attester/bad-program', {}],
    [
      { platform: 'nitro', device: join(folder, 'nsm') },
      'attester/no-device',
      { platform: 'nitro', device: join(folder, 'nsm') },
    ],
    [
      { platform: 'tpm2', folder, tpm, pcrs: [4, 7], bank: 'sha256', eventLog: undefined },
      'attester/not-enrolled',
      { file: join(folder, 'attestation-key.cbor') },
    ],
  ];
  for (const [attester, code, facts] of cases) {
    const config: NodeConfig = {
      node: 'node-1',
      cluster: new Uint8Array(16),
      attester,
      hsm: { socket: 'unused' },
      store: { folder },
      manifest: { file: 'unused', anchor: new Uint8Array(32) },
    };
    await assert.rejects(
      async () => attesters[attester.platform]?.(config),
      (error: unknown) => {
        assertRefusal(error, code, facts);
        return true;
      },
    );
  }
});
