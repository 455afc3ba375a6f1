import { test } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { isSymbolonError } from '../../wire/errors/index.ts';
import {
  connectOptions,
  formatAddress,
  listenOn,
  listenOptions,
  parseAddress,
  type Address,
} from './index.ts';

test('given an address of each kind, then it parses, and its text comes back', () => {
  const cases: [string, Address][] = [
    ['unix:run/node.sock', { kind: 'unix', path: 'run/node.sock' }],
    ['unix:/run/a:b.sock', { kind: 'unix', path: '/run/a:b.sock' }],
    ['tcp:127.0.0.1:7001', { kind: 'tcp', host: '127.0.0.1', port: 7001 }],
    ['tcp:127.9.9.9:0', { kind: 'tcp', host: '127.9.9.9', port: 0 }],
    ['tcp:[::1]:7001', { kind: 'tcp', host: '::1', port: 7001 }],
    ['vsock:3:7001', { kind: 'vsock', cid: 3, port: 7001 }],
    ['vsock:4294967295:4294967295', { kind: 'vsock', cid: 4294967295, port: 4294967295 }],
  ];
  for (const [text, address] of cases) {
    assert.deepEqual(parseAddress(text), address, text);
    assert.equal(formatAddress(address), text);
  }
});

test('given a host that is not loopback, then it is refused unless remote hosts are allowed', () => {
  for (const text of [
    'tcp:0.0.0.0:1',
    'tcp:10.0.0.1:1',
    'tcp:[::]:1',
    'tcp:node-1.example:1',
    'tcp:localhost:1',
  ]) {
    assert.throws(
      () => parseAddress(text),
      (error) => isSymbolonError(error, 'channel/bad-address') && error.facts.reason.includes('loopback'),
      text,
    );
    assert.equal(formatAddress(parseAddress(text, { remote: true })), text);
  }
});

test('given a vsock address, then opening a socket on it is refused by name', () => {
  const address = parseAddress('vsock:3:7001');
  for (const open of [listenOptions, connectOptions]) {
    assert.throws(
      () => open(address),
      (error) =>
        isSymbolonError(error, 'channel/bad-address') && error.facts.reason.includes('vsock is not served'),
    );
  }
});

test('given port 0, then one can listen on it and not connect to it', () => {
  const address = parseAddress('tcp:127.0.0.1:0');
  assert.deepEqual(listenOptions(address), { host: '127.0.0.1', port: 0 });
  assert.throws(() => connectOptions(address), { code: 'channel/bad-address' });
});

const withFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-address-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

test('given a unix address, then the socket has mode 0600 and goes with its server', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 's');
    const server = createServer();
    await listenOn(server, { kind: 'unix', path });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await new Promise((done) => server.close(done));
    assert.equal(existsSync(path), false);
  });
});

test('given a socket file that a killed process left, then it is taken over', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 's');
    const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    assert.equal(spawnSync(process.execPath, ['-e', code]).signal, 'SIGKILL');
    assert.equal(existsSync(path), true);
    const server = createServer((socket) => socket.end('here'));
    await listenOn(server, { kind: 'unix', path });
    const answer = await new Promise<string>((done) => {
      connect(path).on('data', (data) => {
        done(data.toString());
      });
    });
    assert.equal(answer, 'here');
    await new Promise((done) => server.close(done));
  });
});

test('given a socket that another server serves, then it is refused by name and the other goes on', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 's');
    const first = createServer((socket) => {
      // The probe of the second server hangs up at once.
      socket.on('error', () => undefined);
      socket.end('first');
    });
    await listenOn(first, { kind: 'unix', path });
    await assert.rejects(listenOn(createServer(), { kind: 'unix', path }), {
      code: 'channel/address-in-use',
    });
    const answer = await new Promise<string>((done) => {
      connect(path).on('data', (data) => {
        done(data.toString());
      });
    });
    assert.equal(answer, 'first');
    await new Promise((done) => first.close(done));
  });
});

test('given two servers that find the same stale socket, then one takes it, and the other is refused and removes nothing', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 's');
    // A second name keeps the socket file when its server closes: as a killed process leaves it.
    const dead = createServer();
    await listenOn(dead, { kind: 'unix', path: join(folder, 'dead') });
    linkSync(join(folder, 'dead'), path);
    await new Promise((done) => dead.close(done));
    const servers = [createServer(), createServer()] as const;
    for (const server of servers) {
      server.on('connection', (socket) => socket.on('error', () => undefined).end());
    }
    const taken = await Promise.allSettled(servers.map((server) => listenOn(server, { kind: 'unix', path })));
    try {
      assert.deepEqual(taken.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
      for (const one of taken) {
        assert.ok(one.status === 'fulfilled' || isSymbolonError(one.reason, 'channel/address-in-use'));
      }
      await new Promise<void>((done, fail) => {
        connect(path).once('error', fail).once('connect', done).resume();
      });
    } finally {
      await Promise.all(
        servers
          .filter(({ listening }) => listening)
          .map((server) => new Promise((done) => server.close(done))),
      );
    }
  });
});

test('given a file that is no socket in the place of one, then it stays untouched', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 's');
    writeFileSync(path, 'precious');
    await assert.rejects(listenOn(createServer(), { kind: 'unix', path }), {
      code: 'channel/address-in-use',
    });
    assert.equal(statSync(path).size, 8);
  });
});

test('given a port in use, a folder that is not there, a host that is not ours, then listening is refused by name', async () => {
  const first = createServer();
  const address = await listenOn(first, { kind: 'tcp', host: '127.0.0.1', port: 0 });
  assert.ok(address.kind === 'tcp' && address.port > 0);
  await assert.rejects(listenOn(createServer(), address), { code: 'channel/address-in-use' });
  await new Promise((done) => first.close(done));
  await assert.rejects(listenOn(createServer(), { kind: 'unix', path: '/nonexistent/folder/s' }), {
    code: 'channel/listen-refused',
  });
  await assert.rejects(
    listenOn(createServer(), { kind: 'tcp', host: '192.0.2.1', port: 0 }),
    (error) => isSymbolonError(error, 'channel/listen-refused') && error.facts.errno === 'EADDRNOTAVAIL',
  );
  await assert.rejects(listenOn(createServer(), { kind: 'vsock', cid: 3, port: 1 }), {
    code: 'channel/bad-address',
  });
});

test('given any text, then it parses to an address whose text parses to the same, or is refused by name', () => {
  const piece = fc.constantFrom(
    'unix:',
    'tcp:',
    'vsock:',
    ':',
    '127.0.0.1',
    '[::1]',
    '3',
    '0',
    '65536',
    '@',
    '/',
    '\0',
    'é',
  );
  const anyText = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 8 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(anyText, fc.boolean(), (text, remote) => {
      let address: Address;
      try {
        address = parseAddress(text, { remote });
      } catch (error) {
        assert.ok(isSymbolonError(error, 'channel/bad-address'), String(error));
        return;
      }
      assert.deepEqual(parseAddress(formatAddress(address), { remote }), address);
    }),
    { numRuns: 300 },
  );
});
