/** `symbolon evidence verify`: verdicts, and what of the command line is not understood. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { test } from 'node:test';
import { nameOf, writeTpmPublic } from '../../enclave/tpm/public.ts';
import { bootEvents, bootLog } from '../../test/measuredBoot.ts';
import { moduleId, shownPcrs } from '../../test/pki/nitro.ts';
import { attestationArea, pairOf } from '../../test/pki/tpm2.ts';
import { toHex } from '../../wire/ids.ts';
import { maxEvidence } from '../../wire/limits.ts';
import {
  bundleOf,
  call,
  hexes,
  json,
  key,
  log,
  nitro,
  nonce,
  otherKey,
  pcrs,
  put,
  quote,
  quoted,
} from './testing.ts';

const pcr0 = `0=${toHex(shownPcrs.get(0) ?? new Uint8Array())}`;

test('verify: a document is accepted with its registers, and what was not asked for is said', async () => {
  const { file, usual } = nitro();
  const { code, body } = await json('evidence', 'verify', file, ...usual, '--pcr', pcr0);
  assert.equal(code, 0);
  assert.equal(body['machine'], moduleId);
  assert.deepEqual(body['notChecked'], ['nonce', 'registers not given (1 to 15)']);
  const looked = await call('evidence', 'verify', file, ...usual, '--any-measurement');
  assert.equal(looked.code, 0);
  assert.match(looked.said, /not checked: nonce, measurement/);
});

test('verify: --at takes RFC 3339 in all its forms, and Unix milliseconds', async () => {
  const { file, usual } = nitro();
  const rest = ['--pcr', pcr0, usual[0] ?? '', usual[1] ?? ''];
  for (const at of [
    '2026-06-01T12:00:01Z',
    '2026-06-01t14:00:01.123456+02:00',
    '2026-06-01 12:00:01z',
    'now',
  ]) {
    assert.equal((await call('evidence', 'verify', file, ...rest, '--at', at)).code, 0, at);
  }
  for (const at of ['2026-06-01T12:00:01', '2026-02-31T12:00:00Z', '2026-06-01T24:00:00Z', '1e9', '']) {
    assert.equal((await call('evidence', 'verify', file, ...rest, '--at', at)).code, 2, at);
  }
  const late = await json('evidence', 'verify', file, ...rest, '--at', '2026-06-02T12:00:00Z');
  assert.deepEqual([late.code, late.body['code']], [1, 'evidence/certificate-not-valid']);
});

for (const [what, options, code] of [
  ['another nonce', ['--nonce', '00'.repeat(32), '--any-measurement'], 'evidence/nonce-mismatch'],
  ['another register', ['--pcr', `0=${'11'.repeat(48)}`], 'evidence/measurement-mismatch'],
  ['zeros that are expected', ['--pcr', `0=${'00'.repeat(48)}`], 'evidence/zeros-listed'],
  ['T05: the type nitro-tpm', ['--type', 'nitro-tpm', '--any-measurement'], 'evidence/wrong-document-type'],
  ['T05: the type tpm2', ['--type', 'tpm2', '--any-measurement'], 'evidence/malformed'],
] as const) {
  test(`verify: ${what} refuses with ${code}`, async () => {
    const { file, usual } = nitro();
    const { code: exit, body } = await json('evidence', 'verify', file, ...usual, ...options);
    assert.deepEqual([exit, body['ok'], body['code']], [1, false, code]);
  });
}

test('T34: a document that is too large is refused as such, and a file without an end is not read to it', async () => {
  const { usual } = nitro();
  for (const file of [put(new Uint8Array(1_000_000)), '/dev/zero']) {
    const { code, body } = await json('evidence', 'verify', file, ...usual, '--any-measurement');
    assert.deepEqual([code, body['code']], [1, 'evidence/oversize'], file);
    // Its true size where there is one, and not the part of it that was read.
    assert.equal(
      (body['facts'] as { size: number }).size,
      file === '/dev/zero' ? maxEvidence + 1 : 1_000_000,
    );
  }
});

test('T05: a NitroTPM document is accepted as its own type and as no other', async () => {
  const { file, usual } = nitro({ kind: 'nitro-tpm' });
  assert.equal(
    (await call('evidence', 'verify', file, ...usual, '--any-measurement', '--type', 'nitro-tpm')).code,
    0,
  );
  const { code, body } = await json('evidence', 'verify', file, ...usual, '--any-measurement');
  assert.deepEqual([code, body['code']], [1, 'evidence/wrong-document-type']);
});

test('T01: verify without an expectation of the measurement, or with two of one register, is a usage error', async () => {
  const { file, usual } = nitro();
  for (const options of [
    [],
    ['--pcr', pcr0, '--any-measurement'],
    ['--pcr', pcr0, '--pcr', pcr0],
    ['--pcr', `0=${'11'.repeat(32)}`],
    ['--any-measurement', '--nonce', 'xx'],
    ['--any-measurement', '--type', 'sgx'],
    ['--any-measurement', '--ak', file],
    ['--any-measurement', '--quote', file],
  ]) {
    assert.equal((await call('evidence', 'verify', file, ...usual, ...options)).code, 2, options.join(' '));
  }
  assert.equal((await call('evidence', 'verify', file, '--any-measurement', '--at', 'now')).code, 2);
  assert.equal((await call('evidence', 'verify', '--any-measurement', ...usual)).code, 2);
});

const pcr4 = `4=${toHex(pcrs.get(4) ?? new Uint8Array())}`;

test('verify: a quote is accepted with its key, its registers, its nonce and its event log', async () => {
  const { code, body } = await json(
    'evidence',
    'verify',
    ...quoted({ eventlog: log }),
    '--pcr',
    pcr4,
    '--nonce',
    toHex(nonce),
  );
  assert.equal(code, 0, JSON.stringify(body));
  assert.equal(body['machine'], toHex(nameOf(key)));
  assert.deepEqual(body['notChecked'], ['registers not given (0, 2, 7 to 9)']);
  assert.deepEqual(body['pcrs'], hexes(pcrs));
  const names = (body['events'] as { pcr: number; name: string }[]).map(({ pcr, name }) => `${pcr} ${name}`);
  assert.ok(names.includes('8 cmdline') && names.includes('9 kernel'), names.join());
});

test('verify: registers are taken as JSON by bank, as a list, as tpm2-tools write them, with more than the quote covers', async () => {
  const sorted = [...pcrs].sort(([a], [b]) => a - b);
  const all = Array.from({ length: 24 }, (_, index) => toHex(pcrs.get(index) ?? new Uint8Array(32)));
  const listing = [
    '  sha1:',
    `    0 : 0x${'00'.repeat(20)}`,
    '  sha256:',
    ...sorted.map(([i, v]) => `    ${i} : 0x${toHex(v).toUpperCase()}`),
  ];
  for (const form of [
    JSON.stringify({ sha256: hexes(pcrs), sha1: { 0: '00'.repeat(20) } }),
    JSON.stringify(all),
    listing.join('\n'),
    new Uint8Array(Buffer.concat(sorted.map(([, value]) => value))),
    serialized(sorted),
  ]) {
    const { code, body } = await json('evidence', 'verify', ...quoted({ pcrs: form }), '--pcr', pcr4);
    assert.equal(code, 0, JSON.stringify(body));
    assert.deepEqual(body['pcrs'], hexes(pcrs));
  }
});

/** What `tpm2_quote --pcr` writes: a selection of 16 slots, a count, lists of eight digests. */
function serialized(sorted: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const selection = Buffer.alloc(4 + 16 * 8);
  selection.writeUInt32LE(1);
  selection.writeUInt16LE(0x0b, 4);
  selection.writeUInt8(3, 6);
  for (const [index] of sorted) {
    selection.writeUInt8(selection.readUInt8(7 + (index >> 3)) | (1 << (index & 7)), 7 + (index >> 3));
  }
  const list = Buffer.alloc(4 + 8 * 66);
  list.writeUInt32LE(sorted.length);
  sorted.forEach(([, value], i) => {
    list.writeUInt16LE(value.length, 4 + i * 66);
    list.set(value, 6 + i * 66);
  });
  return new Uint8Array(Buffer.concat([selection, Buffer.from([1, 0, 0, 0]), list]));
}

