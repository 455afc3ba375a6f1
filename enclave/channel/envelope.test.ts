import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createCipheriv, createPublicKey, diffieHellman, hkdfSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { encodeCbor } from '../../wire/cbor.ts';
import { isSymbolonError, type ErrorCode } from '../../wire/errors/index.ts';
import { hashOf } from '../../wire/ids.ts';
import { envelopeBytes, type Envelope } from '../../wire/messages/session.ts';
import { maxRoundPayload } from '../../wire/limits.ts';
import { asSeenByPeer, openEnvelope, pairwiseOverhead, sealEnvelope, verifyEnvelope } from './index.ts';
import { makeNodeIdentity } from './identity.ts';
import { unsafeFixedKeys } from './testing.ts';

const alice = unsafeFixedKeys(1);
const bob = unsafeFixedKeys(2);
const carol = unsafeFixedKeys(3);
const session = new Uint8Array(32).fill(0xaa);
const transcript = new Uint8Array(32).fill(0xbb);
const payload = new TextEncoder().encode('a share of a polynomial');

const at = { session, round: 2, from: 'alice', transcript } as const;
const pairwise = (): Envelope => sealEnvelope(alice, { ...at, to: 'bob', receiver: bob.public, payload });
const broadcast = (): Envelope => sealEnvelope(alice, { ...at, payload });
const expected = { ...at, sender: alice.public } as const;
const forBob = { ...expected, self: 'bob' } as const;

const refusedWith = (code: ErrorCode) => (error: unknown) => isSymbolonError(error) && error.code === code;

test('given a broadcast, then every node reads it and checks its sender', () => {
  assert.deepEqual(verifyEnvelope(broadcast(), expected), payload);
});

test('given a pairwise message, then its receiver reads it and it travels encrypted', () => {
  const envelope = pairwise();
  assert.deepEqual(openEnvelope(bob, envelope, forBob), payload);
  assert.equal(envelope.payload.length, payload.length + pairwiseOverhead);
  assert.equal(Buffer.from(envelope.payload).includes(Buffer.from(payload)), false);
});

test('given a pairwise message, then a relay can check who signed it for whom, and gets ciphertext', () => {
  const envelope = pairwise();
  assert.deepEqual(verifyEnvelope(envelope, { ...expected, to: 'bob' }), envelope.payload);
});

test('given an envelope, then its bytes decode to the same and still open', () => {
  const decoded = envelopeBytes.decode(envelopeBytes.encode(pairwise()));
  assert.deepEqual(openEnvelope(bob, decoded, forBob), payload);
  assert.deepEqual(
    verifyEnvelope(envelopeBytes.decode(envelopeBytes.encode(broadcast())), expected),
    payload,
  );
});

test('given fresh identities of two nodes, then they reach each other both ways', () => {
  const a = makeNodeIdentity({ now: Date.now });
  const b = makeNodeIdentity({ now: Date.now });
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const sealed = sealEnvelope(one, { ...at, to: 'other', receiver: other.public, payload });
    const opened = openEnvelope(other, sealed, { ...at, sender: one.public, self: 'other' });
    assert.deepEqual(opened, payload);
  }
});

test('given the longest payload, then it fits the wire both ways, and one byte more is refused before it is signed', () => {
  const longest = new Uint8Array(maxRoundPayload).fill(7);
  const input = { ...at, from: 'a'.repeat(32), to: 'b'.repeat(32), receiver: bob.public };
  const envelope = envelopeBytes.decode(
    envelopeBytes.encode(sealEnvelope(alice, { ...input, payload: longest })),
  );
  const opened = openEnvelope(bob, envelope, { ...expected, from: input.from, self: input.to });
  assert.deepEqual(opened, longest);
  assert.throws(() => sealEnvelope(alice, { ...input, payload: new Uint8Array(maxRoundPayload + 1) }), {
    code: 'wire/oversize',
  });
});

