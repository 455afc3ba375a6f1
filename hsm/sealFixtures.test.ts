/**
 * Records of version 1 as they were first written, with fixed key material and randomness. They must open, and be
 * written byte for byte the same, in every later build.
 */
import assert from 'node:assert/strict';
import { createCipheriv, createHash, hkdfSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cdeEncodeOptions, encode } from 'cbor2';
import { repoRoot } from '../test/repoRoot.ts';
import { fromHex, toHex } from '../wire/ids.ts';
import {
  openRecord,
  sealRecord,
  unsafeReadRecord,
  type HsmLink,
  type SealContext,
  type TokenIdentity,
} from './index.ts';

interface Fixture {
  readonly token: TokenIdentity;
  readonly context: Readonly<Record<'cluster' | 'open', string>> &
    Pick<SealContext, 'node' | 'kind' | 'subject' | 'generation'>;
  readonly wrapped: string;
  readonly ikm: string;
  readonly salt: string;
  readonly iv: string;
  readonly secret: string;
  readonly record: string;
}
const hex = (text: string): Uint8Array => fromHex(text) ?? assert.fail('not hexadecimal');
const folder = join(repoRoot, 'test/fixtures/v1/seal');
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));

/** Key material as the fixture fixes it: no token computes this, which is the point of a frozen record. */
function linkOf(fixture: Fixture): HsmLink {
  return {
    token: fixture.token,
    newKeyMaterial: () => Promise.resolve({ wrapped: hex(fixture.wrapped), ikm: hex(fixture.ikm) }),
    recoverKeyMaterial: (wrapped) => {
      assert.equal(toHex(wrapped), fixture.wrapped);
      return Promise.resolve(hex(fixture.ikm));
    },
    health: () => assert.fail('not asked'),
    close: () => Promise.resolve(),
  };
}

test('there is a frozen record for every algorithm', () => {
  assert.deepEqual(names.sort(), ['hmac-sha256.json', 'rsa-oaep-sha1.json', 'rsa-oaep-sha256.json']);
});

for (const name of names) {
  const fixture = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Fixture;
  const context: SealContext = {
    ...fixture.context,
    cluster: hex(fixture.context.cluster),
    open: hex(fixture.context.open),
  };

  test(`the frozen record ${name} opens`, async () => {
    const opened = await openRecord(linkOf(fixture), hex(fixture.record), context);
    assert.equal(toHex(opened.secret), fixture.secret);
    assert.deepEqual(opened.context, context);
    const read = unsafeReadRecord(hex(fixture.record));
    assert.deepEqual({ ...read.token, algorithm: read.algorithm }, fixture.token);
    assert.deepEqual(read.context, context);
  });

  test(`the frozen record ${name} is written byte for byte the same`, async () => {
    const parts = [fixture.salt, fixture.iv].map(hex);
    const record = await sealRecord(linkOf(fixture), context, hex(fixture.secret), (length) => {
      const part = parts.shift() ?? assert.fail('more randomness than salt and iv');
      assert.equal(part.length, length);
      return part;
    });
    assert.equal(toHex(record), fixture.record);
  });

  test(`the frozen record ${name} follows from hsm/SPEC.md, written with another CBOR library`, () => {
    const cbor = (value: unknown): Uint8Array => new Uint8Array(encode(value, cdeEncodeOptions));
    const { algorithm, ...token } = fixture.token;
    const { open, ...place } = context;
    const header = cbor({ v: 1, algorithm, token, context: place, open });
    const wrapped = hex(fixture.wrapped);
    const binding = createHash('sha256')
      .update(cbor(['symbolon/seal/1', header, wrapped]))
      .digest();
    const info = Buffer.concat([Buffer.from('symbolon/seal/kek/1\0'), binding]);
    const kek = hkdfSync('sha256', hex(fixture.ikm), hex(fixture.salt), info, 32);
    const cipher = createCipheriv('aes-256-gcm', new Uint8Array(kek), hex(fixture.iv)).setAAD(binding);
    const sealed = Buffer.concat([cipher.update(hex(fixture.secret)), cipher.final(), cipher.getAuthTag()]);
    const parts = { header, wrapped, salt: hex(fixture.salt), iv: hex(fixture.iv) };
    assert.equal(toHex(cbor({ ...parts, sealed: new Uint8Array(sealed) })), fixture.record);
  });
}
