/** The link against ends that do not behave: nobody, a silent one, one that answers wrong. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connectHsm, type TokenIdentity } from './index.ts';
import { frame, FrameReader, hsmReply, hsmRequest, type HsmReply, type HsmRequest } from './protocol.ts';
import { refusalFile } from './refusal.ts';
import { testFolder } from './testing.ts';

const token: TokenIdentity = { label: 'signer', serial: 'aa', keyId: '01', algorithm: 'hmac-sha256' };
const health = (id: number, of: TokenIdentity = token): HsmReply => ({
  v: 1,
  id,
  result: 'health',
  health: { token: of, node: 'node-1', startedAt: 1, operations: 0 },
});

/** A unix socket whose end answers as told; `undefined` is silence. */
async function peer(
  t: TestContext,
  answer: (request: HsmRequest, socket: Socket) => Uint8Array | undefined,
): Promise<string> {
  const path = join(testFolder(t), 'hsm.sock');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const reader = new FrameReader();
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      for (const body of reader.push(chunk)) {
        const reply = answer(hsmRequest.decode(body), socket);
        if (reply !== undefined) {
          socket.write(reply);
        }
      }
    });
  });
  await new Promise<void>((done) => server.listen({ path }, done));
  t.after(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
  });
  return path;
}
const framed = (reply: HsmReply): Uint8Array => frame(hsmReply.encode(reply));

test('given nobody, when connected, then the HSM is unavailable; a broken refusal file says no more', async (t) => {
  const socket = join(testFolder(t), 'hsm.sock');
  await assert.rejects(connectHsm({ socket, timeoutMs: 500 }), { code: 'hsm/unavailable' });
  const problem = { code: 'hsm/no-such-code', facts: [] };
  for (const content of ['', '{', '{"v":1}', JSON.stringify({ v: 1, problem, at: 1 }), 'x'.repeat(10_000)]) {
    writeFileSync(refusalFile(socket), content);
    await assert.rejects(connectHsm({ socket, timeoutMs: 500 }), { code: 'hsm/unavailable' });
  }
});

test(
  'given a process that takes calls and never answers, then each call fails at its deadline and the next connects anew',
  { timeout: 10_000 },
  async (t) => {
    let connections = 0;
    const seen = new Set<Socket>();
    const socket = await peer(t, ({ op, id }, from) => {
      if (!seen.has(from)) {
        seen.add(from);
        connections += 1;
      }
      return op === 'health' ? framed(health(id)) : undefined;
    });
    const link = await connectHsm({ socket, timeoutMs: 150 });
    t.after(() => link.close());
    const start = performance.now();
    const both = await Promise.allSettled([
      link.newKeyMaterial(),
      link.recoverKeyMaterial(new Uint8Array(32)),
    ]);
    assert.ok(performance.now() - start < 1_000);
    for (const one of both) {
      assert.equal(one.status, 'rejected');
      assert.equal((one.reason as { code?: string }).code, 'hsm/unavailable');
    }
    await link.health();
    assert.equal(connections, 2);
  },
);

test('given a silent process, when connected, then the deadline ends it', { timeout: 10_000 }, async (t) => {
  const socket = await peer(t, () => undefined);
  await assert.rejects(connectHsm({ socket, timeoutMs: 100 }), { code: 'hsm/unavailable' });
});

test(
  'given answers that are not of the protocol, of another kind or to nothing, then the call is refused by name',
  { timeout: 10_000 },
  async (t) => {
    const wrong: readonly ((id: number) => Uint8Array)[] = [
      () => frame(new Uint8Array(10).fill(0xff)),
      () => new Uint8Array(4).fill(0xff),
      (id) => framed({ v: 1, id, result: 'probed' }),
      (id) => framed({ v: 1, id: id + 1, result: 'recovered', ikm: new Uint8Array(32) }),
      (id) => framed(health(id)),
    ];
    for (const answer of wrong) {
      const socket = await peer(t, ({ op, id }) => (op === 'health' ? framed(health(id)) : answer(id)));
      const link = await connectHsm({ socket, timeoutMs: 2_000 });
      await assert.rejects(link.newKeyMaterial(), { code: 'hsm/bad-frame' });
      await link.close();
    }
  },
);

test('given a refusal in an answer, then it arrives with its code and facts; one that this build does not know is unavailable', async (t) => {
  let code = 'hsm/token-failed';
  const facts = [
    { name: 'operation', text: 'C_Sign' },
    { name: 'rv', text: 'CKR_DEVICE_ERROR' },
  ];
  const socket = await peer(t, ({ op, id }) =>
    framed(op === 'health' ? health(id) : { v: 1, id, result: 'problem', problem: { code, facts } }),
  );
  const link = await connectHsm({ socket, timeoutMs: 2_000 });
  t.after(() => link.close());
  await assert.rejects(link.probe(), {
    code: 'hsm/token-failed',
    facts: { operation: 'C_Sign', rv: 'CKR_DEVICE_ERROR' },
  });
  code = 'hsm/of-another-build';
  await assert.rejects(link.probe(), { code: 'hsm/unavailable' });
});

test('given a health answer of another token, then it is refused by name', async (t) => {
  let serial = 'aa';
  const socket = await peer(t, ({ id }) => framed(health(id, { ...token, serial })));
  const link = await connectHsm({ socket, timeoutMs: 2_000 });
  t.after(() => link.close());
  await link.health();
  serial = 'bb';
  await assert.rejects(link.health(), { code: 'hsm/token-mismatch' });
});

test(
  'given a closed link, then every call is refused and close may come twice',
  { timeout: 10_000 },
  async (t) => {
    const socket = await peer(t, ({ op, id }) => (op === 'health' ? framed(health(id)) : undefined));
    const link = await connectHsm({ socket, timeoutMs: 2_000 });
    const waiting = link.newKeyMaterial();
    await link.close();
    await assert.rejects(waiting, { code: 'hsm/unavailable' });
    await link.close();
    await assert.rejects(link.health(), { code: 'hsm/unavailable' });
  },
);
