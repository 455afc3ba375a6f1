/** `symbolon evidence show` and `diff`: what they say, and files that hold no evidence. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { nameOf } from '../../enclave/tpm/public.ts';
import { bootEvents, bootLog } from '../../test/measuredBoot.ts';
import { madeAt, makeDocument, moduleId, shownPcrs, type Changes } from '../../test/pki/nitro.ts';
import { toHex } from '../../wire/ids.ts';
import { maxEvidence } from '../../wire/limits.ts';
import { claimsBytes } from '../../wire/messages/session.ts';
import {
  bundleOf,
  call,
  claims,
  hexes,
  identity,
  json,
  key,
  log,
  nitro,
  ofOurNode,
  pcrs,
  put,
  quote,
} from './testing.ts';

test('show: a document of a node is explained, and every part says that nothing was verified', async () => {
  const { code, said } = await call('evidence', 'show', nitro(ofOurNode).file);
  assert.equal(code, 0);
  assert.match(said, /^UNVERIFIED: nothing of this was checked/);
  const titles = said
    .split('\n')
    .filter((line) => /^(?:Statement|Registers|Certificates|Bound|Worth)/.test(line));
  assert.equal(titles.length, 5);
  assert.ok(
    titles.every((line) => line.endsWith('UNVERIFIED')),
    titles.join(),
  );
  for (const pattern of [
    new RegExp(`machine +${moduleId}`),
    /made at +2026-06-01T12:00:00Z/,
    /PCR0 +enclave image +[0-9a-f]{96}/,
    /zeros, nothing measured: PCR5, /,
    /leaf +i-0123456789abcdef0-enc0199e44e62de784b\.us-east-1\.aws +2026-06-01T11:59:00Z to 2026-06-01T15:00:00Z/,
    /claims\.node +node-1/,
    /identity\.sign +0404/,
    /PCR4 is that of i-0123456789abcdef0/,
  ]) {
    assert.match(said, pattern);
  }
  const { body } = await json('evidence', 'show', nitro(ofOurNode).file);
  assert.equal(body['verified'], false);
  assert.equal((body['claims'] as { node: string }).node, 'node-1');
});

test('T04: show says that a document is of a debug enclave', async () => {
  const { file } = nitro({
    fields: (fields) => {
      fields.set('pcrs', new Map([[0, new Uint8Array(48)]]));
    },
  });
  assert.match((await call('evidence', 'show', file)).said, /an enclave in debug mode/);
});

test('show: what a hostile log says of itself moves no cursor', async () => {
  const { said } = await call('evidence', 'show', put(bootLog(bootEvents('a\u001b[2Jb'))));
  assert.match(said, /kernel_cmdline: a\.\[2Jb/);
  assert.ok(!said.includes('\u001b'));
});

test('show: evidence of a TPM, a bare quote and an event log are told apart and explained', async () => {
  const bundle = await call(
    'evidence',
    'show',
    put(bundleOf({ bound: { publicKey: identity, userData: claims } })),
  );
  assert.match(bundle.said, /evidence of a TPM 2\.0/);
  assert.match(bundle.said, new RegExp(`machine +${toHex(nameOf(key))}`));
  assert.match(bundle.said, /PCR4 +boot loader +[0-9a-f]{64}/);
  assert.match(bundle.said, /PCR8 +cmdline +EV_IPL +[0-9a-f]{64} +kernel_cmdline: ro quiet/);
  assert.match(bundle.said, /The quote names the hash of nonce, identity, claims and time\./);
  assert.match(bundle.said, /The event log replays to the registers beside it\./);
  assert.match(bundle.said, /resetCount +7/);
  const bare = await call('evidence', 'show', put(quote));
  assert.match(bare.said, /quote of a TPM 2\.0 alone[^]*selected +sha256 0,2,4,7,8,9/);
  const alone = await json('evidence', 'show', put(log));
  assert.equal(alone.body['kind'], 'event-log');
  assert.deepEqual(alone.body['registers'], { sha256: hexes(pcrs) });
});

test('diff: two documents of one node are the same but for nonce and time', async () => {
  const later: Changes = {
    fields: (fields) => {
      ofOurNode.fields?.(fields);
      fields.set('nonce', new Uint8Array(32).fill(9)).set('timestamp', madeAt + 60_000);
    },
  };
  const { code, said } = await call('evidence', 'diff', nitro(ofOurNode).file, nitro(later).file);
  assert.equal(code, 0, said);
  assert.match(said, /UNVERIFIED/);
});

test('diff: names the machine, the registers, the window and the claims that changed', async () => {
  const other: Changes = {
    certificates: { leaf: { notAfter: madeAt + 7_200_000 } },
    fields: (fields) => {
      const changed = claimsBytes.decode(claims);
      fields.set('user_data', claimsBytes.encode({ ...changed, node: 'node-2' })).set('public_key', identity);
      fields.set('pcrs', new Map([...shownPcrs, [0, new Uint8Array(48).fill(7)]]));
    },
  };
  const { code, body } = await json('evidence', 'diff', nitro(ofOurNode).file, nitro(other).file);
  assert.equal(code, 1);
  const names = (body['differences'] as { what: string; name: string }[]).map(
    ({ what, name }) => `${what} ${name}`,
  );
  assert.ok(names.includes('register PCR0 (enclave image), sha384'), names.join('; '));
  assert.ok(names.includes('certificate leaf'));
  assert.ok(names.includes('claim claims.node'));
  assert.ok(!names.some((name) => name.startsWith('machine') || name.includes('PCR1 ')));
});

test('show and diff say in their JSON that they were done, and diff says no word twice', async () => {
  const [one, other] = [nitro(ofOurNode).file, put(log)];
  assert.equal((await json('evidence', 'show', one)).body['ok'], true);
  assert.equal((await json('evidence', 'diff', one, one)).body['ok'], true);
  const { said } = await call('evidence', 'diff', one, other);
  assert.match(said, /^kind$/m);
  assert.doesNotMatch(said, /^kind kind|^fact facts|^claim claims|^identity identity/m);
});

test('diff: an event that changed, and one that came in between, are named alone', async () => {
  const [a, b] = [put(log), put(bootLog(bootEvents('ro quiet init=/bin/sh')))];
  const { code, body } = await json('evidence', 'diff', a, b);
  assert.equal(code, 1);
  const names = (all: Record<string, unknown>): string[] =>
    (all['differences'] as { what: string; name: string }[]).map(({ what, name }) => `${what} ${name}`);
  assert.deepEqual(names(body), [
    'register PCR8 (commands and kernel command line (boot loader)), sha256',
    'event cmdline in PCR8',
  ]);
  const grub = (...commands: string[]): string =>
    put(
      bootLog([
        ...bootEvents(),
        ...commands.map((data) => ({ pcr: 8, type: 0xd, data: `grub_cmd: ${data}` })),
      ]),
    );
  const more = await json(
    'evidence',
    'diff',
    grub('set a', 'set c', 'set d'),
    grub('set a', 'set b', 'set c', 'set d'),
  );
  const events = (more.body['differences'] as { what: string; a: string }[]).filter(
    ({ what }) => what === 'event',
  );
  assert.equal(events.length, 1, JSON.stringify(events));
  assert.equal(events[0]?.a, 'absent');
});

for (const command of ['show', 'diff'] as const) {
  for (const [what, content] of [
    ['an empty file', new Uint8Array()],
    ['a file of zeros', new Uint8Array(1_000)],
    ['a huge file', new Uint8Array(maxEvidence + 1)],
    ['a text', 'hello'],
    ['base64 of a document', Buffer.from(makeDocument().document).toString('base64')],
  ] as const) {
    test(`${command}: ${what} is an error of the catalogue, and never exit 1`, async () => {
      const words = ['evidence', command, put(content), ...(command === 'diff' ? [nitro().file] : [])];
      const { code, body } = await json(...words);
      assert.equal(code, 2);
      assert.match(String(body['code']), /^cli\/(?:not-evidence|unreadable-file)$/);
    });
  }
}

test('show: random bytes after every first byte give an error of the catalogue or a reading', async () => {
  for (let first = 0; first < 256; first += 1) {
    const { code, body } = await json(
      'evidence',
      'show',
      put(Uint8Array.of(first, ...(first % 2 === 0 ? [0, 0, 0] : []), ...randomBytes(60))),
    );
    assert.ok(
      code === 0 || (code === 2 && body['code'] === 'cli/not-evidence'),
      `${first}: ${code} ${JSON.stringify(body)}`,
    );
  }
});

test('show: every truncation and every changed byte of evidence gives an error of the catalogue or a reading', async () => {
  const whole = bundleOf();
  for (let at = 0; at < whole.length; at += 7) {
    const changed = whole.slice();
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    for (const bytes of [changed, whole.slice(0, at)]) {
      const { code, body } = await json('evidence', 'show', put(bytes));
      assert.ok(
        code === 0 || (code === 2 && body['code'] === 'cli/not-evidence'),
        `${at}: ${JSON.stringify(body)}`,
      );
    }
  }
});

test('a file that is not there, or a folder, is said as such', async () => {
  for (const words of [
    ['evidence', 'show', 'not-there'],
    ['evidence', 'show', '.'],
    ['evidence', 'diff', 'not-there', 'not-there'],
    ['evidence', 'verify', 'not-there', '--type', 'tpm2', '--any-measurement'],
  ]) {
    const { code, errors } = await call(...words);
    assert.equal(code, 2, words.join(' '));
    assert.match(errors, /cli\/unreadable-file/);
  }
});
