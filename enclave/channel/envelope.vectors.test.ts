/**
 * Frozen vectors of the envelope format: test/fixtures/v1/envelope.json. The bytes must never change while the format is
 * version 1; a change here needs new labels and a new folder.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../../test/repoRoot.ts';
import { fromHex, toHex } from '../../wire/ids.ts';
import { envelopeBytes } from '../../wire/messages/session.ts';
import { openEnvelope, sealEnvelope, verifyEnvelope } from './index.ts';
import { unsafeFixedKeys } from './testing.ts';

interface Vector {
  readonly what: string;
  /** The byte that all keys of the sender, and of the receiver, follow from: see testing.ts. */
  readonly sender: number;
  readonly receiver?: number;
  readonly session: string;
  readonly round: number;
  readonly from: string;
  readonly to?: string;
  readonly transcript: string;
  readonly iv?: string;
  readonly payload: string;
  readonly envelope: string;
}

const fixture = join(repoRoot, 'test/fixtures/v1/envelope.json');
const { vectors } = JSON.parse(readFileSync(fixture, 'utf8')) as { vectors: readonly Vector[] };
const raw = (hex: string): Uint8Array => fromHex(hex) ?? assert.fail('not hexadecimal');

for (const vector of vectors) {
  const sender = unsafeFixedKeys(vector.sender);
  const at = {
    session: raw(vector.session),
    round: vector.round,
    from: vector.from,
    transcript: raw(vector.transcript),
  };
  test(`given the frozen ${vector.what}, then sealing gives exactly these bytes`, () => {
    const receiver =
      vector.receiver === undefined ? {} : { receiver: unsafeFixedKeys(vector.receiver).public };
    const to = vector.to === undefined ? {} : { to: vector.to };
    const sealed = sealEnvelope(sender, { ...at, ...to, ...receiver, payload: raw(vector.payload) }, () =>
      raw(vector.iv ?? ''),
    );
    assert.equal(toHex(envelopeBytes.encode(sealed)), vector.envelope);
  });
  test(`given the frozen ${vector.what}, then it opens to its payload`, () => {
    const envelope = envelopeBytes.decode(raw(vector.envelope));
    const expected = { ...at, sender: sender.public };
    const opened =
      vector.receiver === undefined || vector.to === undefined
        ? verifyEnvelope(envelope, expected)
        : openEnvelope(unsafeFixedKeys(vector.receiver), envelope, { ...expected, self: vector.to });
    assert.equal(toHex(opened), vector.payload);
  });
}
