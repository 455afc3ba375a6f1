import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertRefusal } from '../../../test/pki/refusal.ts';
import { encodeCbor, type CborInput } from '../../../wire/cbor.ts';
import { isSymbolonError } from '../../../wire/errors/index.ts';
import { testNsm } from '../testing/nsm.ts';
import {
  attestation,
  describeNsm,
  describePcr,
  extendPcr,
  getRandom,
  lockPcr,
  lockPcrs,
  maxNsmResponse,
  readResponse,
  type NsmCall,
} from './messages.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const utf8 = (text: string): string => Buffer.from(text).toString('hex');
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(9);
const read = (call: NsmCall<unknown>, response: CborInput | Uint8Array, isRaw = false): unknown =>
  readResponse('nsm', call, isRaw && response instanceof Uint8Array ? response : encodeCbor(response));

test('requests have the bytes that serde gives the enums of the driver', () => {
  const cases: readonly [Uint8Array, string][] = [
    [describeNsm.request, `6b${utf8('DescribeNSM')}`],
    [getRandom.request, `69${utf8('GetRandom')}`],
    [describePcr(16).request, `a16b${utf8('DescribePCR')}a165${utf8('index')}10`],
    // QEMU takes an index in one byte only, and so it is for every register that there is.
    [lockPcr(31).request, `a167${utf8('LockPCR')}a165${utf8('index')}181f`],
    [lockPcrs(17).request, `a168${utf8('LockPCRs')}a165${utf8('range')}11`],
    [
      extendPcr(16, Uint8Array.of(1, 2)).request,
      `a169${utf8('ExtendPCR')}a264${utf8('data')}42010265${utf8('index')}10`,
    ],
    [
      attestation({ nonce: Uint8Array.of(1), publicKey: Uint8Array.of(2), userData: Uint8Array.of(3) })
        .request,
      `a16b${utf8('Attestation')}a365${utf8('nonce')}410169${utf8('user_data')}41036a${utf8('public_key')}4102`,
    ],
  ];
  for (const [request, wanted] of cases) {
    assert.equal(hex(request), wanted);
  }
});

test('the longest request fits into the buffer of the driver', () => {
  const most = bytes(1_024);
  assert.ok(attestation({ nonce: most, publicKey: most, userData: most }).request.length <= 0x1000);
});

test('responses are read, in the order of fields that serde writes', async () => {
  const nsm = testNsm();
  const ask = async <T>(call: NsmCall<T>): Promise<T> =>
    readResponse('nsm', call, await nsm.request(call.request));
  assert.deepEqual((await ask(describeNsm)).locked_pcrs.length, 16);
  assert.deepEqual(await ask(describePcr(5)), { lock: true, data: new Uint8Array(48) });
  assert.equal((await ask(extendPcr(17, bytes(3)))).data.length, 48);
  await ask(lockPcr(17));
  await ask(lockPcrs(20));
  assert.ok(nsm.registers.slice(0, 20).every(({ lock }) => lock) && nsm.registers[20]?.lock === false);
  assert.equal((await ask(getRandom)).random.length, 256);
  assert.ok(
    (await ask(attestation({ nonce: bytes(1), publicKey: bytes(1), userData: bytes(1) }))).document.length >
      0,
  );
});

test('an error of the module is passed on by its name, and a name that is none is not', () => {
  assert.throws(
    () => read(extendPcr(0, bytes(1)), { Error: 'ReadOnlyIndex' }),
    (error: unknown) => {
      assertRefusal(error, 'attester/device-refused', { request: 'ExtendPCR', answer: 'ReadOnlyIndex' });
      return true;
    },
  );
  assert.throws(
    () => read(describeNsm, { Error: 'anything' }),
    (error: unknown) =>
      isSymbolonError(error, 'attester/device-failed') && !error.message.includes('anything'),
  );
});

test('T34: given each malformed response, then it is refused by name and nothing of it is used', () => {
  const state = { lock: true, data: bytes(48) };
  const good = encodeCbor({ DescribePCR: state });
  const cases: readonly [string, NsmCall<unknown>, Uint8Array][] = [
    ['nothing', describePcr(1), new Uint8Array()],
    ['cut short', describePcr(1), good.subarray(0, good.length - 1)],
    ['bytes behind', describePcr(1), Uint8Array.of(...good, 0)],
    ['another variant', describePcr(1), encodeCbor({ ExtendPCR: { data: bytes(48) } })],
    ['two variants', describePcr(1), encodeCbor({ DescribePCR: state, LockPCR: null })],
    ['a name where fields are due', describePcr(1), encodeCbor('DescribePCR')],
    ['fields where none are due', lockPcr(1), encodeCbor({ LockPCR: null })],
    ['another name', lockPcr(1), encodeCbor('LockPCRs')],
    ['an unknown field', describePcr(1), encodeCbor({ DescribePCR: { ...state, more: 1 } })],
    ['a missing field', describePcr(1), encodeCbor({ DescribePCR: { data: bytes(48) } })],
    ['a register of 47 bytes', describePcr(1), encodeCbor({ DescribePCR: { ...state, data: bytes(47) } })],
    ['a lock that is no boolean', describePcr(1), encodeCbor({ DescribePCR: { ...state, lock: 1 } })],
    ['a number', describePcr(1), encodeCbor(7)],
    ['a list', describePcr(1), encodeCbor(['DescribePCR', state])],
    ['an index as variant', describePcr(1), encodeCbor(new Map([[1, state]]))],
    ['deep nesting', describePcr(1), encodeCbor({ DescribePCR: { data: [[[[1]]]], lock: true } })],
  ];
  for (const [what, call, raw] of cases) {
    assert.throws(
      () => read(call, raw, true),
      (error: unknown) => isSymbolonError(error, 'attester/device-failed'),
      what,
    );
  }
});

test('T34: a response above the buffer of the driver is refused by its size, before it is parsed', () => {
  assert.throws(
    () => read(getRandom, new Uint8Array(maxNsmResponse + 1), true),
    (error: unknown) =>
      isSymbolonError(error, 'attester/device-failed') && error.facts.reason.includes('12289'),
  );
});

test('T34: any bytes give a response or a refusal of this boundary', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 96 }), (raw) => {
      for (const call of [describeNsm, describePcr(1), lockPcr(1), getRandom]) {
        try {
          readResponse('nsm', call as NsmCall<unknown>, raw);
        } catch (error) {
          assert.ok(isSymbolonError(error) && error.code.startsWith('attester/device-'));
        }
      }
    }),
    { numRuns: 300 },
  );
});
