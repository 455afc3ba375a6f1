/** A real TPM 2.0 (swtpm): its quotes in all schemes, its certificate, and that only it can answer a challenge. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { bootEvents, bootLog, measure } from '../../../test/measuredBoot.ts';
import { assertRefuses } from '../../../test/pki/refusal.ts';
import { goodAttributes } from '../../../test/pki/tpm2.ts';
import { certificatesNow, makeAuthority, makeKeyCertificate } from '../../../test/pki/tpmCertificates.ts';
import { noSwtpm, noTpm2Tools, testSwtpm, type Swtpm } from '../../../test/swtpm.ts';
import { Tpm } from '../../tpm/device/index.ts';
import { TpmLink } from '../../tpm/device/link.ts';
import { createPrimary, flush, quoteBy } from '../../tpm/device/objects.ts';
import { readPcrValues } from '../../tpm/device/pcr.ts';
import { attestationTemplate, hierarchy, rsaEndorsementTemplate } from '../../tpm/templates.ts';
import { publicKeyOf, readTpmPublic, type TpmPublic } from '../../tpm/public.ts';
import { isSymbolonError } from '../../../wire/errors/index.ts';
import { toHex } from '../../../wire/ids.ts';
import { tpm2Document, tpm2QualifyingData } from './document.ts';
import { beginEnrolment, finishEnrolment } from './enrolment.ts';
import { tpm2EnrolmentAnswer, tpm2EnrolmentChallenge, tpm2EnrolmentRequest } from './enrolmentMessages.ts';
import { tpm2Statement } from './statement.ts';
import { verifyQuote } from './quoteFiles.ts';
import { tpmKeyUse } from './tpmCertificate.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());
const boot = [0, 4, 7, 8, 9, 11, 12, 13];
const bound = {
  madeAt: Date.UTC(2026, 5, 1),
  nonce: new Uint8Array(32).fill(1),
  publicKey: Uint8Array.of(2),
  userData: Uint8Array.of(3),
};
function open(t: TestContext, { address }: Swtpm): Tpm {
  const tpm = new Tpm({ address, timeoutMs: 30_000, random, storageRoot: 'unpinned' });
  t.after(() => tpm.close());
  return tpm;
}

test(
  'evidence of a real TPM: quote, registers, log, clock; nothing of an earlier boot goes after a reset',
  { skip: noSwtpm },
  async (t) => {
    const swtpm = await testSwtpm(t);
    const tpm = open(t, swtpm);
    await measure(tpm, bootEvents());
    const evidence = async (): Promise<Parameters<typeof tpm2Document.encode>[0]> => {
      const quote = await tpm.quote(tpm2QualifyingData(bound), { bank: 'sha256', pcrs: boot });
      return {
        v: 1,
        quote: quote.attested,
        signature: quote.signature,
        key: quote.key.publicArea,
        bank: 'sha256',
        pcrs: new Map(quote.registers),
        ...bound,
        eventLog: bootLog(bootEvents()),
      };
    };
    const first = await evidence();
    const before = tpm2Statement(tpm2Document.encode(first));
    assert.equal(before.machine, toHex((await tpm.attestationKey()).name));
    assert.deepEqual(
      before.events?.map(({ pcr, name }) => `${pcr} ${name}`),
      ['0 firmware-version', '4 loader', '7 separator', '8 cmdline', '9 kernel'],
    );

    await tpm.extendPcr(9, { sha256: sha256(Uint8Array.of(1)) });
    const changed = await evidence();
    assertRefuses(() => tpm2Statement(tpm2Document.encode(changed)), 'evidence/log-mismatch', { pcr: 9 });
    // The old registers under the new quote, and the new ones under the old.
    assertRefuses(
      () => tpm2Statement(tpm2Document.encode({ ...changed, pcrs: first.pcrs })),
      'evidence/inconsistent',
    );
    assertRefuses(
      () => tpm2Statement(tpm2Document.encode({ ...first, pcrs: changed.pcrs })),
      'evidence/inconsistent',
    );

    swtpm.reset();
    await tpm.startUp();
    await measure(tpm, bootEvents());
    const after = tpm2Statement(tpm2Document.encode(await evidence()));
    assert.equal(after.machine, before.machine);
    assert.deepEqual(after.pcrs, before.pcrs);
    // Part 1 section 36.4: a reset shows in the counters that the quote carries.
    assert.ok((after.tpm?.resetCount ?? 0) > (before.tpm?.resetCount ?? Infinity));
  },
);

const rsaTemplate = (name: 'rsassa' | 'rsapss'): TpmPublic => ({
  ...rsaEndorsementTemplate,
  attributes: goodAttributes,
  authPolicy: new Uint8Array(),
  symmetric: undefined,
  scheme: { name, hash: 'sha256' },
});
const templates: readonly (readonly [string, TpmPublic])[] = [
  ['ecdsa P-256', attestationTemplate],
  [
    'ecdsa P-384 with SHA-384',
    { ...attestationTemplate, curve: 'p384', scheme: { name: 'ecdsa', hash: 'sha384' } },
  ],
  ['rsassa', rsaTemplate('rsassa')],
  ['rsapss', rsaTemplate('rsapss')],
];

test('quotes of a real TPM in every scheme and bank; SHA-1 refused', { skip: noSwtpm }, async (t) => {
  const { address } = await testSwtpm(t, { banks: ['sha1', 'sha256', 'sha384'] });
  const link = new TpmLink({ address, timeoutMs: 30_000 });
  t.after(() => link.close());
  for (const [name, template] of templates) {
    await link.turn(async (ask) => {
      const key = await createPrimary(ask, hierarchy.endorsement, 'empty', template);
      try {
        const nonce = random(32);
        for (const bank of ['sha256', 'sha384', 'sha1'] as const) {
          const { attested, signature } = await quoteBy(ask, key, nonce, [{ bank, pcrs: boot }]);
          const pcrs = await readPcrValues(ask, bank, boot);
          const files = { quote: attested, signature, key: key.publicBytes, pcrs, nonce };
          if (bank === 'sha1') {
            assertRefuses(() => verifyQuote(files), 'evidence/weak-hash');
          } else {
            const report = verifyQuote(files);
            assert.equal(report.bank, bank, name);
            assert.equal(report.machine, toHex(key.name));
            const flipped = attested.slice();
            flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
            assertRefuses(() => verifyQuote({ ...files, quote: flipped }), 'evidence/bad-signature');
          }
        }
      } finally {
        await flush(ask, key.handle);
      }
    });
  }
});

test('tpm2-tools make a quote that verifies here, and take ours', { skip: noTpm2Tools }, async (t) => {
  const swtpm = await testSwtpm(t);
  const run = (program: string, ...args: readonly string[]): void => {
    const { status, stderr } = spawnSync(program, [...args], {
      cwd: swtpm.folder,
      encoding: 'utf8',
      env: { ...process.env, TPM2TOOLS_TCTI: swtpm.tcti },
    });
    assert.equal(status, 0, `${program}: ${stderr}`);
  };
  const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(swtpm.folder, name)));
  run('tpm2_createek', '-c', 'ek.ctx', '-G', 'ecc');
  run('tpm2_flushcontext', '-t');
  run(
    'tpm2_createak',
    '-C',
    'ek.ctx',
    '-c',
    'ak.ctx',
    '-G',
    'ecc',
    '-g',
    'sha256',
    '-s',
    'ecdsa',
    '-u',
    'ak.pub',
  );
  run('tpm2_flushcontext', '-t');
  run(
    'tpm2_quote',
    '-c',
    'ak.ctx',
    '-l',
    'sha256:0,4,7',
    '-q',
    'abcd',
    '-m',
    'quote',
    '-s',
    'sig',
    '-g',
    'sha256',
  );
  run('tpm2_flushcontext', '-t');
  const report = verifyQuote({
    quote: file('quote'),
    signature: file('sig'),
    key: file('ak.pub'),
    pcrs: new Map([0, 4, 7].map((pcr) => [pcr, new Uint8Array(32)])),
    nonce: Uint8Array.of(0xab, 0xcd),
  });
  assert.equal(report.scheme, 'ecdsa');
  const tpm = open(t, swtpm);
  const ours = await tpm.quote(Uint8Array.of(1, 2, 3), { bank: 'sha256', pcrs: [0, 4, 7] });
  writeFileSync(join(swtpm.folder, 'our.quote'), ours.attested);
  writeFileSync(join(swtpm.folder, 'our.sig'), ours.signature);
  const area = ours.key.publicArea;
  writeFileSync(join(swtpm.folder, 'our.pub'), Uint8Array.of(area.length >> 8, area.length & 0xff, ...area));
  run('tpm2_checkquote', '-u', 'our.pub', '-m', 'our.quote', '-s', 'our.sig', '-q', '010203', '-g', 'sha256');
});

/** What the verifier's operator has: certificate of the endorsement key, authorities, fingerprints of roots. */
interface Vendor {
  readonly certificate: Uint8Array;
  readonly authorities: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
}

