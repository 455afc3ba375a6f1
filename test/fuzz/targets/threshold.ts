/** Targets of threshold/: round messages, public keys, share files of other libraries, encoded points. */
import * as dkg from '../../../threshold/dkg/messages.ts';
import * as multiplication from '../../../threshold/dkls/multiplicationMessages.ts';
import * as dkls from '../../../threshold/dkls/messages.ts';
import * as frost from '../../../threshold/frost/messages.ts';
import { readJson } from '../../../threshold/import/json.ts';
import * as splitting from '../../../threshold/import/splitKey.ts';
import {
  decodeKeyPublic,
  encodeKeyPublic,
  parseCggmpShare,
  parseTssLibShare,
} from '../../../threshold/index.ts';
import * as keyShare from '../../../threshold/keyShare.ts';
import * as pairing from '../../../threshold/pairing/messages.ts';
import * as pairingKeys from '../../../threshold/pairing/pairingKeys.ts';
import * as renew from '../../../threshold/renew/messages.ts';
import * as repair from '../../../threshold/repair/messages.ts';
import { groupOf } from '../../../threshold/scheme.ts';
import { schemes, type Scheme } from '../../../wire/ids.ts';
import { fileOf, splitElsewhere } from '../../threshold/foreignFiles.ts';
import { hold, holdSame, type Target } from '../engine/target.ts';
import { hex, textsOf } from './fixtures.ts';
import { messagesOf } from './messages.ts';

const foreignWords = [
  ...['Xi', 'ShareID', 'Ks', 'BigXj', 'ECDSAPub', 'EDDSAPub', 'Curve', 'Coords', 'secp256k1', 'P-256'],
  ...[
    'core',
    'curve',
    'i',
    'x',
    'shared_public_key',
    'public_shares',
    'vss_setup',
    'min_signers',
    'I',
    'chain_code',
  ],
];
const split = (scheme: Scheme) => splitElsewhere({ scheme, threshold: 2, holders: 3, seed: 'fuzz' });

/** A share file. Whatever is accepted was checked: the share belongs to the key. */
const foreignTarget = (
  library: 'tss-lib' | 'cggmp',
  scheme: Scheme,
  parse: (input: Uint8Array) => ReturnType<typeof parseCggmpShare>,
): Target => ({
  name: `share-file-${library}-${scheme}`,
  what: `a share file of ${library} for ${scheme}`,
  form: 'json',
  maxBytes: 8_192,
  refuses: ['threshold/bad-import'],
  seeds: () => {
    const files = library === 'tss-lib' ? split(scheme).tssLib : split(scheme).cggmp;
    return files.slice(0, 2).map((one) => fileOf({ ...one, PaillierSK: undefined }));
  },
  words: foreignWords,
  run: (input) => {
    const { key, position, secret } = parse(input);
    const group = groupOf(scheme);
    const own = group.encode(group.baseProduct(secret));
    hold(
      Buffer.compare(own, key.verifyingShares[position] ?? own.subarray(1)) === 0,
      'a share of another key',
    );
    secret.fill(0);
  },
});

const parsers: readonly Target[] = [
  {
    name: 'key-public',
    what: 'public data of a key',
    form: 'cbor',
    maxBytes: 2_200,
    refuses: ['wire', 'threshold/bad-parameters'],
    seeds: () =>
      ['secp256k1', 'p256'].map((curve) =>
        hex(textsOf(`v1/threshold/sign-dkls23-${curve}.json`)['keyPublic']),
      ),
    run: (input) => {
      holdSame(encodeKeyPublic(decodeKeyPublic(input)), input);
    },
  },
  {
    name: 'share-file-json',
    what: 'the JSON of share files, which keeps every digit',
    form: 'json',
    maxBytes: 16_384,
    refuses: ['threshold/bad-import'],
    seeds: () => schemes.map((scheme) => fileOf(split(scheme).tssLib[0])),
    words: foreignWords,
    run: (input) => {
      readJson(input);
      // Keys that come twice are refused, so what is accepted is JSON for every other reader too.
      JSON.parse(new TextDecoder().decode(input));
    },
  },
  ...schemes.map((scheme) =>
    foreignTarget('tss-lib', scheme, (input) => parseTssLibShare(input, { scheme, threshold: 2 })),
  ),
  ...schemes.map((scheme) => foreignTarget('cggmp', scheme, (input) => parseCggmpShare(input, { scheme }))),
  ...(['frost-ed25519', 'dkls23-secp256k1', 'dkls23-p256'] as const).map((scheme): Target => {
    const group = groupOf(scheme);
    return {
      name: `point-${group.name}`,
      what: `an encoded point of ${group.name}`,
      form: 'bytes',
      maxBytes: 80,
      refuses: [],
      seeds: () => [1n, 2n, group.order - 1n].map((scalar) => group.encode(group.publicBaseProduct(scalar))),
      run: (input) => {
        const point = group.decode(input);
        if (point !== undefined) {
          holdSame(group.encode(point), input);
        }
      },
    };
  }),
];

/** All targets of this room. */
export const thresholdTargets: readonly Target[] = [
  ...parsers,
  ...messagesOf(dkg, dkls, multiplication, frost, splitting, keyShare, pairing, pairingKeys, renew, repair),
];
