/** Files and messages of earlier versions keep their verdict: what was accepted once is read for ever. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../../test/repoRoot.ts';
import { toHex } from '../../../wire/ids.ts';
import { beginEnrolment, finishEnrolment } from './enrolment.ts';
import { tpm2EnrolmentChallenge } from './enrolmentMessages.ts';
import { tpm2Statement } from './statement.ts';

const read = (name: string): unknown =>
  JSON.parse(readFileSync(join(repoRoot, 'test/fixtures/v1', name), 'utf8'));
const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

test('given evidence of a TPM 2.0 of format version 1, then it verifies and says the same', () => {
  const { document, ...wanted } = read('tpm2-evidence.json') as { document: string };
  const { machine, madeAt, nonce, pcrs, tpm, events } = tpm2Statement(bytesOf(document));
  const said = {
    machine,
    madeAt,
    nonce: toHex(nonce ?? new Uint8Array()),
    pcr4: toHex(pcrs.get(4) ?? new Uint8Array()),
    resetCount: tpm?.resetCount,
    events: events?.map(({ pcr, name }) => `${pcr} ${name}`),
  };
  assert.deepEqual(said, wanted);
});

interface Enrolment {
  readonly now: number;
  readonly attestationKey: string;
  readonly endorsementKey: string;
  readonly root: string;
  readonly request: string;
  readonly challenge: string;
  readonly pending: string;
  readonly answer: string;
}
test('given the files of an enrolment of format version 1, then request and answer are taken', () => {
  const fixture = read('tpm2-enrolment.json') as Enrolment;
  const { now } = fixture;
  const [root, request, challenge, pending, answer] = [
    fixture.root,
    fixture.request,
    fixture.challenge,
    fixture.pending,
    fixture.answer,
  ].map(bytesOf);
  assert.ok(root !== undefined && request !== undefined && challenge !== undefined);
  assert.ok(pending !== undefined && answer !== undefined);
  const begun = beginEnrolment({
    request,
    authorities: [root],
    roots: [new Uint8Array(createHash('sha256').update(root).digest())],
    now,
    random: (length) => new Uint8Array(length).fill(7),
  });
  assert.equal(toHex(begun.name), fixture.attestationKey);
  assert.deepEqual(tpm2EnrolmentChallenge.decode(challenge).name, begun.name);
  const enrolled = finishEnrolment({ pending, answer, now });
  assert.equal(toHex(enrolled.attestationKey), fixture.attestationKey);
  assert.equal(toHex(enrolled.endorsementKey ?? new Uint8Array()), fixture.endorsementKey);
});
