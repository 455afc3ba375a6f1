import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { decodeCbor, encodeCbor, type CborInput, type CborValue } from '../wire/cbor.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { maxSealedRecord } from '../wire/limits.ts';
import {
  connectHsm,
  maxOpen,
  maxSecret,
  openRecord,
  sealRecord,
  unsafeReadRecord,
  type EnrolOptions,
  type HsmLink,
  type SealContext,
} from './index.ts';
import { noSoftHsm, random, startHsm, testNode } from './testing.ts';

const context: SealContext = {
  cluster: new Uint8Array(16).fill(1),
  node: 'node-1',
  kind: 'key-share',
  subject: '00112233445566778899aabbccddeeff',
  generation: 3,
  open: new TextEncoder().encode('public part'),
};
const other = <K extends keyof SealContext>(key: K, value: SealContext[K]): SealContext => ({
  ...context,
  [key]: value,
});

async function linkTo(t: TestContext, options: Partial<EnrolOptions> = {}): Promise<HsmLink> {
  const node = await testNode(t, options);
  const hsm = await startHsm(t, node.root);
  assert.ok(hsm.ready, hsm.output());
  const link = await connectHsm({ socket: node.socket, timeoutMs: 5_000 });
  t.after(() => link.close());
  return link;
}
const operations = async (link: HsmLink): Promise<number> => (await link.health()).operations;

/** The record with its header changed as an attacker would: re-encoded, all else kept. */
function withHeader(record: Uint8Array, change: (header: Map<string, CborInput>) => void): Uint8Array {
  const parts = new Map(decodeCbor(record, { maxBytes: record.length }) as ReadonlyMap<string, CborValue>);
  const raw = parts.get('header') as Uint8Array;
  const header = new Map<string, CborInput>(
    decodeCbor(raw, { maxBytes: raw.length }) as ReadonlyMap<string, CborValue>,
  );
  change(header);
  parts.set('header', encodeCbor(header));
  return encodeCbor(parts);
}

test(
  'given a real token, when a secret is sealed and opened, then it and its context come back',
  { skip: noSoftHsm },
  async (t) => {
    const link = await linkTo(t);
    for (const [length, open] of [
      [1, 0],
      [32, 11],
      [maxSecret, 1],
      [32, maxOpen],
    ] as const) {
      const secret = random(length);
      const given = other('open', random(open));
      const record = await sealRecord(link, given, secret, random);
      assert.ok(record.length <= maxSealedRecord);
      assert.equal(Buffer.from(record).includes(Buffer.from(secret)) && length > 1, false);
      const opened = await openRecord(link, record, context);
      assert.deepEqual(opened.secret, secret);
      assert.deepEqual(opened.context, given);
    }
    const twice = [
      await sealRecord(link, context, new Uint8Array(32), random),
      await sealRecord(link, context, new Uint8Array(32), random),
    ];
    assert.notDeepEqual(twice[0], twice[1]);
  },
);

test(
  'given a record of another place, when it is opened, then it is refused by name before the token is asked',
  { skip: noSoftHsm },
  async (t) => {
    const link = await linkTo(t);
    const before = await operations(link);
    const cases = [
      [other('cluster', new Uint8Array(16).fill(2)), 'hsm/record-other-cluster'],
      [other('node', 'node-2'), 'hsm/record-other-node'],
      [other('kind', 'watermark'), 'hsm/record-other-kind'],
      [other('subject', 'ffeeddccbbaa99887766554433221100'), 'hsm/record-other-subject'],
      [other('generation', 2), 'hsm/record-other-generation'],
      [other('generation', 4), 'hsm/record-other-generation'],
    ] as const;
    for (const [given, code] of cases) {
      const record = await sealRecord(link, given, random(32), random);
      await assert.rejects(openRecord(link, record, context), { code });
    }
    assert.equal(await operations(link), before + cases.length, 'only the sealing used the token');
  },
);

