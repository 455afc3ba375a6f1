import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { assertRefusal } from '../../../test/pki/refusal.ts';
import { noSwtpm } from '../../../test/swtpm.ts';
import { readAttested } from '../attested.ts';
import { attribute, hasAttributes } from '../attributes.ts';
import { TpmWriter } from '../bytes.ts';
import { makeCredential } from '../credential.ts';
import { pcrDigestOf } from '../pcrs.ts';
import { nameOf, publicKeyOf, readTpmPublic } from '../public.ts';
import { readSignature, verifySignature } from '../signature.ts';
import { attestationTemplate, hierarchy } from '../templates.ts';
import { responseName } from './codes.ts';
import { execute } from './command.ts';
import { TpmLink } from './link.ts';
import { nvAttribute } from './nv.ts';
import { plainEntity } from './session.ts';
import { random, testTpm, tpmOf } from './testing.ts';
import { openTransport } from './transport.ts';

const selection = { bank: 'sha256', pcrs: [0, 4, 7, 11, 16] } as const;

describe('attestation by a real TPM', { skip: noSwtpm }, () => {
  test('given a quote, then key, signature, nonce, registers and digest fit together', async (t) => {
    const { tpm } = await testTpm(t);
    await tpm.extendPcr(16, { sha256: random(32) });
    const nonce = random(32);
    const { attested, signature, key, registers } = await tpm.quote(nonce, selection);
    const area = readTpmPublic(key.publicArea);
    const { fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign } = attribute;
    assert.ok(hasAttributes(area.attributes, fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign));
    assert.deepEqual(nameOf(key.publicArea), key.name);
    assert.ok(verifySignature(publicKeyOf(area), readSignature(signature), attested));
    const quote = readAttested(attested);
    assert.deepEqual(quote.extraData, nonce);
    assert.deepEqual(quote.selections, [selection]);
    assert.deepEqual([...registers.keys()], selection.pcrs);
    assert.deepEqual(pcrDigestOf('sha256', [...registers.values()]), quote.pcrDigest);
    assert.notDeepEqual(registers.get(16), new Uint8Array(32));
  });

  test('given a reset, then the key is the same, the counter of resets is not, and quotes go on', async (t) => {
    const { tpm, swtpm } = await testTpm(t);
    const before = await tpm.quote(random(32), selection);
    swtpm.reset();
    await tpm.startUp();
    const after = await tpm.quote(random(32), selection);
    assert.deepEqual(after.key, before.key);
    const [one, two] = [before, after].map(({ attested }) => readAttested(attested).clock);
    assert.equal(two?.resetCount, (one?.resetCount ?? 0) + 1);
  });

  test('all 24 registers of two banks are read, although a response has 8 at most', async (t) => {
    const { tpm } = await testTpm(t, { banks: ['sha256', 'sha384'] });
    const banks = await tpm.banks();
    assert.deepEqual(banks.map(({ bank }) => bank).sort(), ['sha256', 'sha384']);
    const pcrs = Array.from({ length: 24 }, (_, pcr) => pcr);
    await tpm.extendPcr(23, { sha256: random(32), sha384: random(48) });
    for (const [bank, size] of [
      ['sha256', 32],
      ['sha384', 48],
    ] as const) {
      const values = await tpm.readPcrs(bank, pcrs);
      assert.equal(values.size, 24);
      assert.ok([...values.values()].every(({ length }) => length === size));
      assert.notDeepEqual(values.get(23), new Uint8Array(size));
    }
    await assert.rejects(tpm.readPcrs('sha1', [0, 1]), (error: unknown) => {
      assertRefusal(error, 'tpm/bank-absent', { bank: 'sha1', pcrs: ['0', '1'] });
      return true;
    });
  });

  test('a template with a unique value of its own gives a key of its own', async (t) => {
    const { tpm, swtpm } = await testTpm(t);
    const other = tpmOf(swtpm, {
      attestation: { ...attestationTemplate, x: random(32), y: new Uint8Array(32) },
    });
    assert.notDeepEqual((await other.attestationKey()).name, (await tpm.attestationKey()).name);
  });
});

