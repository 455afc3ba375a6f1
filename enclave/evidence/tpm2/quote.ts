/**
 * The rules of a quote (TPM2_Quote, TPM 2.0 Part 3 section 18.4; TPMS_ATTEST, Part 2 section 10.12.12): each is checked
 * here, none is optional. Who may use the quote for what is judged afterwards.
 */
import type { KeyObject } from 'node:crypto';
import { readAttested, type Attested } from '../../tpm/attested.ts';
import { pcrDigestOf } from '../../tpm/pcrs.ts';
import type { TpmPublic } from '../../tpm/public.ts';
import { verifySignature, type TpmSignature } from '../../tpm/signature.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../../wire/ids.ts';
import type { TpmClock } from '../statement.ts';
import { readPart } from './attestationKey.ts';
import { bankBytes, maxTpmPcr, tpmBanks, type TpmBank } from './document.ts';

/** A quote and what it must fit. */
export interface QuoteQuestion {
  /** TPMS_ATTEST as the TPM signed it. */
  readonly quote: Uint8Array;
  readonly signature: TpmSignature;
  readonly key: KeyObject;
  /** The Name of the key, or what else it is known by, for refusals. */
  readonly machine: string;
  /** The registers that are shown: exactly those that the quote covers. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
}

/** A quote whose signature is verified and whose digest is that of the registers shown. */
export interface VerifiedQuote extends Pick<Attested, 'extraData' | 'firmwareVersion'> {
  readonly bank: TpmBank;
  readonly clock: TpmClock;
}

const isBank = (bank: string): bank is TpmBank => (tpmBanks as readonly string[]).includes(bank);
const inconsistent = (what: string, wanted: string, got: string): SymbolonError<'evidence/inconsistent'> =>
  new SymbolonError('evidence/inconsistent', { what, wanted, got });

/**
 * Verifies one quote. The extraData is the caller's to compare: with what the evidence binds, or with a nonce.
 * @throws SymbolonError `evidence/malformed`, `evidence/weak-hash`, `evidence/bad-signature` or `evidence/inconsistent`.
 */
export function checkQuote({ quote, signature, key, machine, pcrs }: QuoteQuestion): VerifiedQuote {
  // Part 2 sections 6.2 and 6.9: the magic of what a TPM made and the type of a quote; no byte after the structure.
  const attested = readPart('quote', () => readAttested(quote));
  const bank = onlyBank(attested);
  // SHA-1 collisions are made at will (SHAttered, 2017): what is signed over SHA-1 could be another quote.
  if (signature.hash === 'sha1') {
    throw new SymbolonError('evidence/weak-hash', { where: 'signature of the quote', hash: 'sha1' });
  }
  // Part 3 section 18.4: signed are the bytes of the TPMS_ATTEST as they came, not what a reader made of them.
  if (!verifySignature(key, signature, quote)) {
    throw new SymbolonError('evidence/bad-signature', { moduleId: machine });
  }
  checkRegisters(attested, bank, pcrs, signature);
  return {
    bank,
    extraData: attested.extraData,
    clock: clockOf(attested),
    firmwareVersion: attested.firmwareVersion,
  };
}

/**
 * Part 2 section 12.2.3.5: a key has one scheme, and signs with no other.
 * @throws SymbolonError `evidence/inconsistent`.
 */
export function checkScheme({ scheme }: Pick<TpmPublic, 'scheme'>, signature: TpmSignature): void {
  if (scheme?.name !== signature.scheme || scheme.hash !== signature.hash) {
    throw inconsistent(
      'scheme of the attestation key and of the signature',
      `${scheme?.name ?? 'none'} ${scheme?.hash ?? 'none'}`,
      `${signature.scheme} ${signature.hash}`,
    );
  }
}

/** Part 2 section 10.11.1: milliseconds in 64 bits. What no TPM can have counted is refused, so that a number holds the rest. */
function clockOf({ clock: { clock, ...counters } }: Attested): TpmClock {
  if (clock > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new SymbolonError('evidence/malformed', { part: 'quote', reason: 'a clock of 280,000 years' });
  }
  return { clock: Number(clock), ...counters };
}

/** Part 2 section 10.12.4: the selection of a quote; here exactly one bank, of a hash that is not broken. */
function onlyBank({ selections }: Attested): TpmBank {
  const weak = selections.find(({ bank }) => bank === 'sha1');
  if (weak !== undefined) {
    throw new SymbolonError('evidence/weak-hash', { where: 'PCR bank of the quote', hash: weak.bank });
  }
  const [selection, ...more] = selections;
  if (selection === undefined || more.length > 0 || !isBank(selection.bank)) {
    throw new SymbolonError('evidence/malformed', {
      part: 'quote',
      reason: 'not exactly one bank, SHA-256 or SHA-384, is selected',
    });
  }
  return selection.bank;
}

/** The registers shown must be the ones selected, all of them, and hash to the digest that was signed. */
function checkRegisters(
  { selections, pcrDigest }: Attested,
  bank: TpmBank,
  pcrs: ReadonlyMap<number, Uint8Array>,
  { hash }: TpmSignature,
): void {
  const selected = selections[0]?.pcrs ?? [];
  const shown = [...pcrs].sort(([a], [b]) => a - b);
  const numbers = shown.map(([pcr]) => pcr).join(',');
  // T01: a quote over no register says nothing about a boot.
  if (selected.length === 0) {
    throw new SymbolonError('evidence/malformed', { part: 'quote', reason: 'no register is selected' });
  }
  if (selected.join(',') !== numbers) {
    throw inconsistent('registers that the quote covers and those shown', selected.join(','), numbers);
  }
  if (shown.some(([pcr, value]) => pcr > maxTpmPcr || value.length !== bankBytes[bank])) {
    throw new SymbolonError('evidence/malformed', {
      part: 'pcrs',
      reason: `a register of the ${bank} bank is not ${bankBytes[bank]} bytes`,
    });
  }
  // Part 1 section 17.5 and Part 3 section 18.4: values by ascending number, with the hash of the signing scheme.
  const digest = pcrDigestOf(
    hash,
    shown.map(([, value]) => value),
  );
  if (!equalBytes(digest, pcrDigest)) {
    throw inconsistent('PCR digest of the quote and the registers shown', toHex(pcrDigest), toHex(digest));
  }
}