/** The certificate that swtpm_setup put into the TPM, and its CA. */
async function manufactured(swtpm: Swtpm, tpm: Tpm): Promise<Vendor> {
  const ca = join(swtpm.folder, 'ca');
  const authorities = readdirSync(ca)
    .filter((name) => name.endsWith('cert.pem'))
    .map((name) => new X509Certificate(readFileSync(join(ca, name))));
  return {
    certificate: (await tpm.endorsementCertificate('rsa')) ?? assert.fail('no certificate in the TPM'),
    authorities: authorities.map(({ raw }) => new Uint8Array(raw)),
    roots: authorities.filter((one) => one.checkIssued(one)).map(({ raw }) => sha256(new Uint8Array(raw))),
  };
}

/** A certificate of our own over the TPM's ECC key: swtpm_setup makes only one over another curve. */
async function selfMade(tpm: Tpm): Promise<Vendor> {
  const root = makeAuthority('root');
  const { publicArea } = await tpm.endorsementKey('ecc');
  const key = publicKeyOf(readTpmPublic(publicArea));
  const certificate = makeKeyCertificate(root, key, tpmKeyUse.endorsement, 'keyAgreement');
  return { certificate, authorities: [root.certificate], roots: [sha256(root.certificate)] };
}

for (const kind of ['rsa', 'ecc'] as const) {
  const name = `enrolment with an endorsement key of kind ${kind}: this TPM can answer, another can not`;
  test(name, { skip: noSwtpm }, async (t) => {
    const swtpm = await testSwtpm(t, { certificates: kind === 'rsa' });
    const tpm = open(t, swtpm);
    const { certificate, ...accepted } = await (kind === 'rsa' ? manufactured(swtpm, tpm) : selfMade(tpm));
    const now = kind === 'rsa' ? Date.now() : certificatesNow;
    const ek = (await tpm.endorsementKey(kind)).publicArea;
    const ak = await tpm.attestationKey();
    const begin = (key: Uint8Array): ReturnType<typeof beginEnrolment> => {
      const request = tpm2EnrolmentRequest.encode({ v: 1, ek, ak: key, certificates: [certificate] });
      return beginEnrolment({ request, ...accepted, now, random });
    };
    const { challenge, pending } = begin(ak.publicArea);
    const credential = tpm2EnrolmentChallenge.decode(challenge);
    const secret = await tpm.activateCredential(kind, credential);
    const answer = tpm2EnrolmentAnswer.encode({ v: 1, name: credential.name, secret });
    assert.deepEqual(finishEnrolment({ pending, answer, now }).attestationKey, ak.name);

    const refused = (error: unknown): boolean => isSymbolonError(error, 'tpm/blob-refused');
    const other = open(t, await testSwtpm(t));
    await assert.rejects(other.activateCredential(kind, credential), refused);
    // The same TPM, but a key of somebody else's: its Name is bound into the credential.
    const foreign = begin((await other.attestationKey()).publicArea);
    const forForeign = tpm2EnrolmentChallenge.decode(foreign.challenge);
    await assert.rejects(tpm.activateCredential(kind, forForeign), refused);
  });
}