test(
  'T28: given two records of one token, when they are swapped or an older one is put back, then each is refused by name',
  { skip: noSoftHsm },
  async (t) => {
    const link = await linkTo(t);
    const second = { ...context, subject: 'ffffffffffffffffffffffffffffffff' };
    const next = { ...context, generation: context.generation + 1 };
    const a = await sealRecord(link, context, random(32), random);
    const b = await sealRecord(link, second, random(32), random);
    await assert.rejects(openRecord(link, a, second), { code: 'hsm/record-other-subject' });
    await assert.rejects(openRecord(link, b, context), { code: 'hsm/record-other-subject' });
    await assert.rejects(openRecord(link, a, next), { code: 'hsm/record-other-generation' });
    // The header of one over the body of the other: named right, and not authentic.
    const graft = withHeader(b, (header) => {
      header.set('context', {
        cluster: context.cluster,
        node: context.node,
        kind: context.kind,
        subject: context.subject,
        generation: context.generation,
      });
    });
    await assert.rejects(openRecord(link, graft, context), { code: 'hsm/record-broken' });
  },
);

test(
  'given a record of another token or key, when it is opened, then it is refused by name before the token is asked',
  { skip: noSoftHsm },
  async (t) => {
    const link = await linkTo(t);
    const stranger = await linkTo(t);
    const record = await sealRecord(stranger, context, random(32), random);
    const before = await operations(link);
    await assert.rejects(openRecord(link, record, context), { code: 'hsm/record-other-token' });
    // Renamed to this token, it names another key; renamed to this key too, it is not authentic.
    const renamed = withHeader(record, (header) => {
      header.set('token', {
        label: link.token.label,
        serial: link.token.serial,
        keyId: stranger.token.keyId,
      });
    });
    await assert.rejects(openRecord(link, renamed, context), { code: 'hsm/record-other-wrapping-key' });
    assert.equal(await operations(link), before);
    const claimed = withHeader(record, (header) => {
      header.set('token', { label: link.token.label, serial: link.token.serial, keyId: link.token.keyId });
    });
    await assert.rejects(openRecord(link, claimed, context), { code: 'hsm/record-broken' });
  },
);

test(
  'given a record of another algorithm or version, when it is opened, then it is refused by name, never changed to fit',
  { skip: noSoftHsm },
  async (t) => {
    const link = await linkTo(t);
    const record = await sealRecord(link, context, random(32), random);
    const before = await operations(link);
    for (const algorithm of ['rsa-oaep-sha256', 'rsa-oaep-sha1']) {
      const changed = withHeader(record, (header) => header.set('algorithm', algorithm));
      await assert.rejects(openRecord(link, changed, context), { code: 'hsm/record-other-algorithm' });
    }
    const unknown = withHeader(record, (header) => header.set('algorithm', 'none'));
    await assert.rejects(openRecord(link, unknown, context), { code: 'hsm/record-broken' });
    for (const v of [0, 2, 1_000]) {
      const changed = withHeader(record, (header) => header.set('v', v));
      await assert.rejects(openRecord(link, changed, context), (error) => {
        assert.ok(isSymbolonError(error, 'hsm/record-version'));
        assert.deepEqual(error.facts, { wanted: 1, found: v });
        return true;
      });
    }
    assert.equal(await operations(link), before);
  },
);

test(
  'given a record with any one byte changed, when it is opened, then it is refused by a record code',
  { skip: noSoftHsm },
  async (t) => {
    const link = await linkTo(t);
    const secret = random(32);
    const record = await sealRecord(link, context, secret, random);
    const codes = new Set<string>();
    for (let at = 0; at < record.length; at += 1) {
      for (const mask of [0x01, 0x80]) {
        const changed = record.slice();
        changed[at] = (changed[at] ?? 0) ^ mask;
        await assert.rejects(openRecord(link, changed, context), (error) => {
          assert.ok(
            isSymbolonError(error) && error.code.startsWith('hsm/record-'),
            `byte ${at}: ${String(error)}`,
          );
          codes.add(error.code);
          return true;
        });
      }
    }
    assert.ok(
      codes.has('hsm/record-broken') && codes.has('hsm/record-other-node') && codes.size >= 7,
      [...codes].join(),
    );
    assert.deepEqual((await openRecord(link, record, context)).secret, secret);
  },
);

