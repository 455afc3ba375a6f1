import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttps, type Server } from 'node:https';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer as createTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { connectOptions, errnoOf, listenOn, parseAddress, type Address } from '../address/index.ts';
import { certificatePem, selfSigned } from '../x509/index.ts';
import {
  channelCall,
  clientTls,
  httpsAgentFor,
  makeNodeIdentity,
  peerEd25519Key,
  peerSpkiHash,
  privateKeyFromRaw,
  rawPublicKey,
  serverTls,
  type ChannelAgent,
  type ChannelAgentOptions,
  type NodeIdentity,
} from './index.ts';

const seed = (): Uint8Array => new Uint8Array(randomBytes(32));
const publicOf = (of: Uint8Array): Uint8Array =>
  rawPublicKey(createPublicKey(privateKeyFromRaw('ed25519', of)), 'ed25519') ?? new Uint8Array();
const loopback = parseAddress('tcp:127.0.0.1:0');

interface Node {
  readonly identity: NodeIdentity;
  readonly server: Server;
  readonly address: Address;
  /** What the server saw, a call each: the client's key, or undefined. */
  readonly seen: (Uint8Array | undefined)[];
  /** Connections that completed a handshake. */
  readonly handshakes: () => number;
}

/** A listener as a node has it, that answers with the size of what it got. */
async function withNode(use: (node: Node) => Promise<void>, address: Address = loopback): Promise<void> {
  const identity = makeNodeIdentity({ now: Date.now });
  const seen: (Uint8Array | undefined)[] = [];
  let handshakes = 0;
  const server = createHttps(serverTls(identity.tls), (request, response) => {
    seen.push(peerEd25519Key(request.socket));
    let size = 0;
    request.on('data', (data: Buffer) => (size += data.length));
    request.on('end', () => {
      if (request.url === '/large') {
        response.end(Buffer.alloc(100_000));
      } else if (request.url === '/endless') {
        // No announced size: only what arrives can be counted.
        const timer = setInterval(() => response.write(Buffer.alloc(400)), 1);
        response.once('close', () => {
          clearInterval(timer);
        });
      } else if (request.url === '/cut') {
        response.writeHead(200, { 'content-length': 100 });
        response.write('half');
        setTimeout(() => response.destroy(), 20);
      } else if (request.url !== '/silent') {
        response.setHeader('content-type', 'Application/CBOR; x=y');
        response.end(String(size));
      }
    });
  });
  server.on('secureConnection', () => (handshakes += 1));
  const bound = await listenOn(server, address);
  try {
    await use({ identity, server, address: bound, seen, handshakes: () => handshakes });
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}

async function withAgent(
  options: ChannelAgentOptions,
  use: (agent: ChannelAgent) => Promise<void>,
): Promise<void> {
  const agent = httpsAgentFor(options);
  try {
    await use(agent);
  } finally {
    agent.destroy();
  }
}

const get = { method: 'GET', path: '/', maxBytes: 1_000, timeoutMs: 5_000 } as const;

const raw = (options: ConnectionOptions): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ rejectUnauthorized: false, ...options }, () => {
      resolve(socket);
    });
    socket.once('error', reject);
  });

test('given a client with its key, then the node sees that key, and the client the hash that the identity names', async () => {
  await withNode(async ({ identity, address, seen }) => {
    const own = seed();
    let peer: Uint8Array | undefined;
    await withAgent(
      { address, client: clientTls({ seed: own }), onPeer: (spki) => (peer = spki) },
      async (agent) => {
        const answer = await channelCall(agent, { ...get, method: 'POST', body: new Uint8Array(70_000) });
        assert.equal(answer.status, 200);
        assert.equal(new TextDecoder().decode(answer.body), '70000');
        assert.equal(answer.contentType, 'application/cbor');
        assert.deepEqual(answer.peer, identity.public.tls);
        assert.deepEqual(peer, identity.public.tls);
        assert.deepEqual(seen, [publicOf(own)]);
      },
    );
  });
});

