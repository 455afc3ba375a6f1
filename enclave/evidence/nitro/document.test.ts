/** Documents of both kinds as a whole, and their decoding for people. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'node:test';
import { assertRefuses } from '../../../test/pki/refusal.ts';
import {
  instanceId,
  madeAt,
  makeDocument,
  moduleIds,
  registerFields,
  strangerKeys,
} from '../../../test/pki/nitro.ts';
import { makeAuthorityCache } from './cache.ts';
import { unsafeReadDocument, verifyNitroDocument, verifyNitroTpmDocument } from './document.ts';
import { nitroStatement } from './statement.ts';

const cache = makeAuthorityCache(16);
const verifiers = { nitro: verifyNitroDocument, 'nitro-tpm': verifyNitroTpmDocument };
const kinds = ['nitro', 'nitro-tpm'] as const;

describe('statements', () => {
  test('given a document of each platform, then the statement says the platform and the machine', () => {
    for (const platform of [...kinds, 'dev'] as const) {
      const kind = platform === 'dev' ? 'nitro' : platform;
      const { document, root } = makeDocument({ kind });
      const statement = nitroStatement(platform, document, { roots: [root], now: madeAt, cache });
      assert.equal(statement.platform, platform);
      assert.equal(statement.machine, moduleIds[kind]);
      assert.equal(statement.instanceId, instanceId);
      assert.equal(statement.madeAt, madeAt);
      assert.equal(statement.rootName, 'test.nitro-enclaves');
    }
  });
  test('T05: no platform takes a document of the other kind', () => {
    for (const [platform, kind] of [
      ['nitro', 'nitro-tpm'],
      ['dev', 'nitro-tpm'],
      ['nitro-tpm', 'nitro'],
    ] as const) {
      const { document, root } = makeDocument({ kind });
      assertRefuses(
        () => nitroStatement(platform, document, { roots: [root], now: madeAt, cache }),
        'evidence/wrong-document-type',
        { got: kind },
      );
    }
  });
});

test('whatever a platform may write by the rules is accepted, and comes back as it was written', () => {
  const bytes = (min: number): fc.Arbitrary<Uint8Array> =>
    fc.uint8Array({ minLength: min, maxLength: 1_024 });
  const hex = (length: number): fc.Arbitrary<string> =>
    fc
      .array(
        fc.nat(15).map((digit) => digit.toString(16)),
        { minLength: length, maxLength: length },
      )
      .map((all) => all.join(''));
  const good = fc.record({
    kind: fc.constantFrom(...kinds),
    instance: fc.oneof(hex(8), hex(17)),
    module: fc.integer({ min: 1, max: 32 }).chain(hex),
    definite: fc.boolean(),
    order: fc.array(fc.nat(), { minLength: 9, maxLength: 9 }),
    registers: fc.uniqueArray(fc.tuple(fc.nat(23), fc.uint8Array({ minLength: 48, maxLength: 48 })), {
      selector: ([index]) => index,
      minLength: 1,
    }),
    publicKey: fc.option(bytes(1)),
    userData: fc.option(bytes(0)),
    nonce: fc.option(bytes(0)),
  });
  fc.assert(
    fc.property(good, (wanted) => {
      const { kind, registers, publicKey, userData, nonce } = wanted;
      const moduleId = `i-${wanted.instance}-${kind === 'nitro' ? 'enc' : 'tpm'}${wanted.module}`;
      const { document, root } = makeDocument({
        kind,
        definite: wanted.definite,
        certificates: { leaf: { subject: [['CN', `${moduleId}.region`]] } },
        fields: (fields) => {
          fields.set('module_id', moduleId).set(registerFields[kind], new Map(registers));
          fields.set('public_key', publicKey).set('user_data', userData).set('nonce', nonce);
          const shuffled = [...fields].map((entry, i) => ({ entry, place: wanted.order[i] ?? 0 }));
          fields.clear();
          for (const { entry } of shuffled.sort((a, b) => a.place - b.place)) {
            fields.set(...entry);
          }
        },
      });
      const verified = verifiers[kind](document, { roots: [root], now: madeAt, cache });
      assert.equal(verified.moduleId, moduleId);
      assert.equal(verified.instanceId, `i-${wanted.instance}`);
      assert.deepEqual(verified.pcrs, new Map(registers));
      assert.deepEqual(verified.publicKey, publicKey ?? undefined);
      assert.deepEqual(verified.userData, userData ?? undefined);
      assert.deepEqual(verified.nonce, nonce ?? undefined);
    }),
    { numRuns: 40, seed: 0x5eed },
  );
});

test('an unverified document of either kind can be looked at, and says so by the name of the function', () => {
  for (const kind of kinds) {
    const { document } = makeDocument({ kind, signer: strangerKeys.privateKey });
    const shown = unsafeReadDocument(document);
    assert.equal(shown.kind, kind);
    assert.equal(shown.certificates.length, 5);
    assert.equal(shown.certificates.at(-1)?.commonName, `${moduleIds[kind]}.us-east-1.aws`);
  }
  assertRefuses(() => unsafeReadDocument(new Uint8Array(3)), 'evidence/malformed');
  const both = makeDocument({ fields: (fields) => fields.set('nitrotpm_pcrs', new Map()) });
  assertRefuses(() => unsafeReadDocument(both.document), 'evidence/wrong-document-type');
});
