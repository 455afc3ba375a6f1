import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { assertRefuses } from '../../../test/pki/refusal.ts';
import { extended, makeEventLog, sha1Event, specId, type LogInput } from '../../../test/pki/tpm2.ts';
import { isSymbolonError } from '../../../wire/errors/index.ts';
import { toHex } from '../../../wire/ids.ts';
import { maxEventLog } from '../../../wire/limits.ts';
import { eventType as type, readEventLog } from './eventLog.ts';
import { namedEvents, nameEvents } from './namedEvents.ts';
import { replayBank, replayLog } from './replay.ts';
import { explainEventLog } from './explainLog.ts';

const runs = Number(process.env['FUZZ_RUNS'] ?? 300);
const bytes = (length: number, fill = 0): Uint8Array => new Uint8Array(length).fill(fill);
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const utf16 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf16le'));
const locality = (value: number): LogInput => ({
  pcr: 0,
  type: type.EV_NO_ACTION,
  data: Uint8Array.of(...ascii('StartupLocality\0'), value),
});
const separator = (pcr: number): LogInput => ({ pcr, type: type.EV_SEPARATOR, data: bytes(4) });
const register = (log: Uint8Array, pcr: number): string =>
  toHex(replayBank(readEventLog(log), 'sha256')?.get(pcr) ?? bytes(0));
const refuses = (log: Uint8Array): void => {
  assertRefuses(() => readEventLog(log), 'evidence/malformed', { part: 'event log' });
};

describe('replay', () => {
  test('every event of every bank in order, from zeros', () => {
    const log = readEventLog(makeEventLog([separator(4), { pcr: 4, type: type.EV_IPL, data: 'x' }]));
    assert.equal(toHex(replayLog(log).get('sha256')?.get(4) ?? bytes(0)), toHex(extended(bytes(4), 'x')));
    const sha1 = (...parts: readonly Uint8Array[]): Uint8Array =>
      new Uint8Array(createHash('sha1').update(Buffer.concat(parts)).digest());
    const expected = sha1(sha1(bytes(20), sha1(bytes(4))), sha1(ascii('x')));
    assert.deepEqual(replayLog(log).get('sha1')?.get(4), expected);
  });
  test('EV_NO_ACTION is never extended, whatever it carries: SP800-155 events too, of any register number', () => {
    for (const pcr of [0, 4, 0xffffffff]) {
      const info = { pcr, type: type.EV_NO_ACTION, data: 'SP800-155 Event3 and more' };
      assert.equal(register(makeEventLog([info, separator(4)]), 4), toHex(extended(bytes(4))));
      assert.equal(replayLog(readEventLog(makeEventLog([info]))).size, 0);
    }
  });
  test('PCR0 starts at the locality that started the TPM, other registers do not', () => {
    for (const value of [0, 3, 4]) {
      const start = bytes(32);
      start[31] = value;
      const digest = createHash('sha256').update(bytes(4)).digest();
      const wanted = createHash('sha256').update(start).update(digest).digest('hex');
      const log = makeEventLog([locality(value), separator(0), separator(4)]);
      assert.equal(register(log, 0), wanted);
      assert.equal(register(log, 4), toHex(extended(bytes(4))));
    }
  });
  test('a bank that one extended event lacks is not told at all', () => {
    const only: LogInput = { ...separator(4), digests: [[0x000b, bytes(32, 1)]] };
    const log = readEventLog(makeEventLog([separator(4), only]));
    assert.equal(replayBank(log, 'sha1'), undefined);
    assert.deepEqual([...replayLog(log).keys()], ['sha256']);
  });
});

