/** The attested channel: envelopes, TLS handshakes, and a small call through the relay of the parent. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listenOn } from '../enclave/address/index.ts';
import {
  channelCall,
  clientTls,
  httpsAgentFor,
  makeNodeIdentity,
  openEnvelope,
  sealEnvelope,
  serverTls,
  verifyEnvelope,
} from '../enclave/channel/index.ts';
import { startRelay } from '../enclave/parent/relay.ts';
import { measure, type BenchRow } from './row.ts';

/** All figures of the channel. */
export async function rows(): Promise<BenchRow[]> {
  return [...(await envelopes()), ...(await calls())];
}

async function envelopes(): Promise<BenchRow[]> {
  const alice = makeNodeIdentity({ now: Date.now });
  const bob = makeNodeIdentity({ now: Date.now });
  const at = { session: new Uint8Array(32), round: 2, from: 'alice', transcript: new Uint8Array(32) };
  const payload = new Uint8Array(256);
  const pairwise = { ...at, to: 'bob', receiver: bob.public, payload };
  const expected = { ...at, sender: alice.public, self: 'bob' };
  const sealed = sealEnvelope(alice, pairwise);
  const broadcast = sealEnvelope(alice, { ...at, payload });
  return [
    await measure('channel.identity.make', 50, () => makeNodeIdentity({ now: Date.now })),
    await measure('channel.envelope.seal', 400, () => sealEnvelope(alice, pairwise)),
    await measure('channel.envelope.open', 400, () => openEnvelope(bob, sealed, expected)),
    await measure('channel.broadcast.seal', 400, () => sealEnvelope(alice, { ...at, payload })),
    await measure('channel.broadcast.verify', 400, () => verifyEnvelope(broadcast, expected)),
  ];
}

async function calls(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-bench-'));
  const identity = makeNodeIdentity({ now: Date.now });
  const server = createServer(serverTls(identity.tls), (request, response) => {
    request.resume().once('end', () => response.end('ok'));
  });
  const address = await listenOn(server, { kind: 'unix', path: join(folder, 'node.sock') });
  const relay = await startRelay({ listen: { kind: 'tcp', host: '127.0.0.1', port: 0 }, node: address });
  const client = clientTls({ seed: new Uint8Array(32).fill(7) });
  const small = {
    method: 'POST',
    path: '/',
    body: new Uint8Array(512),
    maxBytes: 64,
    timeoutMs: 5_000,
  } as const;
  const direct = httpsAgentFor({ address, client });
  const relayed = httpsAgentFor({ address: relay.address, client });
  const handshake = async (to: typeof address): Promise<void> => {
    const agent = httpsAgentFor({ address: to, client });
    await channelCall(agent, small);
    agent.destroy();
  };
  try {
    return [
      await measure('channel.connect-and-call.unix', 80, () => handshake(address)),
      await measure('channel.connect-and-call.relay', 80, () => handshake(relay.address)),
      await measure('channel.call.unix', 300, () => channelCall(direct, small)),
      await measure('channel.call.relay', 300, () => channelCall(relayed, small)),
    ];
  } finally {
    direct.destroy();
    relayed.destroy();
    await relay.close(0);
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    rmSync(folder, { recursive: true, force: true });
  }
}