test('given a unix address, then the channel works the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-tls-'));
  try {
    await withNode(
      async ({ identity, address }) => {
        await withAgent({ address, pin: identity.public.tls }, async (agent) => {
          assert.deepEqual((await channelCall(agent, get)).peer, identity.public.tls);
        });
      },
      { kind: 'unix', path: join(folder, 'node.sock') },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('given two clients, then each is seen with its own key, on connections of its own', async () => {
  await withNode(async ({ address, seen }) => {
    const seeds = [seed(), seed()];
    for (const own of seeds) {
      await withAgent({ address, client: clientTls({ seed: own }) }, async (agent) => {
        await channelCall(agent, get);
        await channelCall(agent, get);
      });
    }
    assert.deepEqual(
      seen,
      seeds.flatMap((own) => [publicOf(own), publicOf(own)]),
    );
  });
});

test('given a client without certificate, or with a key of another kind, then it is served as unauthenticated', async () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = selfSigned({
    name: [['CN', 'other']],
    ...pair,
    serial: Uint8Array.of(1),
    notBefore: Date.now() - 1_000,
    notAfter: Date.now() + 60_000,
  });
  const other = {
    key: Buffer.from(pair.privateKey.export({ format: 'pem', type: 'pkcs8' })),
    cert: certificatePem(certificate),
  };
  await withNode(async ({ address, seen }) => {
    await withAgent({ address }, (agent) => channelCall(agent, get).then(() => undefined));
    await withAgent({ address, client: other }, (agent) => channelCall(agent, get).then(() => undefined));
    assert.deepEqual(seen, [undefined, undefined]);
  });
});

test('given a client that shows the certificate of another and not its key, then there is no connection', () => {
  const cert = clientTls({ seed: seed() }).cert;
  const { key } = clientTls({ seed: seed() });
  assert.throws(() => httpsAgentFor({ address: loopback, client: { key, cert } }), /key values mismatch/);
});

test('given a client that speaks TLS 1.2 or older only, then the node refuses the handshake', async () => {
  await withNode(async ({ address, handshakes }) => {
    for (const version of ['TLSv1.2', 'TLSv1.1', 'TLSv1'] as const) {
      // The seclevel lets this client offer the old versions at all.
      const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
      await assert.rejects(
        raw({ ...connectOptions(address), ...old }),
        (error) => errnoOf(error) === 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      );
    }
    assert.equal(handshakes(), 0);
  });
});

test('given a server that speaks TLS 1.2 only, or no TLS, then the client refuses it by name and sends nothing', async () => {
  const identity = makeNodeIdentity({ now: Date.now });
  const got: string[] = [];
  const keep = (socket: Socket): void => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => got.push(data.toString()));
  };
  const tls12 = createTls({ key: identity.tls.key, cert: identity.tls.cert, maxVersion: 'TLSv1.2' }, keep);
  tls12.on('tlsClientError', () => undefined);
  const plain = createServer((socket) => {
    socket.on('error', () => undefined).resume();
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  });
  for (const server of [tls12, plain]) {
    const address = await listenOn(server, loopback);
    await withAgent({ address }, async (agent) => {
      await assert.rejects(channelCall(agent, get), { code: 'channel/not-tls13' });
    });
    await new Promise((done) => server.close(done));
  }
  assert.deepEqual(got, []);
});

test('given a pin and another server behind the address, then not one byte of the request is sent', async () => {
  await withNode(async ({ address, seen }) => {
    const pin = makeNodeIdentity({ now: Date.now }).public.tls;
    await withAgent({ address, pin }, async (agent) => {
      await assert.rejects(
        channelCall(agent, get),
        (error) => isSymbolonError(error, 'channel/pin-mismatch') && error.facts.wanted.length === 64,
      );
    });
    assert.equal(seen.length, 0);
  });
});

test('given a pin that comes later, then kept connections with another key are closed and new ones refused', async () => {
  await withNode(async ({ address, identity, seen }) => {
    await withAgent({ address }, async (agent) => {
      assert.deepEqual((await channelCall(agent, get)).peer, identity.public.tls);
      agent.pin(identity.public.tls);
      await channelCall(agent, get);
      agent.pin(makeNodeIdentity({ now: Date.now }).public.tls);
      await assert.rejects(
        channelCall(agent, get),
        (error) => isSymbolonError(error) && error.code.startsWith('channel/'),
      );
      await assert.rejects(channelCall(agent, get), { code: 'channel/pin-mismatch' });
      assert.equal(seen.length, 2);
    });
  });
});

test('given many calls, then they share kept connections, and none resumes a session of another', async () => {
  await withNode(async ({ address, identity, handshakes }) => {
    await withAgent({ address, maxSockets: 2 }, async (agent) => {
      await Promise.all(Array.from({ length: 20 }, () => channelCall(agent, get)));
      assert.equal(handshakes(), 2);
    });
    // A client that keeps a session finds that there is none: the node keeps nothing that a ticket could name.
    const first = await raw({ ...connectOptions(address) });
    const sessions: Buffer[] = [];
    first.on('session', (session) => sessions.push(session));
    first.write('GET / HTTP/1.1\r\nhost: node\r\n\r\n');
    await new Promise((done) => first.once('data', done));
    assert.deepEqual(peerSpkiHash(first), identity.public.tls);
    first.destroy();
    const session = sessions[0];
    const second = await raw({ ...connectOptions(address), ...(session === undefined ? {} : { session }) });
    assert.equal(second.isSessionReused(), false);
    second.destroy();
  });
});

test('T34: given an answer larger than asked for, or cut short, then it is refused by name', async () => {
  await withNode(async ({ address }) => {
    await withAgent({ address }, async (agent) => {
      for (const [path, reason] of [
        ['/large', 'larger than allowed'],
        ['/endless', 'larger than allowed'],
        ['/cut', 'cut short'],
      ] as const) {
        await assert.rejects(
          channelCall(agent, { ...get, path }),
          (error) => isSymbolonError(error, 'channel/bad-answer') && error.facts.reason === reason,
          path,
        );
      }
      assert.equal((await channelCall(agent, get)).status, 200);
    });
  });
});