describe('form', () => {
  test('the older form is SHA-1 alone', () => {
    const log = readEventLog(
      Buffer.concat([sha1Event(4, 4, bytes(4), bytes(20, 1)), sha1Event(5, 4, bytes(4))]),
    );
    assert.equal(log.sha1Form, true);
    assert.deepEqual(log.banks, ['sha1']);
    assert.equal(log.events.length, 2);
  });
  test('vendor data is skipped by its length, which must be right', () => {
    const data = specId(['sha256'], ascii('vendor'));
    const log = readEventLog(makeEventLog([separator(4)], ['sha256'], sha1Event(0, 3, data)));
    assert.equal(log.events.length, 1);
    refuses(makeEventLog([separator(4)], ['sha256'], sha1Event(0, 3, data.subarray(0, -1))));
    refuses(makeEventLog([separator(4)], ['sha256'], sha1Event(0, 3, Uint8Array.of(...data, 0))));
  });
  test('unknown event types and banks of unknown hashes are kept; their lengths count', () => {
    const first = specId(['sha256', 'sha1']);
    // Algorithm 0x0012 (SM3) in the place of SHA-1, with 32 bytes.
    first.set([0x12, 0x00, 32, 0], 32);
    const event: LogInput = {
      pcr: 9,
      type: 0x12345,
      data: 'x',
      digests: [
        [0x000b, bytes(32, 1)],
        [0x0012, bytes(32, 2)],
      ],
    };
    const log = readEventLog(makeEventLog([event], [], sha1Event(0, 3, first)));
    assert.deepEqual(log.banks, ['sha256']);
    assert.deepEqual([...(log.events[0]?.digests ?? [])], [['sha256', bytes(32, 1)]]);
    assert.equal(
      explainEventLog(makeEventLog([event], [], sha1Event(0, 3, first))).events[0]?.type,
      '0x12345',
    );
  });
  test('refused: nothing, another version, no bank, too many, one twice, a wrong digest size', () => {
    refuses(new Uint8Array());
    const change = (at: number, value: number): Uint8Array => {
      const data = specId(['sha1', 'sha256']);
      data[at] = value;
      return makeEventLog([], [], sha1Event(0, 3, data));
    };
    refuses(change(21, 1));
    refuses(change(20, 1));
    refuses(change(24, 0));
    refuses(change(24, 9));
    refuses(makeEventLog([], [], sha1Event(0, 3, specId([]))));
    refuses(makeEventLog([], [], sha1Event(0, 3, specId(['sha1', 'sha1']))));
    refuses(change(32, 4));
    refuses(change(34, 31));
  });
  test('refused: a digest of a bank that is not listed, two of one bank, more than banks, a register above 23', () => {
    const event = (digests: NonNullable<LogInput['digests']>, pcr = 4): Uint8Array =>
      makeEventLog([{ pcr, type: type.EV_IPL, data: 'x', digests }], ['sha1', 'sha256']);
    assert.ok(readEventLog(event([[0x000b, bytes(32)]])));
    refuses(event([[0x000c, bytes(48)]]));
    refuses(
      event([
        [0x000b, bytes(32)],
        [0x000b, bytes(32)],
      ]),
    );
    refuses(
      event([
        [0x0004, bytes(20)],
        [0x000b, bytes(32)],
        [0x000c, bytes(48)],
      ]),
    );
    refuses(event([[0x000b, bytes(32)]], 24));
  });
  test('refused: a startup locality of another form, twice, of no locality, or after PCR0 was extended', () => {
    refuses(makeEventLog([locality(1)]));
    refuses(makeEventLog([locality(3), locality(3)]));
    refuses(makeEventLog([separator(0), locality(3)]));
    refuses(makeEventLog([{ ...locality(3), pcr: 1 }]));
    refuses(makeEventLog([{ ...locality(3), data: ascii('StartupLocality\0') }]));
    assert.ok(readEventLog(makeEventLog([separator(4), locality(3), separator(0)])));
  });
  test('T34: the cap comes before parsing', () => {
    assertRefuses(() => readEventLog(bytes(maxEventLog + 1)), 'evidence/oversize', {
      size: maxEventLog + 1,
      limit: maxEventLog,
    });
  });
});

