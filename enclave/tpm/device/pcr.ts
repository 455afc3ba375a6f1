/** Commands of the platform configuration registers (TPM 2.0 Part 3 section 22). */
import { SymbolonError } from '../../../wire/errors/index.ts';
import { algOfHash, digestBytes, type TpmHash } from '../algorithms.ts';
import { TpmReader, TpmWriter } from '../bytes.ts';
import { readPcrSelections, writePcrSelections } from '../pcrs.ts';
import { execute } from './command.ts';
import type { Ask } from './link.ts';
import { plainEntity } from './session.ts';

/** Reads that begin anew, since a register changed between two of them. */
const maxRestarts = 8;

/**
 * TPM2_PCR_Read (section 22.4): registers of one bank, all of one moment. A response has 8 at most; the update counter tells
 * whether one changed between two responses. The values are not signed: a quote proves them.
 * @throws SymbolonError `tpm/bank-absent`; `tpm/busy` where they do not stand still.
 */
export async function readPcrValues(
  ask: Ask,
  bank: TpmHash,
  pcrs: readonly number[],
): Promise<ReadonlyMap<number, Uint8Array>> {
  for (let i = 0; i < maxRestarts; i += 1) {
    const values = await readOnce(ask, bank, pcrs);
    if (values !== undefined) {
      return values;
    }
  }
  throw new SymbolonError('tpm/busy', { command: 'PCR_Read', name: 'registers change all the time' });
}

async function readOnce(
  ask: Ask,
  bank: TpmHash,
  pcrs: readonly number[],
): Promise<Map<number, Uint8Array> | undefined> {
  const values = new Map<number, Uint8Array>();
  let counter: number | undefined;
  for (;;) {
    const missing = pcrs.filter((pcr) => !values.has(pcr));
    if (missing.length === 0) {
      return values;
    }
    const { parameters } = await execute(ask, {
      command: 'PCR_Read',
      parameters: writePcrSelections([{ bank, pcrs: missing }]),
    });
    const reader = new TpmReader('PCR_Read', parameters);
    const updates = reader.u32();
    if ((counter ??= updates) !== updates) {
      return undefined;
    }
    const given = readPcrSelections(reader).flatMap((one) => (one.bank === bank ? one.pcrs : []));
    const count = reader.u32();
    if (count === 0 && given.length === 0) {
      throw new SymbolonError('tpm/bank-absent', { bank, pcrs: missing.map(String) });
    }
    if (count !== given.length || given.some((pcr) => !missing.includes(pcr))) {
      return reader.refuse('other registers than were asked for');
    }
    for (const pcr of given) {
      const value = reader.sized(64);
      if (value.length !== digestBytes[bank]) {
        reader.refuse('a register of another length than its bank has');
      }
      values.set(pcr, value);
    }
    reader.end();
  }
}

/** TPM2_PCR_Extend (section 22.2) of a register with an empty auth value, in each of the given banks. */
export async function extendPcr(
  ask: Ask,
  pcr: number,
  digests: Partial<Readonly<Record<TpmHash, Uint8Array>>>,
): Promise<void> {
  const writer = new TpmWriter();
  let count = 0;
  for (const bank of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
    const digest = digests[bank];
    if (digest !== undefined) {
      if (digest.length !== digestBytes[bank]) {
        throw new RangeError(`a digest of ${digest.length} bytes for the bank ${bank}`);
      }
      writer.u16(algOfHash[bank]).raw(digest);
      count += 1;
    }
  }
  const { parameters } = await execute(ask, {
    command: 'PCR_Extend',
    entities: [plainEntity(pcr)],
    authorizations: ['empty'],
    parameters: new TpmWriter().u32(count).raw(writer.done()).done(),
  });
  new TpmReader('PCR_Extend', parameters).end();
}
