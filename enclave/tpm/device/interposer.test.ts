import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertRefusal } from '../../../test/pki/refusal.ts';
import { noSwtpm, startSwtpm, type Swtpm } from '../../../test/swtpm.ts';
import { isSymbolonError, type ErrorCode } from '../../../wire/errors/index.ts';
import { makeCredential } from '../credential.ts';
import { readTpmPublic } from '../public.ts';
import { seeded } from '../testing.ts';
import type { CommandName } from './codes.ts';
import type { SealedBlob, Tpm } from './index.ts';
import { withSession, withStorageRoot } from './keys.ts';
import { TpmLink } from './link.ts';
import { readNv, readNvPublic } from './nv.ts';
import { bareResponse, interposed, random, tpmOf } from './testing.ts';

const secret = random(32);
const auth = Uint8Array.of(1, 2, 3, 4);
const selection = { bank: 'sha256', pcrs: [0, 7] } as const;
const index = 0x01500002;

describe('what stands between us and the TPM', { skip: noSwtpm }, () => {
  let swtpm: Swtpm;
  let blob: SealedBlob;
  let storageRoot: Uint8Array;
  before(async () => {
    swtpm = await startSwtpm();
    const tpm = tpmOf(swtpm);
    storageRoot = (await tpm.storageRoot()).name;
    const registers = { bank: 'sha256', values: await tpm.readPcrs('sha256', selection.pcrs) } as const;
    blob = await tpm.seal({ secret, auth, registers, lockout: false });
    await tpm.defineCounter(index);
    await tpm.incrementCounter(index);
  });
  after(() => swtpm.stop());

  /** A TPM behind someone who changes the response of one command. */
  const behind = (target: CommandName, change: (response: Uint8Array) => Uint8Array): Tpm =>
    tpmOf(swtpm, {
      storageRoot,
      open: interposed(async (command, _, exchange) => {
        const response = await exchange();
        return command === target ? change(response) : response;
      }),
    });
  const flip =
    (at: number) =>
    (response: Uint8Array): Uint8Array => {
      const place = at < 0 ? response.length + at : at;
      response[place] = (response[place] ?? 0) ^ 1;
      return response;
    };
  const refusedWith = async (work: Promise<unknown>, code: ErrorCode): Promise<void> => {
    await assert.rejects(work, (error: unknown) => {
      assertRefusal(error, code);
      return true;
    });
  };

  test('given one bit of an unsealed secret, its nonce, attributes or HMAC flipped, then it is found out', async () => {
    // Header 10, parameter size 4, length 2, secret 32, length 2, nonce 32, attributes 1, length 2, HMAC 32.
    for (const at of [17, 47, 50, 81, 82, 85, -1]) {
      const unsealed = behind('Unseal', flip(at)).unseal({ blob, auth, selection });
      await refusedWith(unsealed, 'tpm/response-not-authentic');
    }
  });

  test('given a success without its sessions, then it is found out', async () => {
    const bare = behind('Unseal', (response) => {
      const out = Uint8Array.of(...bareResponse(0), ...response.subarray(14, 14 + 34));
      new DataView(out.buffer).setUint32(2, out.length);
      return out;
    });
    await refusedWith(bare.unseal({ blob, auth, selection }), 'tpm/response-not-authentic');
  });

  test('given an answer from before, then it is found out', async () => {
    let kept: Uint8Array | undefined;
    const replaying = behind('NV_Read', (response) => (kept ??= response.slice()).slice());
    await replaying.readCounter(index);
    await refusedWith(replaying.readCounter(index), 'tpm/response-not-authentic');
  });

  test('given an answer from before in the same session, then our new nonce finds it out', async () => {
    let kept: Uint8Array | undefined;
    const link = new TpmLink({
      address: swtpm.address,
      timeoutMs: 20_000,
      open: interposed(async (command, _, exchange) => {
        const response = await exchange();
        return command === 'NV_Read' ? (kept ??= response.slice()).slice() : response;
      }),
    });
    await link.turn((ask) =>
      withStorageRoot(ask, random, new Uint8Array(), storageRoot, (root) =>
        withSession(ask, random, 'hmac', root, async (session) => {
          const nv = await readNvPublic(ask, index);
          const read = () => readNv(ask, nv, { session, auth: new Uint8Array() });
          assert.equal((await read()).length, 8);
          await refusedWith(read(), 'tpm/response-not-authentic');
        }),
      ),
    );
  });

  test('given another storage root key in place of the real one, then its Name gives it away', async () => {
    const other = await startSwtpm();
    try {
      let planted = new Uint8Array();
      await tpmOf(other, {
        open: interposed(async (command, _, exchange) => {
          const response = await exchange();
          planted = command === 'CreatePrimary' ? response.slice() : planted;
          return response;
        }),
      }).storageRoot();
      const fooled = behind('CreatePrimary', () => planted.slice());
      await refusedWith(fooled.unseal({ blob, auth, selection }), 'tpm/other-storage-root');
    } finally {
      await other.stop();
    }
  });

  test('given a quote with one bit flipped, or over other data, then it is not handed out', async () => {
    // The qualifying data, the clock, and the signature.
    for (const at of [60, 95, -10]) {
      const quoted = behind('Quote', flip(at)).quote(random(32), selection);
      await refusedWith(quoted, 'tpm/response-not-authentic');
    }
    let kept: Uint8Array | undefined;
    const replaying = behind('Quote', (response) => (kept ??= response.slice()).slice());
    await replaying.quote(random(32), selection);
    await refusedWith(replaying.quote(random(32), selection), 'tpm/response-not-authentic');
  });

  test('given a register that changes between two reads, or before the quote, then all are read anew', async () => {
    let reads = 0;
    const all = Array.from({ length: 24 }, (_, pcr) => pcr);
    const changing = behind('PCR_Read', (response) => (++reads === 2 ? flip(13)(response) : response));
    assert.equal((await changing.readPcrs('sha256', all)).size, 24);
    assert.equal(reads, 2 + 3);
    reads = 0;
    let quotes = 0;
    const tpm = tpmOf(swtpm, {
      open: interposed(async (command, _, exchange) => {
        quotes += command === 'Quote' ? 1 : 0;
        const response = await exchange();
        return command === 'PCR_Read' && ++reads === 1 ? flip(-1)(response) : response;
      }),
    });
    const { registers } = await tpm.quote(random(32), selection);
    assert.deepEqual([...registers], [...(await tpm.readPcrs('sha256', selection.pcrs))]);
    assert.equal(quotes, 2);
  });

  test('given a TPM that reads 0 bytes at once, or gives none, then it is refused and not asked for ever', async () => {
    let reads = 0;
    const link = (change: (command: string, response: Uint8Array) => Uint8Array): TpmLink =>
      new TpmLink({
        address: swtpm.address,
        timeoutMs: 20_000,
        open: interposed(async (command, _, exchange) => {
          reads += command === 'NV_Read' ? 1 : 0;
          assert.ok(reads < 4, 'it is read again and again');
          return change(command, await exchange());
        }),
      });
    const read = (changed: TpmLink) =>
      changed.turn(async (ask) => readNv(ask, await readNvPublic(ask, index), 'empty'));
    assert.equal((await read(link((_, response) => response))).length, 8);
    // GetCapability: header 10, moreData 1, capability 4, count 4, property 4, value 4.
    const none = link((command, response) =>
      command === 'GetCapability' ? Uint8Array.of(...response.subarray(0, 23), 0, 0, 0, 0) : response,
    );
    await refusedWith(read(none), 'tpm/malformed');
    assert.equal(reads, 1);
    // A response in the session of the empty password: no data, no nonce, no HMAC.
    const body = [0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0];
    const empty = link((command, response) =>
      command === 'NV_Read' ? Uint8Array.of(0x80, 2, 0, 0, 0, 21, 0, 0, 0, 0, ...body) : response,
    );
    await refusedWith(read(empty), 'tpm/malformed');
    assert.equal(reads, 2);
  });

  test('given a TPM that asks to try again, then the same bytes are sent until it takes them', async () => {
    const sent: string[] = [];
    const codes = [0x922, 0x90a, 0x908, 0x920];
    const tpm = tpmOf(swtpm, {
      open: interposed(async (_, bytes, exchange) => {
        sent.push(Buffer.from(bytes).toString('hex'));
        const code = codes.shift();
        return code === undefined ? await exchange() : bareResponse(code);
      }),
    });
    assert.equal((await tpm.getRandom(16)).length, 16);
    assert.equal(sent.length, 5);
    assert.equal(new Set(sent).size, 1);
  });

  test('given a TPM that never stops asking, then the deadline ends it by name', async () => {
    const open = interposed(() => Promise.resolve(bareResponse(0x922)));
    const tpm = tpmOf(swtpm, { timeoutMs: 60, open });
    await assert.rejects(tpm.getRandom(16), (error: unknown) => {
      assertRefusal(error, 'tpm/busy', { command: 'GetRandom', name: 'RETRY' });
      return true;
    });
  });

  test('responses cut off, garbled or random give errors of the catalogue and nothing else', async () => {
    const below = seeded(4);
    const ways: readonly ((response: Uint8Array) => Uint8Array)[] = [
      (response) => response.subarray(0, 10 + below(Math.max(response.length - 10, 1))),
      (response) => {
        for (let i = below(4); i >= 0; i -= 1) {
          response[10 + below(Math.max(response.length - 10, 1))] = below(256);
        }
        return response;
      },
      (response) =>
        Uint8Array.of(...response.subarray(0, 10), ...Array.from({ length: below(300) }, () => below(256))),
    ];
    const direct = tpmOf(swtpm);
    const ek = readTpmPublic((await direct.endorsementKey('ecc')).publicArea);
    const { name } = await direct.attestationKey();
    const works: readonly ((tpm: Tpm) => Promise<unknown>)[] = [
      (tpm) => tpm.unseal({ blob, auth, selection }),
      (tpm) => tpm.seal({ secret, auth, registers: undefined, lockout: false }),
      (tpm) => tpm.quote(random(32), selection),
      (tpm) => tpm.status(),
      (tpm) => tpm.banks(),
      (tpm) => tpm.getRandom(40),
      (tpm) => tpm.readCounter(index),
      (tpm) => tpm.endorsementCertificate('rsa'),
      (tpm) => tpm.activateCredential('ecc', makeCredential({ ek, name, secret, random })),
    ];
    let refusals = 0;
    for (const work of works) {
      for (let run = 0; run < 12; run += 1) {
        let left = below(8);
        const tpm = tpmOf(swtpm, {
          storageRoot,
          open: interposed(async (command, _, exchange) => {
            const response = await exchange();
            if (command === 'FlushContext' || left !== 0) {
              left -= command === 'FlushContext' ? 0 : 1;
              return response;
            }
            left = -1;
            const changed = (ways[below(ways.length)] ?? assert.fail())(response).slice();
            new DataView(changed.buffer).setUint32(2, changed.length);
            return changed;
          }),
        });
        try {
          await work(tpm);
        } catch (error) {
          assert.ok(isSymbolonError(error) && error.code.startsWith('tpm/'), String(error));
          refusals += 1;
        }
        // Garbled handles leave objects and sessions behind: the power goes off and on.
        swtpm.reset();
        await tpmOf(swtpm).startUp();
      }
    }
    assert.ok(refusals > 30, `only ${refusals} refusals`);
  });
});
