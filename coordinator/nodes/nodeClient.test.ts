/** The link to a node: what is verified before a byte of a request leaves. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import { test, type TestContext } from 'node:test';
import { connectOptions, formatAddress, listenOn, parseAddress } from '../../enclave/address/index.ts';
import {
  channelCall,
  clientTls,
  httpsAgentFor,
  makeNodeIdentity,
  serverTls,
} from '../../enclave/channel/index.ts';
import { policyFor } from '../../enclave/evidence/index.ts';
import { random } from '../../daemon/testing/cluster.ts';
import { sampleSeeds } from '../../daemon/testing/sampleManifest.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { manifestHash } from '../../wire/messages/manifest.ts';
import { signedManifest } from '../../wire/messages/manifest.ts';
import { rig, type Rig } from '../testing/cluster.ts';
import { NodeClient } from './nodeClient.ts';

function clientOf(t: Pick<TestContext, 'after'>, made: Rig, address: string): NodeClient {
  const { manifest, signed, clock } = made.cluster;
  const client = new NodeClient(
    {
      node: 'node-1',
      address,
      tls: clientTls({ seed: sampleSeeds.coordinator }),
      maxSockets: 2,
      connectMs: 1_000,
      callMs: 1_500,
      verifyEveryMs: 60_000,
    },
    {
      now: clock.now,
      random,
      expectation: () => ({
        policy: policyFor(manifest, 'node-1'),
        platform: 'dev',
        cluster: manifest.cluster,
        manifest: manifestHash(signedManifest.decode(signed).manifest),
      }),
    },
  );
  t.after(() => {
    client.close();
  });
  return client;
}

/** A TLS server with a key of its own that answers each call with `answer`; counts what it was asked. */
async function pretender(
  t: Pick<TestContext, 'after'>,
  answer: (path: string, body: Uint8Array) => Promise<{ readonly status: number; readonly body: Uint8Array }>,
): Promise<{ readonly address: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const server: Server = createServer(
    serverTls(makeNodeIdentity({ now: Date.now }).tls),
    (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        asked.push(request.url ?? '');
        void answer(request.url ?? '', new Uint8Array(Buffer.concat(parts))).then(({ status, body }) => {
          response.writeHead(status, { 'content-type': 'application/cbor' }).end(body);
        });
      });
    },
  );
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { address: formatAddress(await listenOn(server, parseAddress('tcp:127.0.0.1:0'))), asked };
}

test('a verified node answers, and the evidence is that of the connection', async (t) => {
  const made = await rig(t, { start: false });
  const client = clientOf(t, made, made.addresses.get('node-1') ?? '');
  assert.equal((await client.status()).node, 'node-1');
  assert.equal(client.verified()?.appraisal.node, 'node-1');
});

test('given a relay that ends TLS itself and passes genuine evidence on, then it gets no request', async (t) => {
  const made = await rig(t, { start: false });
  const address = made.addresses.get('node-1') ?? '';
  assert.ok('port' in connectOptions(parseAddress(address)));
  const agent = httpsAgentFor({ address: parseAddress(address) });
  t.after(() => {
    agent.destroy();
  });
  const relay = await pretender(t, async (path, body) =>
    channelCall(agent, { method: 'POST', path, body, maxBytes: 65_536, timeoutMs: 2_000 }),
  );
  const client = clientOf(t, made, relay.address);
  await assert.rejects(client.status(), (error: unknown) =>
    isSymbolonError(error, 'coordinator/node-identity'),
  );
  assert.deepEqual(relay.asked, ['/v1/evidence']);
});

test('T02: given evidence of an earlier time, when it is given again, then the nonce shows it', async (t) => {
  const made = await rig(t, { start: false });
  const agent = httpsAgentFor({ address: parseAddress(made.addresses.get('node-1') ?? '') });
  t.after(() => {
    agent.destroy();
  });
  let first: { readonly status: number; readonly body: Uint8Array } | undefined;
  const replayer = await pretender(t, async (path, body) => {
    first ??= await channelCall(agent, { method: 'POST', path, body, maxBytes: 65_536, timeoutMs: 2_000 });
    return first;
  });
  const client = clientOf(t, made, replayer.address);
  await assert.rejects(client.verify());
  await assert.rejects(client.verify(), (error: unknown) =>
    isSymbolonError(error, 'evidence/nonce-mismatch'),
  );
});

test('malformed answers of a node: each is refused with the name of the node', async (t) => {
  const made = await rig(t, { start: false });
  const answers: readonly (readonly [name: string, status: number, body: Uint8Array])[] = [
    ['nothing', 200, new Uint8Array()],
    ['no CBOR', 200, Uint8Array.of(0xff)],
    ['another shape', 200, Uint8Array.of(0xa0)],
    ['too much', 200, new Uint8Array(300_000)],
    ['an error without a problem', 500, new Uint8Array()],
    ['a problem with text as code', 403, Uint8Array.of(0xa1, 0x64, 0x63, 0x6f, 0x64, 0x65, 0x61, 0x78)],
  ];
  for (const [name, status, body] of answers) {
    const liar = await pretender(t, () => Promise.resolve({ status, body }));
    const client = clientOf(t, made, liar.address);
    await assert.rejects(
      client.verify(),
      (error: unknown) => {
        assert.ok(isSymbolonError(error), name);
        assert.match(error.code, /^coordinator\/node-(answer|refused)$/, name);
        assert.match(error.message, /node=node-1/, name);
        return true;
      },
      name,
    );
  }
});

test('given a node that restarts with a new key, then it is verified anew and the call goes through', async (t) => {
  const made = await rig(t, { start: false });
  const client = clientOf(t, made, made.addresses.get('node-1') ?? '');
  const before = await client.status();
  made.cut('node-1');
  await made.restore('node-1');
  const after = await client.status().catch(() => client.status());
  assert.notDeepEqual(after.boot, before.boot);
});
