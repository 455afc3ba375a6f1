import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { assertRefuses } from '../../../test/pki/refusal.ts';
import {
  boundFields,
  extended,
  makeEventLog,
  makeTpm2Document,
  nameOfScheme,
  sha1Event,
} from '../../../test/pki/tpm2.ts';
import { toHex } from '../../../wire/ids.ts';
import type { Manifest } from '../../../wire/messages/manifest.ts';
import { checkPolicy, policyFor } from '../policy.ts';
import type { Statement } from '../statement.ts';
import { eventType } from './eventLog.ts';
import { tpm2Statement } from './statement.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);

describe('policy over a statement', () => {
  const boot = ['shim', 'grub'] as const;
  const event = (
    pcr: number,
    name: string,
    content: string,
  ): { pcr: number; name: string; digest: Uint8Array } => ({
    pcr,
    name,
    digest: new Uint8Array(createHash('sha256').update(content).digest()),
  });
  const pcrs = new Map([
    [0, extended('firmware')],
    [2, extended('driver')],
    [4, extended(...boot)],
    [7, bytes(32, 7)],
    [8, extended('cmdline')],
    [9, bytes(32, 9)],
    [12, new Uint8Array(32)],
    [13, new Uint8Array(32)],
  ]);
  const firmware = [
    { pcr: 0, type: eventType.EV_S_CRTM_VERSION, data: 'firmware', measured: 'firmware' },
    { pcr: 2, type: eventType.EV_EFI_BOOT_SERVICES_DRIVER, data: 'driver', measured: 'driver' },
  ];
  const log = makeEventLog([
    ...firmware,
    { pcr: 4, type: eventType.EV_EFI_BOOT_SERVICES_APPLICATION, data: 'shim' },
    { pcr: 4, type: eventType.EV_EFI_BOOT_SERVICES_APPLICATION, data: 'grub' },
    { pcr: 8, type: eventType.EV_IPL, data: 'kernel_cmdline: quiet', measured: 'cmdline' },
  ]);
  const node = {
    name: 'node-a',
    index: 1,
    platform: 'tpm2',
    pcrs: new Map<number, Uint8Array>(),
    attestationKey: nameOfScheme(),
  } as const;
  const image = {
    name: 'image-1',
    platform: 'tpm2',
    pcrs: new Map([
      [7, bytes(32, 7)],
      [9, bytes(32, 9)],
    ]),
    events: [
      event(0, 'firmware-version', 'firmware'),
      event(2, 'option-rom', 'driver'),
      event(4, 'shim', 'shim'),
      event(4, 'grub', 'grub'),
      event(8, 'cmdline', 'cmdline'),
    ],
    reason: 'test',
    notBefore: 0,
    notAfter: Number.MAX_SAFE_INTEGER,
  } as const;
  const manifest = {
    v: 1,
    cluster: bytes(16, 1),
    label: 'test',
    version: 1,
    mode: 'production',
    issuedAt: 1,
    nodes: [node],
    measurements: [image],
    roots: [],
    evidenceMaxAgeMs: 0,
    clients: [],
    governance: { threshold: 1, keys: [{ name: 'gov', publicKey: bytes(32, 9) }] },
  };
  const judge = (statement: Statement, change: Record<string, unknown> = {}): unknown =>
    checkPolicy(policyFor({ ...manifest, ...change } as unknown as Manifest, 'node-a'), {
      statement,
      now: boundFields.madeAt,
    });
  const without7 = new Map([...pcrs].filter(([pcr]) => pcr !== 7));
  const shown = tpm2Statement(makeTpm2Document({ attest: { pcrs } }));

  test('the image that the manifest gives as events is accepted, and a log tells the same events', () => {
    assert.ok(judge(shown));
    const told = tpm2Statement(makeTpm2Document({ attest: { pcrs: without7 }, eventLog: log }));
    assert.deepEqual(
      told.events?.map(({ pcr, digest }) => ({ pcr, digest })),
      image.events.map(({ pcr, digest }) => ({ pcr, digest })),
    );
  });
  test('the refusal names the event that changed, where a log tells', () => {
    const changed = makeEventLog([
      ...firmware,
      { pcr: 4, type: eventType.EV_EFI_BOOT_SERVICES_APPLICATION, data: 'shim' },
      { pcr: 4, type: eventType.EV_EFI_BOOT_SERVICES_APPLICATION, data: 'evil', measured: 'evil' },
      { pcr: 7, type: eventType.EV_SEPARATOR, data: bytes(4, 0) },
      { pcr: 8, type: eventType.EV_IPL, data: 'kernel_cmdline: quiet', measured: 'cmdline' },
    ]);
    const registers = new Map([
      ...pcrs,
      [4, extended('shim', 'evil')] as const,
      [7, extended(bytes(4, 0))] as const,
    ]);
    const statement = tpm2Statement(makeTpm2Document({ attest: { pcrs: registers }, eventLog: changed }));
    const measurements = [{ ...image, pcrs: new Map([...image.pcrs, [7, extended(bytes(4, 0))] as const]) }];
    assertRefuses(() => judge(statement, { measurements }), 'evidence/event-mismatch', {
      pcr: 4,
      event: 'grub',
    });
  });
  test('T09: the same boot on a machine with another attestation key', () => {
    const nodes = [{ ...node, attestationKey: nameOfScheme('rsassa') }];
    assertRefuses(() => judge(shown, { nodes }), 'evidence/other-machine', {
      wanted: toHex(nameOfScheme('rsassa')),
      got: toHex(nameOfScheme()),
    });
  });
  test('T04: zeros in a register that an image is known by, and something measured into PCR12 or PCR13', () => {
    for (const pcr of [4, 7]) {
      const zeros = new Map([...pcrs, [pcr, new Uint8Array(32)] as const]);
      const statement = tpm2Statement(makeTpm2Document({ attest: { pcrs: zeros } }));
      assertRefuses(() => judge(statement), 'evidence/nothing-measured', { pcr });
    }
    for (const pcr of [12, 13]) {
      const more = new Map([...pcrs, [pcr, bytes(32, 1)] as const]);
      const statement = tpm2Statement(makeTpm2Document({ attest: { pcrs: more } }));
      assertRefuses(() => judge(statement), 'evidence/measured-outside', { pcr });
    }
  });
  test('T01: a register that the image lists and the quote leaves out', () => {
    const statement = tpm2Statement(makeTpm2Document({ attest: { pcrs: without7 } }));
    assertRefuses(() => judge(statement), 'evidence/nothing-measured', { pcr: 7 });
    const without8 = new Map([...pcrs].filter(([pcr]) => pcr !== 8));
    const fewer = tpm2Statement(makeTpm2Document({ attest: { pcrs: without8 } }));
    assertRefuses(() => judge(fewer), 'evidence/measurement-mismatch', { pcr: 8, got: 'absent' });
  });
  test('T01: an image that tells the commands of GRUB and not its files, or the reverse', () => {
    const measurements = [{ ...image, pcrs: new Map([...image.pcrs].slice(0, 1)) }];
    assertRefuses(() => judge(shown, { measurements }), 'evidence/no-policy');
    const files = [{ ...image, events: image.events.slice(0, -1) }];
    assertRefuses(() => judge(shown, { measurements: files }), 'evidence/measured-outside', { pcr: 8 });
  });
});

