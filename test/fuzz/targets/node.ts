/** Targets of what a node keeps and is told: hsm/, daemon/, manifest/. */
import { checkActivation } from '../../../daemon/keystore/activation.ts';
import * as journal from '../../../daemon/guard/journal.ts';
import * as keyRecords from '../../../daemon/keystore/records.ts';
import * as pairingRecords from '../../../daemon/pairings/records.ts';
import { sampleManifest, sampleNow } from '../../../daemon/testing/sampleManifest.ts';
import { policyFor } from '../../../enclave/evidence/index.ts';
import { parseJson } from '../../../hsm/json.ts';
import { profileShape } from '../../../hsm/profiles.ts';
import * as hsm from '../../../hsm/protocol.ts';
import { unsafeReadRecord } from '../../../hsm/seal.ts';
import { verifySignedRequest } from '../../../manifest/authority.ts';
import * as links from '../../../manifest/chain.ts';
import { checkManifestRules } from '../../../manifest/rules.ts';
import { verifySignedManifest } from '../../../manifest/verify.ts';
import { decodeCbor } from '../../../wire/cbor.ts';
import { manifestBytes, signedManifest } from '../../../wire/messages/manifest.ts';
import { hold, holdSame, type Target } from '../engine/target.ts';
import { join } from '../mutate/bytes.ts';
import { fixture, fixtures, hex, textsOf, utf8 } from './fixtures.ts';
import { messagesOf, samplesOf } from './messages.ts';

const anchor = hex(textsOf('v1/manifest/expected.json')['anchor']);
const firstManifest = fixture('v1/manifest/first.cbor');
const currentManifest = fixture('v1/manifest/manifest.cbor');
const requests = ['sign', 'create'].map((name) => fixture(`v1/manifest/request-${name}.cbor`));
const sample = sampleManifest();
const store = textsOf('v2/keystore/expected.json');
const cluster = hex(store['cluster']);
const node = store['node'] ?? '';
const sealed = [/\.sealed$/, /\.departure$/].map((name) =>
  ['v1/keystore', 'v2/keystore'].flatMap((folder) => fixtures(folder, name)),
);
const [shares = [], departures = []] = sealed;
const openParts = (records: readonly Uint8Array[]): Uint8Array[] =>
  records.map((record) => unsafeReadRecord(record).context.open);

/** A share and its proof from the frozen store. */
const active = 'v2/keystore/8f7669f5f0de9b845eb70c57714794bf.1.6910c62739bc80f6';
const [open = new Uint8Array()] = openParts([fixture(`${active}.sealed`)]);
const proof = fixture(`${active}.active`);

const manifests: readonly Target[] = [
  {
    name: 'manifest-verify',
    what: 'a signed manifest under its anchor: what is accepted was signed',
    form: 'cbor',
    maxBytes: 16_384,
    refuses: ['wire', 'manifest'],
    seeds: () => [firstManifest],
    run: (input) => {
      const { manifest } = signedManifest.decode(firstManifest);
      verifySignedManifest(input, { kind: 'anchor', anchor });
      const accepted = signedManifest.decode(input).manifest;
      hold(Buffer.compare(accepted, manifest) === 0, 'a forged manifest is accepted');
    },
  },
  {
    name: 'manifest-rules',
    what: 'the rules of a manifest, and the policy for each of its nodes',
    form: 'cbor',
    maxBytes: 16_384,
    refuses: ['wire', 'manifest'],
    seeds: () => [signedManifest.decode(firstManifest).manifest],
    words: ['instance', 'attestationKey', 'events', 'production', 'nitro', 'nitro-tpm', 'tpm2', 'dev'],
    run: (input) => {
      const manifest = manifestBytes.decode(input);
      checkManifestRules(manifest);
      for (const { name } of manifest.nodes) {
        hold(policyFor(manifest, name).node === name, 'a policy for another node');
      }
    },
  },
  {
    name: 'manifest-chain',
    what: 'the links from the anchor to a manifest',
    form: 'cbor',
    maxBytes: 32_768,
    refuses: ['wire', 'manifest'],
    seeds: () => [fixture('v1/manifest/manifest.cbor.links')],
    run: (input) => {
      const { version } = links.verifyManifestChain(
        anchor,
        links.manifestLinks.decode(input).links,
        currentManifest,
      );
      hold(version === 4, 'another manifest is in force');
    },
  },
  {
    name: 'request-verify',
    what: 'a signed request of the operator: what is accepted was signed',
    form: 'cbor',
    maxBytes: 70_000,
    refuses: ['wire', 'request'],
    seeds: () => requests,
    run: (input) => {
      verifySignedRequest(input, sample, { now: sampleNow });
      hold(
        requests.some((one) => Buffer.compare(one, input) === 0),
        'a forged request is accepted',
      );
    },
  },
];

