/** Hostile bytes on the private socket, against the real process: each closes its own connection and nothing else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeCbor } from '../wire/cbor.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { maxHsmFrame } from '../wire/limits.ts';
import { connectHsm } from './index.ts';
import { frame, FrameReader, hsmReply, hsmRequest } from './protocol.ts';
import { noSoftHsm, startHsm, testNode } from './testing.ts';

const prefixOf = (length: number): Uint8Array => {
  const raw = new Uint8Array(4);
  new DataView(raw.buffer).setUint32(0, length);
  return raw;
};

/** Sends bytes and gives the codes of the problems that come back until the process closes the connection. */
async function send(path: string, raw: Uint8Array, end: boolean): Promise<string[]> {
  const socket: Socket = connect({ path });
  const reader = new FrameReader();
  const codes: string[] = [];
  socket.on('data', (chunk) => {
    for (const body of reader.push(chunk)) {
      const reply = hsmReply.decode(body);
      codes.push(reply.result === 'problem' ? reply.problem.code : reply.result);
    }
  });
  await once(socket, 'connect');
  socket.write(raw);
  if (end) {
    socket.end();
  }
  await once(socket, 'close');
  return codes;
}

test(
  'given garbage, oversize, empty, partial, unknown or deep frames, then that connection is closed by name and the others go on',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    const hsm = await startHsm(t, node.root);
    const link = await connectHsm({ socket: node.socket, timeoutMs: 5_000 });
    t.after(() => link.close());
    const head = { v: 1, id: 7 };
    const bodies: readonly (readonly [string, Uint8Array])[] = [
      ['garbage', new Uint8Array(64).fill(0xff)],
      ['HTTP', new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')],
      ['deep nesting', new Uint8Array(maxHsmFrame).fill(0x81)],
      ['not a map', encodeCbor([1, 2, 3])],
      ['unknown op', encodeCbor({ ...head, op: 'export' })],
      ['op not text', encodeCbor({ ...head, op: 1 })],
      ['other version', encodeCbor({ v: 2, id: 7, op: 'make' })],
      ['unknown field', encodeCbor({ ...head, op: 'make', pin: 'x' })],
      ['no id', encodeCbor({ v: 1, op: 'make' })],
      ['wide id', encodeCbor({ v: 1, id: 0x1_0000_0000, op: 'make' })],
      ['empty wrapped', encodeCbor({ ...head, op: 'recover', wrapped: new Uint8Array(0) })],
      ['long wrapped', encodeCbor({ ...head, op: 'recover', wrapped: new Uint8Array(1_025) })],
      ['wrapped is text', encodeCbor({ ...head, op: 'recover', wrapped: 'x' })],
      ['bytes after', Buffer.concat([hsmRequest.encode({ v: 1, id: 7, op: 'health' }), Buffer.from([0])])],
    ];
    for (const [what, body] of bodies) {
      assert.deepEqual(await send(node.socket, frame(body), false), ['hsm/bad-frame'], what);
    }
    for (const length of [maxHsmFrame + 1, 0xffffffff]) {
      assert.deepEqual(await send(node.socket, prefixOf(length), false), ['wire/oversize']);
    }
    assert.deepEqual(await send(node.socket, prefixOf(0), false), ['hsm/bad-frame']);
    // A good request in front of a bad one is answered; the one behind it is not.
    const good = frame(hsmRequest.encode({ v: 1, id: 1, op: 'probe' }));
    const bad = frame(encodeCbor({ ...head, op: 'export' }));
    assert.deepEqual(await send(node.socket, Buffer.concat([good, bad, good]), false), [
      'probed',
      'hsm/bad-frame',
    ]);
    for (const part of [new Uint8Array(2), prefixOf(100), good.slice(0, good.length - 1)]) {
      assert.deepEqual(await send(node.socket, part, true), []);
    }
    // A frame that is begun and not finished holds its connection for five seconds at most.
    assert.deepEqual(await send(node.socket, prefixOf(100), false), ['hsm/bad-frame']);
    await link.probe();
    assert.equal((await link.health()).operations, 0);
    assert.equal(hsm.child.exitCode, null);
  },
);

test(
  'given more connections than the process holds, then it goes on answering those that it has',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    await startHsm(t, node.root);
    const link = await connectHsm({ socket: node.socket, timeoutMs: 5_000 });
    const idle = Array.from({ length: 40 }, () => connect({ path: node.socket }));
    t.after(() => {
      for (const socket of idle) {
        socket.destroy();
      }
      return link.close();
    });
    for (const socket of idle) {
      socket.on('error', () => {
        socket.destroy();
      });
    }
    await Promise.all(idle.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])));
    await link.probe();
  },
);

test(
  'given two clients at once, then each gets its own key material and answers',
  { skip: noSoftHsm },
  async (t) => {
    const node = await testNode(t);
    await startHsm(t, node.root);
    const links = await Promise.all([1, 2].map(() => connectHsm({ socket: node.socket, timeoutMs: 5_000 })));
    t.after(() => Promise.all(links.map((link) => link.close())));
    const made = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (links[i % 2] ?? assert.fail()).newKeyMaterial()),
    );
    assert.equal(new Set(made.map(({ ikm }) => Buffer.from(ikm).toString('hex'))).size, 40);
    const back = await Promise.all(
      made.map(({ wrapped }, i) => (links[(i + 1) % 2] ?? assert.fail()).recoverKeyMaterial(wrapped)),
    );
    assert.deepEqual(
      back,
      made.map(({ ikm }) => ikm),
    );
  },
);

test('frames cut anywhere come out whole, in order, and the chunks are wiped', () => {
  const bodies = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(bodies, fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1 }), (sent, sizes) => {
      const stream = Buffer.concat(sent.map((body) => frame(body)));
      const reader = new FrameReader();
      const got: Uint8Array[] = [];
      for (let at = 0, i = 0; at < stream.length; i += 1) {
        const size = sizes[i % sizes.length] ?? 1;
        const chunk = stream.subarray(at, at + size);
        got.push(...reader.push(chunk));
        assert.ok(chunk.every((byte) => byte === 0));
        at += size;
      }
      assert.deepEqual(got, sent);
      assert.equal(reader.partial, false);
    }),
  );
});

test('T34: a length above the cap is refused before its body is kept', () => {
  const reader = new FrameReader();
  assert.deepEqual(reader.push(prefixOf(maxHsmFrame)), []);
  assert.throws(() => new FrameReader().push(prefixOf(maxHsmFrame + 1)), { code: 'wire/oversize' });
  assert.throws(() => new FrameReader().push(Buffer.concat([prefixOf(0xffffffff), Buffer.alloc(9)])), {
    code: 'wire/oversize',
  });
});

test('T33: given a frame behind which a bad one comes in the same chunk, then nothing of the chunk is left', () => {
  const chunk = Buffer.concat([frame(new Uint8Array(32).fill(7)), prefixOf(0)]);
  assert.throws(() => new FrameReader().push(chunk), { code: 'hsm/bad-frame' });
  assert.ok(chunk.every((byte) => byte === 0));
});

test('any bytes as request or reply are refused by a code of the wire', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
      for (const format of [hsmRequest, hsmReply]) {
        try {
          format.decode(raw);
        } catch (error) {
          assert.ok(isSymbolonError(error) && error.code.startsWith('wire/'), String(error));
        }
      }
    }),
  );
});
