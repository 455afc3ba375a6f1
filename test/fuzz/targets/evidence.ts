/** Targets of enclave/: DER, certificates, attestation documents, addresses, envelopes. */
import { createPublicKey } from 'node:crypto';
import * as attesterFiles from '../../../enclave/attester/files.ts';
import { formatAddress, isLoopback, parseAddress } from '../../../enclave/address/index.ts';
import { openEnvelope, verifyEnvelope } from '../../../enclave/channel/index.ts';
import { privateKeyFromRaw } from '../../../enclave/channel/keys.ts';
import { unsafeFixedKeys } from '../../../enclave/channel/testing.ts';
import {
  makeAuthorityCache,
  unsafeReadDocument,
  verifyNitroDocument,
} from '../../../enclave/evidence/index.ts';
import { readCoseSign1, writeCoseSign1 } from '../../../enclave/evidence/nitro/cose.ts';
import { readNitroPayload } from '../../../enclave/evidence/nitro/payload.ts';
import { parseParentConfig } from '../../../enclave/parent/config.ts';
import { selfSigned } from '../../../enclave/x509/certificate.ts';
import {
  bitString,
  booleanValue,
  der,
  derBits,
  derInteger,
  derOid,
  DerReader,
  derTime,
  integerBytes,
  oidText,
  readDer,
  tag,
  timeValue,
  type DerItem,
} from '../../../enclave/x509/der.ts';
import { readCertificate } from '../../../enclave/x509/parse.ts';
import { decodeCbor, encodeCbor, type CborKey, type CborValue } from '../../../wire/cbor.ts';
import { isSymbolonError } from '../../../wire/errors/index.ts';
import { envelopeBytes } from '../../../wire/messages/session.ts';
import { hold, holdSame, type Target } from '../engine/target.ts';
import { join } from '../mutate/bytes.ts';
import { fixture, hex, textsOf, utf8 } from './fixtures.ts';
import { messagesOf } from './messages.ts';

const evidence = textsOf('v1/evidence.json');
const document = new Uint8Array(Buffer.from(evidence['document'] ?? '', 'base64'));
const documentFacts: unknown = JSON.parse(new TextDecoder().decode(fixture('v1/evidence.json')));
const madeAt =
  typeof documentFacts === 'object' && documentFacts !== null && 'madeAt' in documentFacts
    ? Number(documentFacts.madeAt)
    : 0;
const root = hex(evidence['rootSha256']);
const payload = readCoseSign1(document).payload;

/** The payload with a definite length and sorted keys, and with every optional field null. */
function payloads(): Uint8Array[] {
  const map = decodeCbor(payload, { maxBytes: payload.length, indefiniteTopMap: true, unsortedKeys: true });
  if (!(map instanceof Map)) {
    throw new TypeError('the payload of the fixture is no map');
  }
  const fields = map as ReadonlyMap<CborKey, CborValue>;
  const nulls = ['public_key', 'user_data', 'nonce'].map((name) => [name, null] as const);
  return [payload, encodeCbor(fields), encodeCbor(new Map([...fields, ...nulls]))];
}

function certificates(): Uint8Array[] {
  const privateKey = privateKeyFromRaw('ed25519', new Uint8Array(32).fill(7));
  const own = selfSigned({
    name: [['CN', 'node']],
    publicKey: createPublicKey(privateKey),
    privateKey,
    serial: Uint8Array.of(0x80, 1),
    notBefore: Date.UTC(2026, 0, 1),
    notAfter: Date.UTC(2051, 0, 1),
    subjectAltName: { dns: ['localhost'], ipv4: ['127.0.0.1'] },
  });
  const { cabundle, certificate } = readNitroPayload(payload);
  return [own, certificate, ...cabundle];
}

/** Walks DER to its leaves and writes each again: one value has one encoding. */
function rewrite(item: DerItem, depth = 0): Uint8Array {
  hold(item.raw.length >= item.content.length + 2, 'a value without its head');
  if ((item.tag & 0x20) !== 0 && depth < 32) {
    const inner = DerReader.inside(item);
    const parts: Uint8Array[] = [];
    while (!inner.done) {
      parts.push(rewrite(inner.next(), depth + 1));
    }
    return der(item.tag, ...parts);
  }
  return leaf(item);
}

