/** Targets of TPM 2.0: structures, quotes, event logs, endorsement certificates, enrolment. */
import { readFileSync } from 'node:fs';
import { join as pathOf } from 'node:path';
import * as keyFile from '../../../enclave/attester/tpm2/keyFile.ts';
import * as document from '../../../enclave/evidence/tpm2/document.ts';
import { beginEnrolment } from '../../../enclave/evidence/tpm2/enrolment.ts';
import * as enrolment from '../../../enclave/evidence/tpm2/enrolmentMessages.ts';
import { eventType, readEventLog } from '../../../enclave/evidence/tpm2/eventLog.ts';
import { tpm2Statement } from '../../../enclave/evidence/tpm2/statement.ts';
import { explainEventLog } from '../../../enclave/evidence/tpm2/explainLog.ts';
import { verifyTpmChain } from '../../../enclave/evidence/tpm2/tpmCertificate.ts';
import { readAttested } from '../../../enclave/tpm/attested.ts';
import { TpmReader } from '../../../enclave/tpm/bytes.ts';
import { readTpmAddress, tpmAddressText } from '../../../enclave/tpm/device/address.ts';
import { readPcrSelections, writePcrSelections } from '../../../enclave/tpm/pcrs.ts';
import { nameOf, publicKeyOf, readTpmPublic, writeTpmPublic } from '../../../enclave/tpm/public.ts';
import { readSignature } from '../../../enclave/tpm/signature.ts';
import { eccEndorsementTemplate, sealedTemplate } from '../../../enclave/tpm/templates.ts';
import { isSymbolonError } from '../../../wire/errors/index.ts';
import { list, record, text, uint } from '../../../wire/shape.ts';
import { parseJsonValue } from '../../../wire/strictJson.ts';
import { makeEventLog, sha1Event } from '../../pki/tpm2.ts';
import { repoRoot } from '../../repoRoot.ts';
import { hold, holdSame, type Target } from '../engine/target.ts';
import { utf8 } from './fixtures.ts';
import { messagesOf } from './messages.ts';

const base64 = (encoded: string): Uint8Array => new Uint8Array(Buffer.from(encoded, 'base64'));
const seedsShape = record({
  about: text(512),
  documents: list(text(4_096), 8),
  chains: list(
    record({ key: text(1_024), certificates: list(text(2_048), 8), root: text(64), now: uint() }),
    4,
  ),
});
const parsed = parseJsonValue(readFileSync(pathOf(repoRoot, 'test/fuzz/seeds/tpm2.json')));
if (!parsed.ok) {
  throw new TypeError(parsed.reason);
}
const frozen = seedsShape.check(parsed.value, 'seeds');
const documents = frozen.documents.map(base64);
const evidence = documents.map((one) => document.tpm2Document.decode(one));
const chains = frozen.chains.map(({ key, certificates, root, now }) => ({
  key: base64(key),
  area: readTpmPublic(base64(key)),
  certificates: certificates.map(base64),
  root: base64(root),
  now,
}));

const utf16 = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, 'utf16le'));
const events = [
  { pcr: 0, type: eventType.EV_S_CRTM_VERSION, data: utf16('1.0\0') },
  { pcr: 0, type: eventType.EV_SEPARATOR, data: new Uint8Array(4) },
  { pcr: 4, type: eventType.EV_EFI_BOOT_SERVICES_APPLICATION, data: new Uint8Array(48) },
  { pcr: 7, type: eventType.EV_EFI_VARIABLE_DRIVER_CONFIG, data: variable('SecureBoot', Uint8Array.of(1)) },
  { pcr: 8, type: eventType.EV_IPL, data: 'grub_cmd: linux /vmlinuz root=/dev/sda1\0' },
  { pcr: 11, type: eventType.EV_IPL, data: '.linux\0' },
  { pcr: 12, type: eventType.EV_EVENT_TAG, data: Uint8Array.of(0xd4, 0x13, 0x6f, 0x8f, 1, 0, 0, 0, 0) },
];

