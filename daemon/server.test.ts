import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { channelCall, clientTls, httpsAgentFor, type ChannelAgent } from '../enclave/channel/index.ts';
import { appraise, policyFor } from '../enclave/evidence/index.ts';
import { encodeCbor } from '../wire/cbor.ts';
import { equalBytes } from '../wire/ids.ts';
import { maxSessions } from '../wire/limits.ts';
import { evidenceAnswer, evidenceAsk, keyList, nodeStatus, problem } from '../wire/messages/node.ts';
import { challengeBytes } from '../wire/messages/session.ts';
import { routes, type Route } from './phase.ts';
import { serve } from './server.ts';
import { random, testCluster, type ClusterOptions, type TestCluster } from './testing/cluster.ts';
import { makeKey, openBody } from './testing/relay.ts';
import { sampleSeeds } from './testing/sampleManifest.ts';

interface Served {
  readonly cluster: TestCluster;
  readonly path: string;
  readonly agent: (seed?: Uint8Array) => ChannelAgent;
}

async function served(t: TestContext, options: ClusterOptions = {}, now?: () => number): Promise<Served> {
  const cluster = await testCluster(t, options);
  const { node, modules } = cluster.node('node-1');
  const path = join(cluster.folder, 'n.sock');
  const server = await serve(node, { kind: 'unix', path }, { ...modules, now: now ?? modules.now });
  const agents: ChannelAgent[] = [];
  t.after(async () => {
    for (const agent of agents) {
      agent.destroy();
    }
    await server.close();
  });
  return {
    cluster,
    path,
    agent: (seed) => {
      const agent = httpsAgentFor({
        address: { kind: 'unix', path },
        pin: node.gate.identity.tls,
        ...(seed === undefined ? {} : { client: clientTls({ seed }) }),
      });
      agents.push(agent);
      return agent;
    },
  };
}

type Given = Partial<Parameters<typeof channelCall>[1]>;
const ask = (agent: ChannelAgent, path: string, given: Given = {}) =>
  channelCall(agent, { method: 'GET', path, maxBytes: 1_048_576, timeoutMs: 5_000, ...given });

async function refusedAs(agent: ChannelAgent, path: string, given: Given): Promise<string> {
  const answer = await ask(agent, path, given);
  assert.ok(answer.status >= 400, `${path} answered ${answer.status}`);
  return problem.decode(answer.body).code;
}

test('T32: given a ready node, when anybody asks for its health, then it says that it can serve', async (t) => {
  const { agent } = await served(t);
  const answer = await ask(agent(), '/v1/health');
  assert.equal(answer.contentType, 'application/json');
  assert.deepEqual(JSON.parse(Buffer.from(answer.body).toString()), { phase: 'ready', canServe: true });
});

test('T32: given a node whose token does not answer, when asked for its health, then it can not serve', async (t) => {
  const { agent } = await served(t, {
    wait: false,
    modules: (_name, modules) => ({ ...modules, connectHsm: () => new Promise(() => undefined) }),
  });
  const { body } = await ask(agent(), '/v1/health');
  assert.deepEqual(JSON.parse(Buffer.from(body).toString()), { phase: 'sealed', canServe: false });
});

test('given an unknown caller, when it asks for evidence over its nonce, then the evidence binds the TLS key', async (t) => {
  const { agent, cluster } = await served(t);
  const nonce = random(32);
  const answer = await ask(agent(), '/v1/evidence', { method: 'POST', body: evidenceAsk.encode({ nonce }) });
  const { node, platform, evidence } = evidenceAnswer.decode(answer.body);
  const { manifest, hash } = cluster.node('node-1').node.manifest();
  const judged = appraise({ platform, document: evidence }, policyFor(manifest, node), {
    now: cluster.clock.now(),
    expected: { nonce, role: 'channel', cluster: manifest.cluster, node, manifest: hash },
  });
  assert.ok(judged.ok);
  assert.ok(equalBytes(judged.appraisal.identity.tls, answer.peer));
});

test('given callers without a known key, when they make any other call, then every refusal is the same', async (t) => {
  const { agent } = await served(t);
  for (const stranger of [agent(), agent(random(32))]) {
    const answers: Buffer[] = [];
    for (const { method, path, who } of Object.values<Route>(routes)) {
      if (who !== 'public') {
        const body = method === 'GET' ? {} : { body: random(40) };
        answers.push(Buffer.from((await ask(stranger, path, { method, ...body })).body));
      }
    }
    answers.push(Buffer.from((await ask(stranger, '/nothing')).body));
    answers.push(
      Buffer.from((await ask(stranger, '/v1/evidence', { method: 'POST', body: random(40) })).body),
    );
    answers.push(
      Buffer.from((await ask(stranger, '/v1/evidence', { method: 'POST', body: random(4_000) })).body),
    );
    for (const answer of answers) {
      assert.deepEqual(problem.decode(answer), { code: 'node/not-authorised' });
    }
  }
});