function leaf(item: DerItem): Uint8Array {
  switch (item.tag) {
    case tag.integer: {
      const bytes = integerBytes(item);
      return (bytes[0] ?? 0) >= 0x80 ? item.raw : derInteger(bytes);
    }
    case tag.boolean:
      return der(tag.boolean, Uint8Array.of(booleanValue(item) ? 0xff : 0));
    case tag.bitString: {
      const { bytes, unused } = bitString(item);
      return derBits(bytes, unused);
    }
    case tag.oid:
      return derOid(oidText(item));
    case tag.utcTime:
    case tag.generalizedTime:
      return derTime(timeValue(item));
    default:
      return der(item.tag, item.content);
  }
}

const x509: readonly Target[] = [
  {
    name: 'der',
    what: 'DER to its leaves',
    form: 'der',
    maxBytes: 4_096,
    refuses: ['certificate/malformed-der'],
    seeds: certificates,
    run: (input) => {
      holdSame(rewrite(readDer(input)), input);
    },
  },
  {
    name: 'certificate',
    what: 'a certificate as the chain check reads it',
    form: 'der',
    maxBytes: 4_096,
    refuses: ['certificate'],
    seeds: certificates,
    run: (input) => {
      const { body, serial, notBefore, notAfter, commonName, basicConstraints } = readCertificate(input);
      const all = DerReader.inside(readDer(input));
      hold(Buffer.compare(all.next().raw, body) === 0, 'the signed part is not the first one');
      hold(
        serial.length > 0 && serial.length <= 20 && serial.some((byte) => byte !== 0),
        'a serial number of zero',
      );
      hold(Number.isSafeInteger(notBefore) && Number.isSafeInteger(notAfter), 'a time that is no number');
      hold(commonName === undefined || /^[\x20-\x7e]+$/.test(commonName), 'a name that can not be shown');
      hold((basicConstraints?.pathLength ?? 0) >= 0, 'a negative path length');
    },
  },
];

const nitro: readonly Target[] = [
  {
    name: 'cose',
    what: 'COSE_Sign1 of a Nitro document',
    form: 'cbor',
    maxBytes: 20_600,
    refuses: ['evidence'],
    seeds: () => [document, join(Uint8Array.of(0xd2), document)],
    run: (input) => {
      const written = writeCoseSign1(readCoseSign1(input));
      holdSame(written, input[0] === 0xd2 ? input.subarray(1) : input);
    },
  },
  {
    name: 'nitro-payload',
    what: 'payload of a Nitro document',
    form: 'cbor',
    maxBytes: 16_500,
    refuses: ['evidence'],
    seeds: payloads,
    words: ['nitrotpm_pcrs', 'module_id', 'digest', 'SHA384', 'pcrs', 'cabundle', 'user_data', 'nonce'],
    run: (input) => {
      const read = readNitroPayload(input);
      hold(read.moduleId.startsWith(`${read.instanceId}-enc`), 'a module id without its instance');
      hold(
        [...read.pcrs.values()].every(({ length }) => length === 48),
        'a register of another size',
      );
    },
  },
  {
    name: 'nitro-document',
    what: 'a Nitro document with all its certificates, unverified',
    form: 'cbor',
    maxBytes: 20_600,
    refuses: ['evidence'],
    seeds: () => [document, join(Uint8Array.of(0xd2), document)],
    run: (input) => {
      const read = unsafeReadDocument(input);
      hold(read.certificates.length === read.cabundle.length + 1, 'not one view a certificate');
    },
  },
  {
    name: 'nitro-verify',
    what: 'verification of a Nitro document: what is accepted is the genuine payload',
    form: 'cbor',
    maxBytes: 20_600,
    refuses: ['evidence'],
    seeds: () => [document, join(Uint8Array.of(0xd2), document)],
    run: (input) => {
      verifyNitroDocument(input, { roots: [root], now: madeAt, cache: makeAuthorityCache(16) });
      hold(Buffer.compare(readCoseSign1(input).payload, payload) === 0, 'a forged document is accepted');
    },
  },
];

