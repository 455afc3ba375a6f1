/**
 * The attester of a machine with a TPM 2.0: quotes by its attestation key, over a hash of all that the evidence binds. Each
 * is verified by the node itself, as its peers will, before it is handed out (T03).
 */
import { randomBytes } from 'node:crypto';
import { isSymbolonError, SymbolonError } from '../../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../../wire/ids.ts';
import {
  tpm2Document,
  tpm2QualifyingData,
  type Tpm2Evidence,
  type TpmBank,
} from '../../evidence/tpm2/document.ts';
import { tpm2Statement } from '../../evidence/tpm2/statement.ts';
import type { Statement } from '../../evidence/statement.ts';
import { Tpm, tpmAddressText, type TpmAddress, type TpmOptions } from '../../tpm/device/index.ts';
import type { Attester, Bound } from '../attester.ts';
import { checkBound } from '../bound.ts';
import { Turns } from '../turns.ts';
import { readKeyFile } from './keyFile.ts';
import { readLogFile } from './logFile.ts';

/** TPMs take some 300 ms for a quote and some 10 ms for eight registers. */
const defaultDeadlineMs = 5_000;

/** What the attester of a TPM needs. */
export interface Tpm2AttesterOptions {
  readonly tpm: TpmAddress;
  /** The attester's folder, in which `requestTpm2Enrolment` left the Name of the key. */
  readonly folder: string;
  /** Registers to quote, 0 to 23, each once. */
  readonly pcrs: readonly number[];
  readonly bank: TpmBank;
  /** The firmware's log of the boot, for evidence of channels. */
  readonly eventLog?: string | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Longest wait for evidence in milliseconds; 5,000 unless told. */
  readonly deadlineMs?: number;
  /** Opens the way to the TPM; for tests that change bytes on it. */
  readonly open?: TpmOptions['open'];
}

/**
 * Opens the attester of an enrolled node: its TPM must make the key of the enrolment and have the bank, its log be readable.
 * @throws SymbolonError `attester/not-enrolled`, `attester/broken`, `attester/no-device`, `attester/other-key`,
 * `attester/device-failed`, `attester/timeout`.
 */
export async function tpm2Attester(options: Tpm2AttesterOptions): Promise<Attester> {
  const { name } = await readKeyFile(options.folder);
  const attester = new Tpm2Attester(options, name);
  await attester.start();
  return attester;
}

class Tpm2Attester implements Attester {
  readonly platform = 'tpm2';
  readonly #options: Tpm2AttesterOptions;
  /** Name of the enrolled key. */
  readonly #name: Uint8Array;
  readonly #tpm: Tpm;
  readonly #turns: Turns;
  readonly #pcrs: readonly number[];

  constructor(options: Tpm2AttesterOptions, name: Uint8Array) {
    const { tpm: address, deadlineMs: timeoutMs = defaultDeadlineMs, open } = options;
    this.#options = options;
    this.#name = name;
    // Nothing secret goes to the TPM and nothing of its answers counts unsigned: no salt, and no root to pin.
    this.#tpm = new Tpm({
      address,
      timeoutMs,
      random: randomBytes,
      storageRoot: 'unpinned',
      ...(open === undefined ? {} : { open }),
    });
    this.#turns = new Turns(tpmAddressText(address), timeoutMs);
    this.#pcrs = options.pcrs.toSorted((a, b) => a - b);
  }

  async start(): Promise<void> {
    const { bank, eventLog } = this.#options;
    if (eventLog !== undefined) {
      await readLogFile(eventLog);
    }
    await this.#turns.take('CreatePrimary', async () => {
      this.#requireKey((await this.#tpm.attestationKey()).name);
      await this.#tpm.readPcrs(bank, this.#pcrs);
    });
  }

  /** No certificate is shown; what the manifest pins ends with the manifest. */
  notAfter(): number {
    return Number.MAX_SAFE_INTEGER;
  }

  async makeEvidence(bound: Bound): Promise<Uint8Array> {
    checkBound(bound);
    const { nonce, publicKey, userData, role } = bound;
    const { bank, eventLog: logFile, now } = this.#options;
    const eventLog = role === 'channel' && logFile !== undefined ? await readLogFile(logFile) : undefined;
    const binds = { nonce, publicKey, userData, madeAt: now() };
    const { attested, signature, key, registers } = await this.#turns.take('Quote', () =>
      this.#tpm.quote(tpm2QualifyingData(binds), { bank, pcrs: this.#pcrs }),
    );
    this.#requireKey(key.name);
    return this.#readBack(
      { v: 1, quote: attested, signature, key: key.publicArea, bank, pcrs: new Map(registers), ...binds },
      eventLog,
    );
  }

  /** The manifest pins the Name of the enrolled key: evidence of another one would be refused by all, without a reason here. */
  #requireKey(name: Uint8Array): void {
    if (!equalBytes(name, this.#name)) {
      throw new SymbolonError('attester/other-key', { wanted: toHex(this.#name), got: toHex(name) });
    }
  }

  /**
   * The document, verified as a peer will. A log that does not lead to the registers explains nothing and is left out: the
   * registers then speak for themselves.
   */
  #readBack(evidence: Tpm2Evidence, eventLog: Uint8Array | undefined): Uint8Array {
    const document = tpm2Document.encode(evidence);
    try {
      this.#check(evidence, tpm2Statement(document));
    } catch (cause) {
      if (isRefusal(cause)) {
        const facts = { field: 'evidence', wanted: 'evidence that verifies', got: cause.message };
        throw new SymbolonError('attester/read-back', facts, { cause });
      }
      throw cause;
    }
    if (eventLog === undefined) {
      return document;
    }
    const explained = tpm2Document.encode({ ...evidence, eventLog });
    try {
      tpm2Statement(explained);
      return explained;
    } catch (error) {
      if (isRefusal(error)) {
        return document;
      }
      throw error;
    }
  }

  #check({ nonce, publicKey, userData }: Tpm2Evidence, statement: Statement): void {
    const same = (field: string, wanted: string, got: string): void => {
      if (wanted !== got) {
        throw new SymbolonError('attester/read-back', { field, wanted, got });
      }
    };
    const hexOf = (value: Uint8Array | undefined): string => (value === undefined ? 'absent' : toHex(value));
    same('nonce', hexOf(nonce), hexOf(statement.nonce));
    same('public_key', hexOf(publicKey), hexOf(statement.publicKey));
    same('user_data', hexOf(userData), hexOf(statement.userData));
    same('attestation key', toHex(this.#name), statement.machine);
    same('registers', this.#pcrs.join(','), [...statement.pcrs.keys()].sort((a, b) => a - b).join(','));
  }
}

const isRefusal = (error: unknown): error is SymbolonError =>
  isSymbolonError(error) && error.code.startsWith('evidence/');
