/** The node's side of enrolment, with real TPMs in software, against the verifier's side. */
import assert from 'node:assert/strict';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { assertRefusal } from '../../../test/pki/refusal.ts';
import { noSwtpm, startSwtpm, testSwtpm, type Swtpm } from '../../../test/swtpm.ts';
import type { ErrorCode } from '../../../wire/errors/index.ts';
import { toHex } from '../../../wire/ids.ts';
import { beginEnrolment, finishEnrolment, type BegunEnrolment } from '../../evidence/index.ts';
import { tpm2Attester } from './attester.ts';
import { answerTpm2Challenge, requestTpm2Enrolment } from './enrolment.ts';
import { keyFileName, readKeyFile } from './keyFile.ts';

const options = { skip: noSwtpm };
const folder = mkdtempSync(join(tmpdir(), 'symbolon-enrolment-'));
const enrolled = join(folder, 'attester');
let swtpm: Swtpm;
let other: Swtpm;
let name: Uint8Array;

const der = (file: string): Uint8Array =>
  new Uint8Array(new X509Certificate(readFileSync(join(swtpm.folder, 'ca', file))).raw);
/** The verifier's first step, by the root of the first TPM. */
function begin(request: Uint8Array): BegunEnrolment {
  const root = der('swtpm-localca-rootca-cert.pem');
  return beginEnrolment({
    request,
    authorities: [der('issuercert.pem'), root],
    roots: [new Uint8Array(createHash('sha256').update(root).digest())],
    now: Date.now(),
    random: (length) => new Uint8Array(randomBytes(length)),
  });
}
async function refused(
  run: () => Promise<unknown>,
  code: ErrorCode,
  facts: Record<string, unknown> = {},
): Promise<void> {
  await assert.rejects(run, (error: unknown) => {
    assertRefusal(error, code, facts);
    return true;
  });
}

before(async () => {
  if (noSwtpm !== false) {
    return;
  }
  swtpm = await startSwtpm({ certificates: true });
  other = await startSwtpm({ certificates: true });
  ({ name } = await requestTpm2Enrolment({ tpm: swtpm.address, folder: enrolled }));
});
after(async () => {
  if (noSwtpm === false) {
    await Promise.all([swtpm.stop(), other.stop()]);
  }
  rmSync(folder, { recursive: true, force: true });
});

test(
  'given a TPM with a certificate, when it is enrolled, then the verifier gets the Name that the node keeps',
  options,
  async () => {
    const { request } = await requestTpm2Enrolment({ tpm: swtpm.address, folder: enrolled });
    const { challenge, pending } = begin(request);
    const answer = await answerTpm2Challenge({ tpm: swtpm.address, folder: enrolled }, challenge);
    const { attestationKey } = finishEnrolment({ pending, answer, now: Date.now() });
    assert.deepEqual(attestationKey, name);
    assert.deepEqual((await readKeyFile(enrolled)).name, name);
  },
);

test(
  'T09: given one TPM, then it has one attestation key, whatever the folder: it can not be enrolled as two nodes',
  options,
  async () => {
    const second = await requestTpm2Enrolment({ tpm: swtpm.address, folder: join(folder, 'second') });
    assert.deepEqual(second.name, name);
    assert.notDeepEqual(
      (await requestTpm2Enrolment({ tpm: other.address, folder: join(folder, 'x') })).name,
      name,
    );
  },
);

test(
  'given another TPM, then it neither answers the challenge of this one nor makes evidence in its place',
  options,
  async () => {
    const { challenge } = begin(
      (await requestTpm2Enrolment({ tpm: swtpm.address, folder: enrolled })).request,
    );
    const facts = { wanted: toHex(name) };
    await refused(
      () => answerTpm2Challenge({ tpm: other.address, folder: enrolled }, challenge),
      'attester/device-failed',
      { request: 'ActivateCredential' },
    );
    await refused(
      () => requestTpm2Enrolment({ tpm: other.address, folder: enrolled }),
      'attester/other-key',
      facts,
    );
    await refused(
      () =>
        tpm2Attester({ tpm: other.address, folder: enrolled, pcrs: [4, 7], bank: 'sha256', now: Date.now }),
      'attester/other-key',
      facts,
    );
    const own = join(folder, 'other');
    await requestTpm2Enrolment({ tpm: other.address, folder: own });
    await refused(
      () => answerTpm2Challenge({ tpm: other.address, folder: own }, challenge),
      'attester/other-key',
      { got: toHex(name) },
    );
  },
);

test(
  'given a TPM without a certificate, or none at all, then nothing is kept and no challenge is answered',
  options,
  async (t) => {
    const bare = await testSwtpm(t);
    const own = join(folder, 'bare');
    const { challenge } = begin(
      (await requestTpm2Enrolment({ tpm: swtpm.address, folder: enrolled })).request,
    );
    await refused(() => requestTpm2Enrolment({ tpm: bare.address, folder: own }), 'attester/no-endorsement');
    const tpm = { kind: 'unix', path: join(folder, 'nowhere') } as const;
    await refused(() => requestTpm2Enrolment({ tpm, folder: own }), 'attester/no-device');
    await refused(
      () => answerTpm2Challenge({ tpm: bare.address, folder: own }, challenge),
      'attester/not-enrolled',
    );
    assert.ok(!existsSync(join(own, keyFileName)));
  },
);

test('T34: given bytes that are no challenge, then the TPM is not asked', options, async () => {
  for (const length of [0, 1, 100, 2_049]) {
    await assert.rejects(
      answerTpm2Challenge({ tpm: swtpm.address, folder: enrolled }, new Uint8Array(length)),
      {
        code: /^wire\//,
      },
    );
  }
});
