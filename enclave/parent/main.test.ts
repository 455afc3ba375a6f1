import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listenOn, parseAddress } from '../address/index.ts';
import { connectTo, until, withFolder } from './testing.ts';

const mainFile = fileURLToPath(new URL(`./main${import.meta.url.slice(-3)}`, import.meta.url));

interface Running {
  readonly child: ChildProcess;
  readonly lines: () => Record<string, unknown>[];
  readonly exited: Promise<number | null>;
  readonly address: (name: 'listen' | 'control') => string;
  readonly get: (path: string, method?: string) => Promise<{ status: number; body: string }>;
}

/** Starts the parent proxy as a process of its own in `folder`, which has a `parent/config.json`. */
async function withParent(folder: string, use: (running: Running) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, [mainFile, '--config', 'parent/config.json'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const lines = (): Record<string, unknown>[] =>
    output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const address = (name: 'listen' | 'control'): string =>
    String(lines().find((line) => line['event'] === 'ready')?.[name]);
  const running: Running = {
    child,
    lines,
    exited,
    address,
    get: async (path, method = 'GET') => {
      const response = await fetch(`http://${address('control').slice(4)}${path}`, { method });
      return { status: response.status, body: await response.text() };
    },
  };
  try {
    await until(() => output.includes('"ready"') || child.exitCode !== null, 10_000);
    await use(running);
  } finally {
    if (child.exitCode === null) {
      child.kill('SIGKILL');
    }
    await exited;
  }
}

const configure = (folder: string, more: object = {}): void => {
  mkdirSync(join(folder, 'parent'));
  const config = { listen: 'tcp:127.0.0.1:0', node: 'unix:node.sock', control: 'tcp:[::1]:0', ...more };
  writeFileSync(join(folder, 'parent/config.json'), JSON.stringify(config));
};

test('given the proxy as a process, then it carries bytes, tells health and metrics, and ends cleanly on SIGTERM', async () => {
  await withFolder(async (folder) => {
    configure(folder, { control: 'tcp:127.0.0.1:0', limits: { maxConnections: 1 } });
    await withParent(folder, async ({ child, get, address, lines, exited }) => {
      assert.deepEqual(JSON.parse((await get('/health')).body), {
        ok: false,
        node: 'unreachable',
        reason: 'ENOENT',
        connections: 0,
      });
      assert.equal((await get('/health')).status, 503);
      const node = createServer((socket: Socket) => {
        socket.on('error', () => undefined);
        socket.pipe(socket);
      });
      await listenOn(node, { kind: 'unix', path: join(folder, 'node.sock') });
      await new Promise((done) => setTimeout(done, 550));
      assert.equal((await get('/health')).status, 200);

      const client = connectTo(parseAddress(address('listen')));
      const secret = 'carried and never logged';
      client.socket.write(secret);
      await client.received(secret.length);
      await connectTo(parseAddress(address('listen'))).closed;
      const metrics = await get('/metrics');
      assert.equal(metrics.status, 200);
      for (const line of [
        'symbolon_parent_connections 1',
        'symbolon_parent_connections_limit 1',
        'symbolon_parent_refused_total{reason="connections"} 1',
        `symbolon_parent_bytes_total{direction="up"} ${secret.length}`,
        `symbolon_parent_bytes_total{direction="down"} ${secret.length}`,
        '# TYPE symbolon_parent_ended_total counter',
      ]) {
        assert.ok(metrics.body.split('\n').includes(line), line);
      }
      assert.equal((await get('/health', 'POST')).status, 405);
      assert.equal((await get('/secrets')).status, 404);

      const start = performance.now();
      child.kill('SIGTERM');
      assert.equal(await exited, 0);
      assert.ok(performance.now() - start < 2_000);
      await client.closed;
      assert.deepEqual(
        lines().map((line) => line['event']),
        ['ready', 'stopping', 'refused', 'cut', 'stopped'],
      );
      // T33: nothing of what was carried is in the log.
      assert.equal(JSON.stringify(lines()).includes('carried'), false);
      await new Promise((done) => node.close(done));
    });
  });
});

test('given no configuration, a bad one, or a port in use, then the process ends with a line that names the code', async () => {
  await withFolder(async (folder) => {
    await withParent(folder, async ({ exited, lines }) => {
      assert.equal(await exited, 1);
      assert.equal(lines()[0]?.['code'], 'channel/bad-config');
    });
    const other = createServer();
    const taken = await listenOn(other, parseAddress('tcp:127.0.0.1:0'));
    assert.ok(taken.kind === 'tcp');
    configure(folder, { control: `tcp:127.0.0.1:${taken.port}` });
    await withParent(folder, async ({ exited, lines }) => {
      assert.equal(await exited, 1);
      assert.equal(lines()[0]?.['code'], 'channel/address-in-use');
      assert.match(String(lines()[0]?.['todo']), /another address/);
    });
    await new Promise((done) => other.close(done));
  });
});

test('given the proxy killed in the middle of a transfer, then both ends see a close and a new one serves', async () => {
  await withFolder(async (folder) => {
    configure(folder);
    const sockets = new Set<Socket>();
    const node = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined).once('close', () => sockets.delete(socket)));
      socket.pipe(socket);
    });
    await listenOn(node, { kind: 'unix', path: join(folder, 'node.sock') });
    for (let round = 0; round < 2; round += 1) {
      await withParent(folder, async ({ child, address, exited }) => {
        const client = connectTo(parseAddress(address('listen')));
        client.socket.write(Buffer.alloc(4_000_000));
        await client.received(100_000);
        child.kill('SIGKILL');
        await exited;
        await client.closed;
        await until(() => sockets.size === 0);
      });
    }
    await new Promise((done) => node.close(done));
  });
});
