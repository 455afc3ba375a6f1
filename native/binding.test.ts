import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isSymbolonError } from '../wire/errors/index.ts';
import { maxSecureBuffer, notify, processState, secureBuffer } from './binding.ts';

const extension = import.meta.url.slice(-3);
const bindingUrl = new URL(`./binding${extension}`, import.meta.url).href;

/** Runs `code` as a module in a process of its own, with the addon's exports in scope. */
const run = (
  code: string,
  options: {
    readonly wrap?: readonly string[];
    readonly cwd?: string;
    readonly flags?: readonly string[];
  } = {},
): SpawnSyncReturns<string> => {
  const source = `import { hardenProcess, processState, secureBuffer } from ${JSON.stringify(bindingUrl)};
import { readFileSync } from 'node:fs';
${code}`;
  const node = [...(options.flags ?? []), '--input-type=module', '-e', source];
  const [command, ...args] = [...(options.wrap ?? []), process.execPath, ...node];
  return spawnSync(command ?? process.execPath, args, {
    encoding: 'utf8',
    timeout: 20_000,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
};

const withFolder = async (use: (folder: string) => Promise<void> | void): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-native-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const has = (command: string): boolean => spawnSync(command, ['--version']).status === 0;

test('T33: a hardened process is not dumpable and has no core limit left, soft or hard', () => {
  const child = run(`hardenProcess(); console.log(JSON.stringify(processState()));
    console.log(/Max core file size +0 +0 /.test(readFileSync('/proc/self/limits', 'utf8')));`);
  const [state, limits] = child.stdout.trim().split('\n');
  assert.deepEqual(JSON.parse(state ?? ''), { ...processState(), dumpable: 0, coreSoft: 0, coreHard: 0 });
  assert.equal(limits, 'true');
});

test('given a process that is not hardened, then it reads back as dumpable', () => {
  assert.equal(processState().dumpable, 1);
});

const corePattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim();
const coreSkip =
  corePattern.includes('/') || corePattern.startsWith('|')
    ? `core files go elsewhere on this machine (core_pattern ${corePattern})`
    : false;

for (const signal of ['SIGABRT', 'SIGSEGV']) {
  test(
    `T33: a hardened process that dies of ${signal} leaves no core file`,
    { skip: coreSkip },
    async (t) => {
      const wrap = ['/bin/sh', '-c', 'ulimit -c unlimited && exec "$@"', 'sh'];
      await withFolder((folder) => {
        const plain = run(`process.kill(process.pid, '${signal}');`, { wrap, cwd: folder });
        if (plain.signal === signal && readdirSync(folder).length === 0) {
          t.diagnostic('this machine writes no core files at all: the comparison shows nothing');
        }
        for (const file of readdirSync(folder)) {
          rmSync(join(folder, file));
        }
        const hardened = run(`hardenProcess(); process.kill(process.pid, '${signal}');`, {
          wrap,
          cwd: folder,
        });
        assert.equal(hardened.signal, signal);
        assert.deepEqual(readdirSync(folder), []);
      });
    },
  );
}

test('given a secure buffer, then its pages are locked, left out of dumps and wiped in a fork, and it starts as zeros', () => {
  const child = run(`
    const locked = () => Number(/VmLck:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
    const before = locked();
    const secret = secureBuffer(33);
    const flags = readFileSync('/proc/self/smaps', 'utf8').split('\\n')
      .filter((line) => line.startsWith('VmFlags:') && [' lo ', ' dd ', ' wf '].every((flag) => line.includes(flag)));
    console.log(JSON.stringify({ grew: locked() - before, mappings: flags.length, length: secret.length,
      zeros: secret.every((byte) => byte === 0), kind: secret.constructor.name }));`);
  assert.deepEqual(JSON.parse(child.stdout), {
    grew: 4,
    mappings: 1,
    length: 33,
    zeros: true,
    kind: 'Uint8Array',
  });
});

test('given secure buffers that nobody holds any more, then collection gives their locked pages back', () => {
  const child = run(
    `
    const locked = () => Number(/VmLck:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
    for (let i = 0; i < 50; i += 1) { secureBuffer(32).fill(i); }
    const most = locked();
    for (let i = 0; i < 50 && locked() > 0; i += 1) { globalThis.gc(); await new Promise((done) => setTimeout(done, 10)); }
    console.log(JSON.stringify({ most, left: locked() }));`,
    { flags: ['--expose-gc'] },
  );
  assert.deepEqual(JSON.parse(child.stdout), { most: 200, left: 0 });
});

test('given no room in the memlock limit, then a secure buffer is refused by name with the limit', (t) => {
  const asRoot = process.getuid?.() === 0;
  if (asRoot && !has('setpriv')) {
    t.skip('setpriv is missing, and root is not bound by the memlock limit');
    return;
  }
  // CAP_IPC_LOCK lifts the limit: root gives it up first.
  const drop = asRoot ? ['setpriv', '--bounding-set', '-ipc_lock', '--inh-caps', '-ipc_lock'] : [];
  const child = run(
    `secureBuffer(4096); try { secureBuffer(20000); } catch (error) { console.log(error.code, JSON.stringify(error.facts)); }`,
    { wrap: [...drop, '/bin/sh', '-c', 'ulimit -l 8 && exec "$@"', 'sh'] },
  );
  assert.equal(child.stdout.trim(), 'native/memlock-limit {"wanted":20000,"limit":8192}', child.stderr);
});

test('given a length that is no whole number in range, then no memory is made', () => {
  for (const length of [0, -1, 1.5, Number.NaN, maxSecureBuffer + 1, 2 ** 32 + 1]) {
    assert.throws(
      () => secureBuffer(length),
      (error) => isSymbolonError(error, 'native/no-secure-memory') && error.facts.call === 'length',
    );
  }
});

const withNotifySocket = (address: string | undefined, use: () => void): void => {
  const before = process.env['NOTIFY_SOCKET'];
  try {
    if (address === undefined) {
      delete process.env['NOTIFY_SOCKET'];
    } else {
      process.env['NOTIFY_SOCKET'] = address;
    }
    use();
  } finally {
    if (before === undefined) {
      delete process.env['NOTIFY_SOCKET'];
    } else {
      process.env['NOTIFY_SOCKET'] = before;
    }
  }
};

test('given no service manager, then notify says so and does nothing', () => {
  withNotifySocket(undefined, () => {
    assert.equal(notify('READY=1'), false);
  });
});

for (const kind of ['path', 'abstract'] as const) {
  test(`given a service manager on a ${kind} address, then it receives the state as one datagram`, async (t) => {
    if (!has('python3')) {
      t.skip('python3 is missing, and node has no datagram sockets of this family');
      return;
    }
    await withFolder(async (folder) => {
      const path = join(folder, 'notify.sock');
      const address = kind === 'path' ? path : `@symbolon-test-${process.pid}`;
      const receiver = spawn('python3', [
        '-c',
        `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.settimeout(10)
a = sys.argv[1]; s.bind('\\0' + a[1:] if a[0] == '@' else a)
print('bound', flush=True); print(repr(s.recv(9000)), flush=True)`,
        address,
      ]);
      let output = '';
      const exited = new Promise<void>((resolve) =>
        receiver.once('close', () => {
          resolve();
        }),
      );
      await new Promise<void>((resolve, reject) => {
        receiver.once('error', reject);
        receiver.stdout.on('data', (data: Buffer) => {
          output += data.toString();
          resolve();
        });
      });
      withNotifySocket(address, () => {
        assert.equal(notify('READY=1\nSTATUS=three of three'), true);
      });
      await exited;
      assert.equal(output, "bound\nb'READY=1\\nSTATUS=three of three'\n");
    });
  });
}

test('given a service manager that is not there, a wrong address or too long a state, then notify fails by name', () => {
  const cases: [string, string, string][] = [
    ['/nonexistent/notify', 'READY=1', 'ENOENT'],
    ['relative', 'READY=1', 'EINVAL'],
    ['vsock:2:1', 'READY=1', 'EINVAL'],
    [`/${'x'.repeat(200)}`, 'READY=1', 'EINVAL'],
    ['@symbolon-nobody', 'READY=1', 'ECONNREFUSED'],
    ['/tmp/x', '', 'EINVAL'],
    ['/tmp/x', 'x'.repeat(5_000), 'EINVAL'],
    // Too long by a character of several bytes: never cut before it and sent as something shorter.
    [`/${'x'.repeat(104)}\u{1f511}`, 'READY=1', 'EINVAL'],
    ['/nonexistent/notify', `${'x'.repeat(4_092)}\u{1f511}`, 'EINVAL'],
  ];
  for (const [address, state, errno] of cases) {
    withNotifySocket(address, () => {
      assert.throws(
        () => notify(state),
        (error) => isSymbolonError(error, 'native/notify-failed') && error.facts.errno === errno,
        `${address} ${errno}`,
      );
    });
  }
});

test('given no built addon, then every call fails by name and says what to run', async () => {
  await withFolder((folder) => {
    // A copy of the compiled tree that has no native/build beside it.
    const compiled = dirname(dirname(fileURLToPath(import.meta.url)));
    cpSync(join(compiled, 'wire'), join(folder, 'wire'), { recursive: true });
    mkdirSync(join(folder, 'native'));
    for (const name of ['addon', 'binding']) {
      const file = `${name}${extension}`;
      cpSync(fileURLToPath(new URL(file, import.meta.url)), join(folder, 'native', file));
    }
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const url = pathToFileURL(join(folder, 'native', `binding${extension}`)).href;
    const child = spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `const b = await import(${JSON.stringify(url)});
         for (const call of [() => b.hardenProcess(), () => b.secureBuffer(32)]) {
           try { call(); } catch (error) { console.log(error.code, error.todo.includes('npm run build')); }
         }`,
      ],
      { encoding: 'utf8', timeout: 20_000 },
    );
    assert.equal(child.stdout, 'native/not-built true\nnative/not-built true\n', child.stderr);
  });
});
