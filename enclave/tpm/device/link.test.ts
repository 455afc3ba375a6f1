import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { assertRefusal, assertRefuses } from '../../../test/pki/refusal.ts';
import { noSwtpm } from '../../../test/swtpm.ts';
import { isSymbolonError, type ErrorCode } from '../../../wire/errors/index.ts';
import { refusalOf, responseName, type CommandName } from './codes.ts';
import { readTpmAddress, Tpm, tpmAddressText, type TpmAddress } from './index.ts';
import { random, testTpm, tpmOf } from './testing.ts';
import { openTransport } from './transport.ts';

const tpmAt = (address: TpmAddress, timeoutMs = 10_000): Tpm =>
  new Tpm({ address, timeoutMs, random, storageRoot: 'unpinned' });
const refusedWith = async (work: Promise<unknown>, code: ErrorCode, facts = {}): Promise<void> => {
  await assert.rejects(work, (error: unknown) => {
    assertRefusal(error, code, facts);
    return true;
  });
};
function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-tpm-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** A server in the place of a TPM that does with a connection what it is told. */
async function pretender(t: TestContext, act: (socket: Socket) => void): Promise<TpmAddress> {
  const path = join(folderOf(t), 'tpm.sock');
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    act(socket);
  });
  server.listen(path);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
  });
  return { kind: 'unix', path };
}

test('addresses: three kinds, absolute paths, the loopback only', () => {
  for (const text of ['device:/dev/tpmrm0', 'unix:/run/a b.sock', 'tcp:127.0.0.1:2321', 'tcp:[::1]:2321']) {
    assert.equal(tpmAddressText(readTpmAddress(text)), text);
  }
  for (const text of [
    '',
    '/dev/tpmrm0',
    'device:tpmrm0',
    'device:',
    'unix:/a\0b',
    'tcp:10.0.0.1:2321',
    'tcp:localhost:2321',
    'tcp:127.0.0.1:0',
    'tcp:127.0.0.1:65536',
    'tcp:127.0.0.1:1 ',
    'mssim:127.0.0.1:2321',
  ]) {
    assertRefuses(() => readTpmAddress(text), 'tpm/bad-address');
  }
});

test('response codes: names of both formats, and codes that an operator acts on', () => {
  const names: Readonly<Record<number, string>> = {
    0x98e: 'AUTH_FAIL',
    0x99d: 'POLICY_FAIL',
    0x1c4: 'VALUE',
    0x1df: 'INTEGRITY',
    0x18b: 'HANDLE',
    0x921: 'LOCKOUT',
    0x922: 'RETRY',
    0x100: 'INITIALIZE',
    0x902: 'OBJECT_MEMORY',
    0x128: 'PCR_CHANGED',
    0xfff: 'UNKNOWN',
    0x1ff: 'UNKNOWN',
  };
  for (const [code, name] of Object.entries(names)) {
    assert.equal(responseName(Number(code)), name);
  }
  const cases: readonly (readonly [CommandName, number, ErrorCode])[] = [
    ['Unseal', 0x98e, 'tpm/auth-refused'],
    ['Unseal', 0x9a2, 'tpm/auth-refused'],
    ['Unseal', 0x921, 'tpm/locked-out'],
    ['Unseal', 0x99d, 'tpm/policy-refused'],
    ['Unseal', 0x128, 'tpm/policy-refused'],
    ['PolicyPCR', 0x1c4, 'tpm/policy-refused'],
    ['Load', 0x1df, 'tpm/blob-refused'],
    ['Load', 0x902, 'tpm/refused'],
    ['ActivateCredential', 0x2df, 'tpm/blob-refused'],
    ['ActivateCredential', 0x101, 'tpm/blob-refused'],
    ['Quote', 0x101, 'tpm/refused'],
    ['Create', 0x1c4, 'tpm/refused'],
  ];
  for (const [command, rc, code] of cases) {
    assert.equal(refusalOf(command, rc).code, code, `${command} 0x${rc.toString(16)}`);
  }
});