test('given a known client, when it asks, then it gets status, keys and manifest', async (t) => {
  const { agent, cluster } = await served(t);
  const key = await makeKey(cluster);
  const coordinator = agent(sampleSeeds.coordinator);
  const status = nodeStatus.decode((await ask(coordinator, '/v1/status')).body);
  assert.equal(status.phase, 'ready');
  assert.deepEqual(status.keys, { active: 1, pending: 0, broken: 0 });
  assert.ok((status.evidenceUntil ?? 0) > status.now);
  const keys = keyList.decode((await ask(coordinator, '/v1/keys?since=0')).body);
  assert.deepEqual(keys.boot, status.boot);
  assert.equal(keys.last, status.keyChange);
  assert.deepEqual(
    keys.changes.map((one) => [one.number, one.id, one.key?.state]),
    [[keys.last, key, 'active']],
  );
  const after = keyList.decode((await ask(coordinator, `/v1/keys?since=${keys.last}`)).body);
  assert.deepEqual(after, { boot: status.boot, last: keys.last, changes: [] });
  const other = '0'.repeat(32);
  const named = keyList.decode((await ask(coordinator, `/v1/keys?ids=${other},${key}`)).body);
  assert.deepEqual(named.changes, [{ number: 0, id: other }, ...keys.changes]);
  assert.ok(equalBytes((await ask(coordinator, '/v1/manifest')).body, cluster.signed));
  assert.equal((await ask(coordinator, '/v1/manifest', { method: 'PUT', body: cluster.signed })).status, 204);
});

test('given a client that may not relay, when it opens a session, then it is refused with the reason', async (t) => {
  const { agent, cluster } = await served(t);
  const body = openBody(cluster, cluster.create(), cluster.names);
  const answer = await ask(agent(sampleSeeds.operator), '/v1/sessions/open', { method: 'POST', body });
  const told = problem.decode(answer.body);
  assert.equal(told.code, 'request/not-granted');
  assert.match(told.detail ?? '', /operator/);
});

test('T34: given a known client, when the frame of a call is wrong, then it is refused by name before parsing', async (t) => {
  const { agent } = await served(t);
  const relay = agent(sampleSeeds.coordinator);
  const post = (path: string, body: Uint8Array): Promise<string> =>
    refusedAs(relay, path, { method: 'POST', body });
  for (const { path, method, maxBody } of Object.values<Route>(routes).filter((one) => one.maxBody > 0)) {
    const told = problem.decode((await ask(relay, path, { method, body: random(maxBody + 1) })).body);
    assert.equal(told.code, 'wire/oversize', path);
    assert.match(told.detail ?? '', /what=body/, 'refused by the server, before the decoder sees it');
  }
  assert.equal(await post('/v1/sessions/open', new Uint8Array(0)), 'wire/malformed-cbor');
  assert.equal(await refusedAs(relay, '/v1/nothing', {}), 'node/no-such-route');
  assert.equal(await refusedAs(relay, '/v1/status', { body: Uint8Array.of(1) }), 'node/bad-call');
  const id = '0'.repeat(32);
  for (const query of [
    '',
    '?since=..',
    '?since=1&since=2',
    '?since=0&ids=',
    '?ids=',
    `?ids=${id},`,
    '?after=1',
  ]) {
    assert.equal(await refusedAs(relay, `/v1/keys${query}`, {}), 'node/bad-call', query);
  }
  const tooMany = Array.from({ length: 17 }, () => id).join(',');
  assert.equal(await refusedAs(relay, `/v1/keys?ids=${tooMany}`, {}), 'node/bad-call');
  assert.equal(
    await refusedAs(relay, '/v1/status', { method: 'POST', body: Uint8Array.of(1) }),
    'node/no-such-route',
  );
});

test('given a body that is not CBOR by its type, when sent, then it is refused', async (t) => {
  const { agent } = await served(t);
  const relay = agent(sampleSeeds.coordinator);
  for (const type of ['application/json', 'text/plain', undefined]) {
    const request = httpsRequest({
      agent: relay,
      method: 'POST',
      path: '/v1/sessions/open',
      headers: { 'content-length': 2, ...(type === undefined ? {} : { 'content-type': type }) },
    });
    request.end('{}');
    const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer>];
    const parts: Buffer[] = [];
    for await (const part of response) {
      parts.push(part);
    }
    assert.equal(problem.decode(Buffer.concat(parts)).code, 'node/bad-call', type);
  }
});

