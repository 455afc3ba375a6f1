/** The HTTP API: who may call, what is refused before anything happens, and the whole way over real nodes. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { p2tr } from '@scure/btc-signer';
import { fromHex, toHex } from '../wire/ids.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { random } from '../daemon/testing/cluster.ts';
import { sampleSeeds, signSample } from '../daemon/testing/sampleManifest.ts';
import { apiKeyHash, newApiKey } from './apiKeys.ts';
import { ApiClient, makeSignedRequest, type RequestContent } from './client.ts';
import { maxBase64 } from './schemas.ts';
import { makeServer } from './server.ts';
import { rig, type Rig, type RigOptions } from './testing/cluster.ts';
import { assertEcdsa, message, pairing, patient } from './testing/ecdsa.ts';

interface Api extends Rig {
  readonly url: string;
  readonly key: string;
  readonly client: ApiClient;
  readonly call: (
    method: string,
    path: string,
    options?: { readonly body?: string; readonly headers?: Record<string, string>; readonly auth?: string },
  ) => Promise<{ readonly status: number; readonly body: Record<string, unknown>; readonly type: string }>;
}

async function api(t: Pick<TestContext, 'after'>, options: RigOptions = {}): Promise<Api> {
  const made = await rig(t, options);
  const { text, hash } = newApiKey(random);
  const server = await makeServer({
    coordinator: made.coordinator,
    store: made.store,
    apiKeys: () => [{ name: 'operator', hash, createdAt: 0 }],
    now: Date.now,
    log: () => undefined,
  });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => server.close());
  return Object.assign(made, {
    url,
    key: text,
    client: new ApiClient({ url, apiKey: text }),
    call: async (
      method: string,
      path: string,
      options: { body?: string; headers?: Record<string, string>; auth?: string } = {},
    ) => {
      const response = await fetch(url + path, {
        method,
        headers: {
          authorization: options.auth ?? `Bearer ${text}`,
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
        ...(options.body === undefined ? {} : { body: options.body }),
      });
      const type = response.headers.get('content-type') ?? '';
      const body: unknown = type.includes('json') ? await response.json() : { text: await response.text() };
      return { status: response.status, body: body as Record<string, unknown>, type };
    },
  });
}
const bodyOf = (signed: Uint8Array): string =>
  JSON.stringify({ request: Buffer.from(signed).toString('base64') });

test('the whole way through the API: create, address, sign, status, evidence, metrics', async (t) => {
  const made = await api(t);
  const { client, cluster } = made;
  const created = await client.createKey(
    makeSignedRequest(
      { cluster: cluster.manifest.cluster, client: 'operator' },
      {
        action: 'key.create',
        scheme: 'frost-secp256k1-tr',
        threshold: 2,
        nodes: ['node-3', 'node-1', 'node-2'],
        purpose: 'treasury',
        label: 'btc',
      },
      sampleSeeds.operator.slice(),
    ),
  );
  const key = created.key;
  assert.ok(key?.state === 'active');
  assert.match(key.address ?? '', /^bc1p/);
  const { address, publicKey } = await client.address(key.id, 'bitcoin', 'regtest');
  assert.match(address, /^bcrt1p/);
  const internal = fromHex(key.publicKey.slice(2)) ?? new Uint8Array();
  assert.equal(toHex(p2tr(internal).tweakedPubkey), publicKey);
  await assert.rejects(client.address(key.id, 'solana'), (error: unknown) => {
    assert.ok(isSymbolonError(error, 'coordinator/refused'));
    assert.equal(error.facts.code, 'coordinator/no-such-address');
    return true;
  });

  const request = cluster.sign({ key: key.id, payload: { kind: 'bip341-key-spend', digest: random(32) } });
  const answer = await client.sign(request, { idempotencyKey: 'one' });
  assert.equal(answer.status, 'done');
  assert.equal(answer.signature?.length, 128);
  assert.deepEqual(await client.signature(answer.id), answer);

  const status = await client.status();
  assert.equal(status.canSign, 'yes');
  assert.equal(status.nodes.length, 3);
  const evidence = await client.evidence('node-1');
  assert.ok(evidence.document.length > 1_000);
  assert.equal(evidence.appraisal.measurement, 'image-1');
  const metrics = await made.call('GET', '/metrics');
  assert.match(String(metrics.body['text']), /symbolon_node_up\{node="node-1"\} 1/);
  assert.match(
    String(metrics.body['text']),
    /symbolon_request_seconds_count\{action="sign",outcome="done"\} 1/,
  );
});

test('the whole way of an ECDSA key: pairings, addresses, a derived signature, refresh, reshare', async (t) => {
  const made = await api(t, { manifest: pairing, limits: patient, presign: { perKey: 0 } });
  const { client, cluster } = made;
  const ask = (content: RequestContent): Uint8Array =>
    makeSignedRequest(
      { cluster: cluster.manifest.cluster, client: 'operator' },
      content,
      sampleSeeds.operator.slice(),
    );
  const purpose = 'treasury';
  const nodes = ['node-3', 'node-1'];
  const made1 = await client.createKey(
    ask({ action: 'key.create', scheme: 'dkls23-secp256k1', threshold: 2, nodes, purpose, label: 'evm' }),
  );
  const key = made1.key;
  assert.ok(key?.state === 'active');
  assert.match(key.address ?? '', /^0x[0-9a-fA-F]{40}$/);
  const cosmos = await client.address(key.id, 'cosmos', undefined, { path: 'm/0/5', hrp: 'osmo' });
  assert.match(cosmos.address, /^osmo1/);
  const evm = await client.address(key.id, 'evm', undefined, { path: 'm/0/5' });
  const content = { action: 'sign', key: key.id, purpose, path: [0, 5] } as const;
  const signed = await client.sign(ask({ ...content, payload: { kind: 'ecdsa-keccak256', message } }));
  assertEcdsa(made, signed);
  assert.deepEqual([signed.publicKey, signed.path], [evm.publicKey, 'm/0/5']);
  assert.ok(signed.recovery === 0 || signed.recovery === 1);

  const refreshed = await client.refreshKey(
    key.id,
    ask({ action: 'key.refresh', key: key.id, purpose, generation: key.generation }),
  );
  assert.deepEqual([refreshed.key?.generation, refreshed.key?.address], [2, key.address]);
  const reshared = await client.reshareKey(
    key.id,
    ask({
      action: 'key.reshare',
      key: key.id,
      purpose,
      label: 'evm',
      generation: 2,
      public: new Uint8Array(Buffer.from(refreshed.key?.public ?? '', 'base64')),
      dealers: nodes,
      nodes: ['node-1', 'node-2', 'node-3'],
      threshold: 2,
    }),
  );
  assert.deepEqual(reshared.key?.nodes, ['node-1', 'node-2', 'node-3']);
  assert.equal(reshared.key.address, key.address);
  const again = await client.address(key.id, 'evm', undefined, { path: 'm/0/5' });
  assert.equal(again.address, evm.address);

  const renewed = await client.pair(ask({ action: 'pair.renew', nodes }));
  assert.deepEqual(
    renewed.pairings?.map(({ nodes: pair, state }) => [pair, state]),
    [[['node-1', 'node-3'], 'ready']],
  );
  assert.equal((await client.pairings()).length, 3);
  const status = await client.status();
  assert.equal(status.pairsItself, true);
  assert.equal(status.pairings.length, 3);
  assert.deepEqual(Object.keys(status.nodes[0]?.backends ?? {}).length, 4);
  assertEcdsa(made, await client.sign(ask({ ...content, payload: { kind: 'ecdsa-keccak256', message } })));
});

test('given a wait of nothing, then a renewal and a pairing answer 202, and the same request later has the result', async (t) => {
  const made = await api(t, { limits: patient });
  const { key } = await made.client.createKey(made.cluster.create());
  const id = key?.id ?? '';
  const refresh = made.cluster.ask({ action: 'key.refresh', key: id, purpose: 'treasury', generation: 1 });
  const running = await made.call('POST', `/v1/keys/${id}/refresh?wait=0`, { body: bodyOf(refresh) });
  assert.deepEqual([running.status, running.body['status']], [202, 'running']);
  assert.equal((await made.client.refreshKey(id, refresh)).key?.generation, 2);
  const pair = made.cluster.ask({ action: 'pair', nodes: ['node-1', 'node-2'] });
  const pairRuns = await made.call('POST', '/v1/pairings?wait=0', { body: bodyOf(pair) });
  assert.equal(pairRuns.status, 202);
  const paired = await made.client.pair(pair);
  assert.deepEqual(
    paired.pairings?.map(({ state }) => state),
    ['ready'],
  );
});

test('T23: an idempotency key with the same body gives the same answer, with another one 409', async (t) => {
  const made = await api(t);
  const { key } = await made.client.createKey(made.cluster.create());
  const request = made.cluster.sign({ key: key?.id ?? '' });
  const headers = { 'idempotency-key': 'k-1' };
  const first = await made.call('POST', '/v1/signatures', { body: bodyOf(request), headers });
  assert.equal(first.status, 200);
  const again = await made.call('POST', '/v1/signatures', { body: bodyOf(request), headers });
  assert.deepEqual(again.body, first.body);
  const other = bodyOf(made.cluster.sign({ key: key?.id ?? '' }));
  const conflict = await made.call('POST', '/v1/signatures', { body: other, headers });
  assert.deepEqual([conflict.status, conflict.body['code']], [409, 'coordinator/idempotency-conflict']);
  const route = await made.call('POST', '/v1/keys', { body: bodyOf(request), headers });
  assert.equal(route.status, 409);
});

test('only health and the description are public; a wrong key is told nothing', async (t) => {
  const made = await api(t);
  for (const path of ['/v1/health', '/openapi.json']) {
    assert.equal((await made.call('GET', path, { auth: '' })).status, 200, path);
  }
  const health = await made.call('GET', '/v1/health', { auth: '' });
  assert.deepEqual(Object.keys(health.body).sort(), ['canSign', 'until']);
  const wrong = newApiKey(random).text;
  const id = '0'.repeat(32);
  for (const auth of [
    '',
    'Bearer',
    `Bearer ${wrong}`,
    `Basic ${made.key}`,
    `Bearer ${made.key}x`,
    `Bearer ${made.key} `.repeat(2),
  ]) {
    for (const [method, path] of [
      ['GET', '/v1/status'],
      ['GET', '/v1/keys'],
      ['GET', `/v1/keys/${id}`],
      ['GET', `/v1/keys/${id}/address`],
      ['POST', '/v1/keys'],
      ['POST', `/v1/keys/${id}/refresh`],
      ['POST', `/v1/keys/${id}/reshare`],
      ['GET', '/v1/pairings'],
      ['POST', '/v1/pairings'],
      ['POST', '/v1/signatures'],
      ['GET', `/v1/signatures/${id}`],
      ['GET', '/v1/evidence/node-1'],
      ['GET', '/v1/manifest'],
      ['PUT', '/v1/manifest'],
      ['GET', '/metrics'],
      ['GET', '/nothing'],
    ] as const) {
      const answer = await made.call(method, path, { auth, ...(method === 'GET' ? {} : { body: '{' }) });
      assert.deepEqual(
        [answer.status, answer.body['code']],
        [401, 'coordinator/unauthenticated'],
        `${method} ${path}`,
      );
    }
  }
});

test('malformed input: each is refused with a code, and nothing happens', async (t) => {
  const made = await api(t);
  const id = '0'.repeat(32);
  const good = Buffer.from(made.cluster.sign({ key: id })).toString('base64');
  const oversize = 'A'.repeat(maxBase64.request + 100);
  const posts: readonly (readonly [name: string, body: string, status: number, code: string])[] = [
    ['no JSON', '{', 400, 'coordinator/bad-request'],
    ['empty', '', 400, 'coordinator/bad-request'],
    ['a list', '[]', 400, 'coordinator/bad-request'],
    ['null', 'null', 400, 'coordinator/bad-request'],
    ['no field', '{}', 400, 'coordinator/bad-request'],
    ['unknown field', JSON.stringify({ request: good, sign: true }), 400, 'coordinator/bad-request'],
    ['wrong type', '{"request":1}', 400, 'coordinator/bad-request'],
    ['key twice', `{"request":"${good}","request":"${good}"}`, 400, 'coordinator/bad-request'],
    ['deep', `{"request":${'['.repeat(40)}${']'.repeat(40)}}`, 400, 'coordinator/bad-request'],
    ['not base64', '{"request":"%%%%"}', 400, 'coordinator/bad-request'],
    ['base64 with loose bits', '{"request":"AAB="}', 400, 'coordinator/bad-request'],
    ['base64url', '{"request":"-_-_"}', 400, 'coordinator/bad-request'],
    ['not CBOR', '{"request":"////"}', 400, 'wire/malformed-cbor'],
    ['another shape', '{"request":"oWFhAQ=="}', 400, 'wire/unexpected-shape'],
    ['over size', JSON.stringify({ request: oversize }), 413, 'wire/oversize'],
    ['far over size', JSON.stringify({ request: 'A'.repeat(2_000_000) }), 413, 'wire/oversize'],
  ];
  const routes = [
    '/v1/keys',
    '/v1/signatures',
    '/v1/pairings',
    `/v1/keys/${id}/refresh`,
    `/v1/keys/${id}/reshare`,
  ];
  for (const path of routes) {
    for (const [name, body, status, code] of posts) {
      const answer = await made.call('POST', path, { body });
      assert.deepEqual([answer.status, answer.body['code']], [status, code], `${path}: ${name}`);
      assert.match(answer.type, /^application\/problem\+json/);
      assert.ok(String(answer.body['todo']).length > 0);
    }
  }
  const gets: readonly (readonly [method: string, path: string, status: number, code: string])[] = [
    ['GET', '/v1/status?x=1', 400, 'coordinator/bad-request'],
    ['GET', '/v1/keys?after=1', 400, 'coordinator/bad-request'],
    ['GET', '/v1/keys?limit=0', 400, 'coordinator/bad-request'],
    ['GET', '/v1/keys?limit=257', 400, 'coordinator/bad-request'],
    ['GET', '/v1/keys?limit=1&limit=2', 400, 'coordinator/bad-request'],
    ['GET', `/v1/keys?before=${id}`, 400, 'coordinator/bad-request'],
    ['GET', '/v1/keys/XYZ', 400, 'coordinator/bad-request'],
    ['GET', `/v1/keys/${id}`, 404, 'coordinator/unknown-key'],
    ['GET', `/v1/keys/${id}/address?chain=dogecoin`, 400, 'coordinator/bad-request'],
    ['GET', `/v1/keys/${id}/address?network=moonnet`, 400, 'coordinator/bad-request'],
    ['GET', `/v1/keys/${id}/address?chain=solana&chain=solana`, 400, 'coordinator/bad-request'],
    ['GET', `/v1/keys/${id}/address?path=m/0h`, 400, 'coordinator/bad-path'],
    ['GET', `/v1/keys/${id}/address?path=${'m/0'.repeat(100)}`, 400, 'coordinator/bad-request'],
    ['GET', `/v1/keys/${id}/address?hrp=UPPER`, 400, 'coordinator/bad-request'],
    ['GET', '/v1/pairings?node=node-1', 400, 'coordinator/bad-request'],
    ['GET', `/v1/signatures/${id}`, 404, 'coordinator/unknown-signature'],
    ['GET', `/v1/signatures/${id.toUpperCase()}g`, 400, 'coordinator/bad-request'],
    ['GET', '/v1/evidence/node-9', 404, 'coordinator/unknown-node'],
    ['GET', '/v1/evidence/..%2f..%2fetc', 400, 'coordinator/bad-request'],
    ['GET', '/v1/nothing', 404, 'coordinator/no-such-route'],
    ['DELETE', '/v1/keys', 404, 'coordinator/no-such-route'],
  ];
  for (const [method, path, status, code] of gets) {
    const answer = await made.call(method, path);
    assert.deepEqual([answer.status, answer.body['code']], [status, code], `${method} ${path}`);
  }
  const body = JSON.stringify({ request: good });
  const odd: readonly (readonly [
    path: string,
    headers: Record<string, string>,
    status: number,
    code: string,
  ])[] = [
    ['/v1/signatures', { 'content-type': 'text/plain' }, 400, 'coordinator/bad-request'],
    ['/v1/signatures', { 'idempotency-key': 'x'.repeat(129) }, 400, 'coordinator/bad-request'],
    ['/v1/signatures?wait=60001', {}, 400, 'coordinator/bad-request'],
    ['/v1/signatures?wait=-1', {}, 400, 'coordinator/bad-request'],
    ['/v1/signatures', {}, 404, 'coordinator/unknown-key'],
    ['/v1/keys', {}, 400, 'coordinator/request-wrong'],
    ['/v1/pairings', {}, 400, 'coordinator/request-wrong'],
    [`/v1/keys/${id}/refresh`, {}, 400, 'coordinator/request-wrong'],
    [`/v1/keys/${id}/reshare?wait=1x`, {}, 400, 'coordinator/bad-request'],
    ['/v1/keys/XYZ/refresh', {}, 400, 'coordinator/bad-request'],
  ];
  for (const [path, headers, status, code] of odd) {
    const answer = await made.call('POST', path, { body, headers });
    assert.deepEqual(
      [answer.status, answer.body['code']],
      [status, code],
      `${path} ${JSON.stringify(headers)}`,
    );
  }
  assert.deepEqual(await made.store.runningJobs(), []);
});

test('requests without authority: foreign client, changed byte, expired, other cluster', async (t) => {
  const made = await api(t);
  const { key } = await made.client.createKey(made.cluster.create());
  const now = made.cluster.clock.now();
  const change = (raw: Uint8Array): Uint8Array => {
    const copy = raw.slice();
    copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
    return copy;
  };
  const sign = (content: Parameters<Rig['cluster']['sign']>[0]): Uint8Array =>
    made.cluster.sign({ key: key?.id ?? '', ...content });
  const cases: readonly (readonly [name: string, signed: Uint8Array, code: string])[] = [
    ['unknown client', sign({ client: 'mallory' }), 'request/unknown-client'],
    ['a client that may not', sign({ client: 'coordinator' }), 'request/bad-signature'],
    ['changed byte', change(sign({})), 'request/bad-signature'],
    ['expired', sign({ issuedAt: now - 10_000, expiresAt: now - 1 }), 'request/expired'],
    ['from the future', sign({ issuedAt: now + 600_000, expiresAt: now + 700_000 }), 'request/not-yet-valid'],
    ['another cluster', sign({ cluster: random(16) }), 'request/foreign-cluster'],
    ['another purpose', sign({ purpose: 'cold' }), 'request/wrong-purpose'],
    [
      'a payload of another scheme',
      sign({ payload: { kind: 'bip340-digest', digest: random(32) } }),
      'request/wrong-payload',
    ],
  ];
  for (const [name, signed, code] of cases) {
    const answer = await made.call('POST', '/v1/signatures', { body: bodyOf(signed) });
    assert.equal(answer.body['code'], code, name);
  }
});

test('a manifest of a higher version goes to all nodes and is in force; a lower one is refused', async (t) => {
  const made = await api(t);
  const next = signSample({ ...made.cluster.manifest, version: 2, label: 'second' });
  const put = await made.client.putManifest(next);
  assert.equal(put.version, 2);
  assert.ok(
    put.nodes.every(({ ok }) => ok),
    JSON.stringify(put),
  );
  assert.equal(made.coordinator.status().with.length, 3);
  await assert.rejects(made.client.putManifest(made.cluster.signed), (error: unknown) => {
    assert.ok(isSymbolonError(error, 'coordinator/refused'));
    assert.equal(error.facts.code, 'manifest/version-not-higher');
    return true;
  });
  assert.equal((await made.client.manifest()).version, 2);
  const { key } = await made.client.createKey(made.cluster.create());
  assert.equal(key?.state, 'active');
});

test('given a wait of nothing, then the answer is 202 and the result can be read later', async (t) => {
  const made = await api(t);
  const { key } = await made.client.createKey(made.cluster.create());
  const running = await made.client.sign(made.cluster.sign({ key: key?.id ?? '' }), { waitMs: 0 });
  assert.equal(running.status, 'running');
  let answer = running;
  for (let i = 0; i < 100 && answer.status === 'running'; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    answer = await made.client.signature(running.id);
  }
  assert.equal(answer.status, 'done');
});

test('keys come page by page, sorted by id, and the client puts the pages together', async (t) => {
  const made = await api(t);
  const ids: string[] = [];
  for (const label of ['a', 'b', 'c']) {
    ids.push((await made.client.createKey(made.cluster.create({ label }))).key?.id ?? '');
  }
  ids.sort();
  assert.deepEqual(await made.client.keyPage({ limit: 2 }), {
    keys: await Promise.all(ids.slice(0, 2).map((id) => made.client.key(id))),
    next: ids[1],
  });
  const last = await made.client.keyPage({ after: ids[1], limit: 2 });
  assert.deepEqual([last.keys.map(({ id }) => id), last.next], [ids.slice(2), null]);
  assert.deepEqual(
    (await made.client.keys()).map(({ id }) => id),
    ids,
  );
  const { keys } = await made.client.status();
  assert.deepEqual([keys.total, keys.active, keys.pending, keys.canSign, keys.first.length], [3, 3, 0, 3, 3]);
  assert.deepEqual(await made.client.health(), { canSign: 'yes', until: (await made.client.status()).until });
});

test('the description lists every route and closed bodies', async (t) => {
  const made = await api(t);
  const { body } = await made.call('GET', '/openapi.json', { auth: '' });
  const paths = body['paths'] as Record<string, unknown>;
  assert.deepEqual(Object.keys(paths).sort(), [
    '/v1/evidence/{node}',
    '/v1/health',
    '/v1/keys',
    '/v1/keys/{id}',
    '/v1/keys/{id}/address',
    '/v1/keys/{id}/refresh',
    '/v1/keys/{id}/reshare',
    '/v1/manifest',
    '/v1/pairings',
    '/v1/signatures',
    '/v1/signatures/{id}',
    '/v1/status',
  ]);
});

test('T33: an API key is 32 random bytes and only its hash is comparable', () => {
  const made = newApiKey(random);
  assert.deepEqual(apiKeyHash(made.text), made.hash);
  assert.equal(made.hash.length, 32);
  assert.equal(apiKeyHash(`${made.text} `), undefined);
  assert.equal(apiKeyHash('symbolon_'), undefined);
});
