/**
 * Registers of a quote as other tools write them: JSON, the text of `tpm2_pcrread`, its raw values, and the file of
 * `tpm2_quote --pcr` (lib/pcr.c of tpm2-tools: little-endian structures of tpm2-tss as they lie in memory). What a file says
 * is worth nothing until a quote was held against it.
 */
import { digestBytes, hashOfAlg, type TpmHash } from '../../enclave/tpm/algorithms.ts';
import type { PcrSelection } from '../../enclave/tpm/pcrs.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { fromHex } from '../../wire/ids.ts';

/** Longest file of registers in bytes. */
export const maxPcrFile = 65_536;
const pcrCount = 24;
const banks = Object.keys(digestBytes);

type Registers = ReadonlyMap<number, Uint8Array>;

/**
 * The registers of the bank and numbers that the quote selects. What the file has beyond them is left out: the quote says
 * nothing of it. What it lacks is for the check of the quote to find.
 * @param path - for refusals.
 * @throws SymbolonError `cli/unreadable-file`.
 */
export function readPcrFile(bytes: Uint8Array, { bank, pcrs }: PcrSelection, path: string): Registers {
  const found = readAny(bytes, { bank, pcrs });
  if (found === undefined) {
    throw new SymbolonError('cli/unreadable-file', {
      path,
      reason:
        'not registers as JSON ({"0": "hex"}, by bank where there are several), as tpm2_pcrread or as tpm2_quote writes them',
    });
  }
  return new Map([...found].filter(([index]) => pcrs.includes(index)));
}

function readAny(bytes: Uint8Array, selection: PcrSelection): Registers | undefined {
  const size = digestBytes[selection.bank];
  // The raw values first: their length is exact, and any byte may stand anywhere in them.
  if (bytes.length === selection.pcrs.length * size) {
    return new Map(selection.pcrs.map((index, i) => [index, bytes.slice(i * size, (i + 1) * size)]));
  }
  const text = textOf(bytes);
  if (text === undefined) {
    return readSerialized(bytes, selection);
  }
  return /^\s*[[{]/.test(text) ? readJson(text, selection) : readListing(text, selection);
}

function textOf(bytes: Uint8Array): string | undefined {
  return bytes.length > 0 &&
    bytes.every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127))
    ? Buffer.from(bytes).toString('latin1')
    : undefined;
}

/** A list by index, a map by index, or a map of banks of one of these. */
function readJson(text: string, { bank }: PcrSelection): Registers | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const entries = (from: unknown): [string, unknown][] | undefined =>
    typeof from === 'object' && from !== null ? Object.entries(from) : undefined;
  const top = entries(value);
  const isByBank = top?.some(([name]) => banks.includes(name)) === true;
  return registersOf(isByBank ? entries(top.find(([name]) => name === bank)?.[1]) : top, bank);
}

/** The text of `tpm2_pcrread`: a line with the bank, then lines like `0 : 0xABCD`. */
function readListing(text: string, { bank }: PcrSelection): Registers | undefined {
  const entries: [string, string][] = [];
  let current: string | undefined;
  for (const line of text.split('\n').map((one) => one.trim())) {
    const head = /^(sha\d+)\s*:$/.exec(line);
    const row = /^(\d{1,2})\s*:\s*(?:0x)?([0-9a-fA-F]+)$/.exec(line);
    if (head !== null) {
      current = head[1];
    } else if (row !== null) {
      if (current === bank || current === undefined) {
        entries.push([row[1] ?? '', row[2] ?? '']);
      }
    } else if (line !== '') {
      return undefined;
    }
  }
  return registersOf(entries, bank);
}

/** Each index once, each value a digest of the bank; anything else and the whole is not understood. */
function registersOf(
  entries: readonly (readonly [string, unknown])[] | undefined,
  bank: TpmHash,
): Registers | undefined {
  const registers = new Map<number, Uint8Array>();
  for (const [name, value] of entries ?? []) {
    const index = /^\d{1,2}$/.test(name) ? Number(name) : -1;
    const raw = typeof value === 'string' ? fromHex(value.replace(/^0x/, '').toLowerCase()) : undefined;
    if (index < 0 || index >= pcrCount || registers.has(index) || raw?.length !== digestBytes[bank]) {
      return undefined;
    }
    registers.set(index, raw);
  }
  return registers.size === 0 ? undefined : registers;
}

/** Places of TPML_PCR_SELECTION (16 entries of 8 bytes) and of TPML_DIGEST (8 of 2 + 64 bytes), each after a count. */
const layout = { selections: 16, selectionBytes: 8, digests: 8, digestSlot: 66 } as const;
const selectionListBytes = 4 + layout.selections * layout.selectionBytes;
const digestListBytes = 4 + layout.digests * layout.digestSlot;

/** The file of `tpm2_quote --pcr`: a selection, a count, and lists of at most eight digests, in the order selected. */
function readSerialized(bytes: Uint8Array, wanted: PcrSelection): Registers | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < selectionListBytes + 4) {
    return undefined;
  }
  const lists = view.getUint32(selectionListBytes, true);
  const selected = view.getUint32(0, true);
  if (selected > layout.selections || bytes.length !== selectionListBytes + 4 + lists * digestListBytes) {
    return undefined;
  }
  const digests: Uint8Array[] = [];
  for (let list = 0; list < lists; list += 1) {
    const at = selectionListBytes + 4 + list * digestListBytes;
    const count = view.getUint32(at, true);
    for (let i = 0; i < Math.min(count, layout.digests); i += 1) {
      const slot = at + 4 + i * layout.digestSlot;
      digests.push(bytes.slice(slot + 2, slot + 2 + Math.min(64, view.getUint16(slot, true))));
    }
  }
  const registers = new Map<number, Uint8Array>();
  for (let entry = 0; entry < selected; entry += 1) {
    const at = 4 + entry * layout.selectionBytes;
    const bank = hashOfAlg(view.getUint16(at, true));
    for (let index = 0; index < pcrCount; index += 1) {
      if ((view.getUint8(at + 3 + (index >> 3)) & (1 << (index & 7))) !== 0) {
        const digest = digests.shift();
        if (bank === wanted.bank && digest?.length === digestBytes[wanted.bank]) {
          registers.set(index, digest);
        }
      }
    }
  }
  return registers.size === 0 ? undefined : registers;
}
