/** The native call on its error paths; its right one needs an enclave. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { nsmRequest } from '../../../native/binding.ts';
import { assertRefusal } from '../../../test/pki/refusal.ts';
import { openNsm } from './device.ts';
import { nitroAttester } from './attester.ts';

const folder = mkdtempSync(join(tmpdir(), 'symbolon-nsm-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const cluster = new Uint8Array(16);

test('given a machine without the device, then it is named with what to do', async () => {
  await assert.rejects(openNsm(join(folder, 'nsm')), (error: unknown) => {
    assertRefusal(error, 'attester/no-device', { platform: 'nitro', reason: 'ENOENT' });
    return true;
  });
});

test('given a file that is no security module, then the attester does not open on it', async () => {
  const path = join(folder, 'file');
  writeFileSync(path, 'x');
  for (const device of [path, '/dev/null']) {
    await assert.rejects(
      async () => nitroAttester({ device: await openNsm(device), cluster, node: 'a', now: Date.now }),
      (error: unknown) => {
        assertRefusal(error, 'attester/device-failed', { device, request: 'DescribeNSM' });
        assert.match(String(error), /ENOTTY/);
        return true;
      },
    );
  }
});

test('given a closed descriptor, then the request fails by name', async () => {
  await assert.rejects(nsmRequest(1_000_000, Uint8Array.of(1)), (error: unknown) => {
    assertRefusal(error, 'native/nsm-failed', { call: 'ioctl', errno: 'EBADF' });
    return true;
  });
});

test('T34: given a request that is empty or above 4,096 bytes, or no descriptor, then it never reaches the driver', async () => {
  const refused = (call: string) => (error: unknown) => {
    assertRefusal(error, 'native/nsm-failed', { call, errno: 'EINVAL' });
    return true;
  };
  for (const length of [0, 4_097]) {
    await assert.rejects(nsmRequest(1_000_000, new Uint8Array(length)), refused('length of an argument'));
  }
  for (const descriptor of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
    await assert.rejects(nsmRequest(descriptor, Uint8Array.of(1)), refused('number'));
  }
});