/** UEFI_VARIABLE_DATA (PFP section 10.2.6): GUID, sizes, name, content. */
function variable(name: string, content: Uint8Array): Uint8Array {
  const head = Buffer.alloc(32);
  head.writeBigUInt64LE(BigInt(name.length), 16);
  head.writeBigUInt64LE(BigInt(content.length), 24);
  return new Uint8Array(Buffer.concat([head, utf16(name), content]));
}

const structures: readonly Target[] = [
  {
    name: 'tpm-public',
    what: 'TPMT_PUBLIC: what is accepted is written again as it was, and has a Name',
    form: 'tpm',
    maxBytes: 1_024,
    refuses: ['tpm'],
    seeds: () => [
      ...evidence.map(({ key }) => key),
      ...chains.map(({ key }) => key),
      writeTpmPublic({ ...eccEndorsementTemplate, x: new Uint8Array(32), y: new Uint8Array(32) }),
      writeTpmPublic({ ...sealedTemplate('sha256', new Uint8Array(32), true), unique: new Uint8Array(32) }),
    ],
    run: (input) => {
      const area = readTpmPublic(input);
      const written = writeTpmPublic(area);
      holdSame(writeTpmPublic(readTpmPublic(written)), written);
      hold(nameOf(input).length > 20, 'a Name that is too short');
      try {
        publicKeyOf(area);
      } catch (error) {
        hold(isSymbolonError(error, 'tpm/key-unusable'), 'a key that is refused by another error');
      }
    },
  },
  {
    name: 'tpm-attest',
    what: 'TPMS_ATTEST of a quote',
    form: 'tpm',
    maxBytes: 1_024,
    refuses: ['tpm/malformed'],
    seeds: () => evidence.map(({ quote }) => quote),
    run: (input) => {
      readAttested(input);
    },
  },
  {
    name: 'tpm-signature',
    what: 'TPMT_SIGNATURE',
    form: 'tpm',
    maxBytes: 1_024,
    refuses: ['tpm/malformed'],
    seeds: () => evidence.map(({ signature }) => signature),
    run: (input) => {
      readSignature(input);
    },
  },
  {
    name: 'tpm-pcr-selection',
    what: 'TPML_PCR_SELECTION',
    form: 'tpm',
    maxBytes: 256,
    refuses: ['tpm/malformed'],
    seeds: () => [
      writePcrSelections([{ bank: 'sha256', pcrs: [0, 4, 23] }]),
      writePcrSelections([
        { bank: 'sha1', pcrs: [] },
        { bank: 'sha384', pcrs: [7] },
      ]),
    ],
    run: (input) => {
      const reader = new TpmReader('TPML_PCR_SELECTION', input);
      const selections = readPcrSelections(reader);
      reader.end();
      const written = writePcrSelections(selections);
      const again = readPcrSelections(new TpmReader('TPML_PCR_SELECTION', written));
      hold(JSON.stringify(again) === JSON.stringify(selections), 'a selection that is read differently');
    },
  },
  {
    name: 'tpm-address',
    what: 'where a TPM is: what is accepted is written again as it was',
    form: 'bytes',
    maxBytes: 200,
    refuses: ['tpm/bad-address'],
    seeds: () =>
      ['device:/dev/tpmrm0', 'unix:/run/swtpm.sock', 'tcp:127.0.0.1:2321', 'tcp:[::1]:65535'].map(utf8),
    words: ['tcp:', 'unix:', 'device:', '/', '[::1]', '\n', '0', '1'],
    run: (input) => {
      const given = new TextDecoder().decode(input);
      hold(tpmAddressText(readTpmAddress(given)) === given, 'an address that is written differently');
    },
  },
];

