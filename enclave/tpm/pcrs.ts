/** Selections of platform configuration registers (TPML_PCR_SELECTION, TPM 2.0 Part 2 section 10.9.7). */
import { createHash } from 'node:crypto';
import { algOfHash, hashOfAlg, type TpmHash } from './algorithms.ts';
import { TpmWriter, type TpmReader } from './bytes.ts';

/** Registers of one bank. */
export interface PcrSelection {
  readonly bank: TpmHash;
  /** Indices 0 to 23, ascending, each once. */
  readonly pcrs: readonly number[];
}

/** Registers of a PC Client TPM. */
export const pcrCount = 24;
/** Bytes of a selection: one bit a register. */
const selectBytes = pcrCount / 8;

/** Reads a TPML_PCR_SELECTION: known banks, each at most once, registers 0 to 23. */
export function readPcrSelections(reader: TpmReader): PcrSelection[] {
  const count = reader.u32();
  const selections: PcrSelection[] = [];
  for (let i = 0; i < count; i += 1) {
    const bank = hashOfAlg(reader.u16());
    if (bank === undefined) {
      return reader.refuse('a PCR bank of an unknown hash');
    }
    if (selections.some((one) => one.bank === bank)) {
      reader.refuse('a PCR bank is selected twice');
    }
    // Part 2 section 10.6.1: at least PCR_SELECT_MIN bytes, which is 3 for PC Clients; a 4th must select nothing.
    const size = reader.u8();
    if (size !== selectBytes && size !== selectBytes + 1) {
      reader.refuse('a PCR selection of neither 3 nor 4 bytes');
    }
    const bits = reader.take(size);
    if ((bits[selectBytes] ?? 0) !== 0) {
      reader.refuse('a register above 23 is selected');
    }
    const pcrs = Array.from({ length: pcrCount }, (_, pcr) => pcr).filter(
      (pcr) => ((bits[pcr >> 3] ?? 0) & (1 << (pcr & 7))) !== 0,
    );
    selections.push({ bank, pcrs });
  }
  return selections;
}

/** Writes a TPML_PCR_SELECTION with 3 bytes a bank. Throws RangeError for a register outside of 0 to 23. */
export function writePcrSelections(selections: readonly PcrSelection[]): Uint8Array {
  const writer = new TpmWriter().u32(selections.length);
  for (const { bank, pcrs } of selections) {
    const bits = new Uint8Array(selectBytes);
    for (const pcr of pcrs) {
      if (!Number.isInteger(pcr) || pcr < 0 || pcr >= pcrCount) {
        throw new RangeError(`no register ${pcr}`);
      }
      bits[pcr >> 3] = (bits[pcr >> 3] ?? 0) | (1 << (pcr & 7));
    }
    writer.u16(algOfHash[bank]).u8(selectBytes).raw(bits);
  }
  return writer.done();
}

/**
 * The digest over selected registers that quotes and policies carry (Part 1 section 17): their values, one after the other,
 * by ascending index.
 * @param hash - the hash of the signing scheme (quote) or of the policy session, not of the bank.
 * @param values - in the order of the selection.
 */
export function pcrDigestOf(hash: TpmHash, values: readonly Uint8Array[]): Uint8Array {
  const digest = createHash(hash);
  for (const value of values) {
    digest.update(value);
  }
  return new Uint8Array(digest.digest());
}
