/** What evidence of any kind says, unverified, in one form for explaining and comparing. */
import type { Claims, Identity } from '../../wire/messages/session.ts';

/** The kinds of evidence that are told apart by their first bytes. */
export type EvidenceKind = 'nitro' | 'nitro-tpm' | 'tpm2' | 'quote' | 'event-log';

/** A certificate as it stands in a document. */
export interface CertificateReading {
  /** `root`, `ca 1` and so on, `leaf`. */
  readonly place: string;
  readonly commonName: string;
  /** Unix milliseconds. */
  readonly notBefore: number;
  /** Unix milliseconds. */
  readonly notAfter: number;
}

/** A measured event of the boot. */
export interface EventReading {
  readonly pcr: number;
  /** The name that policy speaks of (`kernel`); a second one in the same register is `kernel-2`. */
  readonly name: string;
  /** The specification's name of its type. */
  readonly type: string;
  /** Of the strongest bank that has one. */
  readonly digest: Uint8Array;
  /** What it says of itself; not all of it is measured. */
  readonly text: string;
}

/** What evidence says. Fields that its kind does not have are `undefined` or empty. */
export interface Reading {
  readonly kind: EvidenceKind;
  /** Size of the whole in bytes. */
  readonly size: number;
  /** The machine as the platform names it. */
  readonly machine: string | undefined;
  /** Unix milliseconds, by the attester's clock. */
  readonly madeAt: number | undefined;
  /** Registers by bank (`sha384`) and number; of an event log those that it replays to. */
  readonly banks: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>>;
  readonly certificates: readonly CertificateReading[];
  readonly nonce: Uint8Array | undefined;
  readonly publicKey: Uint8Array | undefined;
  readonly userData: Uint8Array | undefined;
  /** What a node of this product binds; `undefined` where the document is not of one. */
  readonly claims: Claims | undefined;
  readonly identity: Identity | undefined;
  /** The boot as a log tells it; `undefined` where there is no log. */
  readonly events: readonly EventReading[] | undefined;
  /** Further facts of the platform, by name. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  /** What a person should notice. */
  readonly notes: readonly string[];
}

/** A reading of one platform, before what all have in common is added. */
export type PartialReading = Omit<Reading, 'size' | 'claims' | 'identity'>;