describe('malformed input', () => {
  const log = makeEventLog([
    locality(3),
    separator(0),
    { pcr: 4, type: type.EV_EFI_BOOT_SERVICES_APPLICATION, data: bytes(40, 1) },
    { pcr: 7, type: type.EV_EFI_VARIABLE_DRIVER_CONFIG, data: bytes(40, 2) },
    { pcr: 9, type: type.EV_IPL, data: '(hd0)/vmlinuz' },
  ]);
  /** Reads, replays and explains; anything but a refusal of the catalogue fails the test. */
  const attempt = (input: Uint8Array): boolean => {
    try {
      explainEventLog(input);
      return true;
    } catch (error) {
      assert.ok(
        isSymbolonError(error) && (error.code === 'evidence/malformed' || error.code === 'evidence/oversize'),
        String(error),
      );
      return false;
    }
  };
  test('cut off at each byte: refused but where an event ends', () => {
    const ends: number[] = [];
    for (let length = 0; length < log.length; length += 1) {
      if (attempt(log.subarray(0, length))) {
        ends.push(length);
      }
    }
    assert.equal(ends.length, 5, 'after the first event and after each but the last');
  });
  test('a byte after the last event is refused, whatever it is', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      assert.equal(attempt(Uint8Array.of(...log, byte)), false);
    }
  });
  test('every length field set to its largest value is refused at once', () => {
    // Counts and sizes stand where the little-endian 32-bit value is small and not zero.
    for (let at = 0; at + 4 <= log.length; at += 1) {
      const changed = log.slice();
      changed.set([0xff, 0xff, 0xff, 0x7f], at);
      attempt(changed);
    }
  });
  test('bytes changed, cut out or put in: read or refused, never anything else', () => {
    fc.assert(
      fc.property(
        fc.nat(log.length - 1),
        fc.nat(8),
        fc.uint8Array({ maxLength: 8 }),
        (at, remove, insert) => {
          attempt(new Uint8Array(Buffer.concat([log.subarray(0, at), insert, log.subarray(at + remove)])));
        },
      ),
      { numRuns: runs, seed: 4 },
    );
  });
  test('random bytes behind a good first event: read or refused, never anything else', () => {
    const first = sha1Event(0, 3, specId(['sha256']));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        attempt(new Uint8Array(Buffer.concat([first, tail])));
      }),
      { numRuns: runs, seed: 4 },
    );
  });
  test('random data of every type of event is named and shown, never anything else', () => {
    const types = Object.values(type);
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.nat(23),
        fc.uint8Array({ maxLength: 120 }),
        (kind, pcr, data) => {
          const input = makeEventLog([{ pcr, type: kind, data }], ['sha256']);
          if (kind !== type.EV_NO_ACTION) {
            const [event] = explainEventLog(input).events;
            assert.match(event?.name ?? '', /^[a-z0-9][a-z0-9._-]*$/);
            assert.match(event?.text ?? '\n', /^[\x20-\x7e]{0,200}$/);
          }
        },
      ),
      { numRuns: runs, seed: 4 },
    );
  });
});