/** The envelope with one field changed; the signature is the old one. */
const changes: readonly [string, (envelope: Envelope) => Envelope][] = [
  ['session', (e) => ({ ...e, session: flip(e.session) })],
  ['round', (e) => ({ ...e, round: e.round + 1 })],
  ['from', (e) => ({ ...e, from: 'carol' })],
  ['to', (e) => ({ ...e, to: e.to === undefined ? 'bob' : 'carol' })],
  ['transcript', (e) => ({ ...e, transcript: flip(e.transcript) })],
  ['payload', (e) => ({ ...e, payload: flip(e.payload) })],
  ['payload cut short', (e) => ({ ...e, payload: e.payload.subarray(0, -1) })],
  ['payload made longer', (e) => ({ ...e, payload: Uint8Array.from([...e.payload, 0]) })],
  ['signature', (e) => ({ ...e, signature: flip(e.signature) })],
  ['signature cut short', (e) => ({ ...e, signature: e.signature.subarray(0, 63) })],
  ['signature empty', (e) => ({ ...e, signature: new Uint8Array() })],
];
const flip = (raw: Uint8Array, byte = 0): Uint8Array =>
  raw.map((value, i) => (i === byte ? value ^ 1 : value));

for (const [field, change] of changes) {
  test(`given an envelope with another ${field}, then its signature refuses it and nobody honest is blamed`, () => {
    const code = refusedWith('channel/envelope-signature');
    assert.throws(() => openEnvelope(bob, change(pairwise()), forBob), code);
    assert.throws(() => verifyEnvelope(change(broadcast()), expected), code);
  });
}

test('given any one byte of an envelope changed, then it is refused', () => {
  const raw = envelopeBytes.encode(pairwise());
  fc.assert(
    fc.property(fc.nat(raw.length - 1), fc.integer({ min: 1, max: 255 }), (index, mask) => {
      const changed = raw.map((value, i) => (i === index ? value ^ mask : value));
      assert.throws(
        () => openEnvelope(bob, envelopeBytes.decode(changed), forBob),
        (error) => isSymbolonError(error),
      );
    }),
    { numRuns: 300 },
  );
});

test('T36: given a genuine message of another session, then it is refused by name', () => {
  const other = { session: flip(session) };
  assert.throws(
    () => openEnvelope(bob, pairwise(), { ...forBob, ...other }),
    refusedWith('channel/envelope-session'),
  );
  assert.throws(
    () => verifyEnvelope(broadcast(), { ...expected, ...other }),
    refusedWith('channel/envelope-session'),
  );
});

test('given a genuine message of another round, then it is refused by name with both rounds', () => {
  assert.throws(
    () => openEnvelope(bob, pairwise(), { ...forBob, round: 3 }),
    (error) =>
      isSymbolonError(error, 'channel/envelope-round') && error.facts.wanted === 3 && error.facts.got === 2,
  );
});

test('T16: given a sender that saw other broadcasts, then its message is refused as a split view that names it', () => {
  assert.throws(
    () => verifyEnvelope(broadcast(), { ...expected, transcript: flip(transcript) }),
    (error) => isSymbolonError(error, 'channel/envelope-split-view') && error.facts.from === 'alice',
  );
});

test('given a node that signs in the name of another, then it is refused by name', () => {
  const lie = sealEnvelope(alice, { ...at, from: 'carol', payload });
  assert.throws(() => verifyEnvelope(lie, expected), refusedWith('channel/envelope-sender'));
  // In the place of carol it doesn't verify, because carol's key did not sign it.
  const asCarol = { ...expected, from: 'carol', sender: carol.public };
  assert.throws(() => verifyEnvelope(lie, asCarol), refusedWith('channel/envelope-signature'));
});

test('T16: given a pairwise message in the place of a broadcast, or the reverse, then it is refused by name', () => {
  assert.throws(() => verifyEnvelope(pairwise(), expected), refusedWith('channel/envelope-receiver'));
  assert.throws(() => openEnvelope(bob, broadcast(), forBob), refusedWith('channel/envelope-receiver'));
});