test('verify: the key may be PEM and the signature plain; then it is said that nothing shows a TPM', async () => {
  const { publicKey, privateKey } = pairOf('ecdsa');
  const der = new Uint8Array(sign('sha256', quote, privateKey));
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const { code, body } = await json('evidence', 'verify', ...quoted({ sig: der, ak: pem }), '--pcr', pcr4);
  assert.equal(code, 0, JSON.stringify(body));
  assert.equal(body['machine'], null);
  assert.match((body['notChecked'] as string[]).join(), /PEM/);
});

/** An attestation key of the same form, of another TPM. */
function strangersKey(): Uint8Array {
  const area = attestationArea('ecdsa');
  assert.ok(area.type === 'ecc');
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
    format: 'jwk',
  });
  const coordinate = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64url'));
  return writeTpmPublic({ ...area, x: coordinate(x), y: coordinate(y) });
}

for (const [what, change, options, code] of [
  [
    'a changed register',
    { pcrs: JSON.stringify({ ...hexes(pcrs), 4: '11'.repeat(32) }) },
    [],
    'evidence/inconsistent',
  ],
  [
    'a register that is lacking',
    { pcrs: JSON.stringify({ 4: hexes(pcrs)['4'] }) },
    [],
    'evidence/inconsistent',
  ],
  ['another key', { ak: strangersKey() }, [], 'evidence/bad-signature'],
  ['a key of another scheme', { ak: otherKey }, [], 'evidence/inconsistent'],
  ['a log of another boot', { eventlog: bootLog(bootEvents('single')) }, [], 'evidence/log-mismatch'],
  ['another nonce', {}, ['--nonce', '00'.repeat(32)], 'evidence/nonce-mismatch'],
  [
    'a register that the quote does not cover',
    {},
    ['--pcr', `11=${'11'.repeat(32)}`],
    'evidence/measurement-mismatch',
  ],
  ['T04: zeros that are expected', {}, ['--pcr', `4=${'00'.repeat(32)}`], 'evidence/zeros-listed'],
  ['a quote that is none', { quote: randomBytes(100) }, [], 'evidence/malformed'],
  ['a quote that is empty', { quote: '' }, [], 'evidence/malformed'],
  ['T34: a quote that is huge', { quote: new Uint8Array(50_000) }, [], 'evidence/oversize'],
  ['a signature that is none', { sig: randomBytes(64) }, [], 'evidence/malformed'],
  ['a key that is none', { ak: randomBytes(64) }, [], 'evidence/malformed'],
] as const) {
  test(`verify: ${what} refuses a quote with ${code}`, async () => {
    const rest = options.some((one) => one === '--pcr') ? options : ['--any-measurement', ...options];
    const { code: exit, body } = await json('evidence', 'verify', ...quoted(change), ...rest);
    assert.deepEqual([exit, body['code']], [1, code], JSON.stringify(body));
  });
}