const hsmTargets: readonly Target[] = [
  {
    name: 'sealed-record',
    what: 'what a sealed record says of itself',
    form: 'cbor',
    maxBytes: 66_000,
    refuses: ['hsm/record-broken', 'hsm/record-version'],
    covers: ['seal-header', 'sealed-record'],
    seeds: () => [
      ...['hmac-sha256', 'rsa-oaep-sha1', 'rsa-oaep-sha256'].map((name) =>
        hex(textsOf(`v1/seal/${name}.json`)['record']),
      ),
      ...shares,
    ],
    run: (input) => {
      const { context } = unsafeReadRecord(input);
      hold(context.cluster.length === 16 && context.node !== '', 'a record of nowhere');
    },
  },
  {
    name: 'hsm-frames',
    what: 'frames of the private socket: the same whatever the pieces that they come in',
    form: 'tpm',
    maxBytes: 20_000,
    refuses: ['wire/oversize', 'hsm/bad-frame'],
    wipes: true,
    seeds: () => {
      const frames = samplesOf(hsm.hsmRequest).map(hsm.frame);
      return [...frames, join(...frames)];
    },
    run: (input) => {
      const whole = input.slice();
      const byOne = new hsm.FrameReader();
      const bodies = [...whole].flatMap((byte) => byOne.push(Uint8Array.of(byte)));
      const again = new hsm.FrameReader();
      const others = again.push(input);
      hold(
        input.every((byte) => byte === 0),
        'a chunk that was not wiped',
      );
      hold(again.partial === byOne.partial, 'a frame that is begun in one of two readings');
      holdSame(join(...others.map(hsm.frame)), join(...bodies.map(hsm.frame)));
    },
  },
  {
    name: 'hsm-profile',
    what: 'profile.json of a node',
    form: 'json',
    maxBytes: 8_192,
    refuses: [],
    seeds: () => [
      utf8(
        JSON.stringify({
          v: 1,
          module: '/usr/lib/softhsm/libsofthsm2.so',
          tokenLabel: 'signer',
          tokenSerial: '0123456789abcdef',
          keyLabel: 'wrapping',
          keyId: '00ff',
          algorithm: 'hmac-sha256',
          madeAt: 1,
        }),
      ),
    ],
    words: ['publicKeySha256', 'rsa-oaep-sha256'],
    run: (input) => {
      const read = parseJson(input, profileShape);
      hold(read.state !== 'absent', 'absent is no answer here');
      hold(read.state === 'broken' || read.value.module.startsWith('/'), 'a module of no path');
    },
  },
];

/** The version of an open part: version 1 is written again as version 2. */
const versionOf = (open: Uint8Array): unknown => {
  const value: unknown = decodeCbor(open, { maxBytes: open.length });
  return value instanceof Map ? value.get('v') : undefined;
};

const fileNameTarget = (
  name: string,
  seeds: readonly string[],
  again: (file: string) => string | undefined,
): Target => ({
  name,
  what: 'a file name of a store: read back only where it is just what the store writes',
  form: 'bytes',
  maxBytes: 100,
  refuses: [],
  seeds: () => seeds.map(utf8),
  run: (input) => {
    const file = new TextDecoder().decode(input);
    const written = again(file);
    hold(written === undefined || written === file, 'a name that is written differently');
  },
});