test('given a message for another node, then this node refuses it, by its name and by its key', () => {
  assert.throws(
    () => openEnvelope(carol, pairwise(), { ...forBob, self: 'carol' }),
    refusedWith('channel/envelope-receiver'),
  );
  // The relay lies to carol about her own name: the key still is not hers.
  assert.throws(() => openEnvelope(carol, pairwise(), forBob), refusedWith('channel/envelope-undecryptable'));
});

test('given a sender that encrypts to another key than the attested one, then the receiver names it', () => {
  const wrong = sealEnvelope(alice, { ...at, to: 'bob', receiver: carol.public, payload });
  assert.throws(
    () => openEnvelope(bob, wrong, forBob),
    (error) => isSymbolonError(error, 'channel/envelope-undecryptable') && error.facts.from === 'alice',
  );
});

/** An envelope that its sender signed as it is, whatever it holds: what a malicious participant can make. */
const signedByAlice = (fields: Omit<Envelope, 'signature'>): Envelope => ({
  ...fields,
  signature: new Uint8Array(
    sign(
      null,
      hashOf(
        'symbolon/envelope/1',
        fields.session,
        fields.round,
        fields.from,
        fields.to ?? null,
        fields.transcript,
        hashOf('symbolon/envelope-payload/1', fields.payload),
      ),
      alice.signKey,
    ),
  ),
});

test('given the ciphertext of another round, session or pair under a genuine signature, then it does not decrypt', () => {
  const sealed = pairwise().payload;
  const cases: [
    string,
    Omit<Envelope, 'signature'>,
    { round?: number; session?: Uint8Array; transcript?: Uint8Array },
  ][] = [
    ['round', { ...at, to: 'bob', payload: sealed, round: 3 }, { round: 3 }],
    ['session', { ...at, to: 'bob', payload: sealed, session: flip(session) }, { session: flip(session) }],
    [
      'transcript',
      { ...at, to: 'bob', payload: sealed, transcript: flip(transcript) },
      { transcript: flip(transcript) },
    ],
  ];
  for (const [what, fields, change] of cases) {
    assert.throws(
      () => openEnvelope(bob, signedByAlice(fields), { ...forBob, ...change }),
      refusedWith('channel/envelope-undecryptable'),
      what,
    );
  }
  // Reflected: bob gets what alice wrote to bob as if bob had written it to alice.
  const back = sealEnvelope(bob, { ...at, from: 'bob', to: 'alice', receiver: alice.public, payload });
  const reflected = signedByAlice({ ...at, to: 'bob', payload: back.payload });
  assert.throws(() => openEnvelope(bob, reflected, forBob), refusedWith('channel/envelope-undecryptable'));
});

/** A pairwise payload from alice to bob, written from SPEC.md section 3 alone. */
function sealedBySpec(clear: Uint8Array): Uint8Array {
  const shared = diffieHellman({ privateKey: alice.encryptKey, publicKey: createPublicKey(bob.encryptKey) });
  const keys = [alice.public.encrypt, bob.public.encrypt];
  const info = encodeCbor(['symbolon/envelope-key/1', 'alice', 'bob', 2, ...keys]);
  const key = new Uint8Array(hkdfSync('sha256', shared, session, info, 32));
  const cipher = createCipheriv('aes-256-gcm', key, new Uint8Array(12));
  cipher.setAAD(encodeCbor(['symbolon/envelope-aad/1', session, 2, 'alice', 'bob', transcript]));
  const parts = [new Uint8Array(12), cipher.update(clear), cipher.final(), cipher.getAuthTag()];
  return Uint8Array.from(Buffer.concat(parts));
}

test('given a message made from the specification alone, then it opens, and one without a byte in it is refused', () => {
  const sealed = signedByAlice({ ...at, to: 'bob', payload: sealedBySpec(payload) });
  assert.deepEqual(openEnvelope(bob, sealed, forBob), payload);
  const empty = signedByAlice({ ...at, to: 'bob', payload: sealedBySpec(new Uint8Array()) });
  assert.throws(() => openEnvelope(bob, empty, forBob), refusedWith('channel/envelope-undecryptable'));
});

