import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { listenOn } from '../address/index.ts';
import { defaultLimits } from './limits.ts';
import { probeNode, startRelay } from './relay.ts';
import { connectTo, descriptors, until, withFolder, withRelay } from './testing.ts';

const echo = (socket: Socket): void => {
  socket.pipe(socket);
};
const silent = (socket: Socket): void => {
  socket.resume();
};

test('given one megabyte each way, then it arrives unchanged and is counted', async () => {
  const data = randomBytes(1_048_576);
  await withRelay({}, echo, async ({ relay, client }) => {
    const { socket, received, closed } = client();
    const hash = createHash('sha256');
    socket.on('data', (part) => hash.update(part));
    socket.write(data);
    await received(data.length);
    socket.end();
    await closed;
    assert.equal(hash.digest('hex'), createHash('sha256').update(data).digest('hex'));
    await until(() => relay.counters.open === 0);
    assert.deepEqual(relay.counters.bytes, { up: data.length, down: data.length });
    assert.equal(relay.counters.ended.ended, 1);
  });
});

test('T43: given more connections than allowed, then one more is closed at once and the others go on', async () => {
  await withRelay({ maxConnections: 3 }, echo, async ({ relay, client, events }) => {
    const clients = [client(), client(), client()];
    for (const { socket, received } of clients) {
      socket.write('x');
      await received(1);
    }
    await client().closed;
    assert.equal(relay.counters.refused.connections, 1);
    assert.deepEqual(events, ['refused connections']);
    for (const { socket, received } of clients) {
      socket.write('y');
      await received(2);
    }
    clients[0]?.socket.end();
    await until(() => relay.counters.open === 2);
    const next = client();
    next.socket.write('z');
    await next.received(1);
  });
});

test('T43: given one source that takes more than its part, then it is refused by name', async () => {
  await withRelay({ maxPerSource: 2 }, echo, async ({ relay, client }) => {
    const clients = [client(), client()];
    for (const { socket, received } of clients) {
      socket.write('x');
      await received(1);
    }
    await client().closed;
    assert.equal(relay.counters.refused.source, 1);
    assert.equal(relay.counters.refused.connections, 0);
    // All of them gone, the source has its whole part again.
    for (const { socket } of clients) {
      socket.destroy();
    }
    await until(() => relay.counters.open === 0);
    for (const { socket, received } of [client(), client()]) {
      socket.write('x');
      await received(1);
    }
  });
});

test('T34: given more bytes than one connection may send, then it is cut, and the node got no more than the limit', async () => {
  let got = 0;
  const count = (socket: Socket): void => {
    socket.on('data', (data: Buffer) => (got += data.length));
  };
  await withRelay({ maxBytesUp: 50_000 }, count, async ({ relay, client }) => {
    const { socket, closed } = client();
    socket.write(randomBytes(200_000));
    await closed;
    assert.equal(relay.counters.ended['bytes-up'], 1);
    assert.ok(got <= 50_000, `${got}`);
  });
});

test('T34: given more bytes from the node than allowed, then the connection is cut', async () => {
  const flood = (socket: Socket): void => {
    socket.once('data', () => socket.write(randomBytes(200_000)));
  };
  await withRelay({ maxBytesDown: 50_000 }, flood, async ({ relay, client }) => {
    const one = client();
    one.socket.write('x');
    await one.closed;
    assert.equal(relay.counters.ended['bytes-down'], 1);
    assert.ok(one.got <= 50_000, `${one.got}`);
  });
});

test('T35: given a client that says nothing, then it is cut at the limit for the first byte', async () => {
  await withRelay({ firstByteMs: 60 }, silent, async ({ relay, client }) => {
    const start = performance.now();
    await client().closed;
    assert.equal(relay.counters.ended['first-byte'], 1);
    assert.ok(performance.now() - start >= 50);
  });
});

test('T35: given a connection without traffic, then it is cut at the idle limit, and one with traffic is not', async () => {
  await withRelay({ idleMs: 150 }, echo, async ({ relay, client }) => {
    const quiet = client();
    const busy = client();
    quiet.socket.write('x');
    const timer = setInterval(() => busy.socket.write('x'), 20);
    await quiet.closed;
    assert.equal(relay.counters.ended.idle, 1);
    await busy.received(busy.got + 3);
    clearInterval(timer);
  });
});

test('T35: given a receiver that does not read, then memory stays bounded and the connection is cut as idle', async () => {
  let stuck: Socket | undefined;
  const deaf = (socket: Socket): void => {
    stuck = socket.pause();
  };
  await withRelay({ idleMs: 200 }, deaf, async ({ relay, client }) => {
    const { socket, closed } = client();
    socket.write(Buffer.alloc(8_000_000));
    await closed;
    assert.equal(relay.counters.ended.idle, 1);
    // What was handed on is what the kernel's buffers took, far below what was sent.
    assert.ok(relay.counters.bytes.up < 2_000_000, `${relay.counters.bytes.up}`);
    assert.ok(stuck !== undefined);
  });
});