describe('a TPM that is not there, or not one', () => {
  test('given nothing at the address, then that is said, and nothing else is tried', async (t) => {
    const folder = folderOf(t);
    writeFileSync(join(folder, 'file'), 'not a device');
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const address = closed.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    closed.close();
    await once(closed, 'close');
    for (const text of [
      `unix:${folder}/absent.sock`,
      `device:${folder}/absent`,
      `device:${folder}/file`,
      `tcp:127.0.0.1:${port}`,
    ]) {
      await refusedWith(tpmAt(readTpmAddress(text)).getRandom(8), 'tpm/unavailable', { address: text });
    }
  });

  test('given no answer, then the deadline ends the command, and the next one connects anew', async (t) => {
    let connections = 0;
    const address = await pretender(t, () => {
      connections += 1;
    });
    const tpm = tpmAt(address, 30);
    await refusedWith(tpm.getRandom(8), 'tpm/unavailable', { reason: 'no answer in time' });
    await refusedWith(tpm.getRandom(8), 'tpm/unavailable', { reason: 'no answer in time' });
    assert.equal(connections, 2);
  });

  test('given a connection that ends, or bytes that are no response, then that is said', async (t) => {
    const answers: Readonly<Record<string, readonly [Uint8Array | undefined, string]>> = {
      'the end': [undefined, 'connection lost'],
      'a size below the header': [Uint8Array.of(0x80, 1, 0, 0, 0, 9, 0, 0, 0, 0), 'not a response of a TPM'],
      'a size above all': [Uint8Array.of(0x80, 1, 0, 0, 0x10, 1, 0, 0, 0, 0), 'not a response of a TPM'],
      'more than was announced': [
        Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0, 0),
        'not a response of a TPM',
      ],
      'a tag of no response': [Uint8Array.of(0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 0), 'not a response of a TPM'],
    };
    for (const [what, [bytes, reason]] of Object.entries(answers)) {
      const address = await pretender(t, (socket) => {
        socket.once('data', () => {
          if (bytes === undefined) {
            socket.destroy();
          } else {
            socket.write(bytes);
          }
        });
      });
      await t.test(what, () => refusedWith(tpmAt(address).getRandom(8), 'tpm/unavailable', { reason }));
    }
  });

  test('a response in single bytes is put together', async (t) => {
    const response = Uint8Array.of(0x80, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4);
    const address = await pretender(t, (socket) => {
      socket.setNoDelay(true);
      socket.once('data', () => {
        const write = (at: number): void => {
          if (at < response.length) {
            socket.write(response.subarray(at, at + 1), () => {
              setImmediate(write, at + 1);
            });
          }
        };
        write(0);
      });
    });
    assert.deepEqual(await tpmAt(address).getRandom(4), Uint8Array.of(1, 2, 3, 4));
  });
});

describe('turns', { skip: noSwtpm }, () => {
  test('given many wishes at once, then each gets its own answer, and a failed one harms no other', async (t) => {
    const { tpm } = await testTpm(t);
    const results = await Promise.allSettled([
      tpm.getRandom(16),
      tpm.readPcrs('sha1', [0]),
      tpm.quote(Uint8Array.of(1), { bank: 'sha256', pcrs: [0] }),
      tpm.storageRoot(),
      tpm.attestationKey(),
      tpm.banks(),
    ]);
    const failed = results.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    assert.equal(failed.length, 1);
    assert.ok(isSymbolonError(failed[0], 'tpm/bank-absent'));
  });

  test('given many users of one emulator, more than its queue holds, then each gets its turn', async (t) => {
    const { tpm, swtpm } = await testTpm(t);
    const others = Array.from({ length: 6 }, () => tpmOf(swtpm));
    for (let i = 0; i < 3; i += 1) {
      await Promise.all([
        tpm.quote(random(32), { bank: 'sha256', pcrs: [0] }),
        ...others.map((other) => other.extendPcr(16, { sha256: random(32) })),
      ]);
    }
  });

  test('given a way that opens only after the deadline, then nothing is sent on it', async (t) => {
    const { swtpm } = await testTpm(t);
    const sent: Uint8Array[] = [];
    const opened = new Promise<void>((done) => {
      const late = tpmOf(swtpm, {
        timeoutMs: 20,
        open: async (address, over) => {
          await once(over, 'abort');
          const real = await openTransport(address, over);
          setImmediate(done);
          return { exchange: (bytes) => (sent.push(bytes), real.exchange(bytes)), close: () => real.close() };
        },
      });
      void refusedWith(late.getRandom(8), 'tpm/unavailable', { reason: 'no answer in time' });
    });
    await opened;
    assert.equal(sent.length, 0);
  });

  test('given a closed one, then what waited is done, and later wishes are refused', async (t) => {
    const { tpm } = await testTpm(t);
    const waiting = tpm.getRandom(8);
    const closing = tpm.close();
    assert.equal((await waiting).length, 8);
    await closing;
    await refusedWith(tpm.getRandom(8), 'tpm/unavailable', { reason: 'closed' });
  });

  test('given a TPM that was reset and not started, then that is what the refusal names', async (t) => {
    const { tpm, swtpm } = await testTpm(t);
    swtpm.reset();
    await refusedWith(tpm.getRandom(8), 'tpm/refused', { name: 'TPM_RC_INITIALIZE', rc: '0x100' });
    await tpm.startUp();
    await tpm.startUp();
    assert.equal((await tpm.getRandom(8)).length, 8);
  });
});

/** Makes a terminal and carries whole commands and responses between it and the socket of an emulator. */
const bridge = `
import os, pty, socket, struct, sys, tty
master, slave = pty.openpty()
tty.setraw(slave)
tpm = socket.socket(socket.AF_UNIX)
tpm.connect(sys.argv[1])
print(os.ttyname(slave), flush=True)
def whole(read):
    data = read(4096)
    while len(data) < 6 or len(data) < struct.unpack('>I', data[2:6])[0]:
        data += read(4096)
    return data
while True:
    tpm.sendall(whole(lambda n: os.read(master, n)))
    os.write(master, whole(tpm.recv))
`;