describe('a log beside the quote', () => {
  const pcrs = new Map([
    [4, extended('a', 'b')],
    [7, extended('c')],
  ]);
  const events = [
    { pcr: 4, type: eventType.EV_SEPARATOR, data: 'a' },
    { pcr: 4, type: eventType.EV_SEPARATOR, data: 'b' },
    { pcr: 7, type: eventType.EV_SEPARATOR, data: 'c' },
  ];
  const told = (eventLog: Uint8Array, registers = pcrs): Statement =>
    tpm2Statement(makeTpm2Document({ attest: { pcrs: registers }, eventLog }));
  test('it must replay to the quoted registers; the lowest that differs is named', () => {
    assert.equal(told(makeEventLog(events)).events?.length, 3);
    const [first, second, third] = events;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    assertRefuses(() => told(makeEventLog([second, first, third])), 'evidence/log-mismatch', {
      pcr: 4,
      wanted: toHex(extended('a', 'b')),
      got: toHex(extended('b', 'a')),
    });
    assertRefuses(() => told(makeEventLog([first, second])), 'evidence/log-mismatch', {
      pcr: 7,
      got: '00'.repeat(32),
    });
  });
  test('events of registers that are not quoted are not told: nobody signed them', () => {
    const log = makeEventLog([...events, { pcr: 0, type: eventType.EV_POST_CODE, data: 'd' }]);
    assert.deepEqual(
      told(log).events?.map(({ pcr }) => pcr),
      [4, 4, 7],
    );
  });
  test('a register above 7 that the log does not extend is not explained by it, and not refused', () => {
    assert.equal(
      told(makeEventLog(events), new Map([...pcrs, [15, bytes(32, 1)] as const])).events?.length,
      3,
    );
  });
  test('PCR11 may go on with the boot phases of systemd, in order, and with nothing else', () => {
    const log = makeEventLog([
      ...events,
      { pcr: 11, type: eventType.EV_IPL, data: '.linux', measured: '.linux\0' },
      { pcr: 11, type: eventType.EV_IPL, data: '.linux', measured: 'kernel' },
    ]);
    const after = (...more: readonly string[]): ReadonlyMap<number, Uint8Array> =>
      new Map([...pcrs, [11, extended('.linux\0', 'kernel', ...more)] as const]);
    const names = (more: readonly string[]): readonly string[] | undefined =>
      told(log, new Map(after(...more)))
        .events?.filter(({ pcr }) => pcr === 11)
        .map(({ name }) => name);
    assert.deepEqual(names([]), ['section-name', 'kernel']);
    assert.deepEqual(names(['enter-initrd', 'leave-initrd']), [
      'section-name',
      'kernel',
      'phase-enter-initrd',
      'phase-leave-initrd',
    ]);
    assertRefuses(() => names(['leave-initrd']), 'evidence/log-mismatch', { pcr: 11 });
    assertRefuses(() => names(['enter-initrd', 'evil']), 'evidence/log-mismatch', { pcr: 11 });
  });
  test('a log of SHA-1 alone, in either form, or without the quoted bank', () => {
    assertRefuses(() => told(makeEventLog(events, ['sha1'])), 'evidence/weak-hash', { where: 'event log' });
    assertRefuses(() => told(sha1Event(4, 4, bytes(4, 0))), 'evidence/weak-hash');
    assertRefuses(() => told(makeEventLog(events, ['sha384'])), 'evidence/malformed', { part: 'event log' });
  });
});