test('T35: given a client that drips bytes, then it is cut at the limit of its whole life', async () => {
  await withRelay({ totalMs: 200, idleMs: 5_000 }, echo, async ({ relay, client }) => {
    const { socket, closed } = client();
    const timer = setInterval(() => socket.write('x'), 20);
    await closed;
    clearInterval(timer);
    assert.equal(relay.counters.ended.total, 1);
  });
});

test('given a node that is down, then the client is closed and counted, and the relay serves again when it is back', async () => {
  await withFolder(async (folder) => {
    const node = { kind: 'unix', path: `${folder}/node.sock` } as const;
    const relay = await startRelay({ listen: { kind: 'tcp', host: '127.0.0.1', port: 0 }, node });
    try {
      assert.equal(await probeNode(node, 500), 'ENOENT');
      await connectTo(relay.address).closed;
      await until(() => relay.counters.ended['node-down'] === 1);
      const server = createServer(echo);
      await listenOn(server, node);
      assert.equal(await probeNode(node, 500), undefined);
      const client = connectTo(relay.address);
      client.socket.write('back');
      await client.received(4);
      client.socket.destroy();
      await new Promise((done) => server.close(done));
    } finally {
      await relay.close(0);
    }
  });
});

test('given a client that ends its side first, then it still gets what the node sends within the linger time', async () => {
  const late = (socket: Socket): void => {
    socket.resume();
    socket.once('end', () => setTimeout(() => socket.end('answer after the end'), 40));
  };
  await withRelay({}, late, async ({ relay, client }) => {
    const one = client();
    await one.connected;
    one.socket.end('question');
    await one.closed;
    assert.equal(one.got, 20);
    await until(() => relay.counters.ended.ended === 1);
  });
});

test('given a node that never ends its side, then a half-open connection is closed after the linger time', async () => {
  await withRelay({ lingerMs: 80 }, silent, async ({ relay, client }) => {
    const one = client();
    await one.connected;
    one.socket.end('question');
    await one.closed;
    assert.equal(relay.counters.ended.ended, 1);
    assert.equal(relay.counters.open, 0);
  });
});

test('given a node that ends its side with a lot still to be read, then the client gets all of it', async () => {
  const burst = (socket: Socket): void => {
    socket.once('data', () => socket.end(Buffer.alloc(1_000_000)));
  };
  await withRelay({}, burst, async ({ client }) => {
    const one = client();
    one.socket.write('x');
    await one.closed;
    assert.equal(one.got, 1_000_000);
  });
});

test('given either side reset in the middle, then the other is closed too', async () => {
  await withRelay({}, echo, async ({ relay, client, nodeSockets }) => {
    const one = client();
    one.socket.write('x');
    await one.received(1);
    one.socket.resetAndDestroy();
    await until(() => nodeSockets.size === 0 && relay.counters.open === 0);
    const two = client();
    two.socket.write('x');
    await two.received(1);
    for (const socket of nodeSockets) {
      socket.destroy();
    }
    await two.closed;
    await until(() => relay.counters.open === 0);
  });
});

test('given 200 connections that came and went in every way, then no socket and no count is left', async () => {
  await withRelay({ idleMs: 300, lingerMs: 50 }, echo, async ({ relay, client, nodeSockets }) => {
    const before = descriptors();
    for (let round = 0; round < 10; round += 1) {
      const batch = Array.from({ length: 20 }, () => client());
      await Promise.all(
        batch.map(async ({ socket, received, closed }, i) => {
          socket.write(Buffer.alloc(i * 500 + 1));
          if (i % 4 !== 0) {
            await received(i * 500 + 1);
          }
          if (i % 4 === 1) {
            socket.end();
          } else if (i % 4 === 2) {
            socket.resetAndDestroy();
          } else {
            socket.destroy();
          }
          await closed;
        }),
      );
    }
    await until(() => relay.counters.open === 0 && nodeSockets.size === 0);
    const ended = Object.values(relay.counters.ended).reduce((sum, n) => sum + n, 0);
    assert.equal(relay.counters.accepted, ended);
    await until(() => descriptors() <= before);
  });
});

test('given a relay that closes, then an open connection may end within the grace time, and is cut after it', async () => {
  await withRelay({}, echo, async ({ relay, client }) => {
    const one = client();
    one.socket.write('x');
    await one.received(1);
    const closing = relay.close(100);
    one.socket.write('y');
    await one.received(2);
    await closing;
    await one.closed;
    assert.equal(relay.counters.ended.closing, 1);
    assert.equal(relay.counters.open, 0);
  });
});

test('given a relay address in use or a vsock address, then the start is refused by name', async () => {
  await withRelay({}, echo, async ({ relay }) => {
    const node = { kind: 'unix', path: '/nonexistent' } as const;
    await assert.rejects(startRelay({ listen: relay.address, node }), { code: 'channel/address-in-use' });
    const vsock = { kind: 'vsock', cid: 16, port: 7001 } as const;
    await assert.rejects(startRelay({ listen: relay.address, node: vsock }), { code: 'channel/bad-address' });
    assert.deepEqual(relay.limits, defaultLimits);
  });
});