test('given a sealed node, when a session is opened, then the phase is named and nothing is parsed', async (t) => {
  const { agent } = await served(t, {
    wait: false,
    modules: (_name, modules) => ({ ...modules, connectHsm: () => new Promise(() => undefined) }),
  });
  const relay = agent(sampleSeeds.coordinator);
  for (const { path, method, maxBody } of [routes.open, routes.attest, routes.finish, routes.activate]) {
    // Too large as well: the phase comes first, so a sealed node does not even count the bytes.
    const code = await refusedAs(relay, path, { method, body: random(maxBody + 1) });
    assert.equal(code, 'node/wrong-phase', path);
  }
});

test('T43: given an unknown caller that asks for evidence without end, when its share is used, then it is held back', async (t) => {
  // Time stands still: however slow the machine, nothing is given back meanwhile.
  const at = Date.now();
  const { agent, cluster } = await served(t, {}, () => at);
  const stranger = agent();
  const body = evidenceAsk.encode({ nonce: random(32) });
  let refused = 0;
  for (let i = 0; i < 160; i += 1) {
    refused += (await ask(stranger, '/v1/evidence', { method: 'POST', body })).status === 200 ? 0 : 1;
  }
  assert.equal(refused, 60);
  const relay = agent(sampleSeeds.coordinator);
  assert.equal((await ask(relay, '/v1/evidence', { method: 'POST', body })).status, 200);
  const lines = cluster.node('node-1').lines.filter(({ event }) => event === 'refused');
  assert.ok(lines.length > 0 && lines.length <= refused);
});

test('given plain TCP bytes instead of TLS, when they arrive, then the node closes and goes on', async (t) => {
  const { agent, path } = await served(t);
  const socket = connect({ path });
  socket.on('error', () => undefined);
  socket.write('GET /v1/health HTTP/1.1\r\n\r\n');
  await once(socket, 'close');
  assert.equal((await ask(agent(), '/v1/health')).status, 200);
});

test('T43: given a relay that opens more sessions than a node holds, when one ends, then there is room again', async (t) => {
  const { agent, cluster } = await served(t);
  const relay = agent(sampleSeeds.coordinator);
  const open = (): Promise<{ status: number; body: Uint8Array }> =>
    ask(relay, '/v1/sessions/open', {
      method: 'POST',
      body: openBody(cluster, cluster.create(), cluster.names),
    });
  for (let i = 0; i < maxSessions; i += 1) {
    challengeBytes.decode((await open()).body);
  }
  assert.equal(problem.decode((await open()).body).code, 'session/too-many');
  cluster.clock.advance(30_001);
  challengeBytes.decode((await open()).body);
  assert.equal(cluster.node('node-1').node.sessionCounts().failed, maxSessions);
});

test('given an error that the catalogue does not name, when it happens, then only an id leaves and is logged', async (t) => {
  const { agent, cluster } = await served(t);
  const { node, lines } = cluster.node('node-1');
  t.mock.method(node, 'keyCounts', () => {
    throw new Error('secret of the node');
  });
  const answer = await ask(agent(sampleSeeds.coordinator), '/v1/status');
  const told = problem.decode(answer.body);
  assert.equal(told.code, 'node/internal');
  const logged = lines.find(({ event }) => event === 'internal');
  assert.ok(logged?.id !== undefined && (told.detail ?? '').includes(logged.id));
  assert.doesNotMatch(JSON.stringify(lines) + (told.detail ?? ''), /secret of the node/);
});

test('given random CBOR on every route, when sent by a known relay, then a catalogue code comes back', async (t) => {
  const { agent } = await served(t);
  const relay = agent(sampleSeeds.coordinator);
  let nested = encodeCbor(1);
  for (let i = 0; i < 40; i += 1) {
    nested = Uint8Array.of(0x81, ...nested);
  }
  const bodies: Readonly<Record<string, Uint8Array>> = {
    'an integer': encodeCbor(1),
    'an empty map': encodeCbor({}),
    'an unknown field': encodeCbor({ surprise: 1 }),
    'a duplicate key': Uint8Array.of(0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2),
    'deep nesting': nested,
    'a tag': Uint8Array.of(0xc0, 0x60),
    truncated: Uint8Array.of(0x58, 0x20, 1),
  };
  for (const { method, path } of Object.values<Route>(routes).filter(({ maxBody }) => maxBody > 0)) {
    for (const [what, body] of Object.entries(bodies)) {
      const code = await refusedAs(relay, path, { method, body });
      assert.match(code, /^(wire|manifest)\//, `${path} with ${what}: ${code}`);
    }
  }
  assert.equal((await ask(relay, '/v1/health')).status, 200);
});
