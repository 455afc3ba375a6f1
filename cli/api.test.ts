/** What the client checks of a signature that the coordinator hands it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ecdsaSetting, signWhole } from '../test/threshold/ecdsa.ts';
import { digestOf } from '../threshold/index.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { ecdsaSchemes } from '../wire/ids.ts';
import { verified } from './api.ts';

const message = new TextEncoder().encode('pay');
const payload = { kind: 'ecdsa-sha256', message } as const;

function refused(run: () => unknown, reason: RegExp): void {
  assert.throws(
    run,
    (error) => isSymbolonError(error, 'cli/wrong-answer') && reason.test(error.facts.reason),
  );
}

for (const scheme of ecdsaSchemes) {
  test(`${scheme}: a signature is shown with the recovery id that leads to the key, and refused with any other`, () => {
    const setting = ecdsaSetting(scheme, 2, [1, 2], 'client');
    const key = { scheme, decoded: setting.public };
    const { signature, recovery } = signWhole(setting, {
      signers: [1, 2],
      digest: digestOf('sha256', message),
      seed: 'client',
    });
    assert.deepEqual(verified(key, payload, [], { signature, recovery }), {
      publicKey: setting.public.groupPublicKey,
      recovery,
    });
    for (const other of [0, 1, 2, 3, undefined].filter((one) => one !== recovery)) {
      refused(() => verified(key, payload, [], { signature, recovery: other }), /recovery id/);
    }
    const changed = signature.slice();
    changed[5] = (changed[5] ?? 0) ^ 1;
    refused(() => verified(key, payload, [], { signature: changed, recovery }), /does not verify/);
    refused(() => verified(key, payload, [7], { signature, recovery }), /does not verify/);
    refused(() => verified(key, payload, [], { signature: signature.subarray(1), recovery }), /64 bytes/);
  });
}
