/** Commands about the TPM as a whole: start, properties, randomness (TPM 2.0 Part 3 sections 9.3, 16.1 and 30.2). */
import { TpmReader, TpmWriter } from '../bytes.ts';
import { readPcrSelections, type PcrSelection } from '../pcrs.ts';
import { execute } from './command.ts';
import { isSymbolonError } from '../../../wire/errors/index.ts';
import type { Ask } from './link.ts';

/** TPM_CAP (Part 2 section 6.12). */
const capability = { handles: 1, pcrs: 5, properties: 6 } as const;

/** Properties (TPM_PT, Part 2 section 6.13). */
export const property = {
  manufacturer: 0x105,
  firmware1: 0x10b,
  firmware2: 0x10c,
  nvBufferMax: 0x12c,
  permanent: 0x200,
  lockoutCounter: 0x20e,
  maxAuthFail: 0x20f,
  lockoutInterval: 0x210,
} as const;

/** TPM2_Startup(CLEAR). The firmware does that on a real machine; a TPM that was started already is left alone. */
export async function startUp(ask: Ask): Promise<void> {
  try {
    await execute(ask, { command: 'Startup', parameters: new TpmWriter().u16(0).done() });
  } catch (error) {
    if (!isSymbolonError(error, 'tpm/refused') || error.facts.name !== 'TPM_RC_INITIALIZE') {
      throw error;
    }
  }
}

/** TPM2_GetRandom: at most 32 bytes a call are certain; longer wishes are put together. */
export async function randomBytesOf(ask: Ask, length: number): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const wanted = Math.min(length - at, 32);
    const { parameters } = await execute(ask, {
      command: 'GetRandom',
      parameters: new TpmWriter().u16(wanted).done(),
    });
    const reader = new TpmReader('GetRandom', parameters);
    const given = reader.sized(wanted);
    parameters.fill(0);
    if (given.length === 0) {
      reader.refuse('no random bytes');
    }
    reader.end();
    out.set(given, at);
    at += given.length;
    given.fill(0);
  }
  return out;
}

/** TPM2_GetCapability of one property; `undefined` where the TPM does not have it. */
export async function readProperty(ask: Ask, wanted: number): Promise<number | undefined> {
  const reader = await capabilities(ask, capability.properties, wanted, 1);
  const count = reader.u32();
  if (count === 0) {
    return undefined;
  }
  if (count !== 1) {
    reader.refuse('more properties than were asked for');
  }
  // Where the property is absent, the TPM gives the next one.
  const found = reader.u32();
  const value = reader.u32();
  reader.end();
  return found === wanted ? value : undefined;
}

/** TPM2_GetCapability of the PCR banks: which registers each has. */
export async function readBanks(ask: Ask): Promise<PcrSelection[]> {
  const reader = await capabilities(ask, capability.pcrs, 0, 1);
  const banks = readPcrSelections(reader);
  reader.end();
  return banks.filter(({ pcrs }) => pcrs.length > 0);
}

/** TPM2_GetCapability of handles: those of the range that `first` begins, at most `count`. */
export async function readHandles(ask: Ask, first: number, count: number): Promise<number[]> {
  const reader = await capabilities(ask, capability.handles, first, count);
  const given = reader.u32();
  if (given > count) {
    reader.refuse('more handles than were asked for');
  }
  const handles = Array.from({ length: given }, () => reader.u32());
  reader.end();
  return handles;
}

async function capabilities(ask: Ask, kind: number, first: number, count: number): Promise<TpmReader> {
  const { parameters } = await execute(ask, {
    command: 'GetCapability',
    parameters: new TpmWriter().u32(kind).u32(first).u32(count).done(),
  });
  const reader = new TpmReader('GetCapability', parameters);
  // moreData: there is more after what was asked for.
  reader.u8();
  if (reader.u32() !== kind) {
    reader.refuse('another capability than was asked for');
  }
  return reader;
}