describe('names', () => {
  const names = (...events: readonly LogInput[]): readonly (string | undefined)[] =>
    nameEvents(readEventLog(makeEventLog(events, ['sha256'])));
  const variable = (pcr: number, kind: number, name: string): LogInput => ({
    pcr,
    type: kind,
    data: new Uint8Array(
      Buffer.concat([
        bytes(16, 1),
        Uint8Array.of(name.length, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0),
        utf16(name),
        Uint8Array.of(1),
      ]),
    ),
  });
  const application = (file: string): LogInput => {
    const path = utf16(`${file}\0`);
    const node = Buffer.concat([Uint8Array.of(4, 4, (path.length + 4) & 0xff, (path.length + 4) >> 8), path]);
    const whole = file === '' ? Buffer.alloc(0) : Buffer.concat([node, Uint8Array.of(0x7f, 0xff, 4, 0)]);
    const length = Buffer.alloc(8);
    length.writeUInt32LE(whole.length);
    return {
      pcr: 4,
      type: type.EV_EFI_BOOT_SERVICES_APPLICATION,
      data: new Uint8Array(Buffer.concat([bytes(24), length, whole])),
    };
  };
  const ipl = (
    pcr: number,
    data: string | Uint8Array,
    measured: string | Uint8Array = 'content',
  ): LogInput => ({
    pcr,
    type: type.EV_IPL,
    data,
    measured,
  });

  test('Secure Boot variables by name; a second one of a name gets a number', () => {
    const config = type.EV_EFI_VARIABLE_DRIVER_CONFIG;
    assert.deepEqual(
      names(
        ...['SecureBoot', 'PK', 'KEK', 'db', 'dbx', 'db'].map((name) => variable(7, config, name)),
        variable(7, type.EV_EFI_VARIABLE_AUTHORITY, 'db'),
        variable(7, type.EV_EFI_VARIABLE_AUTHORITY, 'SbatLevel'),
        variable(1, type.EV_EFI_VARIABLE_BOOT, 'BootOrder'),
        variable(1, type.EV_EFI_VARIABLE_BOOT, 'Boot0001'),
        variable(1, type.EV_EFI_VARIABLE_BOOT2, 'Boot000A'),
        variable(1, type.EV_EFI_VARIABLE_BOOT, 'Lang'),
      ),
      [
        'secure-boot-state',
        'platform-key',
        'key-exchange-keys',
        'allowed-signatures',
        'forbidden-signatures',
        'allowed-signatures-2',
        'authority',
        'sbat-level',
        'boot-order',
        'boot-entry',
        'boot-entry-2',
        'boot-variable',
      ],
    );
  });
  test('boot applications by file, and by who runs before where the path names none', () => {
    assert.deepEqual(
      names(application('\\EFI\\debian\\shimx64.efi'), application('\\EFI\\debian\\grubx64.efi')),
      ['shim', 'grub'],
    );
    assert.deepEqual(names(application('\\EFI\\BOOT\\BOOTX64.EFI'), application('\\EFI\\Linux\\a.efi')), [
      'loader',
      'uki',
    ]);
    assert.deepEqual(names(application('\\EFI\\systemd\\systemd-bootx64.efi'), application('\\vmlinuz')), [
      'systemd-boot',
      'kernel',
    ]);
    assert.deepEqual(
      names(
        application('\\EFI\\BOOT\\BOOTX64.EFI'),
        ipl(14, 'MokList\0'),
        application(''),
        ipl(9, '(hd0,gpt1)/grub/grub.cfg'),
        application(''),
      ),
      ['shim', 'mok-list', 'grub', 'grub-config', 'kernel'],
    );
  });
  test('GRUB: commands, command line, files', () => {
    assert.deepEqual(
      names(
        ipl(8, 'grub_cmd: set a=b'),
        ipl(8, 'grub_cmd set a=b'),
        ipl(8, 'kernel_cmdline: /vmlinuz quiet'),
        ipl(8, 'grub_kernel_cmdline /vmlinuz'),
        ipl(8, 'module_cmdline: /m'),
        ipl(9, '(hd0,gpt2)/vmlinuz-6.1'),
        ipl(9, '/boot/initrd.img-6.1'),
        ipl(9, '/boot/initramfs-6.1.img'),
        ipl(9, 'grub_linuxefi Kernel'),
        ipl(9, '/grub/grubenv'),
        ipl(9, '/grub/a.mod'),
        ipl(9, '/x'),
      ),
      [
        'grub-command',
        'grub-command-2',
        'cmdline',
        'cmdline-2',
        'module-cmdline',
        'kernel',
        'initrd',
        'initrd-2',
        'kernel-2',
        'grub-env',
        'grub-module',
        'file',
      ],
    );
  });
  test('systemd-stub: each section by its name, which is measured before its content', () => {
    const wide = (section: string): Uint8Array => utf16(`${section}\0`);
    assert.deepEqual(
      names(
        ipl(11, wide('.linux'), '.linux\0'),
        ipl(11, wide('.linux')),
        ipl(11, wide('.cmdline'), '.cmdline\0'),
        ipl(11, wide('.cmdline')),
        ipl(11, wide('.initrd'), '.initrd\0'),
        ipl(11, wide('.initrd')),
        ipl(12, utf16('quiet\0')),
        ipl(12, utf16('Credentials initrd\0')),
        ipl(13, utf16('System extension initrd\0')),
      ),
      [
        'section-name',
        'kernel',
        'section-name-2',
        'cmdline',
        'section-name-3',
        'initrd',
        'cmdline',
        'credentials',
        'extensions',
      ],
    );
  });
  test('the Linux EFI stub and systemd by their tags; unknown ones are said to be tagged', () => {
    const tagged = (pcr: number, id: number): LogInput => {
      const data = Buffer.alloc(8);
      data.writeUInt32LE(id);
      return { pcr, type: type.EV_EVENT_TAG, data };
    };
    assert.deepEqual(
      names(tagged(9, 0x8f3b22ec), tagged(9, 0x8f3b22ed), tagged(5, 0xf5bc582a), tagged(12, 1)),
      ['initrd', 'cmdline', 'loader-config', 'tagged'],
    );
  });
  test('separators: an error of the firmware is told apart', () => {
    assert.deepEqual(names(separator(4), { ...separator(5), data: Uint8Array.of(1, 0, 0, 0) }), [
      'separator',
      'separator-error',
    ]);
  });
  test('texts that are names of properties of every object are no names here', () => {
    for (const text of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const all = names(
        ipl(14, text),
        ipl(11, text),
        { pcr: 4, type: type.EV_EFI_ACTION, data: text },
        variable(7, type.EV_EFI_VARIABLE_DRIVER_CONFIG, text),
      );
      assert.deepEqual(all, ['other', 'other', 'other', 'other']);
    }
  });
  test('events that are not extended have no name and are not among the named', () => {
    const log = readEventLog(makeEventLog([locality(3), separator(0)], ['sha256']));
    assert.deepEqual(nameEvents(log), [undefined, 'separator']);
    assert.deepEqual(
      namedEvents(log, 'sha256').map(({ pcr, name }) => [pcr, name]),
      [[0, 'separator']],
    );
  });
  test('text of a log is shown without control characters', () => {
    const log = makeEventLog([ipl(8, 'grub_cmd: \u001b[2J\u202e\r\nX')], ['sha256']);
    const [event] = explainEventLog(log).events;
    assert.match(event?.text ?? '', /^grub_cmd: \.\[2J[.]+X$/);
  });
});