interface Vector {
  readonly what: string;
  readonly sender: number;
  readonly receiver?: number;
  readonly session: string;
  readonly round: number;
  readonly from: string;
  readonly to?: string;
  readonly transcript: string;
  readonly envelope: string;
}
const { vectors } = JSON.parse(new TextDecoder().decode(fixture('v1/envelope.json'))) as {
  readonly vectors: readonly Vector[];
};

/** What is accepted was signed: the bytes are those of the vector. */
const envelopeTarget = (vector: Vector): Target => ({
  name: `envelope-${vector.what.replaceAll(' ', '-')}`,
  what: `${vector.what}, from bytes to an opened envelope`,
  form: 'cbor',
  maxBytes: 70_000,
  refuses: ['wire', 'channel'],
  seeds: () => [hex(vector.envelope)],
  words: ['to'],
  run: (input) => {
    const { session, round, from, to, transcript, sender, receiver } = vector;
    const envelope = envelopeBytes.decode(input);
    const at = { session: hex(session), round, from, transcript: hex(transcript) };
    const expected = { ...at, sender: unsafeFixedKeys(sender).public };
    if (receiver === undefined || to === undefined) {
      verifyEnvelope(envelope, expected);
    } else {
      openEnvelope(unsafeFixedKeys(receiver), envelope, { ...expected, self: to });
    }
    hold(Buffer.compare(input, hex(vector.envelope)) === 0, 'a forged envelope is accepted');
  },
});

const isRefused = (address: string): boolean => {
  try {
    parseAddress(address);
    return false;
  } catch (error) {
    return isSymbolonError(error, 'channel/bad-address');
  }
};

const configs: readonly Target[] = [
  {
    name: 'address',
    what: 'a listener address: what is accepted is written again as it was',
    form: 'bytes',
    maxBytes: 400,
    refuses: ['channel/bad-address'],
    seeds: () =>
      ['unix:node.sock', 'tcp:127.0.0.1:7001', 'tcp:[::1]:0', 'tcp:signer.example:65535', 'vsock:3:7001'].map(
        utf8,
      ),
    words: ['unix:', 'tcp:', 'vsock:', '[::ffff:127.0.0.1]', '0x7f.1', '127.1', '@', '.', '-'],
    run: (input) => {
      const text = new TextDecoder().decode(input);
      const address = parseAddress(text, { remote: true });
      hold(formatAddress(address) === text, 'an address that is written differently');
      if (address.kind !== 'tcp' || isLoopback(address.host)) {
        parseAddress(text);
      } else {
        hold(isRefused(text), 'an address beyond loopback where none is allowed');
      }
    },
  },
  {
    name: 'parent-config',
    what: 'configuration of the parent proxy',
    form: 'json',
    maxBytes: 17_000,
    refuses: ['wire', 'channel'],
    seeds: () => [
      utf8('{"listen":"tcp:0.0.0.0:7001","node":"unix:node.sock","control":"tcp:127.0.0.1:0"}'),
      utf8(
        '{"listen":"tcp:127.0.0.1:7001","node":"vsock:16:7001","control":"unix:c","limits":{"maxConnections":8,"idleMs":1000}}',
      ),
    ],
    words: ['limits', 'maxPerSource', 'maxBytesUp', 'totalMs', 'lingerMs'],
    run: (input) => {
      const { control, listen, node } = parseParentConfig(input);
      hold(
        new Set([control, listen, node].map((one) => JSON.stringify(one))).size > 1,
        'one address for all',
      );
    },
  },
];

/** All targets of this room. */
export const enclaveTargets: readonly Target[] = [
  ...x509,
  ...nitro,
  ...vectors.map(envelopeTarget),
  ...configs,
  ...messagesOf(attesterFiles),
];