describe('credentials and a real TPM', { skip: noSwtpm }, () => {
  test('given its endorsement key, RSA or ECC, then it opens the credential for its attestation key, and for no other', async (t) => {
    const { tpm, swtpm } = await testTpm(t);
    const { name } = await tpm.attestationKey();
    for (const kind of ['rsa', 'ecc'] as const) {
      const ek = readTpmPublic((await tpm.endorsementKey(kind)).publicArea);
      const secret = random(32);
      const credential = makeCredential({ ek, name, secret, random });
      assert.deepEqual(await tpm.activateCredential(kind, credential), secret);
      const other = name.slice();
      other[33] = (other[33] ?? 0) ^ 1;
      const forOther = makeCredential({ ek, name: other, secret, random });
      await assert.rejects(tpm.activateCredential(kind, forOther), (error: unknown) => {
        assertRefusal(error, 'tpm/blob-refused', { command: 'ActivateCredential', name: 'INTEGRITY' });
        return true;
      });
    }
    const unlike = tpmOf(swtpm, {
      attestation: { ...attestationTemplate, x: random(32), y: new Uint8Array(32) },
    });
    const ek = readTpmPublic((await tpm.endorsementKey('ecc')).publicArea);
    const credential = makeCredential({ ek, name, secret: random(32), random });
    await assert.rejects(unlike.activateCredential('ecc', credential), (error: unknown) => {
      assertRefusal(error, 'tpm/blob-refused');
      return true;
    });
  });

  test('given the credential of another TPM, then it stays shut', async (t) => {
    const [mine, other] = [await testTpm(t), await testTpm(t)];
    for (const kind of ['rsa', 'ecc'] as const) {
      const ek = readTpmPublic((await other.tpm.endorsementKey(kind)).publicArea);
      const { name } = await mine.tpm.attestationKey();
      const credential = makeCredential({ ek, name, secret: random(32), random });
      await assert.rejects(mine.tpm.activateCredential(kind, credential), (error: unknown) => {
        assertRefusal(error, 'tpm/blob-refused', { command: 'ActivateCredential' });
        return true;
      });
    }
  });

  test('the certificate in the TPM is of the endorsement key, and absent where the maker left none', async (t) => {
    const { tpm } = await testTpm(t, { certificates: true });
    const certificate = await tpm.endorsementCertificate('rsa');
    assert.ok(certificate !== undefined);
    const ek = publicKeyOf(readTpmPublic((await tpm.endorsementKey('rsa')).publicArea));
    assert.ok(new X509Certificate(certificate).publicKey.equals(ek));
    assert.equal(await tpm.endorsementCertificate('ecc'), undefined);
  });
});

describe('the memory of a real TPM', { skip: noSwtpm }, () => {
  test('a counter only grows, over resets and when it is made anew', async (t) => {
    const { tpm, swtpm } = await testTpm(t);
    const index = 0x01500001;
    await tpm.defineCounter(index);
    await assert.rejects(tpm.readCounter(index), (error: unknown) => {
      assertRefusal(error, 'tpm/refused', { command: 'NV_Read', name: 'TPM_RC_NV_UNINITIALIZED' });
      return true;
    });
    const first = await tpm.incrementCounter(index);
    assert.equal(await tpm.incrementCounter(index), first + 1n);
    swtpm.reset();
    await tpm.startUp();
    assert.equal(await tpm.readCounter(index), first + 1n);
    await tpm.undefineIndex(index);
    await tpm.defineCounter(index);
    assert.ok((await tpm.incrementCounter(index)) > first + 1n);
  });

  test('given another index in the place of the counter, then it is neither read nor incremented as one', async (t) => {
    const { tpm, swtpm } = await testTpm(t);
    const index = 0x01500001;
    const { authRead, authWrite, ownerRead, counter, noDA } = nvAttribute;
    const usual = authRead | authWrite | ownerRead | noDA;
    /** Puts an index there and writes it, by its own empty auth value: 8 bytes, or one more count. */
    const put = async (attributes: number, size = 8): Promise<void> => {
      const area = new TpmWriter().u32(index).u16(0x000b).u32(attributes).sized().u16(size).done();
      await new TpmLink({ address: swtpm.address, timeoutMs: 20_000 }).turn((ask) =>
        execute(ask, {
          command: 'NV_DefineSpace',
          entities: [plainEntity(hierarchy.owner)],
          authorizations: ['empty'],
          parameters: new TpmWriter().sized().sized(area).done(),
        }),
      );
      const isCounter = (attributes & counter) !== 0;
      const rest = new TpmWriter().u32(index).u32(index).u32(9).u32(0x40000009).u16(0).u8(1).u16(0);
      const parameters = isCounter
        ? []
        : [new TpmWriter().sized(new Uint8Array(size).fill(255)).u16(0).done()];
      const body = rest.raw(...parameters).done();
      // TPM2_NV_Increment, or TPM2_NV_Write (Part 3 section 31.7), which the product never sends.
      const command = new TpmWriter()
        .u16(0x8002)
        .u32(10 + body.length)
        .u32(isCounter ? 0x134 : 0x137)
        .raw(body);
      const way = await openTransport(swtpm.address);
      let response = await way.exchange(command.done());
      // TPM_RC_RETRY: the TPM first notes that an index which counts wrong auth values is used.
      while (responseName(new DataView(response.buffer).getUint32(6)) === 'RETRY') {
        response = await way.exchange(command.done());
      }
      await way.close();
      assert.deepEqual(response.subarray(6, 10), new Uint8Array(4), 'it is written');
    };
    // An ordinary index with a value far above, a longer one, and counters with another attribute (OWNERWRITE, READ_STCLEAR, DA).
    const others: readonly (readonly [attributes: number, size?: number])[] = [
      [usual],
      [usual, 16],
      [usual | counter | (1 << 1)],
      [usual | counter | 0x80000000],
      [(usual & ~noDA) | counter],
    ];
    for (const [attributes, size] of others) {
      await put(attributes, size);
      for (const work of [() => tpm.readCounter(index), () => tpm.incrementCounter(index)]) {
        await assert.rejects(work(), (error: unknown) => {
          assertRefusal(error, 'tpm/not-the-counter', { index: '0x01500001', size: size ?? 8 });
          return true;
        });
      }
      await tpm.undefineIndex(index);
    }
    await put(usual | counter);
    const value = await tpm.readCounter(index);
    assert.equal(await tpm.incrementCounter(index), value + 1n);
  });
});