const daemonTargets: readonly Target[] = [
  {
    name: 'journal',
    what: 'the journal of the replay guard: what is whole is written again as it was',
    form: 'bytes',
    maxBytes: 4_096,
    refuses: ['guard/broken'],
    seeds: () => [fixture('v1/guard/replay.journal')],
    run: (input) => {
      const { end } = journal.decodeJournal(input);
      hold(end <= input.length, 'an end behind the end');
      hold(journal.decodeJournal(input.subarray(0, end)).end === end, 'a whole journal that is not whole');
    },
  },
  {
    name: 'journal-bodies',
    what: 'entries of the replay journal under good checksums',
    form: 'tpm',
    maxBytes: 2_048,
    refuses: ['guard/broken'],
    seeds: () => [bodiesOf(fixture('v1/guard/replay.journal'))],
    run: (input) => {
      const file = framed(input);
      const { end } = journal.decodeJournal(file);
      hold(end === file.length, 'a whole frame that was left out');
    },
  },
  {
    name: 'key-record-open',
    what: 'the open part of a sealed share',
    form: 'cbor',
    maxBytes: 33_000,
    refuses: ['wire', 'threshold', 'store/record-mismatch'],
    seeds: () => openParts(shares),
    run: (input) => {
      const record = keyRecords.decodeOpenPart(input, cluster, node);
      const again = keyRecords.encodeOpenPart(record, cluster, node);
      hold(
        versionOf(input) === 1 || Buffer.compare(again, input) === 0,
        'what was decoded encodes to other bytes',
      );
    },
  },
  {
    name: 'key-departure-open',
    what: 'the open part of a departure',
    form: 'cbor',
    maxBytes: 33_000,
    refuses: ['wire', 'threshold', 'store/record-mismatch'],
    seeds: () => openParts(departures),
    run: (input) => {
      const record = keyRecords.decodeDeparture(input, cluster, node);
      holdSame(keyRecords.encodeDeparture(record, cluster, node), input);
    },
  },
  {
    name: 'key-activation-check',
    what: 'the proof that all holders stored their shares: what is accepted was signed by all',
    form: 'cbor',
    maxBytes: 16_384,
    refuses: ['wire', 'store/activation-refused'],
    seeds: () => [proof],
    run: (input) => {
      checkActivation(keyRecords.decodeOpenPart(open, cluster, node), open, input);
      const sorted = (raw: Uint8Array): string[] =>
        keyRecords.activationBytes
          .decode(raw)
          .confirmations.map((one) => JSON.stringify(one))
          .sort();
      hold(sorted(input).join() === sorted(proof).join(), 'a forged confirmation is accepted');
    },
  },
  fileNameTarget(
    'key-file-name',
    [
      '6e9edd27fa7d6aa6bd52da4c60929d9e.1.sealed',
      'a0e75c591dfcc7d2a1f41a6d08a12146.2.f3508582c6898641.active',
      'ca35a69ed2fd169a700318addc1fe89b.4294967295.0d8144d25489f568.departed',
    ],
    (file) => {
      const parsed = keyRecords.parseFileName(file);
      return parsed && keyRecords.fileOf(parsed.place, parsed.part);
    },
  ),
  fileNameTarget('pairing-file-name', ['node-2.1.sealed', 'a.4294967295.poisoned'], (file) => {
    const parsed = pairingRecords.parsePairingFile(file);
    return parsed && pairingRecords.pairingFile(parsed);
  }),
];

/** The bodies of a journal, each after its length in two bytes. */
function bodiesOf(file: Uint8Array): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const parts: Uint8Array[] = [];
  for (let at = 0; at + 4 <= file.length;) {
    const length = view.getUint32(at);
    parts.push(Uint8Array.of(length >> 8, length & 0xff), file.subarray(at + 4, at + 4 + length));
    at += length + journal.frameOverhead;
  }
  return join(...parts);
}

/** A journal of these bodies, with checksums that match. */
function framed(bodies: Uint8Array): Uint8Array {
  const frames: Uint8Array[] = [];
  let previous = journal.journalStart;
  for (let at = 0; at + 2 <= bodies.length;) {
    const length = ((bodies[at] ?? 0) << 8) | (bodies[at + 1] ?? 0);
    const { frame, checksum } = journal.encodeFrame(previous, bodies.slice(at + 2, at + 2 + length));
    frames.push(frame);
    previous = checksum;
    at += 2 + length;
  }
  return join(...frames);
}

/** All targets of these rooms. */
export const nodeTargets: readonly Target[] = [
  ...manifests,
  ...hsmTargets,
  ...daemonTargets,
  ...messagesOf(hsm, links, journal, keyRecords, pairingRecords),
];
