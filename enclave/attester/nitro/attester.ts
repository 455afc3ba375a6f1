/**
 * The attester of an enclave: documents that the Nitro Security Module makes and signs. Before the first one the identity of
 * this boot is measured into a register, which is locked then; each document is read back before it is handed out (T03).
 */
import { isSymbolonError, SymbolonError } from '../../../wire/errors/index.ts';
import { equalBytes, hashOf, toHex } from '../../../wire/ids.ts';
import { unsafeReadDocument, type UnverifiedDocument } from '../../evidence/nitro/document.ts';
import { extendFresh, isZeroPcr } from '../../evidence/pcrs.ts';
import type { Attester, Bound } from '../attester.ts';
import { checkBound } from '../bound.ts';
import { Turns } from '../turns.ts';
import type { NsmDevice } from './device.ts';
import {
  attestation,
  describeNsm,
  describePcr,
  extendPcr,
  lockPcr,
  readResponse,
  type NsmCall,
} from './messages.ts';

/** The register that the identity is measured into: the first one that the hypervisor leaves to the application. */
export const identityRegister = 16;
/** The module takes some 10 ms for a document. */
const defaultDeadlineMs = 5_000;
/**
 * The least that a certificate of the module had left when it signed, in milliseconds: a leaf lives three hours, and the
 * oldest one seen in a genuine document was 100 minutes old. Stands for the next document until there is one.
 */
const leastLifeMs = 80 * 60_000;

/** What an enclave's attester needs. */
export interface NitroAttesterOptions {
  readonly device: NsmDevice;
  /** Id of the cluster, 16 bytes. */
  readonly cluster: Uint8Array;
  readonly node: string;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Longest wait for a document in milliseconds; 5,000 unless told. */
  readonly deadlineMs?: number;
}

/** What {@link identityRegister} shows once an identity (`identityBytes`) is measured into it, 48 bytes. */
export const identityPcr = (cluster: Uint8Array, node: string, identity: Uint8Array): Uint8Array =>
  extendFresh(identityDigest(cluster, node, identity));
const identityDigest = (cluster: Uint8Array, node: string, identity: Uint8Array): Uint8Array =>
  hashOf('symbolon/nitro-identity/1', cluster, node, identity);

/**
 * Opens the attester of this enclave.
 * @throws SymbolonError `attester/device-failed`, `attester/device-refused`, `attester/timeout`.
 */
export async function nitroAttester(options: NitroAttesterOptions): Promise<Attester> {
  const attester = new NitroAttester(options);
  await attester.open();
  return attester;
}

class NitroAttester implements Attester {
  readonly platform = 'nitro';
  readonly #options: NitroAttesterOptions;
  readonly #turns: Turns;
  #moduleId = '';
  /** The identity whose register was seen locked. */
  #measured: Uint8Array | undefined;
  #lastEnd = 0;

  constructor(options: NitroAttesterOptions) {
    this.#options = options;
    this.#turns = new Turns(options.device.name, options.deadlineMs ?? defaultDeadlineMs);
  }

  async open(): Promise<void> {
    const { module_id: moduleId, max_pcrs: registers } = await this.#turns.take('DescribeNSM', () =>
      this.#ask(describeNsm),
    );
    if (registers <= identityRegister) {
      throw this.#different('number of registers', `${identityRegister + 1} or more`, String(registers));
    }
    this.#moduleId = moduleId;
  }

  notAfter(): number {
    const at = this.#options.now();
    return this.#lastEnd > at ? this.#lastEnd : at + leastLifeMs;
  }

  makeEvidence(bound: Bound): Promise<Uint8Array> {
    return this.#turns.take('Attestation', async () => {
      checkBound(bound);
      await this.#measure(bound.publicKey);
      const { document } = await this.#ask(attestation(bound));
      const read = this.#readBack(document, bound);
      this.#lastEnd = Math.min(...read.certificates.map(({ notAfter }) => notAfter));
      return document;
    });
  }

  /**
   * Measures the identity and locks what documents show, once. It starts from what the registers say and not from what
   * this process remembers: a step that was not answered is found done, or is done again.
   */
  async #measure(identity: Uint8Array): Promise<void> {
    if (this.#measured !== undefined && equalBytes(this.#measured, identity)) {
      return;
    }
    const { cluster, node } = this.#options;
    const wanted = identityPcr(cluster, node, identity);
    const before = await this.#ask(describePcr(identityRegister));
    if (!equalBytes(before.data, wanted)) {
      if (before.lock || !isZeroPcr(before.data)) {
        const got = `${toHex(before.data)}${before.lock ? ', locked' : ''}`;
        throw new SymbolonError('attester/measured-before', { pcr: identityRegister, got });
      }
      const { data } = await this.#ask(extendPcr(identityRegister, identityDigest(cluster, node, identity)));
      this.#same(`PCR${identityRegister} after its extension`, wanted, data);
    }
    const { locked_pcrs: locked } = await this.#ask(describeNsm);
    for (let index = 0; index <= identityRegister; index += 1) {
      if (!locked.includes(index)) {
        await this.#ask(lockPcr(index));
      }
    }
    await this.#checkLocks(wanted);
    this.#measured = identity.slice();
  }

  async #checkLocks(wanted: Uint8Array): Promise<void> {
    const { locked_pcrs: locked } = await this.#ask(describeNsm);
    for (let index = 0; index <= identityRegister; index += 1) {
      if (!locked.includes(index)) {
        throw this.#different(`PCR${index}`, 'locked', 'not locked');
      }
    }
    const { data, lock } = await this.#ask(describePcr(identityRegister));
    this.#same(`PCR${identityRegister}`, wanted, lock ? data : undefined);
  }

  #readBack(document: Uint8Array, { nonce, publicKey, userData }: Bound): UnverifiedDocument {
    const { cluster, node } = this.#options;
    let read: UnverifiedDocument;
    try {
      read = unsafeReadDocument(document);
    } catch (cause) {
      if (isSymbolonError(cause)) {
        const facts = { field: 'document', wanted: 'a Nitro attestation document', got: cause.message };
        throw new SymbolonError('attester/read-back', facts, { cause });
      }
      throw cause;
    }
    this.#same('nonce', nonce, read.nonce);
    this.#same('public_key', publicKey, read.publicKey);
    this.#same('user_data', userData, read.userData);
    const register = identityPcr(cluster, node, publicKey);
    this.#same(`PCR${identityRegister}`, register, read.pcrs.get(identityRegister));
    if (read.moduleId !== this.#moduleId) {
      throw this.#different('module_id', this.#moduleId, read.moduleId);
    }
    return read;
  }

  async #ask<T>(call: NsmCall<T>): Promise<T> {
    const { device } = this.#options;
    return readResponse(device.name, call, await device.request(call.request));
  }

  #same(field: string, wanted: Uint8Array, got: Uint8Array | undefined): void {
    if (got === undefined || !equalBytes(wanted, got)) {
      throw this.#different(field, toHex(wanted), got === undefined ? 'absent' : toHex(got));
    }
  }

  #different(field: string, wanted: string, got: string): SymbolonError {
    return new SymbolonError('attester/read-back', { field, wanted, got });
  }
}
