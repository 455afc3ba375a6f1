/**
 * What a verifier of one platform hands on: a statement whose form, chain and signature are verified. Who may use it for
 * what is judged afterwards, by claims, freshness and policy, for all platforms alike.
 */
import type { Platform } from '../../wire/messages/manifest.ts';

/** A measured event of the boot, by the name that policy speaks of (`shim`, `kernel`, `initrd`, `cmdline`, ...). */
export interface NamedEvent {
  /** Register that it was extended into, 0 to 23. */
  readonly pcr: number;
  readonly name: string;
  /** What was extended, 32 bytes (SHA-256 bank) or 48 (SHA-384 bank). */
  readonly digest: Uint8Array;
}

/** The clock of a TPM (TPM 2.0 Part 2, TPMS_CLOCK_INFO): hints of a reset or of a restored state, no time of day. */
export interface TpmClock {
  /** Milliseconds that the TPM was powered. */
  readonly clock: number;
  readonly resetCount: number;
  readonly restartCount: number;
  /** Whether no value of `clock` above this one was ever reported. */
  readonly safe: boolean;
}

/** A verified statement of a platform about a machine. */
export interface Statement {
  readonly platform: Platform;
  /** The machine as the platform names it: module id (Nitro), or the Name of the attestation key in hexadecimal (TPM 2.0). */
  readonly machine: string;
  /** The instance that `machine` names, where the platform has such. */
  readonly instanceId: string | undefined;
  /** Registers by index; 48 bytes each (Nitro), 32 or 48 (TPM 2.0, one bank). */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** What is bound, `undefined` where it is absent. */
  readonly nonce: Uint8Array | undefined;
  readonly publicKey: Uint8Array | undefined;
  readonly userData: Uint8Array | undefined;
  /** Unix milliseconds by the attester's clock. */
  readonly madeAt: number;
  /** Unix milliseconds: the end of whichever certificate ends first; `Number.MAX_SAFE_INTEGER` where there is none. */
  readonly notAfter: number;
  /** Common name of the root of the chain, where there is one. */
  readonly rootName: string | undefined;
  /** The boot as the event log tells it, where evidence carries a log; it replays to `pcrs`. */
  readonly events: readonly NamedEvent[] | undefined;
  readonly tpm: TpmClock | undefined;
}