test(
  'given a truncated or extended record, when it is opened, then it is broken and the token is not asked',
  { skip: noSoftHsm },
  async (t) => {
    const link = await linkTo(t);
    const record = await sealRecord(link, context, random(32), random);
    const before = await operations(link);
    for (let length = 0; length < record.length; length += 1) {
      await assert.rejects(openRecord(link, record.slice(0, length), context), { code: 'hsm/record-broken' });
    }
    const longer = new Uint8Array(record.length + 1);
    longer.set(record);
    await assert.rejects(openRecord(link, longer, context), { code: 'hsm/record-broken' });
    await assert.rejects(openRecord(link, new Uint8Array(maxSealedRecord + 1), context), {
      code: 'hsm/record-broken',
    });
    assert.equal(await operations(link), before);
  },
);

test(
  'given RSA-OAEP, when a record is opened or its wrapping changed, then it opens or is refused, and the process goes on',
  { skip: noSoftHsm },
  async (t) => {
    const link = await linkTo(t, { algorithm: 'rsa-oaep-sha1', allowOaepSha1: true });
    assert.equal(link.token.algorithm, 'rsa-oaep-sha1');
    const secret = random(32);
    const record = await sealRecord(link, context, secret, random);
    assert.deepEqual((await openRecord(link, record, context)).secret, secret);
    const parts = new Map(decodeCbor(record, { maxBytes: record.length }) as ReadonlyMap<string, CborValue>);
    const wrapped = parts.get('wrapped') as Uint8Array;
    assert.equal(wrapped.length, 384);
    const changes = [0, 191, 383].map((at) => wrapped.map((byte, i) => (i === at ? byte ^ 1 : byte)));
    for (const changed of [
      ...changes,
      new Uint8Array(384).fill(0xff),
      new Uint8Array(384),
      wrapped.slice(1),
      new Uint8Array(32),
    ]) {
      parts.set('wrapped', changed);
      await assert.rejects(openRecord(link, encodeCbor(parts), context), { code: 'hsm/record-broken' });
    }
    assert.deepEqual((await openRecord(link, record, context)).secret, secret);
  },
);

test(
  'T29: given RSA-OAEP, then a record that opens does not say who sealed it: whoever has the public key can',
  { skip: noSoftHsm },
  async (t) => {
    const link = await linkTo(t, { algorithm: 'rsa-oaep-sha1', allowOaepSha1: true });
    // A forger who once saw key material and its wrapping needs the token for nothing more.
    const seen = await link.newKeyMaterial();
    const forger: HsmLink = {
      ...link,
      token: link.token,
      newKeyMaterial: () => Promise.resolve({ wrapped: seen.wrapped, ikm: seen.ikm.slice() }),
    };
    const forged = await sealRecord(forger, context, new Uint8Array(32).fill(9), random);
    const { secret } = await openRecord(link, forged, context);
    assert.deepEqual(
      secret,
      new Uint8Array(32).fill(9),
      'so the key store compares the share with its public commitment',
    );
  },
);

test(
  'a context or secret that no record holds is refused before the token is asked',
  { skip: noSoftHsm },
  async (t) => {
    const link = await linkTo(t);
    const before = await operations(link);
    for (const bad of [
      other('cluster', new Uint8Array(15)),
      other('node', 'Node'),
      other('kind', ''),
      other('subject', 'a b'),
      other('generation', -1),
      other('open', new Uint8Array(maxOpen + 1)),
    ]) {
      await assert.rejects(
        sealRecord(link, bad, random(32), random),
        (error) => isSymbolonError(error) && error.code.startsWith('wire/'),
      );
    }
    for (const length of [0, maxSecret + 1]) {
      await assert.rejects(sealRecord(link, context, new Uint8Array(length), random), {
        code: 'wire/oversize',
      });
    }
    assert.equal(await operations(link), before);
  },
);

test('any bytes and any CBOR are refused as a broken record', () => {
  const refused = (raw: Uint8Array): void => {
    assert.throws(() => unsafeReadRecord(raw), { code: 'hsm/record-broken' });
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), refused));
  const value = fc.letrec<{ any: CborInput }>((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      fc.maxSafeInteger(),
      fc.string({ unit: 'grapheme-ascii' }),
      fc.uint8Array(),
      fc.boolean(),
      fc.array(tie('any'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('header', 'wrapped', 'salt', 'iv', 'sealed'), tie('any')),
    ),
  })).any;
  fc.assert(
    fc.property(value, (given) => {
      refused(encodeCbor(Object.is(given, -0) ? 0 : given));
    }),
  );
  // Deep nesting ends at the codec's cap, not at the stack's.
  refused(new Uint8Array(60_000).fill(0x81));
});
