import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertRefuses } from '../../test/pki/refusal.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { alg } from './algorithms.ts';
import { readAttested } from './attested.ts';
import { TpmWriter } from './bytes.ts';
import { nameOf, publicKeyOf, readTpmPublic, writeTpmPublic } from './public.ts';
import { writePcrSelections } from './pcrs.ts';
import { readSignature, verifySignature } from './signature.ts';
import { eccKey, rsaKey, seeded } from './testing.ts';
import { sealedTemplate } from './templates.ts';

const ecc = eccKey();
const rsa = rsaKey();
const sealed = { ...sealedTemplate('sha256', new Uint8Array(32), true), unique: new Uint8Array(32) };
const half = new Uint8Array(32).fill(1);
const attest = (change: {
  readonly magic?: number;
  readonly type?: number;
  readonly signer?: Uint8Array;
  readonly safe?: number;
  readonly selections?: Uint8Array;
  readonly digest?: Uint8Array;
}): Uint8Array =>
  new TpmWriter()
    .u32(change.magic ?? 0xff544347)
    .u16(change.type ?? 0x8018)
    .sized(change.signer ?? nameOf(writeTpmPublic(ecc.area)))
    .sized(half)
    .u64(1n)
    .u32(2)
    .u32(3)
    .u8(change.safe ?? 1)
    .u64(4n)
    .raw(change.selections ?? writePcrSelections([{ bank: 'sha256', pcrs: [0, 4] }]))
    .sized(change.digest ?? half)
    .done();

/** Every reader with structures that it takes. */
const readers: Readonly<
  Record<string, { readonly read: (bytes: Uint8Array) => unknown; readonly good: readonly Uint8Array[] }>
> = {
  TPMT_PUBLIC: {
    read: (bytes) => {
      const area = readTpmPublic(bytes);
      return area.type === 'keyedHash' ? area : publicKeyOf(area);
    },
    good: [ecc.area, rsa.area, sealed].map(writeTpmPublic),
  },
  TPMT_SIGNATURE: {
    read: (bytes) => {
      const signature = readSignature(bytes);
      return [ecc.publicKey, rsa.publicKey].map((key) => verifySignature(key, signature, half));
    },
    good: [
      new TpmWriter().u16(alg.ecdsa).u16(alg.sha256).sized(half).sized(half).done(),
      new TpmWriter().u16(alg.rsapss).u16(alg.sha384).sized(new Uint8Array(256).fill(1)).done(),
    ],
  },
  TPMS_ATTEST: { read: readAttested, good: [attest({})] },
  Name: { read: nameOf, good: [] },
};

/** Reads, or throws an error of the catalogue; anything else fails the test. */
function readsOrRefuses(read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    read(bytes);
  } catch (error) {
    assert.ok(isSymbolonError(error) && error.code.startsWith('tpm/'), String(error));
  }
}

for (const [what, { read, good }] of Object.entries(readers)) {
  describe(what, () => {
    test('every prefix of a good structure, and one byte more, is refused', () => {
      for (const bytes of good) {
        read(bytes);
        for (let length = 0; length < bytes.length; length += 1) {
          assertRefuses(() => read(bytes.subarray(0, length)), 'tpm/malformed');
        }
        assertRefuses(() => read(Uint8Array.of(...bytes, 0)), 'tpm/malformed');
      }
    });

    test('good structures with bytes changed, and random bytes, are read or refused, never anything else', () => {
      const below = seeded(18);
      for (const bytes of good) {
        for (let run = 0; run < 2_000; run += 1) {
          const changed = bytes.slice();
          for (let i = below(3); i >= 0; i -= 1) {
            changed[below(changed.length)] = below(256);
          }
          readsOrRefuses(read, changed);
        }
      }
      for (let run = 0; run < 5_000; run += 1) {
        readsOrRefuses(
          read,
          Uint8Array.from({ length: below(200) }, () => below(256)),
        );
      }
    });
  });
}

