/** What the demonstrations have in common. */
import type { Payload } from '../wire/messages/request.ts';

/** Gives the 64-byte signature over a payload; how it is made is not the demonstration's business. */
export type DemoSigner = (payload: Payload) => Promise<Uint8Array>;

/** A transaction that a chain library, which did not make it, has accepted. */
export interface DemoTransaction {
  readonly chain: 'solana' | 'bitcoin' | 'evm' | 'cosmos';
  /** The transaction's id in the chain's own form. */
  readonly txid: string;
  readonly from: string;
  readonly to: string;
  /** What it did, in one short sentence. */
  readonly story: string;
  /** The library that executed or verified it. */
  readonly verifiedBy: string;
}