test(
  'a character device: commands and responses, and one turn after the other',
  { skip: noSwtpm },
  async (t) => {
    const { swtpm } = await testTpm(t);
    assert.ok(swtpm.address.kind === 'unix');
    const child = spawn('python3', ['-c', bridge, swtpm.address.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    let tpm: Tpm | undefined;
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      tpm = tpmAt({ kind: 'device', path: line.toString('utf8').trim() });
      const { key } = await tpm.quote(random(32), { bank: 'sha256', pcrs: [0, 7] });
      assert.deepEqual((await tpm.attestationKey()).name, key.name);
      assert.equal((await tpm.endorsementKey('rsa')).publicArea.length, 314);
      const blob = await tpm.seal({
        secret: random(32),
        auth: Uint8Array.of(1),
        registers: undefined,
        lockout: false,
      });
      await refusedWith(
        tpm.unseal({ blob, auth: Uint8Array.of(2), selection: undefined }),
        'tpm/auth-refused',
      );
    } finally {
      await tpm?.close();
      child.kill('SIGKILL');
      await ended;
    }
  },
);

describe('a device that hangs', () => {
  const hanging = { reason: 'an earlier command hangs in the device' };

  test('given a command that is not answered, then no other one goes into the device until it is, or has failed', async () => {
    const response = Uint8Array.of(0x80, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4);
    const ends: readonly ((done: (response: Uint8Array) => void, fail: (error: Error) => void) => void)[] = [
      (done) => {
        done(response.slice());
      },
      (_, fail) => {
        fail(new Error('the read ended'));
      },
    ];
    for (const end of ends) {
      let opened = 0;
      let settle: () => void = () => undefined;
      const tpm = new Tpm({
        address: { kind: 'device', path: '/nowhere' },
        timeoutMs: 20,
        random,
        storageRoot: 'unpinned',
        open: () => {
          opened += 1;
          const hangs = opened === 1;
          return Promise.resolve({
            exchange: () =>
              hangs
                ? new Promise<Uint8Array>((done, fail) => {
                    settle = () => {
                      end(done, fail);
                    };
                  })
                : Promise.resolve(response.slice()),
            close: () => Promise.resolve(),
          });
        },
      });
      await refusedWith(tpm.getRandom(4), 'tpm/unavailable', { reason: 'no answer in time' });
      for (let i = 0; i < 6; i += 1) {
        await refusedWith(tpm.getRandom(4), 'tpm/unavailable', hanging);
      }
      assert.equal(opened, 1);
      settle();
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(await tpm.getRandom(4), Uint8Array.of(1, 2, 3, 4));
      assert.equal(opened, 2);
    }
  });

  test(
    'given a real one that never answers, then files can still be read',
    { timeout: 60_000 },
    async (t) => {
      const silent =
        'import os, pty, sys; m, s = pty.openpty(); print(os.ttyname(s), flush=True); sys.stdin.read()';
      const child = spawn('python3', ['-c', silent], { stdio: ['pipe', 'pipe', 'inherit'] });
      const ended = once(child, 'exit');
      t.after(async () => {
        child.kill('SIGKILL');
        await ended;
      });
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const tpm = tpmAt({ kind: 'device', path: line.toString('utf8').trim() }, 50);
      await refusedWith(tpm.getRandom(8), 'tpm/unavailable', { reason: 'no answer in time' });
      // libuv has 4 threads for files.
      for (let i = 0; i < 6; i += 1) {
        await refusedWith(tpm.getRandom(8), 'tpm/unavailable', hanging);
      }
      assert.ok((await stat(tmpdir())).isDirectory());
      child.stdin.end();
      await ended;
      // The terminal is gone, so the read ends: the next wish is for a device that is not there.
      for (let reason: unknown = hanging.reason; reason === hanging.reason;) {
        await assert.rejects(tpm.getRandom(8), (error: unknown) => {
          assert.ok(isSymbolonError(error, 'tpm/unavailable'));
          ({ reason } = error.facts);
          return true;
        });
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  );
});

test('given a way that is there only after the call was given up, then it is closed and no command goes on it', async () => {
  let opened: () => void = () => undefined;
  const log: string[] = [];
  const tpm = new Tpm({
    address: { kind: 'unix', path: '/nowhere' },
    timeoutMs: 20,
    random,
    storageRoot: 'unpinned',
    open: async () => {
      await new Promise<void>((resolve) => (opened = resolve));
      return {
        exchange: () => {
          log.push('command');
          return new Promise<never>(() => undefined);
        },
        close: () => {
          log.push('closed');
          return Promise.resolve();
        },
      };
    },
  });
  await refusedWith(tpm.getRandom(8), 'tpm/unavailable', { reason: 'no answer in time' });
  opened();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(log, ['closed']);
});