describe('what each rule of the readers refuses', () => {
  /** A structure with one 16-bit number replaced. */
  const put16 = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
    const out = bytes.slice();
    new DataView(out.buffer).setUint16(at, value);
    return out;
  };
  const area = writeTpmPublic(ecc.area);
  const rsaArea = writeTpmPublic(rsa.area);
  const rsaPolicyEnd = 10 + 32;
  const evenModulus = rsaArea.slice();
  evenModulus[evenModulus.length - 1] = (evenModulus.at(-1) ?? 0) & 0xfe;
  const shortModulus = rsaArea.slice();
  shortModulus[shortModulus.length - 256] = 0x7f;
  const selection = (...parts: readonly Uint8Array[]): Uint8Array =>
    new TpmWriter()
      .u32(parts.length)
      .raw(...parts)
      .done();
  const bank = (id: number, bits: readonly number[]): Uint8Array =>
    new TpmWriter().u16(id).u8(bits.length).raw(Uint8Array.from(bits)).done();

  const publics: Readonly<Record<string, Uint8Array>> = {
    'another type of object': put16(area, 0, alg.symcipher),
    'a Name with SHA-1': put16(area, 2, alg.sha1),
    'a Name with an unknown hash': put16(area, 2, 0x12),
    'an attribute bit without a meaning': put16(area, 4, 0x8005),
    'a policy that is no digest': writeTpmPublic({ ...ecc.area, authPolicy: new Uint8Array(31) }),
    'a policy of another hash': writeTpmPublic({ ...ecc.area, authPolicy: new Uint8Array(48) }),
    'a symmetric algorithm other than AES': put16(rsaArea, rsaPolicyEnd, 0x0003),
    'AES-192': put16(rsaArea, rsaPolicyEnd + 2, 192),
    'AES in another mode': put16(rsaArea, rsaPolicyEnd + 4, 0x0042),
    'an RSA scheme in an ECC key': put16(area, 12, alg.rsassa),
    'a scheme with an unknown hash': put16(area, 14, 0x12),
    'another curve': put16(area, 16, 0x0010),
    'a key derivation scheme': put16(area, 18, 0x0020),
    'an empty coordinate': writeTpmPublic({ ...ecc.area, x: new Uint8Array() }),
    'a coordinate that is too long': writeTpmPublic({ ...ecc.area, x: new Uint8Array(33) }),
    'RSA of 1024 bits': put16(rsaArea, rsaPolicyEnd + 8, 1024),
    'another exponent': put16(rsaArea, rsaPolicyEnd + 12, 3),
    'a modulus of another length': writeTpmPublic({ ...rsa.area, modulus: new Uint8Array(255).fill(0xff) }),
    'an even modulus': evenModulus,
    'a modulus without its highest bit': shortModulus,
    'a keyed hash object with a short unique field': writeTpmPublic({ ...sealed, unique: half.subarray(1) }),
  };
  const quotes: Readonly<Record<string, Uint8Array>> = {
    'another magic number': attest({ magic: 0xff544348 }),
    'a certification in place of a quote': attest({ type: 0x8017 }),
    'an empty signer': attest({ signer: new Uint8Array() }),
    'a signer of another length': attest({ signer: Uint8Array.of(0, 0x0b, 1, 2) }),
    'a clock neither safe nor unsafe': attest({ safe: 2 }),
    'no selection': attest({ selections: selection() }),
    'more selections than there are bytes': attest({ selections: new TpmWriter().u32(0xffffffff).done() }),
    'an unknown bank': attest({ selections: selection(bank(0x12, [1, 0, 0])) }),
    'a bank twice': attest({ selections: selection(bank(0x0b, [1, 0, 0]), bank(0x0b, [2, 0, 0])) }),
    'a selection of two bytes': attest({ selections: selection(bank(0x0b, [1, 0])) }),
    'a selection of five bytes': attest({ selections: selection(bank(0x0b, [1, 0, 0, 0, 0])) }),
    'a register above 23': attest({ selections: selection(bank(0x0b, [1, 0, 0, 1])) }),
    'a digest of no hash': attest({ digest: new Uint8Array(33) }),
    'an empty digest': attest({ digest: new Uint8Array() }),
  };
  const signatures: Readonly<Record<string, Uint8Array>> = {
    'no signature': new TpmWriter().u16(alg.null).done(),
    'another scheme': new TpmWriter().u16(0x001a).u16(alg.sha256).sized(half).sized(half).done(),
    'an unknown hash': new TpmWriter().u16(alg.ecdsa).u16(0x12).sized(half).sized(half).done(),
    'an empty half': new TpmWriter().u16(alg.ecdsa).u16(alg.sha256).sized(half).sized().done(),
    'a half that is too long': new TpmWriter()
      .u16(alg.ecdsa)
      .u16(alg.sha256)
      .sized(half)
      .sized(new Uint8Array(49))
      .done(),
    'an RSA signature of 128 bytes': new TpmWriter()
      .u16(alg.rsassa)
      .u16(alg.sha256)
      .sized(new Uint8Array(128))
      .done(),
  };
  for (const [read, cases] of [
    [readTpmPublic, publics],
    [readAttested, quotes],
    [readSignature, signatures],
  ] as const) {
    for (const [what, bytes] of Object.entries(cases)) {
      test(`${read.name}: ${what}`, () => {
        assertRefuses(() => read(bytes), 'tpm/malformed');
      });
    }
  }

  test('a fourth byte that selects nothing is taken', () => {
    assert.deepEqual(readAttested(attest({ selections: selection(bank(0x0b, [1, 0, 0, 0])) })).selections, [
      { bank: 'sha256', pcrs: [0] },
    ]);
  });
});
