/**
 * What a run is to do, as data: it crosses to a worker thread as it is. Everything in a plan is lent: the run copies what
 * it keeps and wipes its copies; who made the plan wipes the plan's.
 */
import type { Scheme } from '../wire/ids.ts';
import type { KeyPublic, KeyShare } from './keyShare.ts';
import type { PresignatureParts } from './run.ts';

/** A pairing as a run takes it: id (16 bytes) and secret bytes (`pairingBytes` of pairing/). */
export interface LentPairing {
  readonly id: Uint8Array;
  readonly secret: Uint8Array;
}

/** What the two ECDSA protocols that multiply are given. */
interface Multiplying {
  readonly share: KeyShare;
  /** 32 bytes, fresh, agreed by all signers. */
  readonly session: Uint8Array;
  /** Indices of the signers, rising, exactly as many as the threshold, this party's included. */
  readonly signers: readonly number[];
  /** One pairing with each other signer, by index. */
  readonly pairings: ReadonlyMap<number, LentPairing>;
}

/** The plans, by kind. */
export interface Plans {
  /** Key generation, three steps. */
  readonly dkg: {
    readonly kind: 'dkg';
    readonly scheme: Scheme;
    readonly session: Uint8Array;
    readonly index: number;
    readonly participants: readonly number[];
    readonly threshold: number;
  };
  /** New shares for the same holders, three steps. */
  readonly refresh: { readonly kind: 'refresh'; readonly share: KeyShare; readonly session: Uint8Array };
  /** New shares for other holders or another threshold, three steps. */
  readonly reshare: {
    readonly kind: 'reshare';
    readonly public: KeyPublic;
    readonly index: number;
    /** This party's share of the present generation; absent where it deals nothing. */
    readonly share: KeyShare | undefined;
    /** Present holders that deal: exactly as many as the present threshold. */
    readonly dealers: readonly number[];
    /** The next holders. */
    readonly participants: readonly number[];
    /** The next threshold. */
    readonly threshold: number;
    readonly session: Uint8Array;
  };
  /** Base OTs with each other participant, three steps. */
  readonly pair: {
    readonly kind: 'pair';
    readonly session: Uint8Array;
    readonly index: number;
    readonly participants: readonly number[];
  };
  /** FROST signing, two steps. */
  readonly 'frost-sign': {
    readonly kind: 'frost-sign';
    readonly share: KeyShare;
    readonly signers: readonly number[];
    readonly message: Uint8Array;
    readonly tweak: 'none' | 'bip341';
    readonly path: readonly number[];
  };
  /** A presignature, three steps. */
  readonly 'ecdsa-presign': Multiplying & { readonly kind: 'ecdsa-presign' };
  /** A whole ECDSA signature, three steps. */
  readonly 'ecdsa-sign': Multiplying & {
    readonly kind: 'ecdsa-sign';
    /** What is signed, 32 bytes. */
    readonly digest: Uint8Array;
    readonly path: readonly number[];
  };
  /** The last step with a presignature, one step. */
  readonly 'ecdsa-online': {
    readonly kind: 'ecdsa-online';
    readonly public: KeyPublic;
    readonly index: number;
    readonly signers: readonly number[];
    readonly presignature: PresignatureParts;
    readonly digest: Uint8Array;
    readonly path: readonly number[];
    /** Id of this session, 32 bytes: every signer has a fresh nonce in it, so nobody could foresee it. */
    readonly session: Uint8Array;
  };
}

/** A plan. */
export type RunPlan = Plans[keyof Plans];
/** The plan of one kind. */
export type PlanOf<K extends keyof Plans> = Plans[K];
