/** With a real TPM in software. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { addedEvent, bootEvents, bootLog, measure } from '../../../test/measuredBoot.ts';
import { assertRefusal } from '../../../test/pki/refusal.ts';
import { noSwtpm, startSwtpm, testSwtpm, type Swtpm } from '../../../test/swtpm.ts';
import type { ErrorCode } from '../../../wire/errors/index.ts';
import { toHex } from '../../../wire/ids.ts';
import { maxEventLog } from '../../../wire/limits.ts';
import type { Statement } from '../../evidence/statement.ts';
import { tpm2Document } from '../../evidence/tpm2/document.ts';
import { tpm2Statement } from '../../evidence/tpm2/statement.ts';
import { openTransport } from '../../tpm/device/transport.ts';
import { Tpm } from '../../tpm/device/index.ts';
import type { Attester, Bound } from '../index.ts';
import { tpm2Attester, type Tpm2AttesterOptions } from './attester.ts';
import { requestTpm2Enrolment } from './enrolment.ts';
import { keyFileName } from './keyFile.ts';

const options = { skip: noSwtpm };
const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const bound: Bound = {
  nonce: bytes(32, 1),
  publicKey: bytes(120, 2),
  userData: bytes(90, 3),
  role: 'session',
};
const folder = mkdtempSync(join(tmpdir(), 'symbolon-tpm2-'));
const enrolled = join(folder, 'attester');
const log = join(folder, 'log');
const pcrs = [0, 4, 7, 8, 9, 12, 13];
let swtpm: Swtpm;
let name: Uint8Array;

const tpmOf = ({ address }: Swtpm): Tpm =>
  new Tpm({ address, timeoutMs: 5_000, random: randomBytes, storageRoot: 'unpinned' });
const open = (changes: Partial<Tpm2AttesterOptions> = {}): Promise<Attester> =>
  tpm2Attester({
    tpm: swtpm.address,
    folder: enrolled,
    pcrs,
    bank: 'sha256',
    now: Date.now,
    ...changes,
  });
const evidence = async (role: Bound['role'], changes?: Partial<Tpm2AttesterOptions>): Promise<Statement> =>
  tpm2Statement(await (await open(changes)).makeEvidence({ ...bound, role }));
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
  writeFileSync(log, bootLog(bootEvents()));
  await measure(tpmOf(swtpm), bootEvents());
  ({ name } = await requestTpm2Enrolment({ tpm: swtpm.address, folder: enrolled }));
});
after(async () => {
  if (noSwtpm === false) {
    await swtpm.stop();
  }
  rmSync(folder, { recursive: true, force: true });
});

test(
  'T03: given a measured boot, then the evidence shows it and binds what was asked, as a peer verifies it',
  options,
  async () => {
    const statement = await evidence('session');
    assert.deepEqual(statement.nonce, bound.nonce);
    assert.deepEqual(statement.publicKey, bound.publicKey);
    assert.deepEqual(statement.userData, bound.userData);
    assert.deepEqual([...statement.pcrs.keys()], pcrs);
    assert.deepEqual(statement.pcrs, await tpmOf(swtpm).readPcrs('sha256', pcrs));
    assert.equal(statement.events, undefined);
    const attester = await open();
    assert.equal(attester.platform, 'tpm2');
    assert.equal(attester.notAfter(), Number.MAX_SAFE_INTEGER);
  },
);

test(
  'given a log, then evidence for a channel carries it, and evidence for a session does not',
  options,
  async () => {
    const named = (await evidence('channel', { eventLog: log })).events?.map((event) => event.name);
    assert.deepEqual(named, ['firmware-version', 'loader', 'separator', 'cmdline', 'kernel']);
    assert.equal((await evidence('session', { eventLog: log })).events, undefined);
  },
);

test(
  'given a log that does not lead to the registers, then it is left out, and the registers speak',
  options,
  async () => {
    const wrong = join(folder, 'wrong-log');
    for (const content of [bootLog([...bootEvents(), addedEvent]), bytes(100, 7)]) {
      writeFileSync(wrong, content);
      const statement = await evidence('channel', { eventLog: wrong });
      assert.equal(statement.events, undefined);
      assert.equal(statement.pcrs.size, pcrs.length);
    }
  },
);

test(
  'T34: given a log that is absent, empty or too long, then the attester does not open',
  options,
  async () => {
    const path = join(folder, 'bad-log');
    await refused(() => open({ eventLog: path }), 'attester/broken', { file: path, reason: 'ENOENT' });
    for (const length of [0, maxEventLog + 1]) {
      writeFileSync(path, new Uint8Array(length));
      await refused(() => open({ eventLog: path }), 'attester/broken', { file: path });
    }
  },
);

test(
  'T11: given a key file that is absent, broken or of another key, then each is another refusal',
  options,
  async () => {
    const own = join(folder, 'files');
    await refused(() => open({ folder: own }), 'attester/not-enrolled', { file: join(own, keyFileName) });
    mkdirSync(own);
    writeFileSync(join(own, keyFileName), bytes(40, 1));
    await refused(() => open({ folder: own }), 'attester/broken', { file: keyFileName });
    copyFileSync(join(enrolled, keyFileName), join(own, keyFileName));
    const content = readFileSync(join(own, keyFileName));
    const at = content.indexOf(name);
    content[at + 33] = (content[at + 33] ?? 0) ^ 1;
    writeFileSync(join(own, keyFileName), content);
    await refused(() => open({ folder: own }), 'attester/other-key', { got: toHex(name) });
  },
);

test(
  'given a bank that the TPM does not have, or no TPM at all, then the attester does not open',
  options,
  async () => {
    await refused(() => open({ bank: 'sha384' }), 'attester/device-failed');
    const tpm = { kind: 'unix', path: join(folder, 'nowhere') } as const;
    await refused(() => open({ tpm }), 'attester/no-device', {
      platform: 'tpm2',
      device: `unix:${join(folder, 'nowhere')}`,
    });
  },
);

test(
  'T03: given a way to the TPM that changes a bit of the quote, then nothing is handed out',
  options,
  async () => {
    for (const at of [60, 130, 200]) {
      let quotes = 0;
      const attester = await open({
        open: async (address) => {
          const { exchange, ...rest } = await openTransport(address).then((way) => ({
            exchange: way.exchange.bind(way),
            close: way.close.bind(way),
          }));
          return {
            ...rest,
            exchange: async (command) => {
              const response = await exchange(command);
              // TPM_CC_Quote stands in the last bytes of the header.
              if (Buffer.from(command).readUInt32BE(6) === 0x158) {
                quotes += 1;
                response[at] = (response[at] ?? 0) ^ 1;
              }
              return response;
            },
          };
        },
      });
      await refused(() => attester.makeEvidence(bound), 'attester/device-failed', { request: 'Quote' });
      assert.ok(quotes > 0);
    }
  },
);

test(
  'T35: given a TPM that takes commands and never answers, then its callers end by name at their deadline',
  options,
  async (t) => {
    const path = join(folder, 'silent.sock');
    const server = createServer((socket) => socket.resume()).listen(path);
    t.after(() => server.close());
    let silent = false;
    const attester = await open({
      deadlineMs: 1_500,
      open: (address) => openTransport(silent ? { kind: 'unix', path } : address),
    });
    silent = true;
    const ended = await Promise.allSettled([attester.makeEvidence(bound), attester.makeEvidence(bound)]);
    for (const one of ended) {
      assert.equal(one.status, 'rejected');
      assertRefusal(one.reason, 'attester/timeout', { request: 'Quote', ms: 1_500 });
    }
    // The TPM answers again, and so does the attester, once it has given up what it had sent before.
    silent = false;
    let document: Uint8Array | undefined;
    for (let i = 0; i < 10 && document === undefined; i += 1) {
      document = await attester.makeEvidence(bound).catch((error: unknown) => {
        assertRefusal(error, 'attester/timeout');
        return undefined;
      });
    }
    assert.equal(tpm2Statement(document ?? new Uint8Array()).machine, toHex(name));
  },
);

test(
  'T12: given a reset of the TPM, then the same attester shows the same key over registers that are zeros again',
  options,
  async (t) => {
    const own = await testSwtpm(t, { certificates: true });
    const place = join(folder, 'reset');
    await measure(tpmOf(own), bootEvents());
    await requestTpm2Enrolment({ tpm: own.address, folder: place });
    const attester = await open({ tpm: own.address, folder: place, eventLog: log });
    const first = tpm2Statement(await attester.makeEvidence({ ...bound, role: 'channel' }));
    own.reset();
    await refused(() => attester.makeEvidence(bound), 'attester/device-failed');
    await tpmOf(own).startUp();
    const second = tpm2Statement(await attester.makeEvidence({ ...bound, role: 'channel' }));
    assert.equal(second.machine, first.machine);
    assert.ok(second.pcrs.get(4)?.every((byte) => byte === 0));
    assert.equal(second.events, undefined, 'the log of the boot before explains nothing');
    assert.ok((second.tpm?.resetCount ?? 0) > (first.tpm?.resetCount ?? 0));
  },
);

test('more than a document can bind is refused before the TPM is asked', options, async () => {
  const attester = await open();
  await refused(() => attester.makeEvidence({ ...bound, nonce: bytes(1_025, 0) }), 'attester/bad-input', {
    field: 'nonce',
  });
  const most = { ...bound, nonce: bytes(1_024, 1), publicKey: bytes(1_024, 1), userData: bytes(1_024, 1) };
  assert.deepEqual(tpm2Document.decode(await attester.makeEvidence(most)).nonce, most.nonce);
});