test('T35: given a node that does not answer, or does not end the handshake, then the call ends at its deadline', async () => {
  await withNode(async ({ address }) => {
    await withAgent({ address }, async (agent) => {
      const slow = channelCall(agent, { ...get, path: '/silent', timeoutMs: 150 });
      const other = channelCall(agent, get);
      assert.equal((await other).status, 200);
      await assert.rejects(slow, { code: 'channel/timeout' });
    });
  });
  const mute = createServer((socket) => socket.on('error', () => undefined).resume());
  const address = await listenOn(mute, loopback);
  await withAgent({ address, connectMs: 100 }, async (agent) => {
    await assert.rejects(
      channelCall(agent, get),
      (error) => isSymbolonError(error, 'channel/timeout') && error.facts.ms === 100,
    );
  });
  await new Promise((done) => mute.close(done));
});

test('given nobody at the address, or a vsock address, then the call fails by name', async () => {
  const server = createServer();
  const address = await listenOn(server, loopback);
  await new Promise((done) => server.close(done));
  await withAgent({ address }, async (agent) => {
    await assert.rejects(
      channelCall(agent, get),
      (error) => isSymbolonError(error, 'channel/unreachable') && error.facts.reason === 'ECONNREFUSED',
    );
  });
  await withAgent({ address: parseAddress('vsock:3:7001') }, async (agent) => {
    await assert.rejects(channelCall(agent, get), { code: 'channel/bad-address' });
  });
});

test('given a kept connection that the node closed meanwhile, then a call that may be repeated is repeated once', async () => {
  await withNode(async ({ address, server, seen }) => {
    await withAgent({ address }, async (agent) => {
      await channelCall(agent, get);
      // Closed without a word, while the agent still counts it as usable.
      const call = channelCall(agent, get);
      server.closeAllConnections();
      assert.equal((await call).status, 200);
      assert.ok(seen.length >= 2);
    });
  });
});

test('T43: given a client that connects and says nothing, then the node closes it at the handshake limit', async () => {
  assert.equal(serverTls(makeNodeIdentity({ now: Date.now }).tls).handshakeTimeout, 5_000);
  const identity = makeNodeIdentity({ now: Date.now });
  const server = createHttps({ ...serverTls(identity.tls), handshakeTimeout: 100 });
  const address = await listenOn(server, loopback);
  const { createConnection } = await import('node:net');
  const idle = createConnection(connectOptions(address)).resume();
  await new Promise((done) => idle.once('close', done));
  await new Promise((done) => server.close(done));
});

test('given a plain socket, then it has no peer', async () => {
  const server = createServer((socket) => {
    assert.equal(peerEd25519Key(socket), undefined);
    assert.equal(peerSpkiHash(socket), undefined);
    socket.end();
  });
  const address = await listenOn(server, loopback);
  const { createConnection } = await import('node:net');
  const client = createConnection(connectOptions(address)).resume();
  await new Promise((done) => client.once('close', done));
  await new Promise((done) => server.close(done));
});

test('T09: given two boots, then every key, the boot id and the certificate differ', () => {
  const [a, b] = [makeNodeIdentity({ now: Date.now }), makeNodeIdentity({ now: Date.now })];
  assert.notDeepEqual(a.public.sign, b.public.sign);
  assert.notDeepEqual(a.public.encrypt, b.public.encrypt);
  assert.notDeepEqual(a.public.tls, b.public.tls);
  assert.notDeepEqual(a.boot, b.boot);
  assert.notEqual(new X509Certificate(a.tls.cert).serialNumber, new X509Certificate(b.tls.cert).serialNumber);
});

test('given the PEM of a private key, then node:crypto reads the same key back, for each kind', () => {
  const own = seed();
  const { key, cert } = clientTls({ seed: own });
  assert.deepEqual(rawPublicKey(createPublicKey(key), 'ed25519'), publicOf(own));
  assert.deepEqual(rawPublicKey(new X509Certificate(cert).publicKey, 'ed25519'), publicOf(own));
  const node = makeNodeIdentity({ now: Date.now });
  assert.equal(new X509Certificate(node.tls.cert).publicKey.equals(createPublicKey(node.tls.key)), true);
});

test('given the PEM wiped after the agent is made, then the agent still proves its key', async () => {
  await withNode(async ({ address, seen }) => {
    const own = seed();
    const client = clientTls({ seed: own });
    await withAgent({ address, client }, async (agent) => {
      client.key.fill(0);
      await channelCall(agent, get);
      assert.deepEqual(seen, [publicOf(own)]);
    });
  });
});

test('given a seed that is not 32 bytes, then it is refused by name and not repeated', () => {
  for (const length of [0, 31, 33, 64]) {
    assert.throws(
      () => clientTls({ seed: new Uint8Array(length).fill(0x5a) }),
      (error) => isSymbolonError(error, 'channel/bad-key') && !/90|5a5a/.test(error.message),
    );
  }
});