test('given a signed pairwise message too short to hold a nonce, a tag and a byte, then it is refused', () => {
  for (const length of [1, 12, 27, 28]) {
    const short = signedByAlice({ ...at, to: 'bob', payload: new Uint8Array(length) });
    assert.throws(
      () => openEnvelope(bob, short, forBob),
      refusedWith('channel/envelope-undecryptable'),
      `${length}`,
    );
  }
});

test('T02: given the same message twice, then nonce and ciphertext differ', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 200; i += 1) {
    seen.add(Buffer.from(pairwise().payload.subarray(0, 12)).toString('hex'));
  }
  assert.equal(seen.size, 200);
});

test('given a peer key of small order or no key at all, then nothing is encrypted to it and no signature of it counts', () => {
  for (const encrypt of [
    new Uint8Array(32),
    Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0)),
    new Uint8Array(5),
  ]) {
    assert.throws(
      () => sealEnvelope(alice, { ...at, to: 'bob', receiver: { ...bob.public, encrypt }, payload }),
      refusedWith('channel/bad-key'),
    );
    const sender = { ...alice.public, encrypt };
    assert.throws(
      () => openEnvelope(bob, pairwise(), { ...forBob, sender }),
      refusedWith('channel/envelope-undecryptable'),
    );
  }
  for (const key of [new Uint8Array(32), new Uint8Array(32).fill(0xff), new Uint8Array(31)]) {
    const sender = { ...alice.public, sign: key };
    assert.throws(
      () => verifyEnvelope(broadcast(), { ...expected, sender }),
      refusedWith('channel/envelope-signature'),
    );
  }
});

test('given only one of receiver and name, or no payload, then nothing is sealed', () => {
  assert.throws(() => sealEnvelope(alice, { ...at, to: 'bob', payload }), TypeError);
  assert.throws(() => sealEnvelope(alice, { ...at, receiver: bob.public, payload }), TypeError);
  assert.throws(() => sealEnvelope(alice, { ...at, payload: new Uint8Array() }), TypeError);
});

test('given any refusal of an envelope, then the other side sees the same thing', () => {
  const seen = new Set<string>();
  const attempts = [
    () => openEnvelope(bob, { ...pairwise(), round: 3 }, forBob),
    () => openEnvelope(bob, pairwise(), { ...forBob, round: 3 }),
    () => openEnvelope(carol, pairwise(), forBob),
    () => openEnvelope(bob, pairwise(), { ...forBob, transcript: flip(transcript) }),
    () => verifyEnvelope(pairwise(), expected),
  ];
  for (const attempt of attempts) {
    try {
      attempt();
    } catch (error) {
      assert.ok(isSymbolonError(error));
      const public_ = asSeenByPeer(error);
      seen.add(`${public_.code} ${public_.message} ${public_.http} ${String(public_.cause)}`);
    }
  }
  assert.equal(seen.size, 1);
});

test('given keys of more peers than are kept, then old ones still work', () => {
  const envelope = broadcast();
  for (let i = 4; i < 250; i += 1) {
    const node = unsafeFixedKeys(i % 256);
    verifyEnvelope(sealEnvelope(node, { ...at, payload }), { ...expected, sender: node.public });
  }
  assert.deepEqual(verifyEnvelope(envelope, expected), payload);
});

test('T33: given a refused secret payload, then no byte of it is in the error', () => {
  const secret = new Uint8Array(32).fill(0x5a);
  const envelope = sealEnvelope(alice, { ...at, to: 'bob', receiver: bob.public, payload: secret });
  try {
    openEnvelope(carol, envelope, forBob);
    assert.fail('opened');
  } catch (error) {
    assert.ok(isSymbolonError(error));
    const text = JSON.stringify([error.message, error.facts, String(error.stack), String(error.cause)]);
    assert.equal(/5a5a|WlpaWlpa|ZZZZ|90,90/.test(text), false);
  }
});
