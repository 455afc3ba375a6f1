/**
 * What a TPM signs in a quote: TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE (TPM 2.0 Part 2 sections 10.12.12 and 10.12.4). Read strictly, from its
 * first byte to its last.
 */
import { digestBytes, hashOfAlg } from './algorithms.ts';
import { TpmReader } from './bytes.ts';
import { readPcrSelections, type PcrSelection } from './pcrs.ts';

/** TPM_GENERATED_VALUE: no signature of a restricted key over bytes from outside can begin with it (Part 1 section 31). */
export const tpmGenerated = 0xff544347;
/** TPM_ST_ATTEST_QUOTE. */
export const attestQuote = 0x8018;
/** TPM2B_DATA and TPM2B_NAME: at most a hash id and the largest digest. */
const maxData = 66;

/** A quote. */
export interface Attested {
  /** Qualified Name of the signing key: hash id and digest, 22 to 66 bytes. It depends on the key's parents. */
  readonly qualifiedSigner: Uint8Array;
  /** The qualifying data of who asked, at most 66 bytes. */
  readonly extraData: Uint8Array;
  /** TPMS_CLOCK_INFO. */
  readonly clock: {
    /** Milliseconds that the TPM was powered. */
    readonly clock: bigint;
    readonly resetCount: number;
    readonly restartCount: number;
    /** Whether no greater value of `clock` was ever reported. */
    readonly safe: boolean;
  };
  readonly firmwareVersion: bigint;
  /** At least one; what the TPM does not have is not selected. */
  readonly selections: readonly PcrSelection[];
  /** Digest over the registers with the hash of the signing scheme. */
  readonly pcrDigest: Uint8Array;
}

/**
 * Reads a TPMS_ATTEST of a quote.
 * @throws SymbolonError `tpm/malformed`, also for an attestation of another type.
 */
export function readAttested(bytes: Uint8Array): Attested {
  const reader = new TpmReader('TPMS_ATTEST', bytes);
  if (reader.u32() !== tpmGenerated) {
    reader.refuse('not made by a TPM: another magic number');
  }
  if (reader.u16() !== attestQuote) {
    reader.refuse('an attestation, but not a quote');
  }
  const qualifiedSigner = readName(reader);
  const extraData = reader.sized(maxData);
  const clock = {
    clock: reader.u64(),
    resetCount: reader.u32(),
    restartCount: reader.u32(),
    safe: readYesNo(reader),
  };
  const firmwareVersion = reader.u64();
  const selections = readPcrSelections(reader);
  if (selections.length === 0) {
    reader.refuse('no PCR bank is selected');
  }
  const pcrDigest = reader.sized(digestBytes.sha512);
  if (!Object.values(digestBytes).includes(pcrDigest.length)) {
    reader.refuse('the PCR digest has the length of no hash');
  }
  reader.end();
  return { qualifiedSigner, extraData, clock, firmwareVersion, selections, pcrDigest };
}

/** TPM2B_NAME of a key: hash id and digest. */
function readName(reader: TpmReader): Uint8Array {
  const name = reader.sized(maxData);
  const hash = hashOfAlg(((name[0] ?? 0) << 8) | (name[1] ?? 0));
  if (hash === undefined || name.length !== 2 + digestBytes[hash]) {
    reader.refuse('the qualified signer is not a Name');
  }
  return name;
}

/** TPMI_YES_NO (Part 2 section 9.2): 0 or 1, nothing else. */
function readYesNo(reader: TpmReader): boolean {
  const value = reader.u8();
  return value <= 1 ? value === 1 : reader.refuse('neither yes nor no');
}