test('verify: a quote that lacks a file, registers that are none, or FILE beside it, is not understood', async () => {
  const whole = quoted();
  assert.equal((await call('evidence', 'verify', ...whole.slice(0, -2), '--any-measurement')).code, 2);
  assert.equal((await call('evidence', 'verify', ...whole, '--any-measurement', put('x'))).code, 2);
  for (const bad of ['{}', '[]', 'no', '{"0":"zz"}', '{"24":""}', new Uint8Array(500), randomBytes(700)]) {
    assert.equal((await call('evidence', 'verify', ...quoted({ pcrs: bad }), '--any-measurement')).code, 2);
  }
});

test('verify: of a TPM too, --root, --at and the number of a register are read, though a quote shows no chain and no time', async () => {
  const [, root = ''] = nitro().usual;
  for (const start of [quoted(), [put(bundleOf()), '--type', 'tpm2']]) {
    const verify = (...options: string[]) => call('evidence', 'verify', ...start, ...options);
    assert.equal((await verify('--any-measurement', '--root', root, '--at', 'now')).code, 0);
    for (const options of [
      ['--any-measurement', '--at', 'bogus'],
      ['--any-measurement', '--root', put('x')],
      ['--any-measurement', '--root', '/nowhere/root.der'],
      ['--pcr', `30=${'11'.repeat(32)}`],
      ['--pcr', `24=${'11'.repeat(32)}`],
    ]) {
      assert.equal((await verify(...options)).code, 2, options.join(' '));
    }
  }
});

test('verify: of a NitroTPM too, it is said which registers nobody gave', async () => {
  const { file, usual } = nitro({ kind: 'nitro-tpm' });
  const looked = await json('evidence', 'verify', file, ...usual, '--type', 'nitro-tpm', '--any-measurement');
  const { 4: value = '' } = looked.body['pcrs'] as Record<number, string>;
  const given = ['--type', 'nitro-tpm', '--pcr', `4=${value}`];
  const { code, body } = await json('evidence', 'verify', file, ...usual, ...given);
  assert.equal(code, 0, JSON.stringify(body));
  assert.match((body['notChecked'] as string[]).join(), /^nonce,registers not given \(0 to 3, 5 to /);
  const { said } = await call('evidence', 'verify', file, ...usual, ...given);
  assert.match(said, /not checked: nonce, registers not given/);
});

test('verify: a refusal speaks of the wanted value and of UTC, and of no manifest or node', async () => {
  const { file, usual } = nitro();
  const other = await call('evidence', 'verify', file, ...usual, '--pcr', `0=${'11'.repeat(48)}`);
  assert.match(other.said, /A register differs from the wanted value\. \(pcr=0 wanted=/);
  assert.doesNotMatch(other.said, /manifest|node|measurement=/);
  const late = ['--any-measurement', ...usual.slice(0, 2), '--at', '2026-06-02T12:00:00Z'];
  assert.match((await call('evidence', 'verify', file, ...late)).said, / at=2026-06-02T12:00:00Z /);
});

test('verify: the evidence of a tpm2 node is accepted under its key, and under no other', async () => {
  const file = put(bundleOf());
  const usual = ['evidence', 'verify', file, '--type', 'tpm2', '--pcr', pcr4, '--nonce', toHex(nonce)];
  const { code, body } = await json(...usual, '--ak', put(key));
  assert.equal(code, 0, JSON.stringify(body));
  assert.deepEqual(body['notChecked'], ['registers not given (0, 2, 7 to 9)']);
  const [, root = ''] = nitro().usual;
  const loose = await json(...usual, '--root', root, '--at', 'now');
  assert.equal(loose.code, 0);
  assert.match((loose.body['notChecked'] as string[]).join(), /root.*time.*whose attestation key/);
  const other = await json(...usual, '--ak', put(otherKey));
  assert.deepEqual([other.code, other.body['code']], [1, 'evidence/other-machine']);
});