const quotes: readonly Target[] = [
  {
    name: 'tpm2-verify',
    what: 'evidence of a TPM 2.0: what is accepted was signed by one of the keys that made the seeds, or by a stranger',
    form: 'cbor',
    maxBytes: 16_384,
    refuses: ['evidence'],
    seeds: () => documents,
    words: ['eventLog', 'sha384'],
    run: (input) => {
      tpm2Statement(input);
      const accepted = document.tpm2Document.decode(input);
      hold(
        evidence.some(
          (one) =>
            Buffer.compare(one.quote, accepted.quote) === 0 &&
            Buffer.compare(one.nonce, accepted.nonce) === 0 &&
            Buffer.compare(one.userData, accepted.userData) === 0 &&
            Buffer.compare(one.publicKey, accepted.publicKey) === 0 &&
            one.madeAt === accepted.madeAt &&
            JSON.stringify([...one.pcrs]) === JSON.stringify([...accepted.pcrs]),
        ),
        'forged evidence is accepted',
      );
    },
  },
  {
    name: 'tpm-event-log',
    what: 'an event log, its names and its replay',
    form: 'tpm',
    maxBytes: 66_000,
    refuses: ['evidence/malformed', 'evidence/oversize'],
    seeds: () => [
      makeEventLog(events),
      makeEventLog(events.slice(3), ['sha256', 'sha384']),
      sha1Event(0, eventType.EV_S_CRTM_VERSION, utf16('1.0\0')),
    ],
    words: [
      'Spec ID Event03\0',
      'StartupLocality\0',
      'SP800-155 Event\0',
      'SecureBoot',
      'grub_cmd: ',
      'kernel_cmdline: ',
    ],
    run: (input) => {
      const explained = explainEventLog(input);
      hold(explained.events.length === readEventLog(input).events.length, 'an event that is left out');
      hold(
        explained.events.every((one) => /^[\x20-\x7e]*$/.test(one.text)),
        'a text that can not be shown',
      );
      hold(
        [...explained.registers.keys()].every((bank) => explained.banks.includes(bank)),
        'a bank that is not there',
      );
    },
  },
];

const certificates: readonly Target[] = [
  ...chains.map((chain, i): Target => ({
    name: `tpm-endorsement-${i === 0 ? 'rsa' : 'ecc'}`,
    what: 'an endorsement certificate under its vendor: what is accepted was signed',
    form: 'der',
    maxBytes: 4_200,
    refuses: ['evidence'],
    seeds: () => chain.certificates.slice(0, 1),
    run: (input) => {
      const [leaf = new Uint8Array(), ...authorities] = chain.certificates;
      const roots = [chain.root];
      const question = { roots, now: chain.now, use: 'endorsement', area: chain.area } as const;
      verifyTpmChain({ ...question, certificates: [input, ...authorities] });
      hold(bodyOf(input) === bodyOf(leaf), 'a forged certificate is accepted');
    },
  })),
  {
    name: 'tpm-enrolment-request',
    what: 'a request of enrolment, from its bytes to the challenge',
    form: 'cbor',
    maxBytes: 16_384,
    refuses: ['evidence'],
    weight: 8,
    seeds: () =>
      chains.map(({ key, certificates: all }) =>
        enrolment.tpm2EnrolmentRequest.encode({
          v: 1,
          ek: key,
          ak: evidence[0]?.key ?? new Uint8Array(),
          certificates: all,
        }),
      ),
    run: (input) => {
      const { name } = beginEnrolment({
        request: input,
        authorities: [],
        roots: chains.map(({ root }) => root),
        now: chains[0]?.now ?? 0,
        random: (length) => new Uint8Array(length).fill(7),
      });
      const { ak, ek } = enrolment.tpm2EnrolmentRequest.decode(input);
      hold(Buffer.compare(name, nameOf(ak)) === 0, 'the name of another key');
      // The certificate is for the key alone: what else the public area says is nobody's promise.
      const own = publicKeyOf(readTpmPublic(ek));
      hold(
        chains.some(({ area }) => publicKeyOf(area).equals(own)),
        'an endorsement key without its certificate',
      );
    },
  },
];

/** The signed part of a certificate, without its signature: that of ECDSA has two forms. */
function bodyOf(certificate: Uint8Array): string {
  const signature = 75;
  return Buffer.from(certificate.subarray(4, certificate.length - signature)).toString('hex');
}

/** All targets of TPM 2.0. */
export const tpmTargets: readonly Target[] = [
  ...structures,
  ...quotes,
  ...certificates,
  ...messagesOf(keyFile, document, enrolment),
];
